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
 * What is to be stored: a live Session is a class without toJSON, of which JSON keeps the own properties. Told by its cookie, as the
 * app may have another copy of the library. Anything else goes on as it is.
 * @param {any} live
 */
function dataOf(live) {
  return typeof live?.cookie === 'object' && typeof live.toJSON !== 'function' ? { ...live } : live;
}

/**
 * The data as its text, without the keys that tell nothing of whether an app has changed it.
 * @param {object} data
 * @param {(key: string) => boolean} isLeftOut
 */
function textWithout(data, isLeftOut) {
  return encodeJson(Object.fromEntries(Object.entries(data).filter(([key]) => !isLeftOut(key))), 'session data');
}

module.exports = { dataOf, deliver, sessionsOption, textWithout };
