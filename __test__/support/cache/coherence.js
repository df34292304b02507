'use strict';
// One thread changes a cache in every way there is while others read it through their near caches. Each change has a
// number; when it has returned, the number is published, and whoever reads it there must not be given anything older.
const path = require('node:path');
const { open } = require('redstart');
const { Barrier } = require('../barrier.js');
const { crew } = require('../crew.js');
const { KEYS, READERS } = require('./coherence-plan.js');

async function main() {
  const shared = {
    barrier: new SharedArrayBuffer(Barrier.BYTES),
    floors: new SharedArrayBuffer(2 * KEYS * Int32Array.BYTES_PER_ELEMENT),
    ended: new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT),
  };
  const reports = await crew(path.join(__dirname, 'coherence-thread.js'), 1 + READERS, shared);
  const [writer, ...readers] = reports;
  // The threads have ended without closing their handles, so the store is as they left it.
  const { caches } = await open('memory:coherence').stats();
  console.log(JSON.stringify({ writer, readers, hits: caches.large.hits + caches.small.hits }));
}

main();
