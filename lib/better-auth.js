'use strict';
/**
 * A secondary storage for better-auth: its contract in its words, over Sessions, which nothing evicts but their own bounds.
 *
 * better-auth keeps four kinds of things in one place, by key: sessions (the token is the key, the value JSON of session and
 * user), two lists a user (`active-sessions-`, `revoked-sessions-before-`), verification values and counters of whoever comes.
 * Each is an entry `{ value }` whose id is the key. Whose it is decides what may push it out:
 * - a session is its user's, so that listUser and destroyUser are about devices, and nothing but these ends one before its time.
 *   It is told by the token in it, which is its key: what merely names a user, an app's own entry say, is none;
 * - a list is its own owner: it is no device to be listed or counted by maxPerUser, and no flood may push it out, as the second
 *   one keeps revoked sessions revoked;
 * - all else is a visitor's: at most maxAnonymous of them, the one written longest ago out first. An increment leaves that
 *   order as it is, as it leaves the time.
 *
 * better-auth changes a session by get() and a later set(), and between these the session may have been ended: by a logout, or
 * by destroyUser. Stored again it would log its user in again. So what get() has given is remembered here, and a session that
 * was read is stored only where it still is. (Tokens are random: none that was ended is ever begun again.)
 */
const { createHash } = require('node:crypto');
const { DURATION_MS_MAX } = require('./duration.js');
const { RedstartError, invalidArg, show } = require('./errors.js');
const { ABSENT, kAged, kEnd, kOwned, kPut, kRead, kTtlMs } = require('./sessions.js');
const check = require('./options.js');

/**
 * Others that come first, one call. Each time one of them got on, so this ends by itself; it is far more than even a hundred
 * threads at one counter bring about.
 */
const TRIES_MAX = 10_000;
/** What a request has read it stores soon or never. */
const READ_MAX = 10_000;

/** Ids of sessions; what is none, or looks like a hashed one, is hashed. */
const PLAIN_KEY = /^(?!sha256:)[ -~]{1,256}$/;
/** Users that sessions can have, by the same rule; with `u` a surrogate in the class is a lone one. */
const PLAIN_USER = /^(?!sha256:)[^\ud800-\udfff]*$/u;
const USER_CHARACTERS_MAX = 256;
/** What is kept for a user and is no session. */
const LIST_KEY = /^(?:active-sessions|revoked-sessions-before)-/;
const WHOLE_NUMBER = /^(?:0|-?[1-9]\d*)$/;

const OPTIONS = {
  sessions: check.required({
    expected: "sessions of a store: store.sessions('auth', { ttl: '7d' })",
    read: (/** @type {any} */ value) => (typeof value?.[kPut] === 'function' ? value : undefined),
  }),
};

/** @param {unknown} options See better-auth.d.ts. */
function secondaryStorage(options) {
  const { sessions } = check.checkOptions('secondaryStorage()', options, OPTIONS, secondaryStorage);
  if (sessions[kOwned]) {
    throw invalidArg(
      "secondaryStorage() tells by itself whose a session is; give it sessions without the option 'userId'",
      secondaryStorage,
    );
  }
  if (sessions[kAged]) {
    throw invalidArg(
      'secondaryStorage() keeps what outlives any one session, such as which are revoked; give it sessions without the option ' +
        "'absoluteTtl': better-auth bounds the age of its sessions itself, by session.expiresIn and session.disableSessionRefresh",
      secondaryStorage,
    );
  }
  const read = new RecentIds();

  // Of no object: better-auth calls them without one.
  return {
    /** @param {string} key */
    async get(key) {
      const id = idOf(key);
      const value = valueIn(sessions[kRead](id));
      if (value !== undefined && sessionIn(key, value) !== undefined) read.add(id);
      return value ?? null;
    },

    /** @param {string} key */
    async getAndDelete(key) {
      const id = idOf(key);
      for (let tries = 0; tries < TRIES_MAX; tries++) {
        const found = sessions[kRead](id);
        const value = valueIn(found);
        if (found === undefined || value === undefined) return null;
        const ended = await sessions[kEnd](id, found.version);
        if (ended === true) return value;
      }
      throw tooManyChanges();
    },

    /** @param {string} key @param {number} ttl */
    async increment(key, ttl) {
      const id = idOf(key);
      const ttlMs = ttlMsOf(ttl, sessions);
      for (let tries = 0; tries < TRIES_MAX; tries++) {
        const found = sessions[kRead](id);
        const count = found === undefined ? 1 : countAfter(key, valueIn(found));
        // A window that is over as it begins.
        if (found === undefined && ttlMs === 0) return count;
        const how = found === undefined ? { on: ABSENT, adopt: true, ttlMs } : { on: found.version, keep: true };
        const owner = ownerOf(key, id);
        const version = await sessions[kPut](id, textOf(String(count)), { ...how, owner });
        if (version > 0) return count;
      }
      throw tooManyChanges();
    },

    /** @param {string} key @param {string} value @param {number} [ttl] */
    async set(key, value, ttl) {
      const id = idOf(key);
      if (typeof value !== 'string') throw invalidArg(`a value is a string; got ${show(value)}`);
      const ttlMs = ttlMsOf(ttl, sessions);
      if (ttlMs === 0) {
        await sessions.destroy(id);
        return;
      }
      const session = sessionIn(key, value);
      const adopt = session === undefined || !read.has(id);
      await sessions[kPut](id, textOf(value), { ttlMs, adopt, owner: ownerOf(key, id, session) });
    },

    /** @param {string} key */
    async delete(key) {
      await sessions.destroy(idOf(key));
    },
  };
}

