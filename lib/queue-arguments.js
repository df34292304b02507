'use strict';
/**
 * What the methods of a queue are given, but those that add: checked, with what is left out filled in. `above` is the method, as
 * in invalidArg.
 */
const options = require('./options.js');
const { invalidArg, show } = require('./errors.js');
const { isName } = require('./names.js');
const { RATE_OPTIONS } = require('./queue-rate.js');

/** @typedef {import('../index.js').JobState} JobState */

const STATES = /** @type {const} */ (['waiting', 'prioritized', 'delayed', 'active', 'completed', 'failed']);
const CLEANED_STATES = /** @type {const} */ (['completed', 'failed', 'delayed', 'waiting']);
/** Jobs that getJobs() answers where it is not told how many. */
const JOBS_DEFAULT = 100;
/** And at most: one look holds the queue's lock. */
const JOBS_MAX = 10_000;
const CLEAN_LIMIT_DEFAULT = 1_000;
const CONCURRENCY_MAX = 1_000_000;
/** What the addon takes for the last one there is. */
const LAST = -1;
/** What the addon takes for no limit. */
const NONE = 0;

const PLACE = options.integer({ min: 0 });
const GET_JOBS_OPTIONS = { start: PLACE, end: PLACE, asc: options.boolean };
const LOGS_OPTIONS = { start: PLACE, end: PLACE };
const CLEAN_OPTIONS = {
  olderThan: options.required(options.durationOrZero),
  limit: options.integer({ min: 1 }),
};
const RETRY_FAILED_OPTIONS = { limit: options.integer({ min: 1 }) };
const OBLITERATE_OPTIONS = { force: options.boolean };
const CONCURRENCY = options.integer({ min: 1, max: CONCURRENCY_MAX });

/**
 * Whether there may be something of this id: what is no name names nothing.
 * @param {unknown} id
 * @param {string} what
 * @param {Function} above
 */
function mayBeId(id, what, above) {
  if (typeof id !== 'string') throw invalidArg(`${what} is a string; got ${show(id)}`, above);
  return isName(id);
}

/**
 * @param {unknown} states
 * @param {unknown} given
 * @param {Function} above
 */
function readGetJobs(states, given, above) {
  const wanted = readStates(states, above);
  const {
    start = 0,
    end = start + JOBS_DEFAULT - 1,
    asc = true,
  } = options.checkOptions('getJobs()', given, GET_JOBS_OPTIONS, above);
  if (end - start >= JOBS_MAX) {
    const message = `getJobs() answers at most ${JOBS_MAX} jobs a call; got start ${start} and end ${end}`;
    throw invalidArg(`${message}; ask for pages of them by start and end`, above);
  }
  return { states: JSON.stringify(wanted), start, end, asc };
}

/** @param {unknown} given @param {Function} above */
function readStates(given, above) {
  const all = Array.isArray(given) ? given : [given];
  const known = STATES.join(', ');
  if (all.length === 0) throw invalidArg(`getJobs() takes at least one state of ${known}; got an empty array`, above);
  /** @type {Set<JobState>} */
  const wanted = new Set();
  // By index: holes are no states either.
  for (let index = 0; index < all.length; index++) {
    if (!STATES.includes(all[index])) {
      throw invalidArg(
        `getJobs() takes one state or an array of them, out of ${known}; got ${show(all[index])}`,
        above,
      );
    }
    wanted.add(all[index]);
  }
  return [...wanted];
}

/** @param {unknown} given @param {Function} above */
function readLogs(given, above) {
  const { start = 0, end = LAST } = options.checkOptions('getJobLogs()', given, LOGS_OPTIONS, above);
  return { start, end };
}

/** @param {unknown} state @param {unknown} given @param {Function} above */
function readClean(state, given, above) {
  if (!CLEANED_STATES.includes(/** @type {any} */ (state))) {
    const known = CLEANED_STATES.join(', ');
    throw invalidArg(
      `clean() takes a state, one of ${known}, and then { olderThan, limit }; got ${show(state)}`,
      above,
    );
  }
  const { olderThan, limit = CLEAN_LIMIT_DEFAULT } = options.checkOptions('clean()', given, CLEAN_OPTIONS, above);
  return { olderThan, limit };
}

/** @param {unknown} given @param {Function} above */
function readRetryFailed(given, above) {
  return options.checkOptions('retryFailed()', given, RETRY_FAILED_OPTIONS, above).limit;
}

/** @param {unknown} given @param {Function} above */
function readObliterate(given, above) {
  return options.checkOptions('obliterate()', given, OBLITERATE_OPTIONS, above).force === true;
}

/** @param {unknown} given @param {Function} above */
function readGlobalConcurrency(given, above) {
  if (given === null) return NONE;
  const limit = CONCURRENCY.read(given);
  if (limit !== undefined) return limit;
  const message = `setGlobalConcurrency() takes ${CONCURRENCY.expected}, or null for no bound; got ${show(given)}`;
  throw invalidArg(given === 0 ? `${message}; pause() lets no job begin` : message, above);
}

/** @param {unknown} given @param {Function} above */
function readGlobalRateLimit(given, above) {
  if (given === null) return { max: NONE, duration: NONE };
  if (given !== undefined) return options.checkOptions('setGlobalRateLimit()', given, RATE_OPTIONS, above);
  throw invalidArg('setGlobalRateLimit() takes { max, duration }, or null for no bound; got undefined', above);
}

module.exports = {
  mayBeId,
  readGetJobs,
  readLogs,
  readClean,
  readRetryFailed,
  readObliterate,
  readGlobalConcurrency,
  readGlobalRateLimit,
};
