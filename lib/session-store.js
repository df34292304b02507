'use strict';
/** What stores for the session libraries of web frameworks have in common. */
const { encodeJson } = require('./codec.js');
const check = require('./options.js');
const { kSave } = require('./sessions.js');

/** @typedef {(error: unknown, value?: any) => void} Callback */

const sessionsOption = check.required({
  expected: "sessions of a store: store.sessions('web', { ttl: '2h' })",
  read: (/** @type {any} */ value) => (typeof value?.[kSave] === 'function' ? value : undefined),
});

/**
 * The promise, or with a callback its outcome in it, once: what the callback throws is not its second call. No tick in
 * between, as Jest's fake timers stop ticks too.
 * @param {Promise<unknown>} outcome
 * @param {Callback | undefined} callback
 */
function deliver(outcome, callback) {
  if (typeof callback !== 'function') return outcome;
  outcome.then((value) => callback(null, value), callback);
  return undefined;
}

/**
 * The data as its text, without the keys that tell nothing of whether an app has changed it.
 * @param {object} data
 * @param {(key: string) => boolean} isLeftOut
 */
function textWithout(data, isLeftOut) {
  return encodeJson(Object.fromEntries(Object.entries(data).filter(([key]) => !isLeftOut(key))), 'session data');
}

module.exports = { deliver, sessionsOption, textWithout };
