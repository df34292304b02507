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

/** Callbacks of what is there at once are its next tick. */
const SETTLED = Promise.resolve();

/**
 * What `work` answers or throws, at once or later, as a promise; or with a callback in that, once: what the callback throws is
 * not its second call. A callback comes a tick later, as callers expect it, and that tick is a promise's, as Jest's fake
 * timers stop others.
 * @param {() => unknown} work
 * @param {Callback | undefined} callback
 */
function deliver(work, callback) {
  /** @type {any} */
  let outcome;
  try {
    outcome = work();
  } catch (error) {
    outcome = Promise.reject(error);
  }
  if (typeof callback !== 'function') return Promise.resolve(outcome);
  // What is stored is JSON, which has no functions.
  if (typeof outcome?.then === 'function') outcome.then((/** @type {any} */ value) => callback(null, value), callback);
  else SETTLED.then(() => callback(null, outcome));
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
