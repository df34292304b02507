'use strict';
const options = require('./options.js');
const { encodeJson } = require('./codec.js');
const { RedstartError, invalidArg, show } = require('./errors.js');
const { scratch, ready, reply } = require('./lane.js');
const { isPlainObject } = require('./plain.js');
const { SessionEvents } = require('./session-events.js');
const { merge } = require('./session-merge.js');

const COUNT_MAX = 2 ** 32 - 1;
const ID_CHARACTERS_MAX = 256;

const SESSIONS_OPTIONS = {
  ttl: options.required(options.duration),
  absoluteTtl: options.duration,
  touchAfter: options.durationOrZero,
  userId: options.func,
  maxPerUser: options.integer({ min: 1, max: COUNT_MAX }),
  onMaxPerUser: options.oneOf(['evict-oldest', 'reject']),
  maxAnonymous: options.integer({ min: 1, max: COUNT_MAX }),
  conflict: options.oneOf(['merge', 'overwrite', 'error']),
  maxSessionSize: options.bytes({ min: 64, max: 2 ** 30 }),
};
const TTL_OPTIONS = { ttl: options.duration };
const SET_OPTIONS = { ttl: options.duration, version: options.integer({ min: 1 }) };
const DESTROY_USER_OPTIONS = { except: options.string({ min: 0 }) };

/** Below this a number of milliseconds was probably meant as seconds. */
const TTL_MS_PLAUSIBLE = 60_000;
let warned = false;

/** For the doors to web frameworks alone: saves what a request has made of a session. See `save`. */
const kSave = Symbol.for('redstart.sessions.save');
/** The same: the data as its text, with its version. */
const kRead = Symbol.for('redstart.sessions.read');
/** The same: the idle time of the options. */
const kTtlMs = Symbol.for('redstart.sessions.ttlMs');
/** Under this name the options carry what belongs to a handle and is no JSON. */
const USER_ID = Symbol('userId');

/** What the addon takes for the session's own idle time, and for any version. */
const OWN_TTL = -1;
const ANY_VERSION = -1;

// Whose a session is to be.
const AS_IT_WAS = 0;
const VISITORS = 1;
const USERS = 2;

// What the addon answers instead of a version.
const UNKNOWN = 0;
const CHANGED = -1;

/** Tries to bring a change together with others that keep coming. */
const TRIES_MAX = 100;
/** What getEntry read is remembered, so that a change made on it can be told from what others changed. */
const READS_MAX = 1_000;
const READS_CHARACTERS_MAX = 4 * 1024 * 1024;

/** Half a character, which no encoding can tell from another. */
const LONE_SURROGATE = /[\ud800-\udfff]/u;

/** @typedef {import('../index.js').Duration} Duration */
/** @typedef {[string, string | null, number, number, number, string]} Shown */

/** @template {object} T */
class Sessions {
  /** @type {import('../native.js').SessionsFunctions} */
  #native;
  /** @type {((data: any) => unknown) | undefined} */
  #userId;
  /** @type {'merge' | 'overwrite' | 'error'} */
  #conflict;
  /** @type {number} */
  #ttlMs;
  #events;
  /** What getEntry has read, by version; versions are of one session each. @type {Map<number, string>} */
  #reads = new Map();
  #readCharacters = 0;

  /**
   * @param {string} name
   * @param {import('../native.js').SessionsFunctions} native
   * @param {((data: any) => unknown) | undefined} userId
   */
  constructor(name, native, userId) {
    this.name = name;
    this.#native = native;
    this.#userId = userId;
    const { ttl, conflict } = JSON.parse(native.options);
    this.#ttlMs = ttl;
    this.#conflict = conflict;
    this.#events = new SessionEvents(name, native);
  }

