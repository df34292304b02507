'use strict';
/** What a job of the model is held to, out of its options. */

const HOUR = 3_600_000;
/** Without jitter, so that the model knows each wait. */
const BACKOFF = { type: 'fixed', delay: 500 };
const ON_COMPLETE = { count: 1_000, age: HOUR };
const ON_FAIL = { count: 10_000, age: 7 * 24 * HOUR };

function retention(given, otherwise) {
  if (given === undefined) return otherwise;
  if (typeof given === 'boolean') return given ? { count: 0 } : { forever: true };
  if (typeof given === 'number') return { count: given };
  return { count: given.count, age: given.age === undefined ? undefined : Number.parseInt(given.age, 10) };
}

function termsOf({ priority = 0, lifo = false, group, attempts = 3, backoff = BACKOFF, timeout, ...rest }) {
  return {
    ...{ priority, lifo, group: group?.id, attempts, backoff, timeout },
    completed: retention(rest.removeOnComplete, ON_COMPLETE),
    failed: retention(rest.removeOnFail, ON_FAIL),
  };
}

/** Before the next attempt, after so many. */
function waitMs({ type, delay, maxDelay = 24 * HOUR }, attemptsMade) {
  return Math.min(maxDelay, type === 'fixed' ? delay : delay * 2 ** (attemptsMade - 1));
}

module.exports = { BACKOFF, termsOf, waitMs };
