'use strict';
// Far more distinct entries than a cache has room for.
const { open } = require('redstart');
const { MB, memory } = require('./figures.js');

const FED_BYTES = 200 * MB;
const VALUE_BYTES = 1024;
const SAMPLES = 20;

async function main() {
  const cache = open('memory:').cache('pages', { ttl: '1h', maxSize: '8mb' });
  const value = (n) => `${n} `.padEnd(VALUE_BYTES, 'abcdefgh');
  const entries = FED_BYTES / VALUE_BYTES;
  // V8 keeps some room for short-lived strings: it has it when the measuring starts.
  for (let n = 0; n < entries; n++) value(n);
  const before = await memory();
  let most = 0;
  for (let n = 0; n < entries; n++) {
    cache.setSync(`key-${n}`, value(n));
    if (n % Math.floor(entries / SAMPLES) === 0) most = Math.max(most, (await memory()).rss);
  }
  const { bytes, evictions, entries: held } = await cache.stats();
  console.log(
    JSON.stringify({ grown: most - before.rss, bytes: bytes / MB, fed: FED_BYTES / MB, evictions, held, entries }),
  );
}

main();
