'use strict';

// Types are written by hand, so nothing but this keeps a door's .d.ts and its .js from naming different things.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const ROOT = path.join(__dirname, '..', '..');
const { exports: doors } = require('../../package.json');

function declaredNames(file) {
  const text = fs.readFileSync(path.join(ROOT, file), 'utf8');
  const names = [...text.matchAll(/^export (?:declare )?(?:function|class|const) (\w+)/gm)].map(([, name]) => name);
  return [...new Set(names)].sort();
}

for (const [door, files] of Object.entries(doors).filter(([, files]) => files.types)) {
  const specifier = `redstart${door.slice(1)}`;

  test(`${specifier} exports what its types declare, to require and to import`, async () => {
    const declared = declaredNames(files.types);
    assert.ok(declared.length > 0);
    assert.deepEqual(Object.keys(require(specifier)).sort(), declared);
    const imported = Object.keys(await import(specifier)).filter((name) => name !== 'module.exports');
    assert.deepEqual(imported.sort(), ['default', ...declared].sort());
  });
}
