'use strict';
// Asks for a few keys as fast as it can while other threads do the same and delete them: how often it got something else
// than what every loader returns. The main thread races too, by race().
const { isMainThread, workerData, parentPort } = require('node:worker_threads');
const { open } = require('redstart');

/** @param {{ url: string, forMs: number }} plan */
async function race({ url, forMs }) {
  const cache = open(url).cache('c', { ttl: '1m' });
  const until = Date.now() + forMs;
  let wrong = 0;
  let calls = 0;
  while (Date.now() < until) {
    const key = String(calls % 4);
    if (calls % 3 === 0) cache.deleteSync(key);
    const value = await cache.getOrSet(key, async () => 'text').catch((error) => error);
    if (value !== 'text') wrong += 1;
    calls += 1;
    // Loads of other threads reach this one when its loop turns.
    if (calls % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  return { calls, wrong };
}

if (!isMainThread) race(workerData).then((seen) => parentPort.postMessage(seen));

module.exports = { race };
