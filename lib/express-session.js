'use strict';
/**
 * A store for express-session: its contract in its words, over the public methods of Sessions.
 *
 * express-session saves with one method, set(), whether a session is new or was loaded, and that is how stores of other
 * makes lose changes of requests that run at once, and let a logged-out session rise again: a slow request that loaded it
 * saves it after another destroyed it. Here it is remembered what each Session object was made of (createSession is where
 * express-session makes them): saving one of those brings what it changed together with what others have changed meanwhile,
 * and does nothing when the session is gone. Any other object is a new session and its id is adopted.
 *
 * The time to live is that of the cookie (the maxAge it was given last), or else of the sessions. touch() renews only the
 * time and writes no data, so the cookie inside the stored data tells an expiry from the last save. get() therefore dates it
 * anew, as of now. Where a request has changed nothing but its cookie (its maxAge, say), express-session touches too: the
 * cookie alone is then stored.
 *
 * Such dates move with every request, so all requests change the cookie by themselves. What counts is whether the app has
 * changed it: a request that has not leaves the time to live and the cookie as they are, which another may have changed
 * meanwhile ("remember me").
 */
const { DURATION_MS_MAX } = require('./duration.js');
const { Notes } = require('./session-notes.js');
const { dataOf, deliver, sessionsOption } = require('./session-store.js');
const { kRead, kSave, kTtlMs, kUpdate } = require('./sessions.js');
const { checkOptions } = require('./options.js');

/** @typedef {(error: unknown, value?: any) => void} Callback */
/** @typedef {import('./sessions.js').Saved} Saved */
/**
 * @typedef {{ maxAgeMs: any, secure: any, httpOnly: any, domain: any, path: any, sameSite: any, partitioned: any, priority: any,
 *   more: string }} Settings
 */
/**
 * The text that a session was when a request read or saved it, its version, and what was stored then where others' changes are
 * in it too. `settings`: of its cookie then, see settingsOf. `kept`: see keptOf; undefined: not known yet.
 * @typedef {{ sid: string, base: string, stored: string | undefined, version: number, settings: Settings | undefined,
 *   kept: readonly string[] | undefined }} Made
 */

const DATE_MS_MAX = 8.64e15;
/** express-session reads the clock twice to tell a maxAge, and loses the milliseconds in between. */
const DRIFT_MS = 5;

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

/** The names of a Session's own parts and methods; the texts that may hold one as a key. */
const RESERVED = new Set([
  ...Object.getOwnPropertyNames(session.Session.prototype).filter((name) => name !== 'constructor'),
  'req',
  'id',
]);
/** @type {readonly string[]} */
const NONE = [];
const COOKIE = ['cookie'];
const RESERVED_IN_TEXT = new RegExp(`"(?:${[...RESERVED].join('|')})":`);

class SessionStore extends session.Store {
  #sessions;
  /** What data was read as, and what Session objects are made of. */
  #made = new /** @type {typeof Notes<Made>} */ (Notes)();

  /** @param {unknown} options See express-session.d.ts. */
  constructor(options) {
    super();
    this.#sessions = checkOptions('SessionStore', options, { sessions: sessionsOption }, SessionStore).sessions;
  }

  /**
   * @override
   * @param {any} req
   * @param {any} data
   */
  createSession(req, data) {
    const made = this.#made.get(data);
    const loaded = super.createSession(req, data);
    const kept = restore(loaded, data);
    if (made !== undefined) {
      made.kept = kept;
      this.#made.set(loaded, made);
    }
    return loaded;
  }

