'use strict';
// 200,000 entries of 1 KB: what V8 sees of them.
const { open } = require('redstart');
const { MB, memory } = require('./figures.js');

const ENTRIES = 200_000;
const ENTRY_BYTES = 1024;

const value = (n) => `${n} `.padEnd(ENTRY_BYTES, 'abcdefgh');

async function main() {
  const cache = open('memory:').cache('pages', { ttl: '1h', maxSize: '512mb' });
  cache.setSync('first', value(0));
  const before = await memory();
  for (let n = 0; n < ENTRIES; n++) cache.setSync(`key-${n}`, value(n));
  const after = await memory();
  let wrong = 0;
  for (let n = 0; n < ENTRIES; n += 97) if (cache.getSync(`key-${n}`) !== value(n)) wrong += 1;
  const moved = {};
  for (const name in after) moved[name] = after[name] - before[name];
  const { entries, bytes } = await cache.stats();
  console.log(JSON.stringify({ moved, size: (ENTRIES * ENTRY_BYTES) / MB, entries, bytes: bytes / MB, wrong }));
}

main();
