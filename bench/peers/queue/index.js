/** Job queues: what the parent needs. What the child runs is in measure.js. */

const RATE = { title: 'jobs a second', better: 'more', digits: 0 };
const MILLION = 1_000_000;
/** Where not a case's own. */
const CONCURRENCY = 50;

/** How many jobs a process runs, so that it measures for some half a second. */
const JOBS = {
  add: { redstart: 100_000, BullMQ: 3_000, 'bee-queue': 5_000, plainjob: 20_000 },
  addBulk: { redstart: 100_000, BullMQ: 10_000, 'bee-queue': 30_000, plainjob: 100_000 },
  /** One after the other, a job of those in Redis costs two trips to it. */
  one: {
    redstart: 100_000,
    'fastq.promise': 300_000,
    fastq: 500_000,
    'p-queue': 100_000,
    BullMQ: 2_000,
    'bee-queue': 2_000,
    plainjob: 5_000,
  },
  many: {
    redstart: 100_000,
    'fastq.promise': 300_000,
    fastq: 500_000,
    'p-queue': 100_000,
    BullMQ: 6_000,
    'bee-queue': 6_000,
  },
};

const IN_REDIS = 'server in memory';

const contenders = {
  redstart: { durability: 'memory' },
  'fastq.promise': { package: 'fastq', durability: 'memory' },
  fastq: { package: 'fastq', durability: 'memory' },
  'p-queue': { package: 'p-queue', durability: 'memory' },
  BullMQ: { package: ['bullmq', 'ioredis'], durability: IN_REDIS, redis: true },
  'bee-queue': { package: 'bee-queue', durability: IN_REDIS, redis: true },
  plainjob: {
    package: ['plainjob', 'better-sqlite3'],
    durability: 'file; fsync at checkpoints',
    deviations: 'logger: silent; its default prints four lines a job',
  },
};

/** @param {'add' | 'addBulk'} id @param {string} title */
const adding = (id, title) => ({
  id,
  title,
  contenders: ['redstart', 'BullMQ', 'bee-queue', 'plainjob'],
  options: { kind: 'adding', bulk: id === 'addBulk', jobs: JOBS[id] },
  seconds: { redstart: 0.8, BullMQ: 1.2, 'bee-queue': 0.8, plainjob: 0.8 },
  metrics: { jobs: RATE },
});

/** Next to redstart those that it is held against. @param {number} concurrency @param {string[]} names */
const processing = (concurrency, names) => ({
  id: `process-${concurrency}`,
  title: `process, concurrency ${concurrency}, handler that does nothing`,
  contenders: names,
  options: { kind: 'processing', concurrency, jobs: concurrency === 1 ? JOBS.one : JOBS.many },
  seconds: {
    redstart: 1.4,
    'fastq.promise': 0.7,
    fastq: 0.5,
    'p-queue': 0.8,
    BullMQ: 1.2,
    'bee-queue': 0.9,
    plainjob: 0.7,
  },
  metrics: { jobs: RATE },
});

/** @param {boolean} full */
const pickup = (full) => ({
  id: 'pickup',
  title: '1,000 jobs a second, from add to the begin of the handler',
  contenders: ['redstart', 'BullMQ', ...(full ? ['bee-queue', 'plainjob', 'p-queue', 'fastq.promise', 'fastq'] : [])],
  options: { kind: 'pickup', concurrency: CONCURRENCY, rate: 1_000, warmUp: 200, jobs: 2_000 },
  seconds: 2.5,
  metrics: {
    p50: { title: 'p50, µs', better: 'less' },
    p99: { title: 'p99, µs', better: 'less' },
  },
});

/** @param {boolean} full */
const burning = (full) => ({
  id: 'burn',
  title: '1,000,000 jobs added and run, concurrency 50',
  contenders: ['redstart', 'fastq.promise', ...(full ? ['fastq', 'p-queue', 'BullMQ'] : [])],
  options: { kind: 'burning', concurrency: CONCURRENCY, jobs: MILLION },
  seconds: { redstart: 11.5, 'fastq.promise': 2.5, fastq: 1.5, 'p-queue': 6, BullMQ: 150 },
  metrics: {
    jobs: RATE,
    mib: { title: 'MiB at the top', better: 'less', digits: 0 },
  },
});

