'use strict';
// Many keys in one call, and all keys one after the other.
const assert = require('node:assert/strict');
const { afterEach, beforeEach, describe, it } = require('node:test');
const { manualClock, open } = require('redstart');

let clock;
let store;
let cache;

beforeEach(() => {
  clock = manualClock();
  store = open('memory:', { clock });
  cache = store.cache('c', { ttl: '1m', maxEntrySize: '1kb' });
});
afterEach(() => store.close());

/** @param {AsyncIterable<any>} iterable */
async function collect(iterable) {
  const all = [];
  for await (const one of iterable) all.push(one);
  return all;
}

describe('getMany', () => {
  it('answers by position, each value of its type', async () => {
    await cache.set('a', { at: new Date(0) });
    await cache.set('b', 0);
    await cache.set('__proto__', 'proto');
    const found = await cache.getMany(['b', 'absent', 'a', '__proto__', 'b']);
    assert.deepEqual(found, [0, undefined, { at: new Date(0) }, 'proto', 0]);
    assert.ok(Array.isArray(found));
    assert.deepEqual(await cache.getMany([]), []);
    const { hits, misses } = await cache.stats();
    assert.deepEqual({ hits, misses }, { hits: 4, misses: 1 });
  });

  it('is refused without an array of keys', async () => {
    for (const keys of ['abc', undefined, { 0: 'a' }, ['a', 1]]) {
      await assert.rejects(cache.getMany(keys), { code: 'ERR_INVALID_ARG' });
    }
  });
});

describe('setMany', () => {
  it('takes pairs from anything that can be iterated, the last of a key counts', async () => {
    await cache.setMany(new Map([['m', 1]]));
    await cache.setMany(
      (function* () {
        yield ['g', 1];
        yield ['g', 2];
      })(),
      { ttl: '5s', tags: ['t'] },
    );
    assert.deepEqual(await cache.getMany(['m', 'g']), [1, 2]);
    assert.deepEqual([await cache.getRemainingTTL('m'), await cache.getRemainingTTL('g')], [60_000, 5_000]);
    await cache.deleteByTag('t');
    assert.deepEqual(await cache.getMany(['m', 'g']), [1, undefined]);
    await cache.setMany([]);
  });

  it('stores nothing of bad input', async () => {
    const bad = [
      [
        ['a', 1],
        [7, 1],
      ],
      [
        ['a', 1],
        ['b', undefined],
      ],
      [
        ['a', 1],
        ['b', () => 1],
      ],
      [['a', 1], 'bc'],
      [
        ['a', 1],
        ['x'.repeat(70_000), 1],
      ],
      7,
      undefined,
    ];
    for (const entries of bad) await assert.rejects(cache.setMany(entries), { code: 'ERR_INVALID_ARG' });
    await assert.rejects(cache.setMany([['a', 1]], { ttl: 0 }), { code: 'ERR_INVALID_ARG' });
    await assert.rejects(cache.setMany([['a', 1]], { tags: ['x'.repeat(2_000)] }), { code: 'ERR_INVALID_ARG' });
    assert.equal(await cache.has('a'), false);
  });

  it('names the value that it cannot store', async () => {
    await assert.rejects(
      cache.setMany([
        ['a', 1],
        ['b', { run() {} }],
      ]),
      { message: /the value of 'b'\.run/ },
    );
  });

  it('leaves out what is too large, with its old value, and stores the others', async () => {
    await cache.set('large', 'old');
    const large = 'x'.repeat(2_000);
    await assert.rejects(
      cache.setMany([
        ['a', 1],
        ['large', large],
        ['larger', large],
        ['b', 2],
      ]),
      { code: 'ERR_TOO_LARGE', message: /'large'/ },
    );
    assert.deepEqual(await cache.getMany(['a', 'large', 'larger', 'b']), [1, undefined, undefined, 2]);
    assert.equal((await cache.stats()).rejections, 2);
  });

  it('keeps each value as it was when its pair was read', async () => {
    const raw = store.cache('raw', { ttl: null, codec: 'raw' });
    const buffer = Buffer.alloc(1);
    await raw.setMany(
      (function* () {
        for (const byte of [1, 2]) {
          buffer[0] = byte;
          yield [`${byte}`, buffer];
        }
      })(),
    );
    assert.deepEqual(await raw.getMany(['1', '2']), [Buffer.of(1), Buffer.of(2)]);
  });
});

