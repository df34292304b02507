'use strict';
// One of several threads that take several units at once, every other one of them in the opposite order.
const { parentPort, workerData } = require('node:worker_threads');
const { open, consumeAll } = require('redstart');
const { Barrier } = require('../barrier.js');

const { url, number, count, calls } = workerData;
const barrier = new Barrier(workerData.barrier, count);
const store = open(url);
const scarce = store.limiter('scarce');
const plenty = store.limiter('plenty');
const none = store.limiter('none');

const parts = [
  { limiter: scarce, key: 'k' },
  { limiter: plenty, key: 'k', cost: 2 },
  { limiter: plenty, key: 'j', cost: 3 },
  { limiter: scarce, key: 'j' },
];
const denied = [
  { limiter: plenty, key: 'untouched', cost: 10_000_000 },
  { limiter: none, key: 'k' },
];
if (number % 2 === 1) {
  parts.reverse();
  denied.reverse();
}

async function main() {
  const seen = { all: 0, single: 0, wrong: 0 };
  barrier.wait();
  for (let call = 0; call < calls; call++) {
    if ((await consumeAll(parts)).allowed) seen.all += 1;
    if (scarce.consumeSync('k').allowed) seen.single += 1;
    // Nobody ever gets these: whoever looks must not see them taken for a moment.
    if ((await consumeAll(denied)).allowed) seen.wrong += 1;
    if ((await plenty.peek('untouched')).remaining !== 10_000_000) seen.wrong += 1;
  }
  parentPort.postMessage(seen);
}

main();
