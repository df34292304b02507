'use strict';
// Jobs, their results, events, progress and logs, round after round; prints the memory in use after each, and which resources are
// open before, meanwhile and at the end. Ends by itself, as nothing is left open. Run with --expose-gc.
const path = require('node:path');
const { open } = require('redstart');

const JOBS_A_ROUND = 10_000;
const BULK = 500;
const rounds = Number(process.argv[2]);
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** What Node tells of, and the handles below it through which other threads wake this one, of which it tells nothing. */
function resources() {
  const wakes = process.report.getReport().libuv.filter(({ type }) => type === 'async');
  return { resources: process.getActiveResourcesInfo().sort(), wakes: wakes.length };
}

const snoozed = new Set();

async function handler(job) {
  const { n } = job.data;
  if (n % 10 === 0) await job.updateProgress({ done: n });
  if (n % 10 === 1) await job.log(`half of ${n}`);
  if (n % 10 === 2 && job.attempt === 1) throw new Error(`not yet, ${n}`);
  if (n % 10 === 3 && !snoozed.delete(n)) {
    snoozed.add(n);
    throw job.snooze(1);
  }
  if (n % 10 === 4) job.signal.throwIfAborted();
  return { n };
}

async function round(queue, missing) {
  for (let from = 0; from < JOBS_A_ROUND; from += BULK) {
    const news = Array.from({ length: BULK - 1 }, (_, index) => {
      const n = from + index;
      return { name: 'job', data: { n }, opts: n % 3 === 0 ? { group: { id: `g${n % 7}` }, priority: n % 5 } : {} };
    });
    const single = queue.addAndWait('job', { n: from + BULK - 1 }, { deduplication: { id: `d${from}` } });
    const jobs = await queue.addBulk(news);
    const results = await Promise.all([...jobs.map((job) => job.result()), single]);
    for (const [index, { n }] of results.entries()) if (n !== from + index) missing.push(from + index);
  }
}

async function rss() {
  for (let count = 0; count < 3; count++) {
    await turn();
    global.gc();
  }
  return process.memoryUsage.rss();
}

async function main() {
  // Made when they are first asked for, which is also when a thread starts.
  process.stdout.write('');
  process.stderr.write('');
  const before = resources();
  const store = open('memory:');
  const queue = store.queue('plateaus', {
    defaultJobOptions: { removeOnComplete: 1_000, removeOnFail: 1_000, backoff: { type: 'fixed', delay: 1 } },
  });
  const worker = queue.process(handler, { concurrency: 50 });
  const heard = { completed: 0, progress: 0, retrying: 0 };
  for (const event of Object.keys(heard)) {
    queue.on(event, () => {
      heard[event] += 1;
    });
  }
  worker.on('completed', () => {});
  // A thread that waits for jobs, and gets some of them.
  const elsewhere = store.queue('elsewhere');
  elsewhere.process(path.join(__dirname, 'work.cjs'), { threads: 1 });
  await elsewhere.addAndWait('upper', 'one');
  const [bytes, missing] = [[], []];
  for (let count = 0; count < rounds; count++) {
    await round(queue, missing);
    bytes.push(await rss());
  }
  const meanwhile = resources();
  await store.close();
  // Handles close in a later turn of the loop.
  for (let count = 0; count < 5; count++) await turn();
  const jobs = rounds * JOBS_A_ROUND;
  console.log(JSON.stringify({ jobs, bytes, missing, heard, before, meanwhile, after: resources() }));
}

main();
