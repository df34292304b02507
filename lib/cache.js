'use strict';
const timers = require('node:timers');
const { CacheEvents } = require('./cache-events.js');
const read = require('./cache-options.js');
const { makeCodec, encoded, isJson, isPrimitive, payloadToKeep } = require('./codec.js');
const { invalidArg, show } = require('./errors.js');
const { scratch, STATUS_OK, ready, reply, takeError } = require('./lane.js');
const { NOTHING, VALUE } = require('./flights.js');
const { Loads } = require('./loads.js');
const { memoized } = require('./memoize.js');
const { Near, freezeDeep } = require('./near.js');

/** @typedef {import('../index.js').SetOptions} SetOptions */
/** @typedef {import('../index.js').GetOrSetOptions} GetOrSetOptions */
/** @typedef {import('./cache-options.js').NearOptions} NearOptions */

// Taken before Jest's fake timers replace the global one.
const { setImmediate } = timers;

/** What a read found that found nothing. */
const MISSED = Symbol('missed');
/** Codecs up to this one (strings and numbers) need no decoding; most values of hot caches are such. */
const PAYLOAD_ITSELF = 1;
/** What getStale leaves in scratch[5] for a value past its TTL. */
const STALE = 1;

/** @template T */
class Cache {
  /** @type {import('../native.js').CacheFunctions} */
  #native;
  /** @type {(key: string) => any} */
  #get;
  /** @type {InstanceType<typeof Near> | undefined} */
  #near;
  /** @type {NearOptions | undefined} Until the first read opens it; a handle that only writes needs none. */
  #nearToOpen;
  #freezes;
  #codec;
  #ttlMs;
  /** After the TTL, for how long getOrSet serves what was there while it reloads. */
  #revalidateMs;
  /** After the TTL, for how long getOrSet serves what was there when the loader fails. */
  #ifErrorMs;
  #loads;
  #events;

