'use strict';
/**
 * A store for @fastify/session: its contract in its words, over the public methods of Sessions.
 *
 * The plugin saves with one method, set(), on every response (it is rolling by default), whether a session is new or was
 * loaded and whether anything has changed. A set() that simply replaced would undo what requests at the same time have
 * changed and bring back what they have ended. So it has to be known what a Session object was made of, and the plugin
 * makes these by itself, from what get() delivers, with no hook.
 *
 * The link: a symbol in the cookie that get() delivers. The plugin spreads that cookie into the options that each Session
 * holds for cookies of its own, and a spread takes symbols along. It shows in no key and no JSON of the session. What it
 * leads to counts for one id alone: regenerate() hands these options on to a session of another id, which is new. A
 * reload() brings a link of its own, or, where the session is gone, keeps the old one, and what is gone stays gone. Only a
 * session that this very request has made, saved, lost to another and then reloaded is begun once more; it is empty.
 *
 * The time to live is the cookie's maxAge, or else the time to its date, or else that of the sessions. The plugin dates a
 * cookie with a maxAge anew with each request, and calls it over when the date in the stored data has passed. As an
 * unchanged session is renewed without a write, get() dates it as of now.
 */
const { DURATION_MS_MAX } = require('./duration.js');
const { checkCookie, dropWrong } = require('./fastify-cookie.js');
const check = require('./options.js');
const { dataOf, deliver, sessionsOption, textWithout } = require('./session-store.js');
const { kRead, kSave, kTtlMs } = require('./sessions.js');

/** @typedef {import('./session-store.js').Callback} Callback */
/**
 * What a Session was read or saved as (see kSave), and its cookie then. `kept`: the keys of it that the Session has not.
 * `dueMs`: no date that the plugin itself gives this cookie is earlier.
 * @typedef {{ sid: string, base: string, stored?: string, version: number, kept: string[], settings: string, dueMs: number }}
 *   Made
 */

const OPTIONS = { sessions: sessionsOption };
const LINK = Symbol('redstart.session');

/**
 * The plugin assigns each key to the Session it makes. This one would replace its prototype; the next two it leaves out; the
 * others are its own methods, which it could not call any more.
 */
const KEPT = new Set(['__proto__', 'sessionId', 'encryptedSessionId', 'save', 'isModified', 'isSaved', 'regenerate']);

class SessionStore {
  #sessions;
  /** By the link that was delivered, and by the Session once it was saved. @type {WeakMap<object, Made>} */
  #made = new WeakMap();

  /** @param {unknown} options See fastify-session.d.ts. */
  constructor(options) {
    this.#sessions = check.checkOptions('SessionStore', options, OPTIONS, SessionStore).sessions;
  }

  /** @param {string} sid @param {Callback} [callback] */
  get(sid, callback) {
    return deliver(() => this.#load(sid), callback);
  }

  /** @param {string} sid @param {any} session @param {Callback} [callback] */
  set(sid, session, callback) {
    return deliver(() => this.#save(sid, session), callback);
  }

  /** @param {string} sid @param {Callback} [callback] */
  destroy(sid, callback) {
    return deliver(() => this.#end(sid), callback);
  }

  /** @param {string} sid */
  async #load(sid) {
    const found = this.#sessions[kRead](sid);
    if (found === undefined) return undefined;
    const data = JSON.parse(found.text);
    const kept = [...KEPT].filter((key) => Object.hasOwn(data, key));
    for (const key of kept) delete data[key];
    // Also where other code has stored a session without one, for the sake of the link.
    if (typeof data.cookie !== 'object' || data.cookie === null) data.cookie = {};
    dropWrong(data.cookie);
    const dueMs = redate(data.cookie);
    const link = {};
    data.cookie[LINK] = link;
    const settings = settingsOf(data.cookie, dueMs);
    this.#made.set(link, { sid, base: found.text, version: found.version, kept, settings, dueMs });
    return data;
  }

  /** @param {string} sid @param {any} live */
  async #save(sid, live) {
    const made = this.#madeOf(sid, live);
    const cookie = live?.cookie ?? {};
    checkCookie(cookie);
    const dueMs = made?.dueMs ?? Date.now();
    const settings = settingsOf(cookie, dueMs);
    const kept = made?.kept ?? [];
    const cookieIsSame = made?.settings === settings;
    if (!cookieIsSame && isOver(cookie, dueMs)) return this.#end(sid);
    const ttlMs = cookieIsSame ? this.#ttlLeft(sid, cookie) : (ttlOf(cookie) ?? this.#sessions[kTtlMs]);
    if (made !== undefined && cookieIsSame && appText(live) === appText(JSON.parse(made.base))) {
      // Nothing but the time has changed: nothing is written that another request may have changed.
      await this.#sessions.touch(sid, ttlMs === undefined ? undefined : { ttl: ttlMs });
      return undefined;
    }
    await this.#sessions[kSave](sid, dataOf(live), {
      ttlMs,
      adopt: made === undefined,
      version: made?.version,
      base: made?.base,
      stored: made?.stored,
      unchanged: cookieIsSame ? ['cookie', ...kept] : kept,
      // At once, for another save in the same tick.
      saved: (/** @type {{ text: string, stored?: string, version: number }} */ { text, stored, version }) => {
        this.#made.set(live, { sid, base: text, stored, version, kept, settings, dueMs });
      },
    });
    return undefined;
  }

  /** @param {string} sid */
  async #end(sid) {
    await this.#sessions.destroy(sid);
  }

  /** Under another id it is another session. @param {string} sid @param {any} live */
  #madeOf(sid, live) {
    const link = linkOf(live);
    const made = this.#made.get(live) ?? (link && this.#made.get(link));
    return made?.sid === sid ? made : undefined;
  }

  /**
   * What is left of a cookie with a date, which no use puts off, unless another request has given it another one. undefined:
   * the idle time as it was, from now on.
   * @param {string} sid
   * @param {any} cookie
   */
  #ttlLeft(sid, cookie) {
    const date = dateMs(cookie);
    if (date === undefined || maxAgeOf(cookie) !== undefined) return undefined;
    const current = this.#sessions[kRead](sid);
    const stored = current && JSON.parse(current.text).cookie;
    if (dateMs(stored) !== date || maxAgeOf(stored) !== undefined) return undefined;
    // Over: the store ends it in this very moment.
    return Math.max(1, ttlOf(cookie) ?? 0);
  }
}

