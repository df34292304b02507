/**
 * The caches that are compared, each as its users call it. `get` and `set` answer what the contender's own do: a value or
 * a promise of one. What is imported here is imported in the one process that measures it.
 */
const { ROOT } = require('../../../scripts/run.js');

/** A decision in redstart, so all peers take the same one. */
const TTL_MS = 600_000;
const TTL_SECONDS = TTL_MS / 1_000;
const MB = 1024 * 1024;
/** What redstart holds by default. */
const MAX_SIZE_DEFAULT = 64 * MB;

/**
 * @typedef {object} Work What the contender is to hold.
 * @property {number} keys
 * @property {boolean} objects Whether values are objects; strings otherwise.
 * @property {number} bytes Of a value.
 * @property {string} redisUrl
 *
 * @typedef {object} Contender
 * @property {(key: string) => any} get
 * @property {(key: string, value: any) => any} set
 * @property {boolean} [awaited] Whether they answer promises.
 * @property {() => Promise<unknown>} [empty]
 */

/**
 * The default bound, and more where the values need it: nothing is evicted in any contender.
 * @param {Work} work
 */
const roomFor = ({ keys, bytes }) => Math.max(MAX_SIZE_DEFAULT, keys * (bytes + 200) * 1.5);

/** @param {object} options @param {boolean} [awaited] @returns {(work: Work) => Contender} */
function redstart(options, awaited = false) {
  return (work) => {
    const { open } = require(ROOT);
    const cache = open('memory:').cache('bench', { ttl: TTL_MS, maxSize: roomFor(work), ...options });
    return awaited
      ? { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value), awaited }
      : { get: (key) => cache.getSync(key), set: (key, value) => cache.setSync(key, value) };
  };
}

/** @param {Work} work @returns {Promise<Contender>} */
async function lruCache({ keys }) {
  const { LRUCache } = await import('lru-cache');
  const cache = new LRUCache({ max: keys, ttl: TTL_MS });
  return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value) };
}

/** @param {Work} work @returns {Promise<Contender>} */
async function quickLru({ keys }) {
  const { default: QuickLRU } = await import('quick-lru');
  const cache = new QuickLRU({ maxSize: keys, maxAge: TTL_MS });
  return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value) };
}

/** @returns {Contender} */
function nodeCache() {
  const NodeCache = require('node-cache');
  const cache = new NodeCache({ stdTTL: TTL_SECONDS });
  return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value) };
}

/** @returns {Promise<Contender>} */
async function keyv() {
  const { Keyv } = await import('keyv');
  const cache = new Keyv({ ttl: TTL_MS });
  return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value), awaited: true };
}

/** @returns {Promise<Contender>} */
async function cacheManager() {
  const { createCache } = await import('cache-manager');
  const cache = createCache({ ttl: TTL_MS });
  return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value), awaited: true };
}

/** @param {Work} work @returns {Contender} */
function ioredis({ objects, redisUrl }) {
  const { Redis } = require('ioredis');
  const client = new Redis(redisUrl);
  const set = (/** @type {string} */ key, /** @type {string} */ text) => client.set(key, text, 'EX', TTL_SECONDS);
  return overRedis(
    objects,
    (key) => client.get(key),
    set,
    () => client.flushall(),
  );
}

/** @param {Work} work @returns {Promise<Contender>} */
async function nodeRedis({ objects, redisUrl }) {
  const { createClient } = require('redis');
  const client = createClient({ url: redisUrl });
  await client.connect();
  const expiration = /** @type {const} */ ({ type: 'EX', value: TTL_SECONDS });
  const set = (/** @type {string} */ key, /** @type {string} */ text) => client.set(key, text, { expiration });
  return overRedis(
    objects,
    (key) => client.get(key),
    set,
    () => client.flushAll(),
  );
}

/**
 * Redis holds text: objects go as JSON.
 * @param {boolean} objects
 * @param {(key: string) => Promise<string | null>} get
 * @param {(key: string, text: string) => Promise<unknown>} set
 * @param {() => Promise<unknown>} empty
 * @returns {Contender}
 */
function overRedis(objects, get, set, empty) {
  if (!objects) return { get, set, empty, awaited: true };
  return {
    get: async (key) => {
      const text = await get(key);
      return text === null ? undefined : JSON.parse(text);
    },
    set: (key, value) => set(key, JSON.stringify(value)),
    empty,
    awaited: true,
  };
}

/** @type {Record<string, (work: Work) => Contender | Promise<Contender>>} */
const CONTENDERS = {
  redstart: redstart({}),
  'redstart, near off': redstart({ near: false }),
  'redstart, near objects': redstart({ near: { objects: true } }),
  'redstart, awaited': redstart({}, true),
  'lru-cache': lruCache,
  'quick-lru': quickLru,
  'node-cache': nodeCache,
  keyv,
  'cache-manager': cacheManager,
  ioredis,
  'node-redis': nodeRedis,
};

module.exports = { CONTENDERS };
