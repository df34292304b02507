'use strict';
// Eight threads run the jobs, which fail, snooze and are cancelled; the queue is paused now and then, and threads are terminated
// in mid-job and replaced. Prints what jobs, states and events say of it.
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { open } = require('redstart');
const { GENERATIONS, GROUPS, Ledger, SEATS } = require('./ledger.js');

const JOBS = Number(process.argv[2]);
const [CONCURRENCY, GROUP_CONCURRENCY, GLOBAL_CONCURRENCY] = [8, 3, 24];
const BULK = 2_000;
/** Jobs of one look. */
const PAGE = 10_000;
const LOOK_EVERY_MS = 5;
/** Over the whole, evenly. */
const TERMINATIONS = 60;
/** Of all looks, and jobs cancelled at each. */
const PAUSES = 0.05;
const CANCELS = 10;
const PAUSE_MS = 5;
const URL = 'memory:eight';

const store = open(URL, { maxMemory: '1gb' });
const kept = { removeOnComplete: false, removeOnFail: false };
const queue = store.queue('eight', {
  defaultJobOptions: { ...kept, attempts: 4, backoff: { type: 'fixed', delay: 5 } },
});
const shared = Ledger.allocate(JOBS);
const ledger = new Ledger(shared);
const ids = [];
const seats = [];
let generation = 0;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const random = (below) => Math.floor(Math.random() * below);

function start(seat) {
  generation += 1;
  if (generation >= GENERATIONS) throw new Error('more threads than the ledger has room for');
  ledger.sit(seat, generation);
  const options = { concurrency: CONCURRENCY, groupConcurrency: GROUP_CONCURRENCY };
  const workerData = { url: URL, shared, generation, ...options };
  const worker = new Worker(path.join(__dirname, 'thread.js'), { workerData });
  worker.on('error', (error) => {
    throw error;
  });
  seats[seat] = { worker, ready: new Promise((resolve) => worker.once('message', resolve)) };
  return seats[seat].ready;
}

async function replace(seat) {
  await seats[seat].ready;
  ledger.doom(seat);
  await seats[seat].worker.terminate();
  await start(seat);
}

/** What events say, to a thread that only listens. */
async function startListener() {
  const worker = new Worker(path.join(__dirname, 'listener.js'), { workerData: { url: URL } });
  const message = () => new Promise((resolve) => worker.once('message', resolve));
  await message();
  return () => {
    worker.postMessage('close');
    return message();
  };
}

async function addAll() {
  for (let from = 0; from < JOBS; from += BULK) {
    const length = Math.min(BULK, JOBS - from);
    const news = Array.from({ length }, (_, index) => {
      const n = from + index;
      const group = n % 4 === 0 ? -1 : random(GROUPS);
      return { name: 'job', data: { n, group }, opts: group < 0 ? {} : { group: { id: `g${group}` } } };
    });
    for (const { id } of await queue.addBulk(news)) ids.push(id);
    await wait(1);
  }
}

/** One of the jobs that are about to run, or run. */
function oneOf(ended) {
  return ids[Math.min(ids.length - 1, ended + random(200))] ?? '';
}

/** Until all jobs have ended. */
async function disturb() {
  const told = { cancelled: 0, pauses: 0, terminated: 0 };
  const replacing = new Map();
  for (;;) {
    await wait(LOOK_EVERY_MS);
    const { completed, failed } = await queue.getJobCounts();
    const ended = completed + failed;
    if (ended === JOBS) break;
    const seat = random(SEATS);
    if (!replacing.has(seat) && ended / JOBS > told.terminated / TERMINATIONS) {
      told.terminated += 1;
      replacing.set(
        seat,
        replace(seat).finally(() => replacing.delete(seat)),
      );
    }
    for (let count = 0; count < CANCELS; count++) {
      const job = await queue.getJob(oneOf(ended));
      if (await job?.cancel()) told.cancelled += 1;
    }
    if (Math.random() < PAUSES) {
      told.pauses += 1;
      await queue.pause();
      await wait(PAUSE_MS);
      await queue.resume();
    }
  }
  await Promise.all(replacing.values());
  return told;
}

/** All of them, page by page: nothing moves any more. */
async function* jobsIn(state) {
  for (let start = 0; start < JOBS; start += PAGE) {
    yield* await queue.getJobs(state, { start, end: start + PAGE - 1 });
  }
}

/**
 * The last look, at each job: whether it is there once, how it ended, and whether any is still written down as running but those
 * that ended with their thread.
 */
async function scan() {
  const seen = new Uint8Array(JOBS);
  const ends = {};
  let stillOwned = 0;
  for (const state of ['completed', 'failed']) {
    for await (const { data, finishKind } of jobsIn(state)) {
      seen[data.n] += 1;
      const how = finishKind ?? state;
      ends[how] = (ends[how] ?? 0) + 1;
      if (ledger.isOwned(data.n, how === 'cancelled' || how === 'stalled')) stillOwned += 1;
    }
  }
  return { once: seen.every((times) => times === 1), ends, stillOwned };
}

async function main() {
  await queue.setGlobalConcurrency(GLOBAL_CONCURRENCY);
  const listened = await startListener();
  await Promise.all(Array.from({ length: SEATS }, (_, seat) => start(seat)));
  const from = performance.now();
  const adding = addAll();
  const disturbed = await disturb();
  await adding;
  const seconds = (performance.now() - from) / 1_000;
  const counts = await queue.getJobCounts();
  const scanned = await scan();
  const exits = seats.map(({ worker }) => new Promise((resolve) => worker.once('exit', resolve)));
  for (const { worker } of seats) worker.postMessage('close');
  await Promise.all(exits);
  const heard = await listened();
  const ledgerTold = ledger.told(generation);
  const { dropped } = await store.close();
  const limits = { global: GLOBAL_CONCURRENCY, group: GROUP_CONCURRENCY };
  console.log(
    JSON.stringify({
      jobs: JOBS,
      limits,
      counts,
      ...scanned,
      heard,
      ...disturbed,
      ledger: ledgerTold,
      dropped,
      seconds,
    }),
  );
}

main();