module.exports = {
  title: 'Queues',
  contenders,
  notes: [
    'redstart, fastq and p-queue lose all jobs with the process; those of the others outlive it.',
    'Redis writes nothing to a disk here, so the jobs of BullMQ and bee-queue do not outlive the server.',
    'plainjob runs SQLite with WAL and synchronous NORMAL, its default: a power cut may take the last jobs.',
    'redstart gives a job three attempts with backoff, a lease and events, and keeps the last 1,000 that completed, for an hour.',
    'BullMQ has leases, retries and events across processes; by default it gives a job one attempt and keeps every job that ended.',
    'bee-queue gives a job one attempt and keeps every one; plainjob knows no retries and keeps done jobs for seven days.',
    'fastq is a list of arguments, p-queue one of functions: nothing is copied, tried again or can be looked up later.',
    'fastq is its callback form, whose handler calls back in process.nextTick; all other handlers are async functions.',
    'Nobody awaits the promises that fastq.promise and p-queue give for each job.',
    'A job carries some 40 bytes of JSON; fastq and p-queue are handed the object as it is.',
    'Each run checks that every job has run exactly once, and those that only add that all of them wait.',
    'add, addBulk: the median of ten batches after one that does not count; addBulk is saveAll of bee-queue, addMany of plainjob.',
    'process: all jobs wait before the worker starts, and it ends when the contender says that all are done.',
    'process: a tenth as many jobs ran before, in another queue; they do not count.',
    'A process adds or runs 2,000 to 500,000 jobs, so many that it measures for some half a second.',
    'Pickup latency: from before add() to the begin of the handler, in one process, 2,000 jobs after 200 that do not count.',
    'Pickup latency: a timer adds what is due, catches up when it is late, and waits for no answer.',
    '1,000,000 jobs: addBulk in chunks of 1,000 (fastq and p-queue: one by one), then all are run; no warm-up.',
    'MiB at the top is the most that the process had resident; with BullMQ, what Redis holds at the end is added.',
  ],
  notMeasured: [
    'add of fastq and p-queue: the promise that they give is of the end of the job, not of its being in the queue.',
    'plainjob at concurrency 50 and 100: its worker runs one job at a time.',
    'More than one process or thread, handlers that do work, retries, delayed jobs, priorities; Redis on another machine or with persistence.',
    'Only with --full: pickup latency of bee-queue, plainjob (it looks once a second), p-queue and fastq; 1,000,000 jobs of fastq with callbacks, p-queue and BullMQ; fastq with callbacks and p-queue at every concurrency.',
  ],
  /** @param {boolean} full */
  cases: (full) => [
    adding('add', 'add, one by one, awaited'),
    adding('addBulk', 'addBulk, 1,000 a call'),
    processing(1, [
      'fastq.promise',
      'redstart',
      'BullMQ',
      'bee-queue',
      'plainjob',
      ...(full ? ['p-queue', 'fastq'] : []),
    ]),
    processing(50, ['fastq.promise', 'redstart', 'BullMQ', 'bee-queue', 'p-queue', 'fastq']),
    processing(100, ['fastq.promise', 'redstart', 'BullMQ', 'bee-queue', ...(full ? ['p-queue', 'fastq'] : [])]),
    pickup(full),
    burning(full),
  ],
  bars: [
    {
      text: 'queue add, serial await, against BullMQ',
      case: 'add',
      metric: 'jobs',
      ours: 'redstart',
      peer: 'BullMQ',
      atLeast: 100,
    },
    {
      text: 'queue process, concurrency 50, no-op handler, against BullMQ',
      case: 'process-50',
      metric: 'jobs',
      ours: 'redstart',
      peer: 'BullMQ',
      atLeast: 60,
    },
    {
      text: 'queue process, concurrency 50, no-op handler, against fastq with promises',
      case: 'process-50',
      metric: 'jobs',
      ours: 'redstart',
      peer: 'fastq.promise',
      atLeast: 2,
    },
    {
      text: 'pickup latency p99 at 1,000 jobs a second, against BullMQ',
      case: 'pickup',
      metric: 'p99',
      ours: 'redstart',
      peer: 'BullMQ',
      atMost: 0.1,
    },
  ],
  why: Object.fromEntries([
    ...['process-1', 'process-50', 'process-100'].map((id) => [
      id,
      'fastq and p-queue hand the next object of a list to the handler; redstart claims the job in the core under a lease, hands it over as JSON and notes its result there.',
    ]),
    [
      'addBulk',
      'plainjob writes 1,000 rows in one transaction and answers their numbers; redstart answers a Job for each, made from JSON.',
    ],
    [
      'pickup',
      'fastq and p-queue call the handler from within push or right after it: there is nothing between the two.',
    ],
    [
      'burn',
      'A job of redstart is a record in the core that is added, claimed and finished, each with its own checks; with fastq it is an object on a list.',
    ],
  ]),
};
