/**
 * Queues whose jobs live in the process, each as its documentation has it: redstart, fastq and p-queue.
 *
 * A line is one queue of a contender. `begin` starts its worker; `finished` resolves when so many jobs are done, as the
 * contender itself tells, so that what it notes after a handler has returned counts too.
 *
 * @typedef {{ to: string, n: number }} Data
 * @typedef {object} Line
 * @property {(data: Data) => unknown} [add] A promise where there is something to wait for.
 * @property {(list: Data[]) => Promise<unknown>} [addBulk]
 * @property {() => Promise<number>} waiting How many jobs it says are waiting.
 * @property {() => void} begin
 * @property {(count: number) => Promise<unknown>} finished Called before begin().
 * @property {() => Promise<number>} [outside] Bytes that its server holds for it.
 *
 * @typedef {object} Work
 * @property {(data: Data) => void} handle
 * @property {number} concurrency
 *
 * @typedef {(name: string, work: Work | undefined) => Promise<Line>} OpenLine Without work: a queue that is only added to.
 */
const { ROOT } = require('../../../scripts/run.js');

/** @returns {Promise<OpenLine>} */
async function redstart() {
  const { open } = require(ROOT);
  const store = open('memory:');
  return async (name, work) => {
    const queue = store.queue(name);
    const worker =
      work && queue.process(async ({ data }) => work.handle(data), { concurrency: work.concurrency, autorun: false });
    return {
      add: (data) => queue.add('welcome', data),
      addBulk: (list) => queue.addBulk(list.map((data) => ({ name: 'welcome', data }))),
      waiting: async () => (await queue.getJobCounts()).waiting,
      begin: () => worker.run(),
      finished: () => new Promise((resolve) => worker.once('drained', resolve)),
    };
  };
}

/** Its promises are not awaited one by one: who wants to know when all has run asks drained(). @returns {Promise<OpenLine>} */
async function fastqPromise() {
  const fastq = require('fastq');
  return async (_name, { handle, concurrency }) => {
    const queue = fastq.promise(async (data) => handle(data), concurrency);
    queue.pause();
    return {
      add: (data) => void queue.push(data),
      waiting: async () => queue.length(),
      begin: () => queue.resume(),
      finished: () => queue.drained(),
    };
  };
}

/** The handler calls back later, as one does that waits for something; at once would be a recursion. @returns {Promise<OpenLine>} */
async function fastqCallback() {
  const fastq = require('fastq');
  return async (_name, { handle, concurrency }) => {
    const queue = fastq((data, done) => {
      handle(data);
      process.nextTick(done, null);
    }, concurrency);
    queue.pause();
    return {
      add: (data) => queue.push(data),
      waiting: async () => queue.length(),
      begin: () => queue.resume(),
      finished: () =>
        new Promise((resolve) => {
          queue.drain = () => resolve(undefined);
        }),
    };
  };
}

/** @returns {Promise<OpenLine>} */
async function pQueue() {
  const { default: PQueue } = await import('p-queue');
  return async (_name, { handle, concurrency }) => {
    const queue = new PQueue({ concurrency, autoStart: false });
    return {
      add: (data) => void queue.add(async () => handle(data)),
      waiting: async () => queue.size,
      begin: () => queue.start(),
      finished: () => queue.onIdle(),
    };
  };
}

module.exports = { redstart, 'fastq.promise': fastqPromise, fastq: fastqCallback, 'p-queue': pQueue };