  /** @param {T} data @param {{ ttl?: Duration }} [given] */
  async create(data, given) {
    const text = encode(data);
    const [owner, user] = this.#ownerOf(text);
    const id = await reply(this.#native.create(text, ttlOf('create()', given), owner, user));
    return { id, data: JSON.parse(text) };
  }

  /** @param {string} id @returns {Promise<T | undefined>} */
  async get(id) {
    const text = ready(this.#native.get(checkId(id)));
    return text === undefined ? undefined : JSON.parse(text);
  }

  /** @param {string} id @returns {Promise<{ data: T, version: number, expiresAt: Date } | undefined>} */
  async getEntry(id) {
    const found = this[kRead](id);
    if (found === undefined) return undefined;
    const { text, version, expiresMs } = found;
    this.#remember(version, text);
    return { data: JSON.parse(text), version, expiresAt: new Date(expiresMs) };
  }

  /** @param {string} id @param {T} data @param {{ ttl?: Duration, version?: number }} [given] */
  async set(id, data, given) {
    checkId(id);
    const { ttl, version } = given === undefined ? {} : options.checkOptions('set()', given, SET_OPTIONS);
    const base = version === undefined ? undefined : this.#reads.get(version);
    const saved = await this[kSave](id, data, { ttlMs: ttl, version, base });
    return saved.version !== UNKNOWN;
  }

  /** @param {string} id @param {(data: T) => T | void} change @returns {Promise<T | undefined>} */
  async update(id, change) {
    checkId(id);
    if (typeof change !== 'function') throw invalidArg(`update() takes a function of the data; got ${show(change)}`);
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const found = this[kRead](id);
      if (found === undefined) return undefined;
      const data = JSON.parse(found.text);
      const changed = change(data);
      if (typeof (/** @type {any} */ (changed)?.then) === 'function') {
        throw invalidArg(
          'the function of update() must not be async: what it awaits may change the session; await before',
        );
      }
      const text = encode(changed === undefined ? data : changed);
      const version = await this.#write(id, text, OWN_TTL, false, found.version);
      if (version === UNKNOWN) return undefined;
      if (version !== CHANGED) return JSON.parse(text);
    }
    throw tooManyChanges();
  }

  /** @param {string} id @param {{ ttl?: Duration }} [given] */
  async touch(id, given) {
    return reply(this.#native.touch(checkId(id), ttlOf('touch()', given)));
  }

  /** @param {string} id @returns {Promise<string | undefined>} */
  async regenerate(id) {
    return reply(this.#native.regenerate(checkId(id)));
  }

  /** @param {string} id */
  async destroy(id) {
    return reply(this.#native.destroy(checkId(id)));
  }

  /** @param {string | number} userId */
  async listUser(userId) {
    return JSON.parse(ready(this.#native.listUser(checkUser(userId, 'listUser()')))).map(info);
  }

  /** @param {string} handle */
  async destroyHandle(handle) {
    return reply(this.#native.destroyHandle(checkId(handle, "a session's handle")));
  }

  /** @param {string | number} userId @param {{ except?: string }} [given] @returns {Promise<number>} */
  async destroyUser(userId, given) {
    const { except } = options.checkOptions('destroyUser()', given, DESTROY_USER_OPTIONS);
    return reply(this.#native.destroyUser(checkUser(userId, 'destroyUser()'), checkId(except ?? '')));
  }

  /** @returns {Promise<number>} */
  async count() {
    return JSON.parse(ready(this.#native.stats())).live;
  }

  /** @returns {AsyncGenerator<import('../index.js').SessionInfo<T>, void, void>} */
  async *iterate() {
    /** @type {number | null} */
    let cursor = 0;
    while (cursor !== null) {
      /** @type {[Shown[], number | null]} */
      const [sessions, next] = JSON.parse(ready(this.#native.scan(cursor)));
      yield* sessions.map(info);
      cursor = next;
    }
  }

  async clear() {
    return reply(this.#native.clear());
  }

  /** @param {string} event @param {(...args: any[]) => void} listener */
  on(event, listener) {
    this.#events.change('on', event, listener, this.on);
    return this;
  }

  /** @param {string} event @param {(...args: any[]) => void} listener */
  once(event, listener) {
    this.#events.change('once', event, listener, this.once);
    return this;
  }

  /** @param {string} event @param {(...args: any[]) => void} listener */
  off(event, listener) {
    this.#events.change('off', event, listener, this.off);
    return this;
  }

  /** Its handle closes. @param {Sessions<any>} sessions */
  static close(sessions) {
    sessions.#events.close();
  }

  get [kTtlMs]() {
    return this.#ttlMs;
  }

  /** @param {string} id @returns {{ text: string, version: number, expiresMs: number } | undefined} */
  [kRead](id) {
    const text = ready(this.#native.get(checkId(id)));
    return text === undefined ? undefined : { text, version: scratch[1], expiresMs: scratch[2] };
  }

  /**
   * Saves data that was made on `base`, the text that was read as `version`; none: whatever is there is replaced. The version
   * it is now, 0 for an unknown id, and whether it was brought together with other changes. `unchanged`: a key that was not
   * touched, though its text differs.
   * @param {string} id
   * @param {unknown} data
   * @param {{ ttlMs?: number, adopt?: boolean, version?: number, base?: string, unchanged?: string,
   *   saved?: (result: { version: number, text: string, merged: boolean }) => void }} how
   * @returns {Promise<{ version: number, text: string, merged: boolean }>}
   */
  async [kSave](id, data, { ttlMs = OWN_TTL, adopt = false, version, base, unchanged, saved }) {
    const mine = encode(data);
    /** @param {number} version @param {boolean} merged */
    const done = (version, merged) => {
      const result = { version, text: mine, merged };
      saved?.(result);
      return result;
    };
    const heeds = version !== undefined && this.#conflict !== 'overwrite';
    let text = mine;
    let on = heeds ? version : ANY_VERSION;
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      // Without a tick in between where the answer is there at once.
      const written = this.#write(id, text, ttlMs, adopt, on);
      const now = typeof written === 'number' ? written : await written;
      if (now !== CHANGED) return done(now, text !== mine);
      if (this.#conflict === 'error') throw changedMeanwhile();
      const current = this[kRead](id);
      if (current === undefined) return done(UNKNOWN, false);
      if (base === undefined) throw forgotten();
      text = merge(base, mine, current.text, unchanged);
      on = current.version;
    }
    throw tooManyChanges();
  }

  /** @param {string} id @param {string} text @param {number} ttlMs @param {boolean} adopt @param {number} version @returns {number | Promise<number>} */
  #write(id, text, ttlMs, adopt, version) {
    const [owner, user] = this.#ownerOf(text);
    return reply(this.#native.set(checkId(id), text, ttlMs, owner, user, adopt, version));
  }

  /** Whose the data makes the session. @param {string} text @returns {[number, string]} */
  #ownerOf(text) {
    if (this.#userId === undefined) return [AS_IT_WAS, ''];
    const userId = this.#userId(JSON.parse(text));
    return userId === null || userId === undefined ? [VISITORS, ''] : [USERS, checkUser(userId, "option 'userId'")];
  }

  /** @param {number} version @param {string} text */
  #remember(version, text) {
    // Behind all others, also where it was read before.
    if (!this.#reads.delete(version)) this.#readCharacters += text.length;
    this.#reads.set(version, text);
    for (const [oldest, read] of this.#reads) {
      if (this.#reads.size <= READS_MAX && this.#readCharacters <= READS_CHARACTERS_MAX) break;
      this.#reads.delete(oldest);
      this.#readCharacters -= read.length;
    }
  }
}

/** @param {Shown} shown */
function info([handle, userId, createdMs, seenMs, expiresMs, text]) {
  return {
    handle,
    userId: userId ?? undefined,
    data: JSON.parse(text),
    createdAt: new Date(createdMs),
    lastSeenAt: new Date(seenMs),
    expiresAt: new Date(expiresMs),
  };
}

/** An id or handle for the addon: '' stands for what is too long to be one. @param {unknown} id @returns {string} */
function checkId(id, what = 'a session id') {
  if (typeof id !== 'string') throw invalidArg(`${what} is a string; got ${show(id)}`);
  return id.length > ID_CHARACTERS_MAX ? '' : id;
}

/** A user as text: 7 and '7' are one. @param {unknown} userId @param {string} what @returns {string} */
function checkUser(userId, what) {
  if (typeof userId === 'string' && userId.length > 0 && userId.length <= 256 && !LONE_SURROGATE.test(userId))
    return userId;
  if (typeof userId === 'number' && Number.isFinite(userId)) return String(userId);
  throw invalidArg(`${what}: a user is a string of 1 to 256 characters or a number; got ${show(userId)}`);
}

/** @param {string} what @param {unknown} given */
function ttlOf(what, given) {
  if (given === undefined) return OWN_TTL;
  return options.checkOptions(what, given, TTL_OPTIONS).ttl ?? OWN_TTL;
}

/** @param {any} data */
function encode(data) {
  const tellsItself = typeof data === 'object' && data !== null && typeof data.toJSON === 'function';
  if (!tellsItself && !isPlainObject(data)) {
    throw invalidArg(
      `session data must be a plain object, or one with a toJSON() that returns one; got ${show(data)}; ` +
        'store a Map as Object.fromEntries(map) and an instance of a class as { ...instance }',
    );
  }
  const text = encodeJson(data, 'session data');
  if (text.startsWith('{')) return text;
  throw invalidArg(`session data must be a plain object; its toJSON() makes it ${show(JSON.parse(text))}`);
}

function changedMeanwhile() {
  return new RedstartError('the session has changed since it was read; read it again and make the change on that', {
    code: 'ERR_CONFLICT',
    retryable: true,
  });
}

function forgotten() {
  return new RedstartError(
    'the session has changed since that version, and what getEntry() read then is remembered no more; ' +
      'read it again and make the change on that',
    { code: 'ERR_CONFLICT', retryable: true },
  );
}

function tooManyChanges() {
  return new RedstartError(
    `the session was changed by others ${TRIES_MAX} times while this change was made; make fewer at once`,
    { code: 'ERR_CONFLICT', retryable: true },
  );
}

/**
 * Options as core reads them.
 * @param {unknown} given
 * @param {Function} above
 */
function readSessionsOptions(given, above) {
  const { userId, ...checked } = options.checkOptions('sessions()', given, SESSIONS_OPTIONS, above);
  const ttl = /** @type {any} */ (given).ttl;
  if (typeof ttl === 'number' && ttl < TTL_MS_PLAUSIBLE && !warned) {
    warned = true;
    process.emitWarning(`sessions live for ${ttl} milliseconds; if you meant seconds, write ttl: '${ttl}s'`, {
      code: 'REDSTART_SHORT_SESSION_TTL',
    });
  }
  return { ...checked, [USER_ID]: userId };
}

module.exports = { Sessions, readSessionsOptions, kSave, kRead, kTtlMs, USER_ID };
