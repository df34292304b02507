/** Bounded caches that are written to, and a Map, which has neither bound nor TTL and shows what V8 itself takes. */
const { ROOT } = require('../../../scripts/run.js');

const TTL_MS = 600_000;

/**
 * @typedef {object} Contender
 * @property {(key: string) => any} get
 * @property {(key: string, value: string) => unknown} set
 * @property {() => number | Promise<number>} size Entries held.
 */

/**
 * `evicts`: whether more will be set than it is to hold.
 * @type {Record<string, (entries: number, evicts: boolean) => Contender | Promise<Contender>>}
 */
const CONTENDERS = {
  redstart: (entries, evicts) => {
    const { open } = require(ROOT);
    // The bound in bytes is out of the way, so that all hold as many entries.
    const bound = { maxSize: entries * 1_024, ...(evicts ? { max: entries } : {}) };
    const cache = open('memory:').cache('bench', { ttl: TTL_MS, ...bound });
    const size = async () => (await cache.stats()).entries;
    return { get: (key) => cache.getSync(key), set: (key, value) => cache.setSync(key, value), size };
  },
  'lru-cache': async (max) => {
    const { LRUCache } = await import('lru-cache');
    const cache = new LRUCache({ max, ttl: TTL_MS });
    return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value), size: () => cache.size };
  },
  'quick-lru': async (max) => {
    const { default: QuickLRU } = await import('quick-lru');
    const cache = new QuickLRU({ maxSize: max, maxAge: TTL_MS });
    return { get: (key) => cache.get(key), set: (key, value) => cache.set(key, value), size: () => cache.size };
  },
  Map: () => {
    const map = new Map();
    return { get: (key) => map.get(key), set: (key, value) => map.set(key, value), size: () => map.size };
  },
};

/** Entries are made on a few keys first, so that V8 has compiled and has touched its young generation. */
const WARM_UP_KEYS = 1_000;
const WARM_UP_SETS = 300_000;

/**
 * Another cache of the same kind, which is forgotten.
 * @param {string} name @param {(number: number) => string} keyFor @param {(number: number) => string} valueFor
 */
async function warmUp(name, keyFor, valueFor) {
  const { get, set } = await CONTENDERS[name](2 * WARM_UP_KEYS, false);
  let found = 0;
  for (let call = 0; call < WARM_UP_SETS; call++) {
    const key = keyFor(call % WARM_UP_KEYS);
    set(key, valueFor(call));
    if (get(key) !== undefined) found += 1;
  }
  if (found !== WARM_UP_SETS) throw new Error(`${name} has not kept what was set`);
}

module.exports = { CONTENDERS, warmUp };
