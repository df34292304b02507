'use strict';
// One of the two threads of busy-main.js: the first adds jobs, the second runs them.
const { parentPort, workerData } = require('node:worker_threads');
const { open } = require('redstart');
const { valueFor, check } = require('../values.js');

const TURNS = 1_000;
const JOBS = 100;
const WAIT_MS_MAX = 10_000;
const { number } = workerData;
const start = new Int32Array(workerData.start);
const turns = new Int32Array(workerData.turns);
const now = () => performance.timeOrigin + performance.now();

const store = open('memory:app');
const cache = store.cache('balls');

/** One value a turn: even turns are played by the first thread and met by the second, odd ones the other way round. */
function play() {
  let met = 0;
  for (let turn = 0; turn < TURNS; turn++) {
    const key = `ball-${turn % 10}`;
    if (turn % 2 === number) {
      cache.setSync(key, { turn, ball: valueFor(key, turn) });
      Atomics.store(turns, 0, turn + 1);
      Atomics.notify(turns, 0);
      continue;
    }
    waitFor(turn + 1);
    const value = cache.getSync(key);
    if (value?.turn !== turn) throw new Error(`turn ${turn} brought ${JSON.stringify(value)}`);
    check(key, value.ball);
    met += 1;
  }
  return met;
}

function waitFor(turn) {
  for (;;) {
    const played = Atomics.load(turns, 0);
    if (played >= turn) return;
    if (Atomics.wait(turns, 0, played, WAIT_MS_MAX) === 'timed-out') throw new Error(`turn ${turn} was never played`);
  }
}

function admit() {
  const limiter = store.limiter('calls');
  let admitted = 0;
  while (limiter.consumeSync('us').allowed) admitted += 1;
  return admitted;
}

/** Resolves when all jobs are done: told by their results in the first thread, counted in the second. */
async function runJobs() {
  const queue = store.queue('mail');
  if (number === 0) {
    const jobs = await Promise.all(Array.from({ length: JOBS }, (_, n) => queue.add('double', { n })));
    const results = await Promise.all(jobs.map((job) => job.result()));
    return results.filter((result, n) => result === 2 * n).length;
  }
  let done = 0;
  await new Promise((resolve) => {
    const worker = queue.process(async ({ data }) => 2 * data.n, { concurrency: 5 });
    worker.on('completed', () => {
      done += 1;
      if (done === JOBS) resolve(worker.close());
    });
  });
  return done;
}

async function main() {
  parentPort.postMessage('ready');
  Atomics.wait(start, 0, 0);
  const from = now();
  const met = play();
  const admitted = admit();
  const jobs = await runJobs();
  parentPort.postMessage({ from, to: now(), met, admitted, jobs });
}

main();
