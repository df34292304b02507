'use strict';
const options = require('./options.js');
const { encode, encoded, decode } = require('./codec.js');
const { RedstartError, invalidArg, show } = require('./errors.js');
const { underWay, takeOff, join } = require('./flights.js');
const { scratch, STATUS_OK, ready, takeError } = require('./lane.js');

const MB = 1024 * 1024;
const MAX_SIZE_DEFAULT = 64 * MB;
const MAX_ENTRY_SIZE_DEFAULT = MB;
/** What the addon takes for a TTL that never ends. */
const NEVER = -1;

const CACHE_OPTIONS = {
  ttl: options.required(options.durationOrNever),
  maxSize: options.bytes({ min: 1024 }),
  maxEntrySize: options.bytes({ min: 1 }),
};
const SET_OPTIONS = { ttl: options.durationOrNever };

/** @template T */
class Cache {
  /** @type {import('../native.js').CacheFunctions} */
  #native;
  /** @type {(key: string) => any} */
  #get;
  /** @type {number} */
  #ttlMs;
  /** @type {string} */
  #flightPrefix;

  /**
   * @param {string} name
   * @param {import('../native.js').CacheFunctions} native
   * @param {string} flightPrefix
   */
  constructor(name, native, flightPrefix) {
    this.name = name;
    this.#native = native;
    this.#get = native.get;
    this.#ttlMs = JSON.parse(native.options).ttl ?? NEVER;
    this.#flightPrefix = flightPrefix;
  }

  /** @param {string} key @returns {T | undefined} */
  getSync(key) {
    const payload = this.#get(key);
    if (payload !== undefined) return decode(scratch[1], payload);
    if (scratch[0] !== STATUS_OK) throw takeError(this.getSync);
    return undefined;
  }

  /** @param {string} key @param {T} value @param {import('../index.js').SetOptions} [given] */
  setSync(key, value, given) {
    const ttlMs = this.#ttl('set()', given);
    const codec = encode(value, 'value', this.setSync);
    ready(this.#native.set(key, encoded.payload, codec, ttlMs), this.setSync);
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

  /** @param {string} key @param {T} value @param {import('../index.js').SetOptions} [given] */
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

  async clear() {
    ready(this.#native.clear());
  }

  /**
   * @param {string} key
   * @param {(context: import('../index.js').LoaderContext) => any} loader
   * @param {import('../index.js').SetOptions} [given]
   */
  async getOrSet(key, loader, given) {
    if (typeof loader !== 'function') throw invalidArg(`getOrSet() needs a loader function; got ${show(loader)}`);
    const ttlMs = this.#ttl('getOrSet()', given);
    const payload = this.#get(key);
    if (payload !== undefined) return decode(scratch[1], payload);
    if (scratch[0] !== STATUS_OK) throw takeError();
    const flight = this.#flightFor(key, loader, ttlMs);
    const landing = join(flight);
    if (landing === undefined) {
      throw new RedstartError(
        `the loader of ${show(key)} in the cache '${this.name}' waits for its own key; load what it needs another way`,
        { code: 'ERR_INVALID_STATE' },
      );
    }
    const landed = await landing;
    return landed === undefined ? undefined : decode(landed.codec, landed.payload);
  }

  async stats() {
    return JSON.parse(ready(this.#native.stats()));
  }

  /**
   * The flight that loads this key now, unless it was overtaken; else a new one.
   * @param {string} key
   * @param {(context: import('../index.js').LoaderContext) => any} loader
   * @param {number} ttlMs
   */
  #flightFor(key, loader, ttlMs) {
    const at = this.#flightPrefix + key;
    const known = underWay(at);
    if (known !== undefined && this.#native.loadCounts(key, known.ticket)) return known;
    const ticket = ready(this.#native.beginLoad(key));
    return takeOff(at, ticket, () => this.#load(key, loader, ttlMs, ticket));
  }

  /**
   * @param {string} key
   * @param {(context: import('../index.js').LoaderContext) => any} loader
   * @param {number} ttlMs
   * @param {number} ticket
   * @returns {Promise<import('./flights.js').Landed>}
   */
  async #load(key, loader, ttlMs, ticket) {
    let landed;
    try {
      const value = await loader({ key });
      if (value === undefined) return undefined;
      landed = { codec: encode(value, `what the loader of ${show(key)} returned`), payload: encoded.payload };
    } finally {
      if (landed === undefined) this.#native.abandonLoad(key, ticket);
    }
    this.#native.endLoad(key, landed.payload, landed.codec, ttlMs, ticket);
    if (scratch[0] !== STATUS_OK) {
      const error = takeError();
      // Too large to keep is counted as a rejection; whoever asked still gets the value.
      if (error.code !== 'ERR_TOO_LARGE') throw error;
    }
    return landed;
  }

  /** @param {string} what @param {unknown} given */
  #ttl(what, given) {
    if (given === undefined) return this.#ttlMs;
    const { ttl } = options.checkOptions(what, given, SET_OPTIONS);
    return ttl === undefined ? this.#ttlMs : (ttl ?? NEVER);
  }
}

/**
 * Options as core reads them.
 * @param {unknown} given
 * @param {Function} above
 */
function readCacheOptions(given, above) {
  const {
    ttl,
    maxSize = MAX_SIZE_DEFAULT,
    maxEntrySize,
  } = options.checkOptions('cache()', given, CACHE_OPTIONS, above);
  return { ttl, maxSize, maxEntrySize: maxEntrySize ?? Math.min(MAX_ENTRY_SIZE_DEFAULT, maxSize) };
}

module.exports = { Cache, readCacheOptions };
