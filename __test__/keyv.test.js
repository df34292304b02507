'use strict';
// The storage adapter under real Keyv 5 and real Keyv 6. Keyv also dates each value itself, by Date; the store's manual
// clock moves without Date, so what ends when it advances was ended by the store.
const assert = require('node:assert/strict');
const { after, describe, it, mock } = require('node:test');
const { Worker } = require('node:worker_threads');
const { Keyv: Keyv5 } = require('keyv');
const { Keyv: Keyv6 } = require('keyv-6');
const { manualClock, open } = require('..');
const { KeyvStore } = require('redstart/keyv');

const MINUTE = 60_000;
const YEAR = 365 * 24 * 60 * MINUTE;
/** No cache takes a key of more than 64 KiB. */
const REFUSED = 'k'.repeat(70_000);

const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newCache = (options) => store.cache(`keyv-${names++}`, { ttl: null, ...options });
/** A store as each Keyv leaves it: what that Keyv reads when it is handed one was read. */
const heldBy5 = (options) => opened(options, (keyvStore) => keyvStore.opts.dialect);
const heldBy6 = (options) => opened(options, (keyvStore) => keyvStore.capabilities.expires);
function opened({ cache = newCache(), ...options } = {}, read) {
  const keyvStore = new KeyvStore({ cache, ...options });
  assert.ok(read(keyvStore));
  return keyvStore;
}

async function all(iterator) {
  const items = [];
  for await (const item of iterator) items.push(item);
  return items;
}
/** Milliseconds that the only entry of a cache has left. */
async function remaining(cache) {
  const keys = await all(cache.keys());
  assert.equal(keys.length, 1);
  return cache.getRemainingTTL(keys[0]);
}
/** Keyv 6 dates an entry a moment before it stores it. */
const about = (actual, expected) => assert.ok(actual <= expected && actual > expected - 5000, `${actual}`);

