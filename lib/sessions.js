'use strict';
const options = require('./options.js');
const { invalidArg, show } = require('./errors.js');
const { scratch, ready, reply } = require('./lane.js');
const { SessionEvents } = require('./session-events.js');
const { plainCopy } = require('./session-copy.js');
const { checkId, checkUser, encode } = require('./session-input.js');
const { merge, changesNothing, changedMeanwhile, forgotten, tooManyChanges } = require('./session-merge.js');
const { SessionReads } = require('./session-reads.js');

const COUNT_MAX = 2 ** 32 - 1;

const SESSIONS_OPTIONS = {
  ttl: options.required({ ...options.duration, read: readTtl }),
  absoluteTtl: options.duration,
  touchAfter: options.durationOrZero,
  userId: options.func,
  maxPerUser: options.integer({ min: 1, max: COUNT_MAX }),
  onMaxPerUser: options.oneOf(['evict-oldest', 'reject']),
  maxAnonymous: options.integer({ min: 1, max: COUNT_MAX }),
  conflict: options.oneOf(['merge', 'overwrite', 'error']),
  maxSessionSize: options.bytes({ min: 64, max: 2 ** 26 }),
};
const TTL_OPTIONS = { ttl: options.duration };
const SET_OPTIONS = { ttl: options.duration, version: options.integer({ min: 1 }) };
const SET_DEFAULTS = options.checkOptions('set()', undefined, SET_OPTIONS);
const DESTROY_USER_OPTIONS = { except: options.string({ min: 0 }) };

/** Below this a number of milliseconds was probably meant as seconds. */
const TTL_MS_PLAUSIBLE = 60_000;
let warned = false;

// For the doors to web frameworks alone.
/** Saves what a request has made of a session. */
const kSave = Symbol.for('redstart.sessions.save');
/** The data as its text, with its version. */
const kRead = Symbol.for('redstart.sessions.read');
/** Stores a text if the session is at a version, and brings nothing together. */
const kPut = Symbol.for('redstart.sessions.put');
/** Ends a session that is at a version. */
const kEnd = Symbol.for('redstart.sessions.end');
/** As update(), with an idle time from then on. */
const kUpdate = Symbol.for('redstart.sessions.update');
/** The idle time of the options. */
const kTtlMs = Symbol.for('redstart.sessions.ttlMs');
/** Whether there is an option userId. */
const kOwned = Symbol.for('redstart.sessions.owned');
/** Whether there is an option absoluteTtl. */
const kAged = Symbol.for('redstart.sessions.aged');
/** Under this name the options carry what belongs to a handle and is no JSON. */
const USER_ID = Symbol('userId');

/** What the addon takes for the session's own idle time, for any version, and for no session there. */
const OWN_TTL = -1;
const ANY_VERSION = -1;
const ABSENT = 0;

// Whose a session is to be.
const AS_IT_WAS = 0;
const VISITORS = 1;
const USERS = 2;

/** @type {[number, string]} */
const UNTOLD = [AS_IT_WAS, ''];

// What the addon answers instead of a version.
const UNKNOWN = 0;
const CHANGED = -1;
/** What it answers of a session that has ended. */
const ENDED = 1;

/**
 * Tries to bring a change together with others that keep coming. Each time one of them got on, so this ends by itself; it is far
 * more than even many threads at one session bring about, of which one may lose hundreds of times in a row.
 */
const TRIES_MAX = 10_000;

