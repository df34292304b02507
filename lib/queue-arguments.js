'use strict';
/** What the methods of a queue are given, but those that add: checked, with what is left out filled in. */
const options = require('./options.js');
const { invalidArg, show } = require('./errors.js');
const { isName } = require('./names.js');

/** @typedef {import('../index.js').JobState} JobState */

const STATES = /** @type {const} */ (['waiting', 'prioritized', 'delayed', 'active', 'completed', 'failed']);
const CLEANED_STATES = /** @type {const} */ (['completed', 'failed', 'delayed', 'waiting']);
/** Jobs that getJobs() answers where it is not told how many. */
const JOBS_DEFAULT = 100;
const CLEAN_LIMIT_DEFAULT = 1_000;
const CONCURRENCY_MAX = 1_000_000;
const RATE_MAX = 100_000;
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
const RATE_LIMIT_OPTIONS = {
  max: options.required(options.integer({ min: 1, max: RATE_MAX })),
  duration: options.required(options.duration),
};

/**
 * Whether there may be something of this id: what is no name names nothing.
 * @param {unknown} id
 * @param {string} what
 */
function mayBeId(id, what) {
  if (typeof id !== 'string') throw invalidArg(`${what} is a string; got ${show(id)}`, mayBeId);
  return isName(id);
}

/**
 * @param {unknown} states
 * @param {unknown} given
 */
function readGetJobs(states, given) {
  const wanted = readStates(states);
  const {
    start = 0,
    end = start + JOBS_DEFAULT - 1,
    asc = true,
  } = options.checkOptions('getJobs()', given, GET_JOBS_OPTIONS);
  return { states: JSON.stringify(wanted), start, end, asc };
}

/** @param {unknown} given */
function readStates(given) {
  const all = Array.isArray(given) ? given : [given];
  const known = STATES.join(', ');
  if (all.length === 0) throw invalidArg(`getJobs() takes at least one state of ${known}; got an empty array`);
  /** @type {Set<JobState>} */
  const wanted = new Set();
  // By index: holes are no states either.
  for (let index = 0; index < all.length; index++) {
    if (!STATES.includes(all[index])) {
      throw invalidArg(`getJobs() takes one state or an array of them, out of ${known}; got ${show(all[index])}`);
    }
    wanted.add(all[index]);
  }
  return [...wanted];
}

/** @param {unknown} given */
function readLogs(given) {
  const { start = 0, end = LAST } = options.checkOptions('getJobLogs()', given, LOGS_OPTIONS);
  return { start, end };
}

/** @param {unknown} state @param {unknown} given */
function readClean(state, given) {
  if (!CLEANED_STATES.includes(/** @type {any} */ (state))) {
    const known = CLEANED_STATES.join(', ');
    throw invalidArg(`clean() takes a state, one of ${known}, and then { olderThan, limit }; got ${show(state)}`);
  }
  const { olderThan, limit = CLEAN_LIMIT_DEFAULT } = options.checkOptions('clean()', given, CLEAN_OPTIONS);
  return { olderThan, limit };
}

/** @param {unknown} given */
function readRetryFailed(given) {
  return options.checkOptions('retryFailed()', given, RETRY_FAILED_OPTIONS).limit;
}

/** @param {unknown} given */
function readObliterate(given) {
  return options.checkOptions('obliterate()', given, OBLITERATE_OPTIONS).force === true;
}

/** @param {unknown} given */
function readGlobalConcurrency(given) {
  if (given === null) return NONE;
  const limit = CONCURRENCY.read(given);
  if (limit !== undefined) return limit;
  const message = `setGlobalConcurrency() takes ${CONCURRENCY.expected}, or null for no bound; got ${show(given)}`;
  throw invalidArg(given === 0 ? `${message}; pause() lets no job begin` : message);
}

/** @param {unknown} given */
function readGlobalRateLimit(given) {
  if (given === null) return { max: NONE, duration: NONE };
  if (given !== undefined) return options.checkOptions('setGlobalRateLimit()', given, RATE_LIMIT_OPTIONS);
  throw invalidArg('setGlobalRateLimit() takes { max, duration }, or null for no bound; got undefined');
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