for (const [version, Keyv] of [
  [5, Keyv5],
  [6, Keyv6],
]) {
  const newKeyv = ({ cache = newCache(), ...options } = {}) =>
    new Keyv({ store: new KeyvStore({ cache }), ...options });

  describe(`Keyv ${version}`, () => {
    it('a value lives as long as its ttl says, by the clock of the store', async () => {
      const keyv = newKeyv();
      assert.equal(await keyv.set('k', 'v', MINUTE), true);
      clock.advance(MINUTE - 5000);
      assert.equal(await keyv.get('k'), 'v');
      assert.equal(await keyv.has('k'), true);
      clock.advance(5000);
      assert.equal(await keyv.get('k'), undefined);
      assert.equal(await keyv.has('k'), false);
      assert.deepEqual(await keyv.hasMany(['k']), [false]);
      assert.deepEqual(await keyv.getMany(['k']), [undefined]);
    });

    it('a ttl of 50 years is 50 years', async () => {
      const cache = newCache();
      await newKeyv({ cache }).set('k', 'v', 50 * YEAR);
      about(await remaining(cache), 50 * YEAR);
    });

    it('a ttl is as long when Date stands at 1970, as under fake timers', async () => {
      const cache = newCache();
      mock.timers.enable({ apis: ['Date'], now: 5000 });
      try {
        await newKeyv({ cache }).set('k', 'v', 10_000);
      } finally {
        mock.timers.reset();
      }
      assert.equal(await remaining(cache), 10_000);
    });

    it('a ttl of Keyv holds instead of that of the cache, longer or shorter, which holds without one', async () => {
      const cache = newCache({ ttl: '5m' });
      const keyv = newKeyv({ cache });
      await keyv.set('k', 'v');
      assert.equal(await remaining(cache), 5 * MINUTE);
      await keyv.set('k', 'v', 60 * MINUTE);
      about(await remaining(cache), 60 * MINUTE);
      await keyv.setMany([{ key: 'k', value: 'v', ttl: MINUTE }]);
      about(await remaining(cache), MINUTE);
      keyv.ttl = 2 * MINUTE;
      await keyv.set('k', 'v');
      about(await remaining(cache), 2 * MINUTE);
    });

    it('a ttl that means none is none: the cache says how long', async () => {
      const cache = newCache({ ttl: '5m' });
      const keyv = newKeyv({ cache });
      for (const ttl of [undefined, 0, Infinity, NaN]) {
        await keyv.set('k', 'v', ttl);
        assert.equal(await remaining(cache), 5 * MINUTE, String(ttl));
        await keyv.setMany([{ key: 'k', value: 'v', ttl }]);
        assert.equal(await remaining(cache), 5 * MINUTE, String(ttl));
      }
    });

    it('a lifetime of more than 100 years is 100 years', async () => {
      const cache = newCache();
      await newKeyv({ cache }).set('k', 'v', 8000 * YEAR);
      assert.equal(await remaining(cache), 100 * YEAR);
    });

    it('many at once are positional, and what is missing is undefined', async () => {
      const keyv = newKeyv();
      await keyv.setMany([
        { key: 'a', value: 1, ttl: MINUTE },
        { key: 'b', value: 0 },
        { key: 'c', value: null },
      ]);
      assert.deepEqual(await keyv.getMany(['c', 'none', 'a', 'b']), [null, undefined, 1, 0]);
      assert.deepEqual(await keyv.hasMany(['a', 'none', 'b']), [true, false, true]);
      assert.deepEqual(await keyv.getMany([]), []);
      clock.advance(MINUTE);
      assert.deepEqual(await keyv.getMany(['a', 'b']), [undefined, 0]);
    });

    it('delete says whether there was one', async () => {
      const keyv = newKeyv();
      await keyv.set('a', 1);
      assert.equal(await keyv.delete('a'), true);
      assert.equal(await keyv.delete('a'), false);
    });

    it('__proto__ is a key like any other, and results are arrays', async () => {
      const keyv = newKeyv();
      const keys = ['__proto__', 'constructor', 'toString'];
      await keyv.setMany(keys.map((key) => ({ key, value: `of ${key}` })));
      assert.deepEqual(
        await keyv.getMany(keys),
        keys.map((key) => `of ${key}`),
      );
      assert.deepEqual((await all(keyv.iterator())).map(([key]) => key).sort(), [...keys].sort());
      assert.equal({}.polluted, undefined);
      assert.equal(await keyv.delete('__proto__'), true);
      assert.deepEqual(await keyv.hasMany(keys), [false, true, true]);
    });

    it('clear and iterator keep to the namespace, whatever characters it shares with another', async () => {
      const cache = newCache();
      const others = ['usersAbc', 'users:b', 'user', 'users*', 'us?rs', 'users%3Ab', '[u]sers', ':', '%'];
      const keyvs = others.map((namespace) => newKeyv({ cache, namespace }));
      const users = newKeyv({ cache, namespace: 'users' });
      for (const keyv of [users, ...keyvs]) for (const key of ['k', 'b:k', '*']) await keyv.set(key, keyv.namespace);
      assert.deepEqual((await all(users.iterator())).sort(), [
        ['*', 'users'],
        ['b:k', 'users'],
        ['k', 'users'],
      ]);
      await users.clear();
      assert.deepEqual(await users.getMany(['k', 'b:k', '*']), [undefined, undefined, undefined]);
      for (const keyv of keyvs) {
        assert.deepEqual(await keyv.getMany(['k', 'b:k', '*']), Array(3).fill(keyv.namespace));
      }
      await keyvs[others.indexOf('users*')].clear();
      await keyvs[others.indexOf('us?rs')].clear();
      assert.equal((await cache.stats()).entries, (others.length - 2) * 3);
    });

    it('a key with the signs of patterns is just text', async () => {
      const keyv = newKeyv({ namespace: 'n' });
      await keyv.setMany(['a*', 'ab', 'a?', '[a]', '\\'].map((key) => ({ key, value: key })));
      assert.equal(await keyv.delete('a*'), true);
      assert.deepEqual(await keyv.getMany(['a*', 'ab', 'a?', '[a]', '\\']), [undefined, 'ab', 'a?', '[a]', '\\']);
    });

    it('the iterator passes over everything, each with its value', async () => {
      const keyv = newKeyv();
      const entries = Array.from({ length: 1000 }, (_, at) => [`key ${at}`, { at }]);
      await keyv.setMany(entries.map(([key, value]) => ({ key, value })));
      const found = new Map(await all(keyv.iterator()));
      assert.deepEqual(found, new Map(entries));
    });

    it('a value that is too large is not stored: false, the old one gone, a rejection counted, no error', async () => {
      const cache = newCache({ maxEntrySize: '1kb' });
      const keyv = newKeyv({ cache });
      const errors = [];
      keyv.on('error', (error) => errors.push(error));
      const large = 'x'.repeat(2000);
      await keyv.set('k', 'small');
      assert.equal(await keyv.set('k', large), false);
      assert.equal(await keyv.get('k'), undefined);
      assert.equal((await cache.stats()).rejections, 1);
      const entries = ['a', large, 'c'].map((value, at) => ({ key: `${at}`, value }));
      assert.deepEqual(await keyv.setMany(entries), [true, false, true]);
      assert.deepEqual(await keyv.getMany(['0', '1', '2']), ['a', undefined, 'c']);
      assert.deepEqual(errors, []);
    });

    it('without serialization the objects themselves arrive', async () => {
      const keyv = newKeyv({ serialization: false, serialize: undefined, deserialize: undefined });
      const value = { at: new Date(0), tags: new Set(['a']) };
      await keyv.set('k', value, MINUTE);
      assert.deepEqual(await keyv.get('k'), value);
      assert.deepEqual(await keyv.getMany(['k']), [value]);
    });

    it('a ttl holds when the value cannot be read, compressed or in a format of its own', async () => {
      const compression = {
        compress: async (value) => Buffer.from(JSON.stringify(value)).toString('base64'),
        decompress: async (value) => JSON.parse(Buffer.from(value, 'base64').toString()),
      };
      const cache = newCache();
      const keyv = newKeyv({ cache, compression });
      await keyv.set('k', 'v', MINUTE);
      assert.equal(await keyv.get('k'), 'v');
      about(await remaining(cache), MINUTE);
    });

    it('an error of the cache reaches the listener of Keyv', async () => {
      const closing = open('memory:');
      const keyv = newKeyv({ cache: closing.cache('c', { ttl: null }) });
      const errors = [];
      keyv.on('error', (error) => errors.push(error.code));
      await closing.close();
      assert.equal(await keyv.set('k', 'v'), false);
      assert.deepEqual(errors, ['ERR_CLOSED']);
    });

    it('a key of many that is refused is false and an error by itself, and the others are done', async () => {
      const keyv = newKeyv();
      const errors = [];
      keyv.on('error', (error) => errors.push(error.code));
      const set = await keyv.setMany(['a', REFUSED, 'c'].map((key) => ({ key, value: `of ${key}` })));
      assert.deepEqual(set, [true, false, true]);
      assert.deepEqual(errors, ['ERR_INVALID_ARG']);
      assert.deepEqual(await keyv.getMany(['a', 'c']), ['of a', 'of c']);
      const deleted = await keyv.deleteMany(['a', REFUSED, 'none']);
      assert.deepEqual(deleted, version === 6 ? [true, false, false] : true);
      assert.deepEqual(errors, ['ERR_INVALID_ARG', 'ERR_INVALID_ARG']);
      assert.deepEqual(await keyv.getMany(['a', 'c']), [undefined, 'of c']);
    });

    it('when all of many are refused the call fails, and Keyv tells so once', async () => {
      const keyv = newKeyv();
      const errors = [];
      keyv.on('error', (error) => errors.push(error.code));
      const entries = [REFUSED, `${REFUSED}!`].map((key) => ({ key, value: 1 }));
      assert.deepEqual(await keyv.setMany(entries), [false, false]);
      assert.deepEqual(errors, ['ERR_INVALID_ARG']);
      const deleted = await keyv.deleteMany(entries.map(({ key }) => key));
      assert.deepEqual(deleted, version === 6 ? [false, false] : false);
      assert.deepEqual(errors, ['ERR_INVALID_ARG', 'ERR_INVALID_ARG']);
    });

    it('the iterator gives what it gives over a Map, whichever namespaces the store and Keyv have', async () => {
      const entries = [
        ['a', 1],
        ['b:c', 2],
      ];
      for (const given of [undefined, 'given', 'given:too']) {
        for (const namespaced of [{}, { namespace: undefined }, { namespace: 'n' }, { namespace: 'n:too' }]) {
          for (const useKeyPrefix of version === 6 ? [undefined] : [true, false]) {
            const options = { ...namespaced, useKeyPrefix };
            const overMap = new Keyv({ store: new Map(), ...options });
            const keyv = new Keyv({ store: new KeyvStore({ cache: newCache(), namespace: given }), ...options });
            const what = JSON.stringify([given, namespaced, useKeyPrefix]);
            for (const [key, value] of entries) {
              await overMap.set(key, value);
              await keyv.set(key, value);
            }
            const found = (await all(keyv.iterator())).sort();
            assert.deepEqual(found, (await all(overMap.iterator())).sort(), what);
            if (!useKeyPrefix) assert.deepEqual(found, entries, what);
          }
        }
      }
    });

    it('disconnect leaves the store open, which the app has opened', async () => {
      const keyv = newKeyv();
      await keyv.set('k', 'v');
      await keyv.disconnect();
      assert.equal(await keyv.get('k'), 'v');
    });

    it('a thread that opens the same store finds what this one has set', async () => {
      const shared = open(`memory:keyv-${version}`);
      const keyv = newKeyv({ cache: shared.cache('c', { ttl: '1m' }), namespace: 'n' });
      const code = `const { open } = require('redstart');
        const { KeyvStore } = require('redstart/keyv');
        const { Keyv } = require('${version === 5 ? 'keyv' : 'keyv-6'}');
        const store = new KeyvStore({ cache: open('memory:keyv-${version}').cache('c') });
        const keyv = new Keyv({ store, namespace: 'n' });
        keyv.get('k').then((value) => keyv.set('answer', value + ' there'));`;
      await keyv.set('k', 'hello');
      const thread = new Worker(code, { eval: true });
      assert.equal(await new Promise((resolve) => thread.once('exit', resolve)), 0);
      assert.equal(await keyv.get('answer'), 'hello there');
      await shared.close();
    });
  });
}

