'use strict';
/**
 * A store for express-session: its contract in its words, over the public methods of Sessions.
 *
 * express-session saves with one method, set(), whether a session is new or was loaded, and that is how stores of other
 * makes let a logged-out session rise again: a slow request that loaded it saves it after another destroyed it. Here the
 * Session objects made from the store are remembered (createSession is where express-session makes them): saving one of
 * those replaces what is there and does nothing when it is gone. Any other object is a new session and its id is adopted.
 *
 * The time to live is that of the cookie, or else of the sessions. touch() renews only the time and writes no data, so
 * the cookie inside the stored data tells an expiry from the last save. get() therefore dates it anew, as of now: left
 * stale, an explicit req.session.save() would take it for the time to live and end the session. A changed cookie (its
 * maxAge, say) is stored with the next save, not by a touch.
 */
const { DURATION_MS_MAX } = require('./duration.js');
const { kAdopt } = require('./sessions.js');
const check = require('./options.js');

/** @typedef {(error: unknown, value?: any) => void} Callback */

const DATE_MS_MAX = 8.64e15;

function requireExpressSession() {
  try {
    return require('express-session');
  } catch (cause) {
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (cause);
    if (code !== 'MODULE_NOT_FOUND' || !message.includes("'express-session'")) throw cause;
    const error = new Error('redstart/express-session needs the package express-session: npm install express-session', {
      cause,
    });
    throw Object.assign(error, { code });
  }
}

const session = requireExpressSession();

const OPTIONS = {
  sessions: check.required({
    expected: "sessions of a store: store.sessions('web', { ttl: '2h' })",
    read: (/** @type {any} */ value) => (typeof value?.[kAdopt] === 'function' ? value : undefined),
  }),
};

class SessionStore extends session.Store {
  #sessions;
  /** Session objects whose data is in the store, or was. @type {WeakSet<object>} */
  #stored = new WeakSet();

  /** @param {unknown} options See express-session.d.ts. */
  constructor(options) {
    super();
    this.#sessions = check.checkOptions('SessionStore', options, OPTIONS, SessionStore).sessions;
  }

  /**
   * @override
   * @param {any} req
   * @param {any} data
   */
  createSession(req, data) {
    const loaded = super.createSession(req, data);
    this.#stored.add(loaded);
    return loaded;
  }

  /** @override @param {string} sid @param {Callback} [callback] @returns {any} */
  get(sid, callback) {
    return deliver(this.#load(sid), callback);
  }

  /** @override @param {string} sid @param {any} data @param {Callback} [callback] @returns {any} */
  set(sid, data, callback) {
    return deliver(this.#save(sid, data), callback);
  }

  /** @override @param {string} sid @param {any} data @param {Callback} [callback] @returns {any} */
  touch(sid, data, callback) {
    return deliver(this.#renew(sid, data), callback);
  }

  /** @override @param {string} sid @param {Callback} [callback] @returns {any} */
  destroy(sid, callback) {
    return deliver(this.#end(sid), callback);
  }

  /** @override @param {Callback} [callback] @returns {any} */
  length(callback) {
    return deliver(this.#sessions.count(), callback);
  }

  /** @param {string} sid */
  async #load(sid) {
    const data = await this.#sessions.get(sid);
    const maxAgeMs = data?.cookie?.originalMaxAge;
    if (Number.isFinite(maxAgeMs)) {
      data.cookie.expires = new Date(Math.min(Date.now() + maxAgeMs, DATE_MS_MAX)).toISOString();
    }
    return data;
  }

  /** @param {string} sid @param {any} live */
  async #save(sid, live) {
    const ttl = ttlOf(live);
    if (ttl !== undefined && ttl <= 0) return this.#end(sid);
    if (this.#stored.has(live)) {
      await this.#sessions.set(sid, dataOf(live), { ttl });
    } else {
      await this.#sessions[kAdopt](sid, dataOf(live), ttl);
      this.#stored.add(live);
    }
  }

  /** @param {string} sid @param {any} data */
  async #renew(sid, data) {
    const ttl = ttlOf(data);
    if (ttl !== undefined && ttl <= 0) return this.#end(sid);
    await this.#sessions.touch(sid, { ttl });
  }

  /** @param {string} sid */
  async #end(sid) {
    await this.#sessions.destroy(sid);
  }
}

/**
 * A live Session is a class without toJSON: what JSON keeps of it are its own properties. Told by its cookie, as the app
 * may have another copy of express-session.
 * @param {any} live
 */
function dataOf(live) {
  return typeof live?.cookie === 'object' && typeof live.toJSON !== 'function' ? { ...live } : live;
}

/**
 * Milliseconds until the cookie expires, or undefined when it does not say: `expires` is a Date on a live session and a
 * string on data as stored.
 * @param {any} data
 * @returns {number | undefined}
 */
function ttlOf(data) {
  const expires = data?.cookie?.expires;
  if (expires === undefined || expires === null || expires === false) return undefined;
  const ms = new Date(expires).getTime() - Date.now();
  // The year 9999 is how some say "never".
  return Number.isNaN(ms) ? undefined : Math.min(ms, DURATION_MS_MAX);
}

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

module.exports = { SessionStore };
