'use strict';

const fs = require('node:fs/promises');
const { threadId } = require('node:worker_threads');

/** Drafts whose process died before it renamed them; jobs/nightly.js deletes them. */
const DRAFT = /\.\d+\.\d+\.\d+\.draft$/;

let writes = 0;

/** Writes beside the file and renames: a reader sees the old content or the new one, never half of it. */
async function writeWhole(file, content) {
  writes += 1;
  const draft = `${file}.${process.pid}.${threadId}.${writes}.draft`;
  await fs.writeFile(draft, content);
  await fs.rename(draft, file);
}

module.exports = { DRAFT, writeWhole };