describe('the contract of Keyv 5', () => {
  it('the third argument is a time to live, and a negative one is over', async () => {
    const cache = newCache();
    const keyvStore = heldBy5({ cache });
    assert.equal(await keyvStore.set('k', 'v', MINUTE), true);
    assert.equal(await remaining(cache), MINUTE);
    assert.equal(await keyvStore.set('k', 'v', -1), true);
    assert.equal(await keyvStore.has('k'), false);
  });

  it('a ttl of 0, or one that is not finite, is none: the cache says how long', async () => {
    const cache = newCache({ ttl: '5m' });
    const keyvStore = heldBy5({ cache });
    for (const ttl of [0, -0, Infinity, -Infinity, NaN, null]) {
      await keyvStore.set('k', 'v', ttl);
      assert.equal(await remaining(cache), 5 * MINUTE, String(ttl));
    }
  });

  it('called without a Keyv it answers as to Keyv 5', async () => {
    const cache = newCache();
    const keyvStore = new KeyvStore({ cache });
    await keyvStore.set('k', 'v', MINUTE);
    assert.equal(await remaining(cache), MINUTE);
    assert.equal(await keyvStore.deleteMany(['k']), true);
  });

  it('deleteMany is true when any was there', async () => {
    const keyvStore = heldBy5();
    await keyvStore.set('a', 1);
    assert.equal(await keyvStore.deleteMany(['a', 'none']), true);
    assert.equal(await keyvStore.deleteMany(['a', 'none']), false);
  });

  it('with useKeyPrefix: false, clear and iterator keep to the namespace all the same', async () => {
    const cache = newCache();
    const [a, b] = ['a', 'b'].map(
      (namespace) => new Keyv5({ store: new KeyvStore({ cache }), namespace, useKeyPrefix: false }),
    );
    await a.set('k', 'of a');
    await b.set('k', 'of b');
    assert.deepEqual(await all(a.iterator()), [['k', 'of a']]);
    await a.clear();
    assert.deepEqual([await a.get('k'), await b.get('k')], [undefined, 'of b']);
  });

  it('the iterator takes a namespace', async () => {
    const cache = newCache();
    await heldBy5({ cache, namespace: 'a' }).set('k', 1);
    assert.deepEqual(await all(heldBy5({ cache, namespace: 'b' }).iterator('a')), [['k', 1]]);
  });
});

