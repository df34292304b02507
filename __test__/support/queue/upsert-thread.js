'use strict';
// Sets the scheduler that all threads set, at the same time as the others, again and again; tells what there is then.
const { parentPort, workerData } = require('node:worker_threads');
const { open } = require('redstart');
const { Barrier } = require('../barrier.js');

const { url, times, shared, count } = workerData;

async function main() {
  const store = open(url);
  const queue = store.queue('q');
  const barrier = new Barrier(shared, count);
  for (let time = 0; time < times; time++) {
    barrier.wait();
    await queue.upsertJobScheduler('nightly', { every: '1d' }, { name: 'report', data: null });
  }
  parentPort.postMessage(await queue.getJobSchedulers());
  await store.close();
}

main();
