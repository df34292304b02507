'use strict';
// How long the main loop is held up while jobs compute: in a function, and in threads. Prints the 99th percentiles.
const path = require('node:path');
const { monitorEventLoopDelay, performance } = require('node:perf_hooks');
const { open } = require('redstart');

const JOBS = 8;
const COMPUTED_MS = 100;
const NS_PER_MS = 1e6;

function compute(job) {
  const end = performance.now() + job.data;
  while (performance.now() < end);
}

/** What has passed is part of the measure. */
async function recorded(delay) {
  const { count } = delay;
  while (delay.count === count) await new Promise((resolve) => setImmediate(resolve));
}

async function measure(name, handler, options) {
  const queue = open('memory:').queue(name);
  const worker = queue.process(handler, options);
  // Whatever it takes to start is over.
  await (await queue.add('compute', 1)).result();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  await recorded(delay);
  const jobs = await Promise.all(Array.from({ length: JOBS }, () => queue.add('compute', COMPUTED_MS)));
  await Promise.all(jobs.map((job) => job.result()));
  await recorded(delay);
  delay.disable();
  await worker.close();
  return delay.percentile(99) / NS_PER_MS;
}

(async () => {
  const inFunction = await measure('functions', compute);
  const inThreads = await measure('threads', path.join(__dirname, 'work.mjs'), { threads: 2 });
  console.log(JSON.stringify({ inFunction, inThreads }));
})();
