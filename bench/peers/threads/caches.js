/** What the threads share, or have one each of, each as its users call it. */
const { ROOT } = require('../../../scripts/run.js');

const TTL_MS = 600_000;
/** More than is set: nothing is evicted. */
const MAX = 200_000;

/** @typedef {{ get(key: string): any, set(key: string, value: string): unknown }} Calls */

/** One cache, whichever thread opens it. @param {object} options @returns {() => Calls} */
const redstart = (options) => () => {
  const { open } = require(ROOT);
  const cache = open('memory:bench').cache('bench', { ttl: TTL_MS, ...options });
  return { get: (key) => cache.getSync(key), set: (key, value) => cache.setSync(key, value) };
};

/** @type {Record<string, () => Calls | Promise<Calls>>} */
const CACHES = {
  redstart: redstart({}),
  'redstart, near off': redstart({ near: false }),
  'lru-cache': async () => {
    const { LRUCache } = await import('lru-cache');
    const cache = new LRUCache({ max: MAX, ttl: TTL_MS });
    return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value) };
  },
};

module.exports = { CACHES };
