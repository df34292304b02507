/**
 * The caches that are compared, each as its users would use it: read, and on a miss write. `replay` answers how many
 * references were hits.
 */
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');
const VALUE = 1;

/** @typedef {{ hits: number, refused?: number }} Outcome */

/** @param {object} options @returns {(keys: string[], capacity: number) => Outcome} */
function redstart(options) {
  return (keys, capacity) => {
    const { open } = require(ROOT);
    const store = open('memory:');
    const cache = store.cache('bench', { ttl: null, max: capacity, ...options });
    let hits = 0;
    for (const key of keys) {
      if (cache.getSync(key) === undefined) cache.setSync(key, VALUE);
      else hits += 1;
    }
    store.close();
    return { hits };
  };
}

/** @param {string[]} keys @param {number} capacity @returns {Outcome} */
function lruCache(keys, capacity) {
  const { LRUCache } = require('lru-cache');
  const cache = new LRUCache({ max: capacity });
  let hits = 0;
  for (const key of keys) {
    if (cache.get(key) === undefined) cache.set(key, VALUE);
    else hits += 1;
  }
  return { hits };
}

/**
 * node-cache evicts nothing: with maxKeys it throws once it is full, so the first keys stay and all others are refused.
 * @param {string[]} keys @param {number} capacity @returns {Outcome}
 */
function nodeCache(keys, capacity) {
  const NodeCache = require('node-cache');
  const cache = new NodeCache({ maxKeys: capacity, stdTTL: 0, checkperiod: 0, useClones: false });
  let hits = 0;
  let refused = 0;
  // Full is full, as nothing ever leaves: after the first refusal an error with its stack for every miss would be all
  // that is timed.
  let full = false;
  for (const key of keys) {
    if (cache.get(key) !== undefined) {
      hits += 1;
    } else if (full) {
      refused += 1;
    } else {
      try {
        cache.set(key, VALUE);
      } catch (error) {
        if (error.name !== 'ECACHEFULL' && error.errorcode !== 'ECACHEFULL') throw error;
        full = true;
        refused += 1;
      }
    }
  }
  cache.close();
  return { hits, refused };
}

/** @type {Record<string, (keys: string[], capacity: number) => Outcome>} */
const POLICIES = {
  's3-fifo': redstart({ eviction: 's3-fifo' }),
  's3-fifo, near off': redstart({ eviction: 's3-fifo', near: false }),
  lru: redstart({ eviction: 'lru' }),
  'lru, near off': redstart({ eviction: 'lru', near: false }),
  'lru-cache': lruCache,
  'node-cache': nodeCache,
};

module.exports = { POLICIES };
