'use strict';
// Threads end with listeners and waits for results of theirs still open; main measures what is left of them.
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { open } = require('redstart');

const THREADS = 20;
const LISTENERS = 500;
const WAITS = 10_000;
const JOBS = 1_000;
const SAMPLES = 7;

const queue = open('memory:app').queue('mail');
const idle = open('memory:app').queue('idle');

/** Microseconds that an add takes, the middle one of a few rounds. */
async function timeOfAdd() {
  const times = [];
  for (let sample = 0; sample < SAMPLES; sample++) {
    const from = performance.now();
    for (let n = 0; n < JOBS; n++) await queue.add('job', null);
    times.push(((performance.now() - from) * 1000) / JOBS);
  }
  return times.sort((a, b) => a - b)[SAMPLES >> 1];
}

async function endOne() {
  const worker = new Worker(path.join(__dirname, 'leftovers-thread.js'), {
    workerData: { listeners: LISTENERS, waits: WAITS },
  });
  worker.on('error', (error) => {
    throw error;
  });
  await new Promise((resolve) => worker.once('message', resolve));
  await worker.terminate();
}

async function main() {
  const job = await idle.add('never', null, { jobId: 'never', delay: '1h' });
  await endOne();
  const before = { us: await timeOfAdd(), rss: process.memoryUsage.rss() };
  for (let n = 0; n < THREADS; n++) await endOne();
  const rss = process.memoryUsage.rss();
  const us = await timeOfAdd();
  const state = await job.getState();
  console.log(
    JSON.stringify({
      addUs: [before.us, us],
      bytesAWait: (rss - before.rss) / (THREADS * WAITS),
      listeners: THREADS * LISTENERS,
      waits: THREADS * WAITS,
      state,
    }),
  );
}

main();
