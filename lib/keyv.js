'use strict';
/**
 * A storage adapter for Keyv, and so for what is built on it (cache-manager, NestJS): its contract in its words, over
 * the public methods of Cache.
 *
 * Keyv 5 and Keyv 6 call the same methods and mean different things. To Keyv 5 the third argument of set() is a number of
 * milliseconds from now, and deleteMany() answers with one boolean; to Keyv 6 it is an instant since the epoch, and
 * deleteMany() answers with one boolean a key. The size of the number does not tell them apart (50 years in milliseconds
 * is an instant in 2019, and tests move Date at will), and neither does the value, which may be compressed or encrypted.
 * But each looks for its own property when it is handed a store, before the first call: Keyv 5 for `opts`, to learn
 * whether it can be iterated, Keyv 6 for `capabilities`, to learn whether instants are understood. Neither knows the
 * other's. So the property that was read says who calls. A store that both have read has two masters who would misread
 * each other, and says so at once.
 *
 * A namespace is kept as a prefix of the keys, escaped such that no namespace's prefix is the start of another's. Keyv 5
 * prefixes its keys itself too, unless told not to: a store cannot learn which, so its own prefix is always there. It also
 * passes over keys that lack the namespace which the store names, so it is shown none that it did not set.
 */
const { EventEmitter } = require('node:events');
const { DURATION_MS_MAX } = require('./duration.js');
const { RedstartError } = require('./errors.js');
const check = require('./options.js');

const OPTIONS = {
  cache: check.required({
    expected: "a cache of a store: store.cache('http', { ttl: '5m' })",
    read: (/** @type {any} */ value) => (typeof value?.deleteByPrefix === 'function' ? value : undefined),
  }),
  namespace: check.string(),
};

/** The methods as Keyv 6 describes those of its own adapters; an async generator counts as 'sync' there. */
const METHODS = Object.fromEntries(
  ['get', 'getMany', 'has', 'hasMany', 'set', 'setMany', 'delete', 'deleteMany', 'clear', 'disconnect', 'iterator'].map(
    (name) => [name, { exists: true, methodType: name === 'iterator' ? 'sync' : 'async' }],
  ),
);

class KeyvStore extends EventEmitter {
  /** @type {import('../index.js').Cache<any>} */
  #cache;
  /** The namespace from the options: what holds while Keyv says none. @type {string | undefined} */
  #given;
  /** The namespace that Keyv has set. @type {string | undefined} */
  #set;
  /** The one that holds. @type {string | undefined} */
  #namespace;
  #prefix = '';
  /** The dialect is one of those that Keyv 5 iterates over. @type {Record<string, unknown>} */
  #opts = { dialect: 'redis' };
  /** Which Keyv this store was handed to. @type {5 | 6 | undefined} */
  #keyv;

  /** @param {unknown} options See keyv.d.ts. */
  constructor(options) {
    super();
    const { cache, namespace } = check.checkOptions('KeyvStore', options, OPTIONS, KeyvStore);
    this.#cache = cache;
    this.#given = namespace;
    this.namespace = undefined;
  }

  /** Read by Keyv 5 alone, when it is handed the store. */
  get opts() {
    this.#handTo(5);
    return this.#opts;
  }

  /** Read by Keyv 6 alone, when it is handed the store. */
  get capabilities() {
    this.#handTo(6);
    return { compatible: true, store: 'keyvStorage', methods: METHODS, expires: true };
  }

  get namespace() {
    return this.#keyv === 5 ? this.#set : this.#namespace;
  }

  set namespace(namespace) {
    this.#set = namespace || undefined;
    this.#namespace = this.#set ?? (this.#given || undefined);
    this.#prefix = prefixOf(this.#namespace);
  }

  /** @param {string} key */
  async get(key) {
    return this.#cache.get(this.#within(key));
  }

  /** @param {readonly string[]} keys */
  async getMany(keys) {
    return this.#cache.getMany(keys.map((key) => this.#within(key)));
  }

  /** @param {string} key */
  async has(key) {
    return this.#cache.has(this.#within(key));
  }

  /** @param {readonly string[]} keys */
  async hasMany(keys) {
    return Promise.all(keys.map((key) => this.has(key)));
  }

