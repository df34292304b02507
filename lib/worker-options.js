'use strict';
/** What process() takes beside a handler or a module, what close() takes, and how core is told of the former. */
const options = require('./options.js');
const { invalidArg } = require('./errors.js');
const { NAME } = require('./names.js');
const { RATE_OPTIONS } = require('./queue-rate.js');

const CLOSE_TIMEOUT_MS_DEFAULT = 8_000;
const LEASE_MS_DEFAULT = 30_000;
const STALL_AFTER_MS_DEFAULT = 300_000;
/** Below it a garbage collection or a slow disk would look like the end of a worker. */
const WATCHED_MS_MIN = 1_000;
const MAX_STALLED_DEFAULT = 1;
const CONCURRENCY_MAX = 10_000;
const COUNT_MAX = 1_000_000;
const THREADS_MAX = 64;

/** @type {import('./options.js').Checker<number>} */
const LEASE = {
  expected: "a duration of at least '1s'",
  read: (value) => atLeast(WATCHED_MS_MIN, options.duration.read(value)),
};
/** @type {import('./options.js').Checker<number | null>} */
const STALL_AFTER = {
  expected: "a duration of at least '1s', or null for never",
  read: (value) => atLeast(WATCHED_MS_MIN, options.durationOrNever.read(value)),
};

/** Of the pool of a module, beside what each worker in it takes. */
const THREAD_OPTIONS = {
  threads: options.integer({ min: 1, max: THREADS_MAX }),
  recycleAfter: options.integer({ min: 1 }),
};
const WORKER_OPTIONS = {
  name: NAME,
  concurrency: options.integer({ min: 1, max: CONCURRENCY_MAX }),
  leaseDuration: LEASE,
  maxStalledCount: options.integer({ min: 0, max: COUNT_MAX }),
  limiter: options.object(RATE_OPTIONS),
  group: options.object({ concurrency: options.integer({ min: 1, max: COUNT_MAX }) }),
  backoff: options.func,
  stallAfter: STALL_AFTER,
  autorun: options.boolean,
  ...THREAD_OPTIONS,
};
const CLOSE_OPTIONS = { timeout: options.durationOrZero };

/**
 * @template {number | null | undefined} T
 * @param {number} min
 * @param {T} ms
 */
function atLeast(min, ms) {
  return typeof ms === 'number' && ms < min ? undefined : ms;
}

/**
 * `native`: what openWorker() is given; `jobsMax`: as many jobs in all.
 * @typedef {{ concurrency: number, autorun: boolean, native: string, backoff?: (context: object) => unknown, jobsMax?: number }}
 *   WorkerRead
 */

/**
 * The options of process(), normalised. Read here alone, in the thread that called it: threads are told what was read.
 * @param {unknown} given
 * @param {boolean} ofModule Whether a module is to be run, in threads, and not a function.
 * @param {Function} [above]
 * @returns {WorkerRead & { name?: string, threads: number, recycleAfter?: number }}
 */
function readWorkerOptions(given, ofModule, above = readWorkerOptions) {
  const checked = options.checkOptions('process()', given, WORKER_OPTIONS, above);
  if (ofModule) refuseBackoff(checked, above);
  else refuseThreads(checked, above);
  return {
    name: checked.name,
    concurrency: checked.concurrency ?? 1,
    backoff: checked.backoff,
    autorun: checked.autorun ?? true,
    threads: checked.threads ?? 1,
    recycleAfter: checked.recycleAfter,
    native: JSON.stringify({
      leaseMs: checked.leaseDuration ?? LEASE_MS_DEFAULT,
      maxStalledCount: checked.maxStalledCount ?? MAX_STALLED_DEFAULT,
      limiter: checked.limiter,
      groupConcurrency: checked.group?.concurrency,
      stallAfterMs: checked.stallAfter === undefined ? STALL_AFTER_MS_DEFAULT : checked.stallAfter,
    }),
  };
}

/** @param {{ backoff: unknown }} checked @param {Function} above */
function refuseBackoff({ backoff }, above) {
  if (backoff === undefined) return;
  throw invalidArg(
    "process() with a module takes no function 'backoff': functions do not cross threads; give the jobs a backoff, or " +
      'throw job.snooze(…) in the module',
    above,
  );
}

/** @param {import('./options.js').Checked<typeof THREAD_OPTIONS>} checked @param {Function} above */
function refuseThreads(checked, above) {
  const name = checked.threads !== undefined ? 'threads' : 'recycleAfter';
  if (checked[name] === undefined) return;
  throw invalidArg(
    `option '${name}' of process() is for a module, which runs in threads of its own; a function runs in this one: give ` +
      'process() the file of a module whose default export it is',
    above,
  );
}

module.exports = {
  CLOSE_OPTIONS,
  CLOSE_TIMEOUT_MS_DEFAULT,
  readWorkerOptions,
};
