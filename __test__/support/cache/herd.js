'use strict';
// Eight threads, each with 64 callers for each of 1,000 keys that nobody has loaded yet.
const path = require('node:path');
const { open } = require('redstart');
const { Barrier } = require('../barrier.js');
const { crew } = require('../crew.js');

const THREADS = 8;
const KEYS = 1_000;
const CALLERS = 64;

async function main() {
  const cache = open('memory:herd').cache('pages', { ttl: '1h' });
  const shared = {
    barrier: new SharedArrayBuffer(Barrier.BYTES),
    calls: new SharedArrayBuffer(KEYS * Int32Array.BYTES_PER_ELEMENT),
  };
  const file = path.join(__dirname, 'herd-thread.js');
  const reports = await crew(file, THREADS, { ...shared, keys: KEYS, callers: CALLERS });
  const calls = [...new Int32Array(shared.calls)];
  console.log(
    JSON.stringify({
      callsAKey: [Math.min(...calls), Math.max(...calls)],
      own: reports.map(({ own }) => own),
      wrong: reports.some(({ wrong }) => wrong),
      agreed: reports.every(({ by }) => by.every((thread, key) => thread === reports[0].by[key])),
      asked: THREADS * KEYS * CALLERS,
      expected: { threads: THREADS, keys: KEYS, callers: CALLERS },
      stats: await cache.stats(),
    }),
  );
}

main();