describe('the contract of Keyv 6', () => {
  it('the third argument is an instant', async () => {
    const cache = newCache();
    await heldBy6({ cache }).set('k', 'v', Date.now() + MINUTE);
    about(await remaining(cache), MINUTE);
  });

  it('an instant that is past is accepted and not live, and the old value is gone', async () => {
    const keyvStore = heldBy6();
    for (const past of [Date.now() - 1, Date.now(), 5000, 0, -1]) {
      await keyvStore.set('k', 'old');
      assert.equal(await keyvStore.set('k', 'v', past), true);
      assert.equal(await keyvStore.get('k'), undefined);
      assert.equal(await keyvStore.has('k'), false);
    }
  });

  it('setMany stores each to its own instant', async () => {
    const keyvStore = heldBy6();
    await keyvStore.set('past', 'old');
    const now = Date.now();
    const stored = await keyvStore.setMany([
      { key: 'short', value: 1, expires: now + MINUTE },
      { key: 'long', value: 2, expires: now + 10 * MINUTE },
      { key: 'past', value: 3, expires: now - 1 },
      { key: 'none', value: 4, expires: undefined },
    ]);
    assert.deepEqual(stored, [true, true, true, true]);
    assert.deepEqual(await keyvStore.hasMany(['short', 'long', 'past', 'none']), [true, true, false, true]);
    clock.advance(MINUTE);
    assert.deepEqual(await keyvStore.hasMany(['short', 'long', 'none']), [false, true, true]);
  });

  it('deleteMany answers for each key', async () => {
    const keyvStore = heldBy6();
    await keyvStore.set('a', 1);
    assert.deepEqual(await keyvStore.deleteMany(['none', 'a']), [false, true]);
    assert.deepEqual(await keyvStore.deleteMany(['none', 'a']), [false, false]);
    assert.deepEqual(await keyvStore.deleteMany([]), []);
  });

  it('it is used as it is, not bridged', () => {
    const keyvStore = new KeyvStore({ cache: newCache() });
    assert.equal(new Keyv6({ store: keyvStore }).store, keyvStore);
  });

  it('without checkExpired the store alone ends an entry, and says so', async () => {
    const keyv = new Keyv6({ store: new KeyvStore({ cache: newCache() }), checkExpired: false });
    await keyv.set('k', 'v', MINUTE);
    assert.equal(await keyv.has('k'), true);
    clock.advance(MINUTE);
    assert.equal(await keyv.has('k'), false);
    assert.equal(await keyv.get('k'), undefined);
  });
});

