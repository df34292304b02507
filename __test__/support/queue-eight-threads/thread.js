'use strict';
// One of the threads: a worker whose jobs end as chance has it, and write down that they run.
const { parentPort, workerData } = require('node:worker_threads');
const { UnrecoverableError, open } = require('redstart');
const { Ledger } = require('./ledger.js');

const { url, shared, generation, concurrency, groupConcurrency } = workerData;
const ledger = new Ledger(shared, generation);
const store = open(url);
const queue = store.queue('eight');
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Shares of attempts. */
const [WAITS, FAILS, SNOOZES, GIVES_UP] = [0.5, 0.04, 0.02, 0.002];

async function run(job) {
  const { n, group } = job.data;
  ledger.begin(n, group);
  if (Math.random() < WAITS) {
    await turn();
    ledger.beat();
  }
  ledger.end(n, group);
  const chance = Math.random();
  if (chance < FAILS) throw new Error('by chance');
  if (chance < FAILS + SNOOZES) throw job.snooze(1 + Math.floor(Math.random() * 20));
  if (chance < FAILS + SNOOZES + GIVES_UP) throw new UnrecoverableError('by chance');
  return n;
}

const worker = queue.process(run, { concurrency, group: { concurrency: groupConcurrency }, maxStalledCount: 2 });
parentPort.on('message', async () => {
  await worker.close();
  await store.close();
  parentPort.close();
});
parentPort.postMessage('ready');
