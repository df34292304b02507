/**
 * Queues whose jobs outlive the process, each as its documentation has it: BullMQ and bee-queue in a Redis, plainjob in a file.
 * What a line is: in-process.js.
 *
 * @typedef {import('./in-process.js').OpenLine} OpenLine
 */
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

/** Every case begins with an empty server. @param {string} url */
async function emptied(url) {
  const Redis = require('ioredis');
  const redis = new Redis(url);
  await redis.flushall();
  return redis;
}

/** Calls, and what resolves with the so-manieth of them. */
function counter() {
  let left = Number.POSITIVE_INFINITY;
  /** @type {(value?: unknown) => void} */
  let over = () => {};
  return {
    /** @param {number} count */
    reaches: (count) =>
      new Promise((resolve) => {
        left = count;
        over = resolve;
      }),
    one() {
      left -= 1;
      if (left === 0) over();
    },
  };
}

/** @param {{ redisUrl: string }} options @returns {Promise<OpenLine>} */
async function bullmq({ redisUrl }) {
  const { Queue, Worker } = require('bullmq');
  const redis = await emptied(redisUrl);
  const connection = { url: redisUrl };
  return async (name, work) => {
    const queue = new Queue(name, { connection });
    await queue.waitUntilReady();
    const completed = counter();
    const { concurrency } = work ?? {};
    const worker =
      work && new Worker(name, async ({ data }) => work.handle(data), { connection, concurrency, autorun: false });
    worker?.on('completed', completed.one);
    await worker?.waitUntilReady();
    return {
      add: (data) => queue.add('welcome', data),
      addBulk: (list) => queue.addBulk(list.map((data) => ({ name: 'welcome', data }))),
      waiting: () => queue.getWaitingCount(),
      begin: () => void worker.run(),
      finished: completed.reaches,
      outside: async () => Number(/used_memory:(\d+)/.exec(await redis.info('memory'))?.[1]),
    };
  };
}

/** @param {{ redisUrl: string }} options @returns {Promise<OpenLine>} */
async function beeQueue({ redisUrl }) {
  const Queue = require('bee-queue');
  await emptied(redisUrl);
  return async (name, work) => {
    const queue = new Queue(name, { redis: { url: redisUrl } });
    await queue.ready();
    const succeeded = counter();
    queue.on('succeeded', succeeded.one);
    return {
      add: (data) => queue.createJob(data).save(),
      async addBulk(list) {
        const errors = await queue.saveAll(list.map((data) => queue.createJob(data)));
        if (errors.size > 0) throw [...errors.values()][0];
      },
      waiting: async () => (await queue.checkHealth()).waiting,
      begin: () => void queue.process(work.concurrency, async ({ data }) => work.handle(data)),
      finished: succeeded.reaches,
    };
  };
}

/** By default it prints four lines a job to the console. */
const SILENT = { error: console.error, warn: console.error, info() {}, debug() {} };

/** @returns {Promise<OpenLine>} */
async function plainjob() {
  const { better, defineQueue, defineWorker } = await import('plainjob');
  const Database = require('better-sqlite3');
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'redstart-bench-'));
  process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }));
  return async (name, work) => {
    const connection = better(new Database(path.join(folder, `${name}.db`)));
    const queue = defineQueue({ connection, logger: SILENT });
    const completed = counter();
    const worker =
      work &&
      defineWorker('welcome', async ({ data }) => work.handle(JSON.parse(data)), {
        queue,
        logger: SILENT,
        onCompleted: completed.one,
      });
    return {
      add: async (data) => queue.add('welcome', data),
      addBulk: async (list) => queue.addMany('welcome', list),
      waiting: async () => queue.countJobs({ status: 0 }),
      begin: () => void worker.start(),
      finished: completed.reaches,
    };
  };
}

module.exports = { BullMQ: bullmq, 'bee-queue': beeQueue, plainjob };
