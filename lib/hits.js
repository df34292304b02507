'use strict';
/**
 * Counting for libraries that hold their limits themselves: they ask a store how often a key was hit and refuse what was
 * too often, so that what is refused counts too. A limiter counts for them, as units of a limit that nobody reaches.
 */
const { DURATION_MS_MAX } = require('./duration.js');
const { RedstartError } = require('./errors.js');
const { KEYS_MAX, UNITS_MAX } = require('./limits.js');
const { NAME_EXPECTED, isName } = require('./names.js');
const check = require('./options.js');

/** @typedef {import('../index.js').Limiter} Limiter */
/** @typedef {import('../index.js').LimitResult} LimitResult */

/** More hits than any limit allows. */
const OVER = UNITS_MAX + 1;

const storeOption = check.required({
  expected: "a store: open('memory:app')",
  read: (/** @type {any} */ value) =>
    typeof value?.limiter === 'function' ? /** @type {import('../index.js').Store} */ (value) : undefined,
});

/** What names the limiter in the store; each library calls it otherwise. */
const nameOption = check.required({
  expected: `${NAME_EXPECTED}, which no other limiter of the store has`,
  read: (/** @type {unknown} */ value) => (isName(value) ? value : undefined),
});

const maxKeysOption = check.integer({ min: 1, max: KEYS_MAX });

/**
 * A denied hit is over every limit: there is no room to count it, or the app has blocked the key.
 * @param {LimitResult} result Of consume with the limit UNITS_MAX.
 */
function hitsOf({ allowed, limit, remaining }) {
  return allowed ? limit - remaining : OVER;
}

/** Milliseconds until the key is as new, or may try again. @param {LimitResult} result */
function waitMs({ allowed, resetAfterMs, retryAfterMs }) {
  return Math.ceil(allowed ? resetAfterMs : retryAfterMs);
}

/** A window, or a block, as a limiter takes it: the libraries let 0 and Infinity through. @param {number} ms */
function windowOf(ms) {
  return Math.min(Math.max(ms, 1), DURATION_MS_MAX);
}

/**
 * Blocks a key and forgets what for, so that it is as new when the block ends. In this order nobody comes in between.
 * @param {Limiter} limiter
 * @param {string} key
 * @param {number} durationMs
 * @param {import('../index.js').LimitOptions} [policy] Under which it took what is to be forgotten.
 */
async function blockAnew(limiter, key, durationMs, policy) {
  await limiter.block(key, durationMs);
  await limiter.refund(key, UNITS_MAX, policy);
}

/**
 * As blockAnew, for a key that is over its limit and so denied also where there is no room for a block: whether there was.
 * @param {Parameters<typeof blockAnew>} args
 */
async function blockWhereRoom(...args) {
  try {
    await blockAnew(...args);
    return true;
  } catch (error) {
    if (RedstartError.is(error, 'ERR_STORE_FULL')) return false;
    throw error;
  }
}

module.exports = {
  OVER,
  storeOption,
  nameOption,
  maxKeysOption,
  hitsOf,
  waitMs,
  windowOf,
  blockAnew,
  blockWhereRoom,
};
