'use strict';
// What goes together: by tag, by prefix, or all at once.
const assert = require('node:assert/strict');
const { afterEach, beforeEach, describe, it } = require('node:test');
const { manualClock, open } = require('redstart');

let clock;
let store;
let cache;

beforeEach(() => {
  clock = manualClock();
  store = open('memory:', { clock });
  cache = store.cache('c', { ttl: '1h', staleWhileRevalidate: '1h' });
});
afterEach(() => store.close());

const present = (...keys) => keys.filter((key) => cache.hasSync(key));

describe('a tag', () => {
  it('takes its entries with it and no others [SetOptions.tags]', async () => {
    await cache.set('1', 1, { tags: ['posts', 'user:7'] });
    await cache.set('2', 2, { tags: ['posts'] });
    await cache.set('3', 3, { tags: ['post'] });
    await cache.set('4', 4);
    await cache.deleteByTag('user:7');
    assert.deepEqual(present('1', '2', '3', '4'), ['2', '3', '4']);
    await cache.deleteByTag(['posts', 'nobody has this one']);
    assert.deepEqual(present('1', '2', '3', '4'), ['3', '4']);
    await cache.deleteByTag([]);
    assert.deepEqual(present('3', '4'), ['3', '4']);
  });

  it('is of the value that was set with it, not of the key', async () => {
    await cache.set('k', 'tagged', { tags: ['t'] });
    await cache.set('k', 'plain');
    await cache.deleteByTag('t');
    assert.equal(await cache.get('k'), 'plain');
    await cache.set('k', 'tagged again', { tags: ['t'] });
    assert.equal(await cache.get('k'), 'tagged again', 'what is set after the deletion stays');
  });

  it('is any string, as keys are', async () => {
    const tags = ['', '\0', '__proto__', '\ud800', '\udfff', '€', 'a,b'];
    for (const [at, tag] of tags.entries()) await cache.set(`k${at}`, at, { tags: [tag] });
    for (const [at, tag] of tags.entries()) {
      await cache.deleteByTag(tag);
      assert.equal(
        (await cache.getMany(tags.map((_, other) => `k${other}`))).filter((v) => v !== undefined).length,
        tags.length - at - 1,
      );
    }
  });

  it('ends the TTL of its entries with expireByTag, so that they are stale and not gone', async () => {
    await cache.set('k', 'old', { tags: ['t'] });
    await cache.set('other', 'fresh');
    await cache.expireByTag('t');
    assert.deepEqual(present('k', 'other'), ['other']);
    assert.equal(await cache.getOrSet('k', () => 'new'), 'old');
    assert.equal(await cache.get('k'), 'new');
  });

  it('that is invalidated while a loader of one of its values runs keeps that value out', async () => {
    for (const invalidate of ['deleteByTag', 'expireByTag']) {
      let release;
      const gate = new Promise((resolve) => {
        release = resolve;
      });
      const loading = cache.getOrSet('k', () => gate.then(() => 'read before'), { tags: ['t'] });
      await cache[invalidate]('t');
      release();
      assert.equal(await loading, 'read before');
      assert.equal(await cache.has('k'), false, invalidate);
      const own = await cache.getOrSet('k', async ({ setOptions }) => {
        setOptions({ tags: ['said by the loader'] });
        await cache[invalidate]('said by the loader');
        return 1;
      });
      assert.deepEqual([own, await cache.has('k')], [1, false], invalidate);
    }
  });

  it('is refused where it is no string, too long, or one of too many', async () => {
    const refused = { code: 'ERR_INVALID_ARG', message: /tag/ };
    for (const tags of [[1], 't', { 0: 't' }, ['x'.repeat(1_025)], Array.from({ length: 65 }, (_, n) => `${n}`)]) {
      await assert.rejects(cache.set('k', 1, { tags }), refused);
    }
    for (const tags of [1, undefined, [null]]) {
      await assert.rejects(cache.deleteByTag(tags), refused);
      await assert.rejects(cache.expireByTag(tags), refused);
    }
    assert.equal(await cache.has('k'), false);
    await cache.set('k', 1, { tags: Array.from({ length: 64 }, (_, n) => `${n}`.padEnd(1_024)) });
    assert.equal(await cache.has('k'), true);
  });
});

describe('a prefix', () => {
  it('takes the keys that start with it, character by character, and says how many', async () => {
    const keys = ['users:1', 'users:2', 'usersAbc', 'user', 'xusers:1', 'users:*', 'users:[12]', 'users:\ud800'];
    await cache.setMany(keys.map((key) => [key, 1]));
    assert.equal(await cache.deleteByPrefix('users:*'), 1);
    assert.equal(await cache.deleteByPrefix('users:\udfff'), 0);
    assert.equal(await cache.deleteByPrefix('users:'), 4);
    assert.deepEqual(present(...keys), ['usersAbc', 'user', 'xusers:1']);
    assert.equal(await cache.deleteByPrefix(''), 3);
    await assert.rejects(cache.deleteByPrefix(/users/), { code: 'ERR_INVALID_ARG' });
  });

  it('counts what is live, not what has expired', async () => {
    const plain = store.cache('plain', { ttl: '1s' });
    await plain.setMany([
      ['a:1', 1],
      ['a:2', 2],
    ]);
    clock.advance('1s');
    await plain.set('a:3', 3);
    assert.equal(await plain.deleteByPrefix('a:'), 1);
  });

  it('is found in a large cache too', async () => {
    const big = store.cache('big', { ttl: null });
    for (let from = 0; from < 100_000; from += 1_000) {
      await big.setMany(Array.from({ length: 1_000 }, (_, at) => [`${at % 2 ? 'odd' : 'even'}:${from + at}`, at]));
    }
    assert.equal(await big.deleteByPrefix('odd:'), 50_000);
    assert.equal((await big.stats()).entries, 50_000);
  });
});

describe('clear', () => {
  it('empties the cache and nothing else, and what is set after it stays', async () => {
    const other = store.cache('other', { ttl: null });
    await other.set('k', 'other');
    await cache.setMany([
      ['a', 1],
      ['b', 2],
    ]);
    await cache.clear();
    assert.deepEqual([await cache.getMany(['a', 'b']), (await cache.stats()).entries], [[undefined, undefined], 0]);
    await cache.set('a', 3);
    assert.deepEqual([await cache.get('a'), await other.get('k')], [3, 'other']);
  });
});
