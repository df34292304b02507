'use strict';
// Copies of what JSON carries are what JSON.parse would make of its text, and share nothing.
const assert = require('node:assert/strict');
const { afterEach, beforeEach, describe, it } = require('node:test');
const fc = require('fast-check');
const { open } = require('redstart');
const { Copied } = require('../lib/copies.js');

/** Every object and array in a value. */
function* parts(value) {
  if (typeof value !== 'object' || value === null) return;
  yield value;
  for (const inner of Object.values(value)) yield* parts(inner);
}

describe('copies', () => {
  it('are each as JSON.parse makes it, and no two have an object in common', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 5 }), (text) => {
        const copied = new Copied(text);
        const copies = [copied.next(), copied.next(), copied.next()];
        for (const copy of copies) {
          assert.deepStrictEqual(copy, JSON.parse(text));
          assert.equal(JSON.stringify(copy), JSON.stringify(JSON.parse(text)), 'in the same order');
        }
        const all = copies.flatMap((copy) => [...parts(copy)]);
        assert.equal(new Set(all).size, all.length);
      }),
      { numRuns: 1_000 },
    );
  });

  it('keep a field called __proto__ a field', () => {
    const copied = new Copied('{"__proto__":{"admin":true},"a":{"__proto__":[1]}}');
    for (const copy of [copied.next(), copied.next()]) {
      assert.deepEqual(Object.keys(copy), ['__proto__', 'a']);
      assert.equal(copy.admin, undefined);
      assert.equal(Object.getPrototypeOf(copy), Object.prototype);
      assert.deepEqual(Object.getOwnPropertyDescriptor(copy.a, '__proto__').value, [1]);
    }
  });

  it('take nothing from a polluted prototype', () => {
    const polluted = Object.prototype;
    Object.defineProperty(polluted, 'injected', { value: { evil: true }, enumerable: true, configurable: true });
    try {
      const copied = new Copied('{"a":{"b":1}}');
      copied.next();
      assert.deepEqual(Object.keys(copied.next()), ['a']);
    } finally {
      delete polluted.injected;
    }
  });

  it('may nest deeper than the stack is', () => {
    const text = '['.repeat(200_000) + ']'.repeat(200_000);
    const copied = new Copied(text);
    const [one, other] = [copied.next(), copied.next()];
    assert.notEqual(one, other);
    assert.ok(Array.isArray(one[0]) && one[0] !== other[0]);
  });
});

describe('objects that a cache keeps near', () => {
  let store;
  beforeEach(() => {
    store = open('memory:');
  });
  afterEach(() => store.close());

  it('are a copy of its own for every caller, whichever way it is read', async () => {
    const cache = store.cache('plain', { ttl: '1m' });
    const value = { list: [{ n: 1 }], at: { deep: { er: true } } };
    cache.setSync('k', value);
    const reads = [() => cache.getSync('k'), () => cache.get('k'), () => cache.getOrSet('k', () => 'never called')];
    for (let time = 0; time < 3; time++) {
      for (const read of reads) {
        const copy = await read();
        assert.deepEqual(copy, value);
        copy.list[0].n = 2;
        copy.list.push(3);
        copy.at.deep.er = copy;
        copy.more = 1;
      }
    }
    assert.equal((await cache.stats()).misses, 0);
  });

  it('are what was set last', () => {
    const cache = store.cache('plain', { ttl: '1m' });
    for (let n = 0; n < 5; n++) {
      cache.setSync('k', { n });
      for (let read = 0; read < 4; read++) assert.deepEqual(cache.getSync('k'), { n });
    }
  });
});

describe('a full near cache', () => {
  it('takes in what is read again and leaves out what is read once', async () => {
    const store = open('memory:');
    // A key may be taken for another one that was turned away, by 16 bits of their hashes: seldom, so most hold.
    const holds = Array.from({ length: 10 }, (_, number) => {
      const cache = store.cache(`c${number}`, { ttl: '1m', near: { max: 2, objects: true } });
      const keys = ['a', 'b', ...Array.from({ length: 20 }, (_, scan) => `scan ${scan}`)];
      for (const key of keys) cache.setSync(key, { key });
      const [a, b] = keys.map((key) => cache.getSync(key));
      const kept = cache.getSync('a') === a && cache.getSync('b') === b;
      const again = cache.getSync('scan 7');
      return kept && again === cache.getSync('scan 7');
    });
    assert.ok(holds.filter(Boolean).length >= 8, holds.join());
    await store.close();
  });
});