/**
 * From a Session, or from data as get() delivered it.
 * @param {any} live
 * @returns {object | undefined}
 */
function linkOf(live) {
  if (live?.cookie?.[LINK] !== undefined) return live.cookie[LINK];
  for (const symbol of Object.getOwnPropertySymbols(live ?? {})) {
    const link = live[symbol]?.[LINK];
    if (link !== undefined) return link;
  }
  return undefined;
}

/** @param {object} data */
function appText(data) {
  return textWithout(data, (key) => key === 'cookie' || KEPT.has(key));
}

/** A cookie of so many milliseconds since the last request. @param {any} cookie @returns {number | undefined} */
function maxAgeOf(cookie) {
  const maxAgeMs = cookie?.originalMaxAge;
  return Number.isFinite(maxAgeMs) ? maxAgeMs : undefined;
}

/** A Date on a live cookie, a string on a stored one. @param {any} cookie @returns {number | undefined} */
function dateMs(cookie) {
  const expires = cookie?.expires;
  if (expires === undefined || expires === null || expires === false) return undefined;
  const ms = new Date(expires).getTime();
  return Number.isNaN(ms) ? undefined : ms;
}

/** Dates a cookie that has a maxAge as of now: the earliest date that the plugin can give it. @param {any} cookie */
function redate(cookie) {
  const maxAgeMs = maxAgeOf(cookie);
  if (maxAgeMs === undefined) return Date.now();
  // A Date knows no fractions either.
  const dueMs = Math.floor(Date.now() + maxAgeMs);
  cookie.expires = new Date(dueMs).toISOString();
  return dueMs;
}

/** The date, where the app has set it: others come from the maxAge. @param {any} cookie @param {number} dueMs */
function ownDateMs(cookie, dueMs) {
  const date = dateMs(cookie);
  return date === undefined || maxAgeOf(cookie) === undefined || date < dueMs ? date : undefined;
}

/** What an app may set of a cookie: all but a date that moves by itself. @param {any} cookie @param {number} dueMs */
function settingsOf(cookie, dueMs) {
  const { path, domain, secure, httpOnly, sameSite, partitioned } = cookie;
  return JSON.stringify([
    ...[maxAgeOf(cookie), ownDateMs(cookie, dueMs)],
    ...[path, domain, secure, httpOnly, sameSite, partitioned],
  ]);
}

/** @param {any} cookie @param {number} dueMs */
function isOver(cookie, dueMs) {
  const date = ownDateMs(cookie, dueMs);
  return (maxAgeOf(cookie) ?? 1) <= 0 || (date !== undefined && date <= Date.now());
}

/** @param {any} cookie @returns {number | undefined} */
function ttlOf(cookie) {
  const date = dateMs(cookie);
  const ms = maxAgeOf(cookie) ?? (date === undefined ? undefined : date - Date.now());
  // The year 9999 is how some say "never".
  return ms === undefined ? undefined : Math.min(Math.ceil(ms), DURATION_MS_MAX);
}

module.exports = { SessionStore };
