'use strict';
/** What queues and jobs are made with, and how it looks as JSON for core: whole milliseconds, instants since the epoch. */
const { constants } = require('node:buffer');
const { types } = require('node:util');
const options = require('./options.js');
const { encodeJson } = require('./codec.js');
const { readDuration } = require('./duration.js');
const { RedstartError, invalidArg, show, startingAt } = require('./errors.js');
const { NAME, NAME_EXPECTED, isName } = require('./names.js');

const MB = 1024 * 1024;
const PRIORITY_MAX = 2_097_151;
const COUNT_MAX = Number.MAX_SAFE_INTEGER;
/** One call holds the queue's lock from its first job to its last. */
const BULK_JOBS_MAX = 10_000;
/** The jobs of one call go to core as one string. */
const CHARS_MAX = constants.MAX_STRING_LENGTH;

const getTime = Date.prototype.getTime;

/** @type {import('./options.js').Checker<number>} */
const INSTANT = {
  expected: 'a valid Date',
  // By its kind: in Jest a Date is of another realm.
  read: (value) => {
    const ms = types.isDate(value) ? getTime.call(value) : Number.NaN;
    // Before 1970 is as past as 1970.
    return Number.isNaN(ms) ? undefined : Math.max(0, ms);
  },
};

/** @type {import('./options.js').Checker<number>} */
const AGE = {
  expected:
    "a duration as a string such as '1h' (no number: BullMQ counts seconds there, redstart would count milliseconds)",
  read: (value) => (typeof value === 'string' ? readDuration(value) : undefined),
};

const COUNT = options.integer({ min: 0, max: COUNT_MAX });
/** @type {import('./options.js').Checker<{ age?: number, count?: number, forever?: true }>} */
const RETENTION = {
  expected: 'true, false, a whole number of jobs from 0, or a plain object with age, count',
  read: (value) => {
    if (typeof value === 'boolean') return value ? { count: 0 } : { forever: true };
    const count = COUNT.read(value);
    return count === undefined ? undefined : { count };
  },
  schema: { age: AGE, count: COUNT },
};

const BACKOFF = options.object({
  type: options.required(options.oneOf(['fixed', 'exponential'])),
  delay: options.required(options.duration),
  maxDelay: options.duration,
  jitter: options.number({ min: 0, max: 1 }),
});

const DEFAULT_JOB_OPTIONS = {
  delay: options.durationOrZero,
  priority: options.integer({ min: 0, max: PRIORITY_MAX }),
  lifo: options.boolean,
  attempts: options.integer({ min: 1, max: 1_000_000 }),
  backoff: BACKOFF,
  timeout: options.duration,
  expiresIn: options.duration,
  group: options.object({ id: options.required(NAME) }),
  removeOnComplete: RETENTION,
  removeOnFail: RETENTION,
};
const JOB_OPTIONS = {
  ...DEFAULT_JOB_OPTIONS,
  jobId: NAME,
  runAt: INSTANT,
  deduplication: options.object({
    id: options.required(NAME),
    ttl: options.duration,
    extend: options.boolean,
    replace: options.boolean,
  }),
};
const ADD_AND_WAIT_OPTIONS = { ...JOB_OPTIONS, waitTimeout: options.duration };
const QUEUE_OPTIONS = {
  defaultJobOptions: options.object(DEFAULT_JOB_OPTIONS),
  maxDataSize: options.bytes({ min: 1, max: 256 * MB }),
  deadLetter: NAME,
};
const NEW_JOB = { name: options.required(NAME), data: options.anything, opts: options.object(JOB_OPTIONS) };

const NO_OPTIONS = '';
/** What the addon takes for no timeout. */
const NO_TIMEOUT = -1;

/**
 * Options as core reads them.
 * @param {unknown} given
 * @param {Function} above
 */
function readQueueOptions(given, above) {
  return { ...options.checkOptions('queue()', given, QUEUE_OPTIONS, above) };
}

/**
 * The options of one add as JSON.
 * @param {unknown} given
 * @param {Function} above As in invalidArg.
 */
function jobOptionsText(given, above) {
  return given === undefined ? NO_OPTIONS : JSON.stringify(options.checkOptions('add()', given, JOB_OPTIONS, above));
}

/**
 * The same for addAndWait, and how long to wait in milliseconds.
 * @param {unknown} given
 * @param {Function} above
 */
function readAddAndWait(given, above) {
  const checked = options.checkOptions('addAndWait()', given, ADD_AND_WAIT_OPTIONS, above);
  const { waitTimeout = NO_TIMEOUT, ...rest } = checked;
  return { text: JSON.stringify(rest), waitMs: waitTimeout };
}

/** The name that was checked last: jobs that follow each other often have one. @type {unknown} */
let lastName;

/** @param {unknown} name @param {Function} above */
function checkJobName(name, above) {
  if (name === lastName && name !== undefined) return;
  if (!isName(name)) throw invalidArg(`a job's name is ${NAME_EXPECTED}; got ${show(name)}`, above);
  lastName = name;
}

/**
 * JSON text of what a job is added with; a job without data has null.
 * @param {unknown} data
 * @param {Function} above
 * @param {string} [what] Whose it is.
 */
function dataText(data, above, what = 'job data') {
  return encodeJson(data === undefined ? null : data, what, above);
}

/**
 * A job as addBulk() and schedulers take it.
 * @param {unknown} job
 * @param {string} what Which one it is.
 * @param {Function} above
 */
function readNewJob(job, what, above) {
  const { name, data, opts } = options.checkOptions(what, job, NEW_JOB, above);
  return { name, data: dataText(data, above, `data of ${what}`), options: opts ?? {} };
}

/**
 * The jobs of addBulk() as JSON.
 * @param {unknown} jobs
 * @param {Function} above
 */
function bulkText(jobs, above) {
  if (!Array.isArray(jobs)) {
    throw invalidArg(`addBulk() takes an array of { name, data, opts }; got ${show(jobs)}`, above);
  }
  if (jobs.length > BULK_JOBS_MAX) {
    const message = `addBulk() takes at most ${BULK_JOBS_MAX} jobs; got ${jobs.length}; add them in several calls`;
    throw invalidArg(message, above);
  }
  const texts = [];
  let chars = 0;
  for (let index = 0; index < jobs.length; index++) {
    const job = readNewJob(jobs[index], `job ${index} of addBulk()`, above);
    texts.push([job.name, job.data, job.options]);
    // Before all of them are held as text.
    chars += job.data.length;
    if (chars > CHARS_MAX) throw tooLong(above);
  }
  try {
    return JSON.stringify(texts);
  } catch (error) {
    throw error instanceof RangeError ? tooLong(above) : error;
  }
}

/** Together they are more than a string holds. @param {Function} above */
function tooLong(above) {
  const message = `the jobs of addBulk() have more data than one call takes, ${CHARS_MAX} characters of JSON at most`;
  return startingAt(above, new RedstartError(`${message}; add them in several calls`, { code: 'ERR_TOO_LARGE' }));
}

module.exports = {
  NO_TIMEOUT,
  INSTANT,
  readQueueOptions,
  jobOptionsText,
  readAddAndWait,
  checkJobName,
  dataText,
  readNewJob,
  bulkText,
};