  /** @override @param {string} sid @param {Callback} [callback] @returns {any} */
  get(sid, callback) {
    return deliver(() => this.#load(sid), callback);
  }

  /** @override @param {string} sid @param {any} data @param {Callback} [callback] @returns {any} */
  set(sid, data, callback) {
    return deliver(() => this.#save(sid, data), callback);
  }

  /** @override @param {string} sid @param {any} data @param {Callback} [callback] @returns {any} */
  touch(sid, data, callback) {
    return deliver(() => this.#renew(sid, data), callback);
  }

  /** @override @param {string} sid @param {Callback} [callback] @returns {any} */
  destroy(sid, callback) {
    return deliver(() => this.#end(sid), callback);
  }

  /** By handle, as ids are not kept. @override @param {Callback} [callback] @returns {any} */
  all(callback) {
    return deliver(() => this.#list(), callback);
  }

  /** @override @param {Callback} [callback] @returns {any} */
  length(callback) {
    return deliver(() => this.#sessions.count(), callback);
  }

  /** @override @param {Callback} [callback] @returns {any} */
  clear(callback) {
    return deliver(() => this.#sessions.clear(), callback);
  }

  /** @param {string} sid */
  #load(sid) {
    const found = this.#sessions[kRead](sid);
    if (found === undefined) return undefined;
    const { text, version } = found;
    const data = JSON.parse(text);
    const maxAgeMs = data.cookie?.originalMaxAge;
    if (Number.isFinite(maxAgeMs)) {
      data.cookie.expires = new Date(Math.min(Date.now() + maxAgeMs, DATE_MS_MAX)).toISOString();
    }
    const settings = settingsOf(data);
    this.#made.set(data, { sid, base: text, stored: undefined, version, settings, kept: undefined });
    return data;
  }

  async #list() {
    /** @type {Record<string, unknown>} */
    const all = {};
    for await (const { handle, data } of this.#sessions.iterate()) all[handle] = data;
    return all;
  }

  /** A promise only where there is something to wait for. @param {string} sid @param {any} live */
  #save(sid, live) {
    const known = this.#made.get(live);
    // Under another id it is another session.
    const made = known?.sid === sid ? known : undefined;
    const settings = settingsOf(live);
    const cookieIsSame = isSame(made, settings);
    const ttlMs = cookieIsSame ? undefined : this.#ttlOf(live);
    if (ttlMs !== undefined && ttlMs <= 0) return this.#end(sid);
    const kept = keptOf(made);
    const result = this.#sessions[kSave](sid, dataOf(live), {
      ttlMs,
      adopt: made === undefined,
      version: made?.version,
      base: made?.base,
      stored: made?.stored,
      unchanged: cookieIsSame ? (kept.length === 0 ? COOKIE : [...kept, 'cookie']) : kept,
      // At once, for another save in the same tick.
      saved: (/** @type {Saved} */ { text, stored, version }) => {
        this.#made.set(live, { sid, base: text, stored, version, settings, kept: undefined });
      },
    });
    return 'version' in result ? undefined : result.then(() => undefined);
  }

  /** @param {string} sid @param {any} data */
  async #renew(sid, data) {
    const settings = settingsOf(data);
    const made = this.#made.get(data);
    if (isSame(made, settings)) {
      await this.#sessions.touch(sid);
      return;
    }
    const ttl = this.#ttlOf(data);
    if (ttl <= 0) return this.#end(sid);
    if (made?.sid !== sid) {
      await this.#sessions.touch(sid, { ttl });
      return;
    }
    const change = (/** @type {any} */ stored) => ({ ...stored, cookie: data.cookie });
    const updated = await this.#sessions[kUpdate](sid, change, ttl);
    if (updated === undefined) return;
    const { base, stored } = made;
    const cookie = JSON.stringify({ ...JSON.parse(base), cookie: data.cookie });
    const isAlone = stored === undefined && cookie === updated.text;
    this.#made.set(data, {
      ...made,
      base: cookie,
      stored: isAlone ? undefined : updated.text,
      version: updated.version,
      settings,
    });
  }

  /** @param {any} data */
  #ttlOf(data) {
    return ttlOf(data) ?? this.#sessions[kTtlMs];
  }

  /** @param {string} sid */
  async #end(sid) {
    await this.#sessions.destroy(sid);
  }
}

/**
 * express-session leaves out of a Session what goes by the name of something that an object has already. What an app has
 * stored as `constructor` or `__proto__`, say as a user's settings, is data all the same: an own property, which pollutes nothing.
 * Only what Sessions need to work is left out: these keys.
 * @param {any} loaded
 * @param {any} data
 * @returns {readonly string[]}
 */