/** @typedef {import('../index.js').Duration} Duration */
/** @typedef {[string, string | null, number, number, number, string]} Shown */
/** @typedef {{ version: number, text: string, stored: string | undefined }} Saved */
/** @typedef {{ ttlMs?: number, adopt?: boolean, on?: number, keep?: boolean, owner?: string | null }} Put */
/**
 * See kSave.
 * @typedef {{ ttlMs: number | undefined, adopt: boolean, version: number | undefined, base: string | undefined,
 *   stored: string | undefined, unchanged: readonly string[] | undefined, saved: ((result: Saved) => void) | undefined }} How
 */

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
  #isAged;
  #events;
  #reads = new SessionReads();

  /**
   * @param {string} name
   * @param {import('../native.js').SessionsFunctions} native
   * @param {((data: any) => unknown) | undefined} userId
   */
  constructor(name, native, userId) {
    this.name = name;
    this.#native = native;
    this.#userId = userId;
    const { ttl, absoluteTtl, conflict } = JSON.parse(native.options);
    this.#ttlMs = ttl;
    this.#isAged = absoluteTtl !== undefined;
    this.#conflict = conflict;
    this.#events = new SessionEvents(this, native);
  }

  /** @param {T} data @param {{ ttl?: Duration }} [given] */
  async create(data, given) {
    const copy = this.#copyOf(data);
    const text = encode(copy ?? data);
    const [owner, user] = this.#ownerOf(text, copy);
    const id = await reply(this.#native.create(text, ttlOf('create()', given), owner, user));
    return { id, data: JSON.parse(text) };
  }

  /** @param {string} id @returns {Promise<T | undefined>} */
  async get(id) {
    const text = ready(this.#native.get(checkId(id)));
    return text === undefined ? undefined : JSON.parse(text);
  }

  /** @param {string} id @returns {Promise<{ data: T, version: number, expiresAt: Date, handle: string } | undefined>} */
  async getEntry(id) {
    const found = this[kRead](id);
    if (found === undefined) return undefined;
    const { text, version, expiresMs } = found;
    this.#reads.remember(version, id, text);
    const handle = /** @type {string} */ (ready(this.#native.handleOf(id)));
    return { data: JSON.parse(text), version, expiresAt: new Date(expiresMs), handle };
  }

  /** @param {string} id @param {T} data @param {{ ttl?: Duration, version?: number }} [given] */
  async set(id, data, given) {
    checkId(id);
    const { ttl, version } = given === undefined ? SET_DEFAULTS : options.checkOptions('set()', given, SET_OPTIONS);
    const base = version === undefined ? undefined : this.#reads.textOf(version, id);
    const result = this[kSave](id, data, {
      ttlMs: ttl,
      adopt: false,
      version,
      base,
      stored: undefined,
      unchanged: undefined,
      saved: undefined,
    });
    const { version: now } = 'version' in result ? result : await result;
    return now !== UNKNOWN;
  }

  /** @param {string} id @param {(data: T) => T | void} change @returns {Promise<T | undefined>} */
  async update(id, change) {
    checkId(id);
    if (typeof change !== 'function') throw invalidArg(`update() takes a function of the data; got ${show(change)}`);
    const updated = await this[kUpdate](id, change);
    return updated && JSON.parse(updated.text);
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
    return (await reply(this.#native.destroy(checkId(id), ANY_VERSION))) === ENDED;
  }

  /** @param {string | number} userId */
  async listUser(userId) {
    const user = checkUser(userId, 'listUser()');
    const all = [];
    for (const part of parts((cursor) => this.#native.listUser(user, cursor))) all.push(...part);
    return all;
  }

  /** @param {string} handle */
  async destroyHandle(handle) {
    return (await reply(this.#native.destroyHandle(checkId(handle, "a session's handle")))) === ENDED;
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
    for (const part of parts((cursor) => this.#native.scan(cursor))) yield* part;
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

  get [kAged]() {
    return this.#isAged;
  }

  get [kOwned]() {
    return this.#userId !== undefined;
  }

  /**
   * Saves data that was made on `base`, the text that was read as `version`; none: whatever is there is replaced. `stored`:
   * what the store held as that version, where others' changes are in it too. `unchanged`: keys that were not touched, though
   * their text differs or is left out. `adopt`: an unknown id begins a session, unless it is one that has ended since.
   *
   * The version it is now, 0 for an unknown id; the data's own text; and what is stored where that is more. `saved` is told at
   * once. A promise only where the engine answers later or another change has to be brought in.
   * @param {string} id
   * @param {any} data
   * @param {How} how
   * @returns {Saved | Promise<Saved>}
   */
  [kSave](id, data, how) {
    const { ttlMs, adopt, version, base, stored, unchanged, saved } = how;
    const copy = this.#copyOf(data);
    const own = encode(copy ?? data);
    let mine = own;
    if (base !== undefined && unchanged !== undefined) {
      const leftOut = unchanged.filter((key) => !Object.hasOwn(data, key));
      if (leftOut.length > 0) mine = merge(base, mine, base, leftOut);
    }
    const text = base === undefined || stored === undefined ? mine : merge(base, mine, stored, unchanged);
    // The copy is of the data alone: userId has to see what is stored besides.
    const [owner, user] = this.#ownerOf(text, text === own ? copy : undefined);
    const put = this.#put(id, text, ttlMs, owner, user, adopt && version === undefined, version, false);
    if (typeof put === 'number' && put !== CHANGED) return told(put, mine, text, saved);
    return this.#bringTogether(id, mine, text, put, how);
  }

  /**
   * What becomes of a change that was not stored at once.
   * @param {string} id
   * @param {string} mine The change's own text.
   * @param {string} text What was to be stored.
   * @param {number | Promise<number>} put What came or comes of that.
   * @param {How} how
   * @returns {Promise<Saved>}
   */
  async #bringTogether(id, mine, text, put, { ttlMs, base, unchanged, saved }) {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      // Without a tick in between where the answer is there at once.
      const now = typeof put === 'number' ? put : await put;
      if (now !== CHANGED) return told(now, mine, text, saved);
      const current = this[kRead](id);
      if (current === undefined) return told(UNKNOWN, mine, mine, saved);
      if (base !== undefined && changesNothing(base, mine, unchanged)) {
        // Who has only read overwrites nobody and is no conflict.
        await reply(this.#native.touch(checkId(id), ttlMs === undefined ? OWN_TTL : Math.ceil(ttlMs)));
        saved?.({ version: current.version, text: mine, stored: current.text });
        return { version: current.version, text: mine, stored: current.text };
      }
      if (this.#conflict === 'error') throw changedMeanwhile();
      if (this.#conflict === 'overwrite') {
        // But for what this change has left as it is: its time to live goes with it.
        text = unchanged === undefined ? mine : merge(current.text, mine, current.text, unchanged);
        put = this[kPut](id, text, { ttlMs });
      } else if (base === undefined) {
        throw forgotten();
      } else {
        text = merge(base, mine, current.text, unchanged);
        put = this[kPut](id, text, { ttlMs, on: current.version });
      }
    }
    throw tooManyChanges(TRIES_MAX);
  }

  /**
   * One step: the new version, UNKNOWN, or CHANGED where the session is not as `on` says. `keep`: it is over when it was.
   * `owner`: a user, or null for a visitor; else the option userId tells.
   * @param {string} id
   * @param {string} text
   * @param {Put} how
   * @returns {number | Promise<number>}
   */
  [kPut](id, text, { ttlMs, adopt = false, on, keep = false, owner: given }) {
    const [owner, user] = given === undefined ? this.#ownerOf(text, undefined) : ownerAs(given);
    return this.#put(id, text, ttlMs, owner, user, adopt, on, keep);
  }

  /**
   * @param {string} id
   * @param {string} text
   * @param {number | undefined} ttlMs
   * @param {number} owner
   * @param {string} user
   * @param {boolean} adopt
   * @param {number | undefined} on
   * @param {boolean} keep
   * @returns {number | Promise<number>}
   */
  #put(id, text, ttlMs, owner, user, adopt, on, keep) {
    const ttl = ttlMs === undefined ? OWN_TTL : Math.ceil(ttlMs);
    return reply(this.#native.set(checkId(id), text, ttl, owner, user, adopt, on ?? ANY_VERSION, keep));
  }

  /** @param {string} id @param {number} version @returns {Promise<boolean | 'changed'>} */
  async [kEnd](id, version) {
    const ended = await reply(this.#native.destroy(checkId(id), version));
    return ended === CHANGED ? 'changed' : ended === ENDED;
  }

  /** @param {string} id @param {(data: T) => T | void} change @param {number} [ttlMs] @returns {Promise<{ text: string, version: number } | undefined>} */
  async [kUpdate](id, change, ttlMs) {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const found = this[kRead](id);
      if (found === undefined) return undefined;
      const data = JSON.parse(found.text);
      const changed = change(data);
      if (typeof (/** @type {any} */ (changed)?.then) === 'function') {
        // It is refused, so nobody hears how it ends.
        /** @type {any} */ (changed).then(undefined, () => {});
        throw invalidArg(
          'the function of update() must not be async: what it awaits may change the session; await before',
        );
      }
      const next = changed === undefined ? data : changed;
      const copy = this.#copyOf(next);
      const text = encode(copy ?? next);
      const [owner, user] = this.#ownerOf(text, copy);
      const version = await this.#put(id, text, ttlMs, owner, user, false, found.version, false);
      if (version === UNKNOWN) return undefined;
      if (version !== CHANGED) return { text, version };
    }
    throw tooManyChanges(TRIES_MAX);
  }

  /** A copy of what is to be stored for #ownerOf, where one is needed and can be had. @param {any} data */
  #copyOf(data) {
    return this.#userId === undefined ? undefined : plainCopy(data);
  }

  /**
   * Whose the data makes the session, as it is stored.
   * @param {string} text
   * @param {any} copy The same as an object, which nobody else reads; undefined: there is none.
   * @returns {[number, string]}
   */
  #ownerOf(text, copy) {
    return this.#userId === undefined ? UNTOLD : ownerAs(this.#userId(copy ?? JSON.parse(text)));
  }
}

/** @param {unknown} userId @returns {[number, string]} */
function ownerAs(userId) {
  return userId === null || userId === undefined ? [VISITORS, ''] : [USERS, checkUser(userId, "option 'userId'")];
}

/**
 * @param {number} version
 * @param {string} mine
 * @param {string} text
 * @param {((result: Saved) => void) | undefined} saved
 * @returns {Saved}
 */
function told(version, mine, text, saved) {
  const result = { version, text: mine, stored: text === mine ? undefined : text };
  saved?.(result);
  return result;
}

/**
 * A list that the addon answers in parts.
 * @param {(cursor: number) => string | undefined} next
 */
function* parts(next) {
  /** @type {number | null} */
  let cursor = 0;
  while (cursor !== null) {
    /** @type {[Shown[], number | null]} */
    const [part, following] = JSON.parse(ready(next(cursor)));
    yield part.map(info);
    cursor = following;
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

/** @param {string} what @param {unknown} given */
function ttlOf(what, given) {
  if (given === undefined) return OWN_TTL;
  return options.checkOptions(what, given, TTL_OPTIONS).ttl ?? OWN_TTL;
}

/** @param {unknown} value */
function readTtl(value) {
  const ttlMs = options.duration.read(value);
  if (ttlMs !== undefined && typeof value === 'number' && ttlMs < TTL_MS_PLAUSIBLE && !warned) {
    warned = true;
    process.emitWarning(`sessions live for ${value} milliseconds; if you meant seconds, write ttl: '${value}s'`, {
      code: 'REDSTART_SHORT_SESSION_TTL',
    });
  }
  return ttlMs;
}

/**
 * Options as core reads them.
 * @param {unknown} given
 * @param {Function} above
 */
function readSessionsOptions(given, above) {
  const { userId, ...checked } = options.checkOptions('sessions()', given, SESSIONS_OPTIONS, above);
  return { ...checked, [USER_ID]: userId };
}

module.exports = {
  Sessions,
  readSessionsOptions,
  kSave,
  kRead,
  kPut,
  kEnd,
  kUpdate,
  kTtlMs,
  kOwned,
  kAged,
  ABSENT,
  USER_ID,
};
