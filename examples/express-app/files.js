'use strict';

const fs = require('node:fs/promises');

let writes = 0;

/** Writes beside the file and renames: a reader sees the old text or the new one, never half of it. */
async function writeWhole(file, text) {
  writes += 1;
  const draft = `${file}.${process.pid}.${writes}.draft`;
  await fs.writeFile(draft, text);
  await fs.rename(draft, file);
}

module.exports = { writeWhole };
