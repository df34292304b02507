'use strict';
/**
 * One fresh process of the boundary bench: measures the lines of one group and prints them as JSON, nanoseconds an
 * operation. Groups run in processes of their own, so that no line profits or suffers from what V8 learned from another.
 */
const path = require('node:path');

const KEYS = 1_000;
const VALUE = 'v'.repeat(100);
/** Each line is timed this often in a process and the fastest round counts: the others were disturbed. */
const ROUNDS = 5;
/** A round lasts about this long. */
const ROUND_MS = 120;

/** Reads of a cache favour some keys: Zipf with the exponent of YCSB, from a fixed seed, drawn before anything is timed. */
const ZIPF_EXPONENT = 0.99;
const DRAWS = 1 << 14;

const root = path.join(__dirname, '..', '..');
const keys = Array.from({ length: KEYS }, (_, index) => `user:session:${index}`);

/** Keys as an app asks for them; the same draws in every process. */
function zipfKeys() {
  const weights = keys.map((_, rank) => 1 / (rank + 1) ** ZIPF_EXPONENT);
  const total = weights.reduce((sum, weight) => sum + weight);
  let seed = 42;
  const random = () => {
    // Park and Miller's minimal standard generator.
    seed = (seed * 48_271) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  return Array.from({ length: DRAWS }, () => {
    let left = random() * total;
    let rank = 0;
    while (rank < KEYS - 1 && left > weights[rank]) left -= weights[rank++];
    return keys[rank];
  });
}

/** @param {(index: number) => unknown} call */
function time(call) {
  const warm = run(call, 20_000);
  const count = Math.max(1_000, Math.round((ROUND_MS * 1e6) / warm));
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) best = Math.min(best, run(call, count));
  return best;
}

let sink;
/** @param {(index: number) => unknown} call @param {number} count */
function run(call, count) {
  const start = process.hrtime.bigint();
  for (let index = 0; index < count; index++) sink = call(index);
  return Number(process.hrtime.bigint() - start) / count;
}

/** @param {(count: number) => Promise<void>} batch @param {number} count */
async function timeAsync(batch, count) {
  await batch(Math.min(count, 200));
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    await batch(count);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / count);
  }
  return best;
}

function probes() {
  const { native, lane, reply } = require(path.join(root, 'lib', 'lane.js'));
  return { native, reply, bound: native.probeFunctions(lane) };
}

const groups = {
  'raw-empty': () => {
    const { bound } = probes();
    return { 'empty call, raw': time(() => bound.empty()) };
  },
  'napi-empty': () => {
    const { native } = probes();
    return { 'empty call, #[napi] function': time(() => native.probeFunction()) };
  },
  'napi-method': () => {
    const { native } = probes();
    const probe = new native.ProbeClass();
    return { 'empty call, #[napi] method': time(() => probe.method()) };
  },
  'raw-key': () => {
    const { bound } = probes();
    return { 'key in, raw': time((index) => bound.key(keys[index % KEYS])) };
  },
  'napi-key': () => {
    const { native } = probes();
    return { 'key in, napi String': time((index) => native.probeString(keys[index % KEYS])) };
  },
  'raw-text': () => {
    const { bound } = probes();
    return { '1 KB string out, one byte a character': time(() => bound.text(1024)) };
  },
  'raw-numbers': () => {
    const { bound } = probes();
    const { scratch } = require(path.join(root, 'lib', 'lane.js'));
    return {
      'four numbers out, scratch array and a literal': time(() => {
        bound.fourNumbers();
        return { limit: scratch[1], remaining: scratch[2], resetAfterMs: scratch[3], retryAfterMs: scratch[4] };
      }),
    };
  },
  'napi-object': () => {
    const { native } = probes();
    const probe = new native.ProbeClass();
    return { 'four numbers out, napi object': time(() => probe.object()) };
  },
  pending: async () => {
    const { bound, reply } = probes();
    const serial = await timeAsync(async (count) => {
      for (let index = 0; index < count; index++) {
        const promise = reply(bound.pending());
        bound.open();
        await promise;
      }
    }, 2_000);
    const batched = await timeAsync(async (count) => {
      for (let from = 0; from < count; from += 1_000) {
        const promises = Array.from({ length: 1_000 }, () => reply(bound.pending()));
        bound.open();
        await Promise.all(promises);
      }
    }, 50_000);
    return { 'pending reply, one at a time': serial, 'pending reply, 1,000 in flight': batched };
  },
  cache: async () => {
    const { open } = require(root);
    const draws = zipfKeys();
    const store = open('memory:');
    // The door itself: without the near cache, which would answer most of these reads before it.
    const cache = store.cache('bench', { ttl: '1h', near: false });
    for (const key of keys) cache.setSync(key, VALUE);
    const line = { 'getSync, 100 B string, 1,000 keys': time((index) => cache.getSync(draws[index % DRAWS])) };
    line['setSync, 100 B string, 1,000 keys'] = time((index) => cache.setSync(draws[index % DRAWS], VALUE));
    line['await get, 100 B string, 1,000 keys'] = await timeAsync(async (count) => {
      for (let index = 0; index < count; index++) await cache.get(draws[index % DRAWS]);
    }, 200_000);
    const near = store.cache('near', { ttl: '1h' });
    for (const key of keys) near.setSync(key, VALUE);
    line['getSync, answered near'] = time((index) => near.getSync(draws[index % DRAWS]));
    return line;
  },
  'lru-cache': async () => {
    const { LRUCache } = await import('lru-cache');
    const draws = zipfKeys();
    const cache = new LRUCache({ max: 10_000, ttl: 3_600_000 });
    for (const key of keys) cache.set(key, VALUE);
    return {
      'lru-cache with ttl, get': time((index) => cache.get(draws[index % DRAWS])),
      'lru-cache with ttl, set': time((index) => cache.set(draws[index % DRAWS], VALUE)),
    };
  },
  limiter: () => {
    const { open } = require(root);
    const limiter = open('memory:').limiter('bench', { limit: 4_000_000_000, window: '1h' });
    for (const key of keys) limiter.consumeSync(key);
    return {
      'consumeSync, 1,000 keys, result object included': time((index) => limiter.consumeSync(keys[index % KEYS])),
    };
  },
};

module.exports = { GROUPS: Object.keys(groups) };

if (require.main === module) {
  Promise.resolve(groups[process.argv[2]]()).then((lines) => {
    if (sink === groups) process.exitCode = 1;
    console.log(JSON.stringify(lines));
  });
}