describe('a refusal among many, when the store is called without a Keyv', () => {
  it('goes to the listener of the store, after the others were done', async () => {
    const keyvStore = new KeyvStore({ cache: newCache() });
    const heard = [];
    keyvStore.on('error', (error) => heard.push(error.code));
    const values = [1, () => {}, 3, Symbol('4')];
    const stored = await keyvStore.setMany(values.map((value, at) => ({ key: `${at}`, value })));
    assert.deepEqual(stored, [true, false, true, false]);
    assert.deepEqual(heard, ['ERR_INVALID_ARG', 'ERR_INVALID_ARG']);
    assert.deepEqual(await keyvStore.getMany(['0', '1', '2', '3']), [1, undefined, 3, undefined]);
  });

  it('rejects when nobody listens, and the others were done all the same', async () => {
    const keyvStore = new KeyvStore({ cache: newCache() });
    await assert.rejects(keyvStore.setMany([REFUSED, 'b'].map((key) => ({ key, value: 1 }))), {
      code: 'ERR_INVALID_ARG',
    });
    assert.equal(await keyvStore.get('b'), 1);
    await assert.rejects(keyvStore.deleteMany([REFUSED, 'b']), { code: 'ERR_INVALID_ARG' });
    assert.equal(await keyvStore.get('b'), undefined);
  });
});

