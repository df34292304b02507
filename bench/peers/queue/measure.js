/** What the child measures: one contender's queue at one kind of work. index.js says which and how much. */
const { median } = require('../../figures.js');
const inProcess = require('./in-process.js');
const outside = require('./outside.js');
const { Tally, dataFrom, dataOf } = require('./tally.js');

/** @import { Data, Line, OpenLine } from './in-process.js' */
/** @typedef {{ kind: keyof typeof KINDS, jobs: number, bulk: boolean, concurrency: number, rate: number, warmUp: number }} Options */

const BULK = 1_000;
const BATCHES = 10;
const MS_A_SECOND = 1_000;
const MIB = 1_048_576;
/** Before the jobs that count, so many of a like kind in another queue: V8 has compiled by then. */
const WARM_UP_SHARE = 0.1;

/** Jobs in chunks where the contender takes them so, else one by one. @param {Line} line @param {number} count */
async function fill(line, count) {
  for (let first = 0; first < count; first += BULK) {
    const list = dataFrom(first, Math.min(BULK, count - first));
    if (line.addBulk) await line.addBulk(list);
    else for (const data of list) line.add(data);
  }
}

/**
 * Jobs a second that are added, one by one or in bulk, and awaited: the median of batches.
 * @param {OpenLine} openLine @param {Options} options
 */
async function adding(openLine, { bulk, jobs }) {
  const size = jobs / BATCHES;
  const line = await openLine('jobs', undefined);
  const chunk = bulk ? BULK : 1;
  const rates = [];
  // The first batch is the warm-up.
  for (let batch = 0; batch <= BATCHES; batch++) {
    const chunks = [];
    for (let n = 0; n < size; n += chunk) chunks.push(dataFrom(batch * size + n, chunk));
    const start = performance.now();
    for (const list of chunks) await (bulk ? line.addBulk(list) : line.add(list[0]));
    const ms = performance.now() - start;
    if (batch > 0) rates.push((size / ms) * MS_A_SECOND);
  }
  const waiting = await line.waiting();
  if (waiting !== size * (BATCHES + 1)) throw new Error(`${waiting} jobs are waiting, not all that were added`);
  return { jobs: median(rates) };
}

/**
 * Fills a queue, then runs all of it; milliseconds of both.
 * @param {OpenLine} openLine @param {string} name @param {number} concurrency @param {number} count
 */
async function run(openLine, name, concurrency, count) {
  const tally = new Tally(count);
  const line = await openLine(name, { handle: (data) => tally.note(data), concurrency });
  const start = performance.now();
  await fill(line, count);
  const filled = performance.now();
  const waiting = await line.waiting();
  if (waiting !== count) throw new Error(`${waiting} jobs are waiting, not ${count}`);
  const begun = performance.now();
  const finished = line.finished(count);
  line.begin();
  await finished;
  const ended = performance.now();
  tally.check();
  return { fill: filled - start, run: ended - begun, line };
}

/**
 * Jobs a second, from the start of the worker to the note that the last is done.
 * @param {OpenLine} openLine @param {Options} options
 */
async function processing(openLine, { concurrency, jobs }) {
  await run(openLine, 'warm-up', concurrency, jobs * WARM_UP_SHARE);
  return { jobs: (jobs / (await run(openLine, 'jobs', concurrency, jobs)).run) * MS_A_SECOND };
}

/**
 * As a process meets them: without a warm-up, adding and running together.
 * @param {OpenLine} openLine @param {Options} options
 */
async function burning(openLine, { concurrency, jobs }) {
  const took = await run(openLine, 'jobs', concurrency, jobs);
  const server = (await took.line.outside?.()) ?? 0;
  const peak = process.resourceUsage().maxRSS * 1_024;
  return { jobs: (jobs / (took.fill + took.run)) * MS_A_SECOND, mib: (peak + server) / MIB };
}

/**
 * Microseconds from before add() to the begin of the handler; jobs are added when they are due, whatever became of others.
 * @param {OpenLine} openLine @param {Options} options
 */
async function pickup(openLine, { concurrency, rate, jobs, warmUp }) {
  const count = warmUp + jobs;
  const [added, begun] = [new Float64Array(count), new Float64Array(count)];
  const tally = new Tally(count);
  const handle = (/** @type {Data} */ data) => {
    begun[data.n] = performance.now();
    tally.note(data);
  };
  const line = await openLine('jobs', { handle, concurrency });
  line.begin();
  const start = performance.now();
  let n = 0;
  const addDue = () => {
    const due = Math.min(count, ((performance.now() - start) / MS_A_SECOND) * rate);
    for (; n < due; n++) {
      const data = dataOf(n);
      added[n] = performance.now();
      // A rejection ends the process.
      line.add(data);
    }
    if (n < count) setTimeout(addDue, 1);
  };
  addDue();
  await tally.ended;
  tally.check();
  const us = begun
    .map((at, job) => (at - added[job]) * MS_A_SECOND)
    .subarray(warmUp)
    .sort();
  return { p50: us[Math.floor(jobs * 0.5)], p99: us[Math.floor(jobs * 0.99)] };
}

const KINDS = { adding, processing, burning, pickup };

/** @param {string} contender @param {Omit<Options, 'jobs'> & { jobs: number | Record<string, number>, redisUrl: string }} options */
async function measure(contender, options) {
  const openLine = await { ...inProcess, ...outside }[contender](options);
  const jobs = typeof options.jobs === 'number' ? options.jobs : options.jobs[contender];
  return KINDS[options.kind](openLine, { ...options, jobs });
}

module.exports = { measure };
