'use strict';

// Which files are tests. Folders are walked by hand, as a recursive readdir follows links for ever: a node_modules in
// there may well hold one back to this repo.

const fs = require('node:fs');
const path = require('node:path');
const { ROOT } = require('../run.js');

/** `__test__/**` without installed packages, as paths from the root, sorted. */
function testFiles(folder = '__test__') {
  return fs
    .readdirSync(path.join(ROOT, folder), { withFileTypes: true })
    .flatMap((entry) => {
      const at = path.join(folder, entry.name);
      if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : testFiles(at);
      return /\.test\.m?js$/.test(entry.name) ? [at] : [];
    })
    .sort();
}

module.exports = { testFiles };