describe('options', () => {
  it('the entries are in the cache, behind namespace and colon [KeyvStoreOptions.cache] [KeyvStoreOptions.namespace]', async () => {
    const cache = newCache();
    const plain = new Keyv6({ store: new KeyvStore({ cache }), serialization: false });
    const users = new Keyv6({ store: new KeyvStore({ cache, namespace: 'users' }), serialization: false });
    await plain.set('k', 1);
    await users.set('k', 2);
    assert.deepEqual((await all(cache.keys())).sort(), ['k', 'users:k']);
    assert.equal((await cache.get('users:k')).value, 2);
    assert.equal(users.namespace, 'users');
    await users.clear();
    assert.deepEqual(await all(cache.keys()), ['k']);
    await plain.clear();
    assert.deepEqual(await all(cache.keys()), []);
  });

  it('the namespace holds while Keyv names none, with Keyv 5 too [KeyvStoreOptions.namespace]', async () => {
    const cache = newCache();
    const keyvStore = new KeyvStore({ cache, namespace: 'mine' });
    const keyv = new Keyv5({ store: keyvStore, namespace: undefined });
    await keyv.set('k', 1);
    assert.deepEqual(await all(cache.keys()), ['mine:k']);
    keyv.namespace = 'theirs';
    assert.equal(keyvStore.namespace, 'theirs');
    assert.equal(await keyv.get('k'), undefined);
    keyv.namespace = undefined;
    assert.equal(await keyv.get('k'), 1);
    assert.deepEqual(
      (await all(keyvStore.iterator())).map(([key]) => key),
      ['k'],
    );
  });

  it('a store starts without a namespace', () => {
    const keyvStore = new KeyvStore({ cache: newCache() });
    assert.equal(keyvStore.namespace, undefined);
    keyvStore.namespace = 'a';
    assert.equal(keyvStore.namespace, 'a');
  });

  it('what is no cache, and what is no option, is refused', () => {
    const cache = newCache();
    for (const options of [
      undefined,
      {},
      { cache: new Map() },
      { cache: undefined },
      { cache: null },
      { cache, namespace: 1 },
    ]) {
      assert.throws(() => new KeyvStore(options), { code: 'ERR_INVALID_ARG' });
    }
    assert.throws(() => new KeyvStore({ cache, namspace: 'a' }), /did you mean 'namespace'/);
  });

  it('a key that is no string is refused, not turned into one', async () => {
    const keyvStore = new KeyvStore({ cache: newCache(), namespace: 'n' });
    for (const key of [1, undefined, null, {}]) {
      await assert.rejects(keyvStore.set(key, 'v'), { code: 'ERR_INVALID_ARG' });
      await assert.rejects(keyvStore.getMany([key]), { code: 'ERR_INVALID_ARG' });
    }
  });
});

describe('one KeyvStore for Keyv 5 and Keyv 6', () => {
  for (const [first, First, second, Second] of [
    [5, Keyv5, 6, Keyv6],
    [6, Keyv6, 5, Keyv5],
  ]) {
    it(`is refused when Keyv ${second} comes after Keyv ${first}, and one each over the same cache is not`, async () => {
      const cache = newCache();
      const keyvStore = new KeyvStore({ cache });
      new First({ store: keyvStore, namespace: 'a' });
      assert.throws(() => new Second({ store: keyvStore, namespace: 'a' }), { code: 'ERR_INVALID_STATE' });
      await new Second({ store: new KeyvStore({ cache }), namespace: 'a' }).set('k', 'v', MINUTE);
      about(await remaining(cache), MINUTE);
    });

    it(`Keyv ${first} after another Keyv ${first} is not`, () => {
      const keyvStore = new KeyvStore({ cache: newCache() });
      new First({ store: keyvStore });
      new First({ store: keyvStore });
    });
  }
});