/**
 * The ids that came last: READ_MAX of them at least, and less than twice as many. Two sets that take turns, because a set whose
 * oldest is deleted each time has to step over all that were.
 */
class RecentIds {
  /** @type {Set<string>} */
  #recent = new Set();
  /** @type {Set<string>} */
  #older = new Set();

  /** @param {string} id */
  add(id) {
    this.#recent.add(id);
    if (this.#recent.size < READ_MAX) return;
    this.#older = this.#recent;
    this.#recent = new Set();
  }

  /** @param {string} id */
  has(id) {
    return this.#recent.has(id) || this.#older.has(id);
  }
}

/**
 * The id of a key: itself where it can be one. Otherwise a hash; the keys that look like a hash are hashed too, so no two keys
 * have one id.
 * @param {unknown} key
 */
function idOf(key) {
  if (typeof key !== 'string') throw invalidArg(`a key is a string; got ${show(key)}`);
  return PLAIN_KEY.test(key) ? key : hashOf(key);
}

/** Of the UTF-16 units, of which lone surrogates are some. @param {string} text */
function hashOf(text) {
  return `sha256:${createHash('sha256').update(text, 'utf16le').digest('base64url')}`;
}

/** @param {string} value */
function textOf(value) {
  return JSON.stringify({ value });
}

/** None is in what others have stored among these sessions. @param {{ text: string } | undefined} found @returns {string | undefined} */
function valueIn(found) {
  const value = found === undefined ? undefined : JSON.parse(found.text).value;
  return typeof value === 'string' ? value : undefined;
}

/**
 * Whose an entry is, null for a visitor's.
 * @param {string} key
 * @param {string} id
 * @param {{ session: any, user?: any }} [session] What the entry is, where it is a session.
 */
function ownerOf(key, id, session) {
  if (LIST_KEY.test(key)) return id;
  const given = session?.session.userId ?? session?.user?.id;
  if (typeof given === 'number') return String(given);
  if (typeof given !== 'string' || given === '') return null;
  return given.length <= USER_CHARACTERS_MAX && PLAIN_USER.test(given) ? given : hashOf(given);
}

/**
 * The session that a value is: better-auth stores each as JSON of it and its user, under its token.
 * @param {string} key
 * @param {string} value
 * @returns {{ session: any, user?: any } | undefined}
 */
function sessionIn(key, value) {
  if (!value.startsWith('{')) return undefined;
  let data;
  try {
    data = JSON.parse(value);
  } catch {
    return undefined;
  }
  return data.session?.token === key ? data : undefined;
}

/** @param {string} key @param {string | undefined} value */
function countAfter(key, value) {
  if (value !== undefined && WHOLE_NUMBER.test(value)) {
    const count = Number(value) + 1;
    if (Number.isSafeInteger(count)) return count;
    throw new RedstartError(`the counter ${show(key)} is at ${value} and counts no further; delete it to begin anew`, {
      code: 'ERR_INVALID_STATE',
    });
  }
  throw new RedstartError(
    `what is stored under ${show(key)} is no whole number to increment; delete it, or count under another key`,
    {
      code: 'ERR_INVALID_STATE',
    },
  );
}

/**
 * Milliseconds, 0 where they are over: better-auth hands what is left of a session in whole seconds, which may be none.
 * @param {unknown} ttl Seconds.
 * @param {any} sessions
 * @returns {number}
 */
function ttlMsOf(ttl, sessions) {
  if (ttl === undefined) return sessions[kTtlMs];
  if (typeof ttl !== 'number' || Number.isNaN(ttl)) {
    throw invalidArg(`a time to live is a number of seconds; got ${show(ttl)}; leave it out for that of the sessions`);
  }
  return Math.min(Math.max(Math.ceil(ttl * 1_000), 0), DURATION_MS_MAX);
}

function tooManyChanges() {
  return new RedstartError(`others changed the key ${TRIES_MAX} times while this change was made; make fewer at once`, {
    code: 'ERR_CONFLICT',
    retryable: true,
  });
}

module.exports = { secondaryStorage };