  /** @param {string} key @param {unknown} value @param {number} [life] Milliseconds from Keyv 5, an instant from Keyv 6. */
  async set(key, value, life) {
    return this.#write(key, value, this.#keyv === 6 ? untilInstant(life) : fromNow(life));
  }

  /** @param {readonly { key: string, value: unknown, ttl?: number, expires?: number }[]} entries */
  async setMany(entries) {
    return this.#each(entries, async ({ key, value, ttl, expires }) =>
      this.#write(key, value, untilInstant(expires) ?? fromNow(ttl)),
    );
  }

  /** @param {string} key */
  async delete(key) {
    return this.#cache.delete(this.#within(key));
  }

  /** @param {readonly string[]} keys @returns {Promise<any>} */
  async deleteMany(keys) {
    const deleted = await this.#each(keys, (key) => this.delete(key));
    return this.#keyv === 6 ? deleted : deleted.includes(true);
  }

  async clear() {
    if (this.#prefix === '') await this.#cache.clear();
    else await this.#cache.deleteByPrefix(this.#prefix);
  }

  /** @param {string} [namespace] Keyv 5 names the one it set. */
  async *iterator(namespace = this.#namespace) {
    const prefix = prefixOf(namespace);
    for await (const [key, value] of this.#cache.entries({ prefix })) yield [key.slice(prefix.length), value];
  }

  async disconnect() {}

  /**
   * One answer for each. What was refused is false, and its error goes to the listeners, of which Keyv is one. When all were,
   * the call did nothing: it fails, so that Keyv speaks of it once, and throws when told to.
   * @template T
   * @param {readonly T[]} items
   * @param {(item: T) => Promise<boolean>} act
   */
  async #each(items, act) {
    const ends = await Promise.allSettled(items.map(act));
    const refused = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []));
    if (refused.length > 0 && refused.length === items.length) throw refused[0];
    for (const error of refused) this.emit('error', error);
    return ends.map((end) => end.status === 'fulfilled' && end.value);
  }

  /**
   * @param {string} key
   * @param {unknown} value
   * @param {number | undefined} ttl Milliseconds, 0 when they are over; undefined: as the cache says.
   */
  async #write(key, value, ttl) {
    const at = this.#within(key);
    if (ttl === 0) {
      await this.#cache.delete(at);
      return true;
    }
    try {
      await this.#cache.set(at, value, { ttl });
      return true;
    } catch (error) {
      // Counted as a rejection, and false says that nothing is there. Not an 'error': with no listener Keyv 6 throws those.
      if (RedstartError.is(error, 'ERR_TOO_LARGE')) return false;
      throw error;
    }
  }

  /**
   * What is no string stays so, for the cache to refuse.
   * @param {string} key
   */
  #within(key) {
    return typeof key === 'string' ? this.#prefix + key : key;
  }

  /** @param {5 | 6} version */
  #handTo(version) {
    this.#keyv ??= version;
    if (this.#keyv === version) return;
    throw new RedstartError(
      `this KeyvStore is in use by Keyv ${this.#keyv}, and Keyv ${version} means other times by the same call; give each its own: new KeyvStore({ cache })`,
      { code: 'ERR_INVALID_STATE' },
    );
  }
}

/**
 * What stands before the keys of a namespace. Its own colons are escaped, so the first one ends it.
 * @param {string | undefined} namespace
 */
function prefixOf(namespace) {
  return namespace ? `${String(namespace).replaceAll('%', '%25').replaceAll(':', '%3A')}:` : '';
}

/**
 * What is left of a number of milliseconds: undefined for none, 0 when they are over. Keyv 5 dates an entry with a
 * negative ttl in the past.
 * @param {unknown} ttl
 */
function fromNow(ttl) {
  return isFiniteNumber(ttl) && ttl !== 0 ? Math.min(Math.max(ttl, 0), DURATION_MS_MAX) : undefined;
}

/**
 * What is left until an instant: undefined for none, 0 when it is past.
 * @param {unknown} expires
 */
function untilInstant(expires) {
  return isFiniteNumber(expires) ? Math.min(Math.max(expires - Date.now(), 0), DURATION_MS_MAX) : undefined;
}

/** @param {unknown} value @returns {value is number} */
function isFiniteNumber(value) {
  return Number.isFinite(value);
}

module.exports = { KeyvStore };
