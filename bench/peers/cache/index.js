/** Caches: what a get, a miss and a set take, among caches in the process and against Redis beside it. */
const { cases } = require('./cases.js');

const IN_MEMORY = { durability: 'memory' };
const SERVER = { durability: 'server in memory', redis: true };

const AT_1K = 'get-string100-1k-uniform-stable';
const SHARED = 'get-object200-1k-uniform-stable-shared';
const COPIES = 'get-object200-1k-uniform-stable';

/** @param {string} peer @param {number} atLeast */
const copyBar = (peer, atLeast) => ({
  text: `await get, fresh copy of a 200 B object, 1,000 keys, against ${peer}`,
  case: COPIES,
  metric: 'ns',
  ours: 'redstart, awaited',
  peer,
  atLeast,
});

module.exports = {
  title: 'Cache',
  notes: [
    'All entries fit and none expires: each contender has a TTL of 10 minutes, and a bound where it knows one.',
    'Stable keys are the same strings at each call, which V8 has hashed; fresh keys are made by a template at each call, as from a request, and the making is in the figure.',
    'All make the same calls in the same order; every process sets all keys first and checks that hits are hits and misses are misses.',
    'A figure is the middle one of 7 batches of some 45 ms, after a warm-up.',
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
    {
      text: 'near hit through getSync, 200 B object, objects: true, 1,000 keys, against lru-cache with ttl',
      case: SHARED,
      metric: 'ns',
      ours: 'redstart, near objects',
      peer: 'lru-cache',
      atLeast: 1,
    },
    {
      text: 'getSync, 100 B string, 1,000 keys, no near, against lru-cache with ttl',
      case: AT_1K,
      metric: 'ns',
      ours: 'redstart, near off',
      peer: 'lru-cache',
      atLeast: 0.45,
    },
    {
      text: 'getSync, 100 B string, 1,000,000 keys, Zipf, against lru-cache with ttl',
      case: 'get-string100-1m-zipf-stable',
      metric: 'ns',
      ours: 'redstart',
      peer: 'lru-cache',
      atLeast: 1.2,
    },
    {
      text: 'setSync, 100 B string, 1,000,000 keys, against lru-cache with ttl',
      case: 'set-string100-1m-uniform-stable',
      metric: 'ns',
      ours: 'redstart',
      peer: 'lru-cache',
      atLeast: 1.4,
    },
    copyBar('node-cache', 4),
    copyBar('keyv', 10),
    copyBar('cache-manager', 1),
  ],
  why: {},
};
