'use strict';
// One of several threads that take units of the same keys, of one limiter after the other.
const { parentPort, workerData } = require('node:worker_threads');
const { open } = require('redstart');
const { Barrier } = require('../barrier.js');
const { ALGORITHMS } = require('./algorithms.js');

const { url, number, count, keys, calls } = workerData;
const barrier = new Barrier(workerData.barrier, count);
const store = open(url);

const tallies = ALGORITHMS.map((algorithm) => {
  const limiter = store.limiter(algorithm);
  const tally = new Array(keys).fill(0);
  barrier.wait();
  for (let call = 0; call < calls; call++) {
    // Each key as often as any other, by every thread in another order.
    const key = (call * (2 * number + 1) + number) % keys;
    if (limiter.consumeSync(`key:${key}`).allowed) tally[key] += 1;
  }
  return tally;
});
parentPort.postMessage(tallies);