  /**
   * @param {string} name
   * @param {import('../native.js').CacheFunctions} native
   * @param {string} prefix Of its keys among all loads of this thread.
   * @param {import('./cache-options.js').CodecPair | undefined} pair
   * @param {Function} above
   */
  constructor(name, native, prefix, pair, above) {
    const options = JSON.parse(native.options);
    const { codec, near, version } = options.handle;
    this.name = name;
    this.#native = native;
    this.#get = native.get;
    this.#codec = makeCodec(codec, pair, above);
    this.#ttlMs = options.ttl ?? read.NEVER;
    this.#revalidateMs = options.staleWhileRevalidate ?? 0;
    this.#ifErrorMs = options.staleIfError ?? 0;
    this.#freezes = near?.objects === true;
    // A hit there is no use of the entry, so it would not start its TTL anew; what a user's own codec makes is never kept.
    this.#nearToOpen =
      near === null || near.max === 0 || codec === 'custom' || options.updateAgeOnGet || options.eviction === 'lru'
        ? undefined
        : near;
    this.#events = new CacheEvents(name, native);
    this.#loads = new Loads({
      name,
      // Handles of other versions see other values under the same key.
      prefix: `${prefix}${version === null ? '' : `${version.length}:${version}`}:`,
      native,
      codec: this.#codec,
      ttlMs: this.#ttlMs,
      negativeTtlMs: options.negativeTtl ?? undefined,
      old: (key) => this.#old(key),
    });
  }

  /** @param {string} key @returns {T | undefined} */
  getSync(key) {
    const near = this.#near;
    if (near !== undefined) {
      const kept = near.get(key);
      if (kept !== undefined) return kept;
      near.beforeRead();
    } else if (this.#nearToOpen !== undefined) {
      this.#openNear();
    }
    const payload = this.#get(key);
    if (payload !== undefined) return this.#arrived(key, payload);
    if (scratch[0] !== STATUS_OK) throw takeError(this.getSync);
    return undefined;
  }

  /** @param {string} key @param {T} value @param {SetOptions} [given] */
  setSync(key, value, given) {
    if (given === undefined) {
      this.#set(key, value, this.#ttlMs);
      return;
    }
    const { ttlMs = this.#ttlMs, tags = read.NO_TAGS } = read.readSetOptions('set()', given, this.setSync);
    if (tags.length === 0) {
      this.#set(key, value, ttlMs);
      return;
    }
    const codec = this.#codec.encode(value, 'value', this.setSync);
    const { payload } = encoded;
    ready(this.#native.setTagged(key, payload, codec, ttlMs, /** @type {string[]} */ (tags)), this.setSync);
  }

  /** @param {string} key @param {T} value @param {number} ttlMs */
  #set(key, value, ttlMs) {
    const codec = this.#codec.encode(value, 'value', this.setSync);
    scratch[1] = codec;
    scratch[2] = ttlMs;
    this.#native.set(key, encoded.payload);
    if (scratch[0] !== STATUS_OK) throw takeError(this.setSync);
  }

  /** @param {string} key @returns {boolean} */
  hasSync(key) {
    return ready(this.#native.has(key), this.hasSync);
  }

  /** @param {string} key @returns {boolean} */
  deleteSync(key) {
    return ready(this.#native.delete(key), this.deleteSync);
  }

  /** @param {string} key */
  async get(key) {
    return this.getSync(key);
  }

  /** @param {string} key @param {T} value @param {SetOptions} [given] */
  async set(key, value, given) {
    this.setSync(key, value, given);
  }

  /** @param {string} key */
  async has(key) {
    return this.hasSync(key);
  }

  /** @param {string} key */
  async delete(key) {
    return this.deleteSync(key);
  }

  /** @param {readonly string[]} keys @returns {Promise<(T | undefined)[]>} */
  async getMany(keys) {
    const found = ready(this.#native.getMany(arrayOfKeys('getMany()', keys)));
    const values = new Array(found.length / 2);
    for (let at = 0; at < values.length; at++) values[at] = this.#decodedIfAny(found[2 * at], found[2 * at + 1]);
    return values;
  }

  /** @param {Iterable<readonly [string, T]>} entries @param {SetOptions} [given] */
  async setMany(entries, given) {
    const { ttlMs = this.#ttlMs, tags = read.NO_TAGS } = read.readSetOptions('setMany()', given);
    if (typeof (/** @type {any} */ (entries)?.[Symbol.iterator]) !== 'function') {
      throw invalidArg(`setMany() takes pairs of key and value, as a Map or an array has them; got ${show(entries)}`);
    }
    const flat = [];
    for (const entry of entries) {
      if (!Array.isArray(entry)) throw invalidArg(`setMany() takes pairs [key, value]; got ${show(entry)} among them`);
      const [key, value] = entry;
      const codec = this.#codec.encode(value, `the value of ${show(key)}`);
      // Kept, as the next pair may be made of the same memory.
      flat.push(key, payloadToKeep(), codec);
    }
    ready(this.#native.setMany(flat, ttlMs, /** @type {string[]} */ (tags)));
  }

  /** @param {readonly string[]} keys @returns {Promise<number>} */
  async deleteMany(keys) {
    return ready(this.#native.deleteMany(arrayOfKeys('deleteMany()', keys)));
  }

  /** @param {string} key @returns {Promise<T | undefined>} */
  async take(key) {
    const payload = ready(this.#native.take(key));
    return this.#decodedIfAny(scratch[1], payload);
  }

  /** @param {string} key @returns {Promise<T | undefined>} */
  async peek(key) {
    const payload = ready(this.#native.peek(key, 0));
    return this.#decodedIfAny(scratch[1], payload);
  }

  /** @param {string} key @param {import('../index.js').Duration | null} [ttl] @returns {Promise<boolean>} */
  async touch(key, ttl) {
    return ready(this.#native.touch(key, read.readTouchTtl(ttl)));
  }

  /** @param {string} key @returns {Promise<number | undefined>} */
  async getRemainingTTL(key) {
    return ready(this.#native.remaining(key));
  }

  /** @param {string} key @returns {Promise<boolean>} */
  async expire(key) {
    return ready(this.#native.expire(key));
  }

  /** @param {string | readonly string[]} tags @returns {Promise<void>} */
  async deleteByTag(tags) {
    return reply(this.#native.deleteByTag(read.readTags('deleteByTag()', tags)));
  }

  /** @param {string | readonly string[]} tags @returns {Promise<void>} */
  async expireByTag(tags) {
    return reply(this.#native.expireByTag(read.readTags('expireByTag()', tags)));
  }

  /** @param {string} prefix @returns {Promise<number>} */
  async deleteByPrefix(prefix) {
    if (typeof prefix !== 'string') throw invalidArg(`deleteByPrefix() takes a string; got ${show(prefix)}`);
    return reply(this.#native.deleteByPrefix(prefix));
  }

  /** @returns {Promise<void>} */
  async clear() {
    ready(this.#native.clear());
  }

  /** @param {{ prefix?: string }} [given] @returns {AsyncGenerator<string, void, void>} */
  async *keys(given) {
    const prefix = read.readPrefix('keys()', given);
    let cursor = 0;
    do {
      const chunk = ready(this.#native.scan(cursor, prefix, false));
      cursor = scratch[1];
      yield* chunk;
      if (cursor !== 0) await turn();
    } while (cursor !== 0);
  }

  /** @param {{ prefix?: string }} [given] @returns {AsyncGenerator<[string, any], void, void>} */
  async *entries(given) {
    const prefix = read.readPrefix('entries()', given);
    let cursor = 0;
    do {
      const chunk = ready(this.#native.scan(cursor, prefix, true));
      cursor = scratch[1];
      for (let at = 0; at < chunk.length; at += 3) yield [chunk[at], this.#decoded(chunk[at + 1], chunk[at + 2])];
      if (cursor !== 0) await turn();
    } while (cursor !== 0);
  }

  /**
   * @param {string} key
   * @param {(context: any) => any} loader
   * @param {GetOrSetOptions} [given]
   */
  async getOrSet(key, loader, given) {
    if (typeof loader !== 'function') throw invalidArg(`getOrSet() needs a loader function; got ${show(loader)}`);
    const how = given === undefined ? read.LOAD_DEFAULTS : read.readLoadOptions(given);
    return this.#getOrLoad(key, loader, how);
  }

  /**
   * @param {string} prefix
   * @param {(...args: any[]) => any} fn
   * @param {any} [given]
   */
  memoize(prefix, fn, given) {
    if (typeof prefix !== 'string') throw invalidArg(`memoize() takes a prefix, a string; got ${show(prefix)}`);
    if (typeof fn !== 'function') throw invalidArg(`memoize() needs a function; got ${show(fn)}`);
    const { key, load } = read.readMemoizeOptions(given, this.memoize);
    return memoized((at, loader) => this.#getOrLoad(at, loader, load), prefix, fn, key);
  }

  async stats() {
    return JSON.parse(ready(this.#native.stats()));
  }

  /** @param {string} event @param {(payload: any) => void} listener */
  on(event, listener) {
    this.#events.change('on', event, listener, this.on);
    return this;
  }

  /** @param {string} event @param {(payload: any) => void} listener */
  once(event, listener) {
    this.#events.change('once', event, listener, this.once);
    return this;
  }

  /** @param {string} event @param {(payload: any) => void} listener */
  off(event, listener) {
    this.#events.change('off', event, listener, this.off);
    return this;
  }

  /**
   * For Store.close(): nothing is answered from here any more. Loads under way still end.
   * @param {Cache<any>} cache
   */
  static close(cache) {
    cache.#events.close();
    cache.#near?.close();
    cache.#near = undefined;
    cache.#nearToOpen = undefined;
  }

  /**
   * @param {string} key
   * @param {(context: any) => any} loader
   * @param {import('./cache-options.js').LoadOptions} how
   */
  async #getOrLoad(key, loader, how) {
    if (how.signal?.aborted) throw how.signal.reason;
    const found = how.forceFresh ? this.#checked(key) : this.#read(key, loader, how);
    if (found !== MISSED) return found;
    const { kind, codec, payload, error } = await this.#loads.load(key, loader, how);
    if (kind === NOTHING) return undefined;
    if (kind !== VALUE) return this.#instead(key, error);
    return this.#frozen(/** @type {number} */ (codec), this.#codec.decode(/** @type {number} */ (codec), payload));
  }

  /**
   * The fresh value, or a stale one that may be served while it is reloaded, which this then starts.
   * @param {string} key
   * @param {(context: any) => any} loader
   * @param {import('./cache-options.js').LoadOptions} how
   */
  #read(key, loader, how) {
    const near = this.#near;
    if (near !== undefined) {
      const kept = near.get(key);
      if (kept !== undefined) return kept;
      near.beforeRead();
    } else if (this.#nearToOpen !== undefined) {
      this.#openNear();
    }
    const revalidates = this.#revalidateMs > 0;
    const payload = revalidates ? this.#native.getStale(key, this.#revalidateMs) : this.#get(key);
    if (payload === undefined) {
      if (scratch[0] !== STATUS_OK) throw takeError();
      return MISSED;
    }
    if (!revalidates || scratch[5] !== STALE) return this.#arrived(key, payload);
    const value = this.#decoded(scratch[1], payload);
    this.#loads.refresh(key, loader, how, (error) => this.#events.fail(error));
    return value;
  }

  /** What is not read is not checked by that either. @param {string} key */
  #checked(key) {
    if (typeof key !== 'string') ready(this.#native.peek(key, 0));
    return MISSED;
  }

  /**
   * The old value, where it may stand in for one that failed to load; throws otherwise.
   * @param {string} key
   * @param {unknown} error
   */
  #instead(key, error) {
    if (this.#ifErrorMs === 0) throw error;
    // Looked at first, so that what is not there or not stale is not counted.
    if (this.#native.peek(key, this.#ifErrorMs) === undefined || scratch[5] !== STALE) throw error;
    const payload = this.#native.getStale(key, this.#ifErrorMs);
    if (payload === undefined) throw error;
    return this.#decoded(scratch[1], payload);
  }

  /**
   * What a loader is to replace, as far as it may still be served.
   * @param {string} key
   */
  #old(key) {
    const windowMs = Math.max(this.#revalidateMs, this.#ifErrorMs);
    const payload = this.#native.peek(key, windowMs);
    return this.#decodedIfAny(scratch[1], payload);
  }

  /**
   * The value of a read of the addon, kept near where it may be.
   * @param {string} key
   * @param {any} payload
   */
  #arrived(key, payload) {
    const codec = scratch[1];
    const value = codec <= PAYLOAD_ITSELF ? payload : this.#decoded(codec, payload);
    const near = this.#near;
    if (near !== undefined) {
      if (isJson(codec)) near.keep(key, value, payload, !this.#freezes);
      else if (isPrimitive(codec)) near.keep(key, value, payload, false);
    }
    return value;
  }

  #openNear() {
    const limits = /** @type {NearOptions} */ (this.#nearToOpen);
    this.#nearToOpen = undefined;
    this.#near = Near.open(this.#native, limits);
  }

  /** @param {number} codec @param {any} payload undefined: absent. */
  #decodedIfAny(codec, payload) {
    return payload === undefined ? undefined : this.#decoded(codec, payload);
  }

  /** @param {number} codec @param {any} payload As the addon gave it out, for this call alone. */
  #decoded(codec, payload) {
    return this.#frozen(codec, this.#codec.decodeOwn(codec, payload));
  }

  /** @param {number} codec @param {any} value */
  #frozen(codec, value) {
    return this.#freezes && isJson(codec) ? freezeDeep(value) : value;
  }
}

/**
 * @param {string} what
 * @param {readonly string[]} keys
 */
function arrayOfKeys(what, keys) {
  if (!Array.isArray(keys)) throw invalidArg(`${what} takes an array of keys; got ${show(keys)}`);
  // Anew: the addon must meet neither getters nor a Proxy, which would run in the middle of its call.
  return Array.from(keys);
}

function turn() {
  return new Promise((resolve) => setImmediate(resolve));
}

module.exports = { Cache };
