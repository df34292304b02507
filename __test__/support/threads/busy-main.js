'use strict';
// Two threads share a cache, a limiter and a queue while the main thread is stuck in a loop.
const path = require('node:path');
const { open } = require('redstart');
const { crew } = require('../crew.js');

const BUSY_MS = 3_000;
const LIMIT = 500;
const now = () => performance.timeOrigin + performance.now();

async function main() {
  const store = open('memory:app');
  store.cache('balls', { ttl: '1h' });
  store.limiter('calls', { limit: LIMIT, window: '1h' });
  const shared = {
    start: new SharedArrayBuffer(4),
    /** Turns of the ball that have been played. */
    turns: new SharedArrayBuffer(4),
  };

  let ready = 0;
  let loop;
  const reports = await crew(path.join(__dirname, 'busy-thread.js'), 2, shared, (message) => {
    if (message !== 'ready') return;
    ready += 1;
    if (ready < 2) return;
    const start = new Int32Array(shared.start);
    loop = { from: now() };
    Atomics.store(start, 0, 1);
    Atomics.notify(start, 0);
    while (now() < loop.from + BUSY_MS);
    loop.to = now();
  });
  const counts = await store.queue('mail').getJobCounts();
  console.log(JSON.stringify({ loop, reports, limit: LIMIT, counts }));
}

main();
