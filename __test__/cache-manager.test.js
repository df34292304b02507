'use strict';
// cache-manager 7 over redstart, by way of Keyv. The manual clock advances without Date, by which Keyv dates its values: what
// ends with it was ended by the store.
const assert = require('node:assert/strict');
const { after, describe, it } = require('node:test');
const { createCache } = require('cache-manager');
const { Keyv } = require('keyv');
const { manualClock, open } = require('..');
const { KeyvStore } = require('redstart/keyv');

const MINUTE = 60_000;

const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newCache = (options) => store.cache(`manager-${names++}`, { ttl: '1h', ...options });
const newManager = ({ cache = newCache(), ...options } = {}) =>
  createCache({ stores: [new Keyv({ store: new KeyvStore({ cache }) })], ...options });

describe('cache-manager', () => {
  it('get, set and del', async () => {
    const manager = newManager();
    const value = { name: 'Ada', at: [1, null, 'x'] };
    assert.deepEqual(await manager.set('k', value), value);
    assert.deepEqual(await manager.get('k'), value);
    assert.equal(await manager.del('k'), true);
    assert.equal(await manager.get('k'), undefined);
  });

  it('0, false, empty text and null are values', async () => {
    const manager = newManager();
    for (const value of [0, false, '', null]) {
      await manager.set('k', value);
      assert.equal(await manager.get('k'), value);
    }
  });

  it('a ttl is in milliseconds, and one that is left out is that of the manager, or else of the cache', async () => {
    const cache = newCache();
    const manager = newManager({ cache, ttl: 2 * MINUTE });
    await manager.set('short', 1, MINUTE);
    await manager.set('middle', 2);
    await newManager({ cache }).set('long', 3);
    clock.advance(MINUTE);
    assert.deepEqual(await manager.mget(['short', 'middle', 'long']), [undefined, 2, 3]);
    clock.advance(MINUTE);
    assert.deepEqual(await manager.mget(['short', 'middle', 'long']), [undefined, undefined, 3]);
    clock.advance('58m');
    assert.equal(await manager.get('long'), undefined);
  });

  it('ttl tells when an entry ends, and nothing for one without a ttl of its own', async () => {
    const manager = newManager();
    const before = Date.now();
    await manager.set('k', 1, MINUTE);
    const expires = await manager.ttl('k');
    assert.ok(expires >= before + MINUTE && expires <= Date.now() + MINUTE, `${expires}`);
    await manager.set('k', 1);
    assert.equal(await manager.ttl('k'), undefined);
    assert.equal(await manager.ttl('none'), undefined);
  });

  it('mset, mget and mdel', async () => {
    const manager = newManager();
    await manager.mset([
      { key: 'a', value: 1, ttl: MINUTE },
      { key: '__proto__', value: { b: 2 } },
    ]);
    assert.deepEqual(await manager.mget(['__proto__', 'none', 'a']), [{ b: 2 }, undefined, 1]);
    clock.advance(MINUTE);
    assert.deepEqual(await manager.mget(['__proto__', 'a']), [{ b: 2 }, undefined]);
    assert.equal(await manager.mdel(['__proto__', 'a', 'none']), true);
    assert.deepEqual(await manager.mget(['__proto__', 'a']), [undefined, undefined]);
  });

  it('wrap loads once for callers at once, keeps what it loaded for its ttl, and then loads anew', async () => {
    const manager = newManager();
    let loads = 0;
    const load = async () => ({ load: ++loads });
    const wrapped = () => manager.wrap('k', load, MINUTE);
    assert.deepEqual(await Promise.all([wrapped(), wrapped(), wrapped()]), Array(3).fill({ load: 1 }));
    clock.advance(MINUTE - 1);
    assert.deepEqual(await wrapped(), { load: 1 });
    clock.advance(1);
    assert.deepEqual(await wrapped(), { load: 2 });
  });

  it('a loader that fails keeps nothing', async () => {
    const manager = newManager();
    await assert.rejects(
      manager.wrap('k', () => Promise.reject(new Error('busy')), MINUTE),
      /busy/,
    );
    assert.equal(await manager.wrap('k', async () => 'there', MINUTE), 'there');
  });

  it('wrap hands on a value that is too large to keep', async () => {
    const cache = newCache({ maxEntrySize: '1kb' });
    const manager = newManager({ cache });
    const large = 'x'.repeat(2000);
    assert.equal(await manager.wrap('k', async () => large, MINUTE), large);
    assert.equal(await manager.get('k'), undefined);
    assert.equal((await cache.stats()).rejections, 1);
  });

  it('clear empties its namespace and leaves the other', async () => {
    const cache = newCache();
    const [users, posts] = ['users', 'posts'].map((namespace) =>
      createCache({ stores: [new Keyv({ store: new KeyvStore({ cache }), namespace })] }),
    );
    await users.set('k', 1);
    await posts.set('k', 2);
    assert.equal(await users.clear(), true);
    assert.deepEqual([await users.get('k'), await posts.get('k')], [undefined, 2]);
  });

  it('it may stand before a second store, and is filled from it', async () => {
    const second = new Keyv();
    const manager = createCache({ stores: [new Keyv({ store: new KeyvStore({ cache: newCache() }) }), second] });
    await second.set('k', 'of the second');
    assert.equal(await manager.wrap('k', () => assert.fail('nothing is to load'), MINUTE), 'of the second');
    await second.clear();
    assert.equal(await manager.get('k'), 'of the second');
  });

  it('disconnect leaves the store open', async () => {
    const manager = newManager();
    await manager.set('k', 1);
    await manager.disconnect();
    assert.equal(await manager.get('k'), 1);
  });
});

describe('as @nestjs/cache-manager makes it', () => {
  /** A store is wrapped with the options of the module, which hold undefined where the app left them out. */
  const nest = ({ stores, ttl, namespace }) => {
    const keyvs = stores.map((keyvStore) => new Keyv({ store: keyvStore, ttl, namespace }));
    return createCache({ stores: keyvs, ttl, namespace });
  };

  it('without a namespace of the module, that of the KeyvStore holds: clear spares the rest of the cache', async () => {
    const cache = newCache();
    const manager = nest({ stores: [new KeyvStore({ cache, namespace: 'nest' })] });
    await cache.set('of the app', 1);
    await manager.set('k', 2);
    assert.equal(await manager.get('k'), 2);
    await manager.clear();
    assert.equal(await manager.get('k'), undefined);
    assert.equal(await cache.get('of the app'), 1);
  });

  it('the ttl of the module is in milliseconds', async () => {
    const manager = nest({ stores: [new KeyvStore({ cache: newCache() })], ttl: MINUTE });
    await manager.set('k', 1);
    clock.advance(MINUTE - 1);
    assert.equal(await manager.get('k'), 1);
    clock.advance(1);
    assert.equal(await manager.get('k'), undefined);
  });
});