function restore(loaded, data) {
  let kept = NONE;
  for (const key of Object.keys(data)) {
    if (RESERVED.has(key)) kept = [...kept, key];
    else if (!Object.hasOwn(loaded, key)) {
      Object.defineProperty(loaded, key, { value: data[key], writable: true, enumerable: true, configurable: true });
    }
  }
  return kept;
}

/** Keys that were stored and that no Session can hold: they stay as they are. @param {Made | undefined} made */
function keptOf(made) {
  if (made?.kept !== undefined) return made.kept;
  if (made === undefined || !RESERVED_IN_TEXT.test(made.base)) return NONE;
  return Object.keys(JSON.parse(made.base)).filter((key) => RESERVED.has(key));
}

/**
 * What an app has set of a cookie that lives for a time since the last request, or until the browser ends: all but its date,
 * which moves by itself. undefined where the cookie has a date of its own.
 * @param {any} data
 * @returns {Settings | undefined}
 */
function settingsOf(data) {
  const cookie = data?.cookie;
  // Other code may have stored null.
  if (typeof cookie !== 'object' || cookie === null) return undefined;
  const hasDate = cookie.expires !== null && cookie.expires !== undefined && cookie.expires !== false;
  if (hasDate && !Number.isFinite(cookie.originalMaxAge)) return undefined;
  const told = typeof cookie.toJSON === 'function' ? cookie.toJSON() : cookie;
  const { originalMaxAge: maxAgeMs, secure, httpOnly, domain, path, sameSite, partitioned, priority } = told;
  return { maxAgeMs, secure, httpOnly, domain, path, sameSite, partitioned, priority, more: moreOf(told) };
}

/** The settings as text where they are more than Settings name, or not plain values; '' where they are not. @param {any} cookie */
function moreOf(cookie) {
  for (const key in cookie) {
    const value = cookie[key];
    if (value === undefined || key === 'expires' || key === 'originalMaxAge') continue;
    if (isNamed(key) && (typeof value !== 'object' || value === null)) continue;
    const { expires, originalMaxAge, ...rest } = cookie;
    return JSON.stringify(rest);
  }
  return '';
}

/** Among Settings. Comparing what each engine keeps once is faster than a Set. @param {string} key */
function isNamed(key) {
  switch (key) {
    case 'path':
    case 'httpOnly':
    case 'secure':
    case 'sameSite':
    case 'domain':
    case 'partitioned':
    case 'priority':
      return true;
    default:
      return false;
  }
}

/** @param {Made | undefined} made @param {Settings | undefined} settings */
function isSame(made, settings) {
  const known = made?.settings;
  if (settings === undefined || known === undefined || !hasSameFields(settings, known)) return false;
  const [now, was] = [settings.maxAgeMs, known.maxAgeMs];
  if (typeof now !== 'number' || typeof was !== 'number') return now === was;
  return Math.abs(now - was) <= DRIFT_MS;
}

/** @param {Settings} one @param {Settings} other */
function hasSameFields(one, other) {
  return (
    one.path === other.path &&
    one.httpOnly === other.httpOnly &&
    one.secure === other.secure &&
    one.sameSite === other.sameSite &&
    one.domain === other.domain &&
    one.partitioned === other.partitioned &&
    one.priority === other.priority &&
    one.more === other.more
  );
}

/**
 * The milliseconds that the cookie was given last, or else those until it expires; undefined when it does not say. `expires` is a
 * Date on a live session and a string on data as stored; the time that a slow request has taken of it is not the session's.
 * @param {any} data
 * @returns {number | undefined}
 */
function ttlOf(data) {
  const expires = data?.cookie?.expires;
  const maxAgeMs = data?.cookie?.originalMaxAge;
  if (Number.isFinite(maxAgeMs)) return Math.min(Math.ceil(maxAgeMs), DURATION_MS_MAX);
  if (expires === undefined || expires === null || expires === false) return undefined;
  const ms = new Date(expires).getTime() - Date.now();
  // The year 9999 is how some say "never".
  return Number.isNaN(ms) ? undefined : Math.min(ms, DURATION_MS_MAX);
}

module.exports = { SessionStore };
