/** Caches: what a get, a miss and a set take, among caches in the process and against Redis beside it. */
const { cases } = require('./cases.js');

const IN_MEMORY = { durability: 'memory' };
const SERVER = { durability: 'server in memory', redis: true };

const AT_1K = 'get-string100-1k-uniform-stable';
const SHARED = 'get-object200-1k-uniform-stable-shared';
const COPIES = 'get-object200-1k-uniform-stable';

/**
 * @param {string} text @param {string} id @param {number} atLeast
 * @param {string} [ours] @param {string} [peer]
 */
const bar = (text, id, atLeast, ours = 'redstart', peer = 'lru-cache') => ({
  text: `${text}, against ${peer}${peer === 'lru-cache' ? ' with ttl' : ''}`,
  case: id,
  metric: 'ns',
  ours,
  peer,
  atLeast,
});
const COPY_TEXT = 'await get, fresh copy of a 200 B object, 1,000 keys';

const REFERENCE =
  'It lives in V8 and hands out or keeps a reference; redstart copies the key into the addon and the value in or out at each call.';
const NO_COPY =
  'It hands out the object itself, which all callers share and can change; redstart makes a copy for each.';
const NO_ENCODING = 'It keeps a reference to the object; redstart checks it and encodes it.';
const NEAR_MISSES =
  'The near cache holds 1,000 of the keys: most reads look there in vain and go through the addon, which reads and hashes the characters of the key, while V8 keeps the hash of a string it has looked up before.';

module.exports = {
  title: 'Cache',
  notes: [
    'All entries fit and none expires: each contender has a TTL of 10 minutes, and a bound where it knows one.',
    'Stable keys are the same strings at each call, which V8 has hashed; fresh keys are made by a template at each call, as from a request, and the making is in the figure.',
    'All make the same calls in the same order; every process sets all keys first and checks that hits are hits and misses are misses.',
    'A figure is the middle one of 7 batches of some 40 ms, after a warm-up.',
    '`redstart` is getSync and setSync with the defaults, which keep 1,000 strings decoded near; `near off` reads each value through the addon; `near objects` is near: { objects: true }; `awaited` is await get and await set with the defaults.',
    'lru-cache, quick-lru and cache-manager hand out the object itself, which a caller can change for all others; `near objects` hands out one frozen object; redstart, node-cache, keyv and Redis hand out a copy.',
    'Sets overwrite the values of existing keys with one of 1,024 that were made before.',
    'Redis runs on the same machine and is reached over loopback; objects go there as JSON.',
  ],
  notMeasured: [
    'Caches that are full and evict: see memory and event-loop delay, and `npm run bench:hit-ratio` for who evicts better.',
    'Redis over a network, which adds the way there and back to each call that is awaited alone.',
  ],
  contenders: {
    redstart: IN_MEMORY,
    'redstart, near off': IN_MEMORY,
    'redstart, near objects': IN_MEMORY,
    'redstart, awaited': IN_MEMORY,
    'lru-cache': { ...IN_MEMORY, package: 'lru-cache', deviations: 'max: the number of keys; ttl' },
    'quick-lru': { ...IN_MEMORY, package: 'quick-lru', deviations: 'maxSize: the number of keys; maxAge' },
    'node-cache': { ...IN_MEMORY, package: 'node-cache', deviations: 'stdTTL; no bound, as by default' },
    keyv: { ...IN_MEMORY, package: 'keyv', deviations: 'ttl; its Map, no bound, as by default' },
    'cache-manager': { ...IN_MEMORY, package: 'cache-manager', deviations: 'ttl; its Map, no bound, as by default' },
    ioredis: { ...SERVER, package: 'ioredis', deviations: 'EX with each SET' },
    'node-redis': { ...SERVER, package: 'redis', deviations: 'EX with each SET' },
  },
  cases,
  bars: [
    bar('near hit through getSync, 200 B object, objects: true, 1,000 keys', SHARED, 1, 'redstart, near objects'),
    bar('getSync, 100 B string, 1,000 keys, no near', AT_1K, 0.45, 'redstart, near off'),
    bar('getSync, 100 B string, 1,000,000 keys, Zipf, fresh keys', 'get-string100-1m-zipf-fresh', 1.2),
    bar('getSync, 100 B string, 1,000,000 keys, Zipf, stable keys', 'get-string100-1m-zipf-stable', 1.2),
    bar('setSync, 100 B string, 1,000,000 keys, fresh keys', 'set-string100-1m-uniform-fresh', 1.4),
    bar('setSync, 100 B string, 1,000,000 keys, stable keys', 'set-string100-1m-uniform-stable', 1.4),
    bar(COPY_TEXT, COPIES, 4, 'redstart, awaited', 'node-cache'),
    bar(COPY_TEXT, COPIES, 10, 'redstart, awaited', 'keyv'),
    bar(COPY_TEXT, COPIES, 1, 'redstart, awaited', 'cache-manager'),
  ],
  why: {
    'get-string100-100k-zipf-fresh': NEAR_MISSES,
    'get-string100-1m-zipf-fresh': NEAR_MISSES,
    'get-string100-1m-zipf-stable': NEAR_MISSES,
    [SHARED]:
      'A near hit also looks whether another thread has changed the value, counts, and tells the cache of one hit in four, so that eviction spares what is read near.',
    'set-object200-1k-uniform-stable': NO_ENCODING,
    'redstart, awaited/cache-manager': NO_COPY,
    'lru-cache': REFERENCE,
    'quick-lru': REFERENCE,
    'cache-manager': REFERENCE,
    'node-cache': REFERENCE,
    keyv: REFERENCE,
  },
};
