'use strict';
// A thread that takes as many jobs as it can hold, finishes none, and waits to be killed while busy in its way.
const { parentPort, workerData } = require('node:worker_threads');
const { open } = require('redstart');

const { kind, concurrency } = workerData;
const store = open('memory:app');
const queue = store.queue('mail');
/** Far longer than the test: a lease that merely ran out would be too late. */
const options = { concurrency, leaseDuration: '10m', maxStalledCount: 1000 };

const busy = {
  awaits: () => {},
  loops: () => {
    for (;;);
  },
  // Killed inside the addon, more often than not.
  calls: () => {
    const cache = store.cache('pages');
    const limiter = store.limiter('calls');
    for (let n = 0; ; n++) {
      cache.setSync(`key-${n % 1000}`, 'x'.repeat(n % 3000));
      limiter.consumeSync(`key-${n % 1000}`);
      queue.getJobCounts();
    }
  },
  // Killed with promises, events and a load under way.
  listens: () => {
    const sessions = store.sessions('logins');
    const churn = async () => {
      for (;;) {
        const { id } = await sessions.create({});
        await sessions.destroy(id);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    churn();
    store.cache('pages').getOrSet('never', () => new Promise(() => {}));
  },
};

const held = [];
queue.process((job) => {
  held.push(job);
  if (kind === 'listens') job.result().catch(() => {});
  if (held.length === concurrency) {
    parentPort.postMessage('busy');
    setImmediate(busy[kind]);
  }
  return new Promise(() => {});
}, options);

if (kind === 'listens') {
  for (const event of ['added', 'active', 'completed', 'stalled', 'waiting']) queue.on(event, () => {});
}
parentPort.postMessage('ready');