describe('deleteMany', () => {
  it('says how many were live', async () => {
    await cache.setMany([
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ]);
    assert.equal(await cache.deleteMany(['a', 'a', 'absent', 'b']), 2);
    assert.deepEqual(await cache.getMany(['a', 'b', 'c']), [undefined, undefined, 3]);
    assert.equal(await cache.deleteMany([]), 0);
    await assert.rejects(cache.deleteMany('c'), { code: 'ERR_INVALID_ARG' });
    await assert.rejects(cache.deleteMany(['c', 1]), { code: 'ERR_INVALID_ARG' });
  });
});

describe('keys and entries', () => {
  it('stream every live entry once, by prefix too', async () => {
    const big = store.cache('big', { ttl: '1h' });
    const names = Array.from({ length: 5_000 }, (_, at) => `${at % 5 === 0 ? 'five' : 'other'}:${at}`);
    await big.setMany(names.map((name, at) => [name, { at }]));
    await big.set('expired', 1, { ttl: '1s' });
    clock.advance('1s');
    assert.deepEqual((await collect(big.keys())).sort(), [...names].sort());
    const fives = await collect(big.keys({ prefix: 'five:' }));
    assert.deepEqual(fives.sort(), names.filter((name) => name.startsWith('five:')).sort());
    const entries = await collect(big.entries({ prefix: 'five:' }));
    assert.equal(entries.length, 1_000);
    for (const [key, { at }] of entries) assert.equal(key, names[at]);
    assert.deepEqual(await collect(big.keys({ prefix: 'absent' })), []);
  });

  it('let the event loop turn and stop when asked to', async () => {
    const big = store.cache('big', { ttl: null });
    await big.setMany(Array.from({ length: 2_000 }, (_, at) => [`${at}`, at]));
    let turned = false;
    setImmediate(() => {
      turned = true;
    });
    for await (const _ of big.keys()) if (turned) break;
    assert.equal(turned, true);
  });

  it('meet what is there from start to end while others read and write', async () => {
    const big = store.cache('big', { ttl: null, maxSize: '64mb' });
    const stays = Array.from({ length: 3_000 }, (_, at) => `stays:${at}`);
    await big.setMany(stays.map((key) => [key, 1]));
    const met = new Set();
    let turns = 0;
    for await (const key of big.keys()) {
      met.add(key);
      turns += 1;
      big.setSync(`new:${turns}`, 1);
      if (turns % 3 === 0) big.deleteSync(`new:${turns - 2}`);
      if (turns > 50_000) break;
    }
    for (const key of stays) assert.ok(met.has(key), key);
  });

  it('count no use, no hit and no miss', async () => {
    await cache.set('a', 1);
    await collect(cache.entries());
    const { hits, misses } = await cache.stats();
    assert.deepEqual({ hits, misses }, { hits: 0, misses: 0 });
  });

  it('reject for bad options and on a closed handle, and throw nothing before', async () => {
    await assert.rejects(collect(cache.keys({ prefx: 'a' })), { code: 'ERR_INVALID_ARG', message: /prefix/ });
    await assert.rejects(collect(cache.entries({ prefix: 1 })), { code: 'ERR_INVALID_ARG' });
    const other = open('memory:');
    const closed = other.cache('c', { ttl: null });
    await other.close();
    await assert.rejects(collect(closed.keys()), { code: 'ERR_CLOSED' });
  });
});
