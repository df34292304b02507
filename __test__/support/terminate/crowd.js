'use strict';
// Threads are killed in the midst of what they do, a hundred of them, four at a time; two others finish the jobs.
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { open } = require('redstart');

const ROUNDS = 25;
/** One thread of each kind a round: what it is doing when it is killed. */
const KINDS = ['awaits', 'loops', 'calls', 'listens'];
/** Jobs that each victim holds when it is killed. */
const CONCURRENCY = 4;
const FINISHERS = 2;
const JOBS_A_ROUND = KINDS.length * CONCURRENCY + FINISHERS;

const store = open('memory:app');
const queue = store.queue('mail');
store.cache('pages', { ttl: '1h' });
store.limiter('calls', { limit: 1000, window: '1h' });
store.sessions('logins', { ttl: '1h' });

function thread(file, workerData) {
  const worker = new Worker(path.join(__dirname, file), { workerData });
  worker.on('error', (error) => {
    throw error;
  });
  return worker;
}

const told = (worker, wanted) => {
  return new Promise((resolve) => {
    worker.on('message', function listener(message) {
      if (message !== wanted) return;
      worker.off('message', listener);
      resolve();
    });
  });
};

/** Two threads whose jobs stop half-way until `open` lets them through. */
async function startFinishers() {
  const workers = Array.from({ length: FINISHERS }, (_, number) => thread('finisher.js', { number }));
  await Promise.all(workers.map((worker) => told(worker, 'ready')));
  const tell = async (message) => {
    const heard = workers.map((worker) => told(worker, message));
    for (const worker of workers) worker.postMessage(message);
    await Promise.all(heard);
  };
  return { let: () => tell('open'), hold: () => tell('shut'), close: () => tell('close') };
}

/** Resolves when every job is with someone. */
async function allActive() {
  const someoneTakesOne = () => new Promise((resolve) => queue.once('active', resolve));
  while ((await queue.getJobCounts()).waiting > 0) await someoneTakesOne();
}

async function round(finishers, counts) {
  await finishers.hold();
  const victims = KINDS.map((kind) => thread('victim.js', { kind, concurrency: CONCURRENCY }));
  const busy = victims.map((victim) => told(victim, 'busy'));
  await Promise.all(victims.map((victim) => told(victim, 'ready')));
  const adding = Array.from({ length: JOBS_A_ROUND }, (_, n) => queue.add('job', { n }));
  const jobs = await Promise.all(adding);
  const results = jobs.map((job) => job.result());
  await Promise.all([...busy, allActive()]);
  counts.active.push((await queue.getJobCounts()).active);
  await Promise.all(victims.map((victim) => victim.terminate()));
  // All that the victims held waits for others at once: their leases would have lasted for minutes.
  counts.left.push((await queue.getJobCounts()).waiting);
  await finishers.let();
  for (const result of await Promise.all(results)) counts.finishedBy[result.by] += 1;
}

/** Killed while it loads the package, opens the store, starts to work: whenever that is. */
async function killEarly() {
  const victim = thread('victim.js', { kind: 'awaits', concurrency: 1 });
  await new Promise((resolve) => victim.on('online', resolve));
  for (let n = 0; n < Math.random() * 20; n++) await new Promise((resolve) => setImmediate(resolve));
  await victim.terminate();
}

async function main() {
  const counts = { active: [], left: [], finishedBy: Array(FINISHERS).fill(0), stalled: 0, lost: [] };
  queue.on('stalled', () => {
    counts.stalled += 1;
  });
  const finishers = await startFinishers();
  const from = performance.now();
  for (let n = 0; n < ROUNDS; n++) await round(finishers, counts);
  for (let n = 0; n < 10; n++) await killEarly();
  const seconds = (performance.now() - from) / 1000;
  await finishers.close();
  const jobCounts = await queue.getJobCounts();
  const closed = await store.close();
  console.log(
    JSON.stringify({
      ...counts,
      rounds: ROUNDS,
      kinds: KINDS.length,
      concurrency: CONCURRENCY,
      jobCounts,
      closed,
      seconds,
    }),
  );
}

main();
