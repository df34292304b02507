'use strict';
const assert = require('node:assert/strict');
const { test, beforeEach, afterEach } = require('node:test');
const { open, manualClock } = require('redstart');

const DAY_MS = 86_400_000;
let clock;
let store;
let cache;

beforeEach(() => {
  clock = manualClock();
  store = open('memory:', { clock });
  cache = store.cache('c', { ttl: '1m' });
});
afterEach(() => store.close());

test('get, set, has and delete, async and sync, are one cache', async () => {
  assert.equal(await cache.get('k'), undefined);
  await cache.set('k', 'v');
  assert.equal(cache.getSync('k'), 'v');
  assert.equal(await cache.has('k'), true);
  assert.equal(cache.hasSync('k'), true);
  assert.equal(await cache.delete('k'), true);
  assert.equal(cache.deleteSync('k'), false);
  cache.setSync('a', 1);
  cache.setSync('b', 2);
  await cache.clear();
  assert.deepEqual([cache.getSync('a'), cache.hasSync('b')], [undefined, false]);
  assert.equal((await cache.stats()).entries, 0);
});

test('0, false, the empty string and null are values', async () => {
  for (const value of [0, -0, Number.NaN, false, '', null, 10n]) {
    cache.setSync('k', value);
    assert.ok(Object.is(cache.getSync('k'), value), String(value));
    assert.ok(Object.is(await cache.getOrSet('k', () => 'loaded'), value), String(value));
  }
});

test('an entry lives as long as its ttl and not a millisecond more [CacheOptions.ttl] [SetOptions.ttl]', () => {
  cache.setSync('default', 1);
  cache.setSync('own', 1, { ttl: '10s' });
  cache.setSync('never', 1, { ttl: null });
  cache.setSync('infinite', 1, { ttl: Number.POSITIVE_INFINITY });
  clock.advance(9_999);
  assert.equal(cache.getSync('own'), 1);
  clock.advance(1);
  assert.equal(cache.getSync('own'), undefined);
  assert.equal(cache.hasSync('default'), true);
  clock.advance('50s');
  assert.equal(cache.hasSync('default'), false);
  clock.advance('365d');
  assert.deepEqual([cache.getSync('never'), cache.getSync('infinite')], [1, 1]);
});

test('reading an entry does not make it live longer', () => {
  cache.setSync('k', 1);
  for (let second = 0; second < 59; second++) {
    clock.advance('1s');
    assert.equal(cache.getSync('k'), 1);
  }
  clock.advance('1s');
  assert.equal(cache.getSync('k'), undefined);
});

test('a ttl past what a 32-bit timer can hold is kept', () => {
  cache.setSync('k', 1, { ttl: '30d' });
  clock.advance(25 * DAY_MS);
  assert.equal(cache.getSync('k'), 1);
  clock.advance(5 * DAY_MS);
  assert.equal(cache.getSync('k'), undefined);
});

test('the ttl must be stated', () => {
  assert.throws(() => store.cache('x', {}), { code: 'ERR_INVALID_ARG', message: /ttl/ });
  for (const ttl of [0, -1, Number.NaN, '0s', 'soon', '5 parsecs', true, {}]) {
    assert.throws(() => store.cache('x', { ttl }), { code: 'ERR_INVALID_ARG' }, String(ttl));
  }
  assert.throws(() => store.cache('x', { tll: '1m' }), { code: 'ERR_INVALID_ARG', message: /did you mean 'ttl'/ });
});

test('what was put in and what comes out are copies', () => {
  const value = { list: [1] };
  cache.setSync('k', value);
  value.list.push(2);
  const got = cache.getSync('k');
  assert.deepEqual(got, { list: [1] });
  got.list.push(3);
  assert.deepEqual(cache.getSync('k'), { list: [1] });
});

test('bytes stay under maxSize, what was used again outlives what was not, a just set key is there [CacheOptions.maxSize]', async () => {
  const small = store.cache('small', { ttl: null, maxSize: '64kb' });
  small.setSync('key:0', 'x'.repeat(500));
  for (let index = 1; index < 1_000; index++) {
    await small.getMany(['key:0']);
    small.setSync(`key:${index}`, 'x'.repeat(500));
    for (let read = 0; read < 3; read++) await small.peek('key:1');
    assert.equal(small.hasSync(`key:${index}`), true);
  }
  const stats = await small.stats();
  assert.ok(stats.bytes <= 64 * 1024, `${stats.bytes}`);
  assert.ok(stats.entries > 80, 'bookkeeping does not eat the room');
  assert.equal(stats.entries + stats.evictions, 1_000);
  assert.equal(small.hasSync('key:0'), true);
  assert.equal(small.hasSync('key:1'), false, 'a peek is no use');
});

test('a cache holds as many entries as it may, exactly [CacheOptions.max]', async () => {
  for (const eviction of ['s3-fifo', 'lru']) {
    const three = store.cache(`three ${eviction}`, { ttl: null, max: 3, eviction });
    for (let index = 0; index < 100; index++) {
      three.setSync(`${index}`, index);
      assert.equal(three.hasSync(`${index}`), true);
      assert.equal((await three.stats()).entries, Math.min(index + 1, 3));
    }
  }
});

test('eviction goes by use alone, or spares from a scan what was used before [CacheOptions.eviction]', async () => {
  const survivors = async (eviction) => {
    const one = store.cache(eviction, { ttl: null, max: 100, eviction, near: false });
    const used = Array.from({ length: 50 }, (_, index) => `used:${index}`);
    for (const key of used) one.setSync(key, 1);
    for (let read = 0; read < 3; read++) await one.getMany(used);
    for (let index = 0; index < 1_000; index++) one.setSync(`scan:${index}`, 1);
    return (await one.getMany(used)).filter((value) => value === 1).length;
  };
  assert.equal(await survivors('lru'), 0);
  assert.ok((await survivors('s3-fifo')) >= 45);
  assert.throws(() => store.cache('x', { ttl: null, eviction: 'fifo' }), { code: 'ERR_INVALID_ARG' });
});

test('entries written together do not expire together, and none lives longer than its ttl [CacheOptions.ttlJitter]', async () => {
  const jittered = store.cache('jittered', { ttl: '100s', ttlJitter: 0.5 });
  const keys = Array.from({ length: 200 }, (_, index) => `${index}`);
  await jittered.setMany(keys.map((key) => [key, 1]));
  const left = await Promise.all(keys.map((key) => jittered.getRemainingTTL(key)));
  assert.ok(Math.max(...left) <= 100_000 && Math.min(...left) >= 50_000);
  assert.ok(Math.max(...left) - Math.min(...left) > 30_000, 'over the whole range');
  assert.ok(new Set(left).size > 150);
  await cache.set('k', 1);
  assert.equal(await cache.getRemainingTTL('k'), 60_000, 'none without it');
});

test('with updateAgeOnGet a read starts the ttl anew, a peek does not [CacheOptions.updateAgeOnGet]', async () => {
  const sliding = store.cache('sliding', { ttl: '10s', updateAgeOnGet: true });
  const reads = [
    () => sliding.getSync('k'),
    () => sliding.getMany(['k']).then(([value]) => value),
    () => sliding.getOrSet('k', () => 'never called'),
  ];
  sliding.setSync('k', 1);
  for (const read of [...reads, ...reads]) {
    clock.advance('9s');
    assert.equal(await read(), 1);
  }
  clock.advance('9s');
  assert.equal(await sliding.peek('k'), 1);
  assert.equal(await sliding.has('k'), true);
  clock.advance('1s');
  assert.equal(sliding.getSync('k'), undefined);
});

test('peek counts nothing, take gives a value to one caller', async () => {
  await cache.set('k', { a: 1 });
  assert.deepEqual(await cache.peek('k'), { a: 1 });
  assert.equal(await cache.peek('absent'), undefined);
  const { hits, misses } = await cache.stats();
  assert.deepEqual({ hits, misses }, { hits: 0, misses: 0 });
  assert.deepEqual(await Promise.all([cache.take('k'), cache.take('k')]), [{ a: 1 }, undefined]);
  assert.equal(await cache.has('k'), false);
  const after = await cache.stats();
  assert.deepEqual([after.hits, after.misses, after.hitRate], [1, 1, 0.5]);
});

test('touch starts the ttl anew, with its own or another one', async () => {
  await cache.set('k', 1, { ttl: '10s' });
  clock.advance('9s');
  assert.equal(await cache.touch('k'), true);
  assert.equal(await cache.getRemainingTTL('k'), 10_000);
  assert.equal(await cache.touch('k', '1m'), true);
  assert.equal(await cache.getRemainingTTL('k'), 60_000);
  assert.equal(await cache.touch('k', null), true);
  assert.equal(await cache.getRemainingTTL('k'), Number.POSITIVE_INFINITY);
  assert.equal(await cache.touch('absent'), false);
  assert.equal(await cache.getRemainingTTL('absent'), undefined);
  for (const ttl of [0, -1, 'soon', Number.NaN]) {
    await assert.rejects(cache.touch('k', ttl), { code: 'ERR_INVALID_ARG', message: /ttl of touch/ });
  }
});

test('entries written under another version are misses [CacheOptions.version]', async () => {
  const versions = [undefined, 1, 2, 'two'].map((version) => store.cache('versioned', { ttl: null, version }));
  assert.equal(new Set(versions).size, versions.length);
  for (const [at, one] of versions.entries()) {
    await one.set('k', at);
    for (const [other, another] of versions.entries()) {
      assert.equal(await another.get('k'), other === at ? at : undefined, `${other} after ${at}`);
      assert.equal(await another.has('k'), other === at);
    }
  }
  const loads = await Promise.all(versions.map((one, at) => one.getOrSet('other', async () => at)));
  assert.deepEqual(loads, [0, 1, 2, 3], 'no load is shared either');
  assert.equal(store.cache('versioned', { ttl: null, version: '1' }), versions[1], 'the same text is the same version');
  assert.equal(store.cache('versioned'), versions[0], 'the first is what there is without options');
  assert.throws(() => store.cache('x', { ttl: null, version: {} }), { code: 'ERR_INVALID_ARG', message: /version/ });
});

test('handles may differ in what belongs to a handle, and in nothing else', async () => {
  const first = store.cache('shared', { ttl: '1m', codec: 'json' });
  assert.equal(store.cache('shared', { ttl: '1m', codec: 'json' }), first);
  const second = store.cache('shared', { ttl: 60_000, near: false });
  assert.notEqual(second, first);
  await first.set('k', { when: new Date(0) });
  assert.deepEqual(await second.get('k'), { when: '1970-01-01T00:00:00.000Z' });
  for (const other of [
    { ttl: '2m' },
    { ttl: '1m', max: 5 },
    { ttl: '1m', eviction: 'lru' },
    { ttl: '1m', negativeTtl: 1 },
  ]) {
    assert.throws(() => store.cache('shared', other), { code: 'ERR_OPTIONS_CONFLICT' });
  }
});

test('every option and argument is checked', async () => {
  const bad = [
    { ttlJitter: 2 },
    { max: 0 },
    { maxSize: '1b' },
    { maxEntrySize: 0 },
    { eviction: 'random' },
    { staleWhileRevalidate: null },
    { staleIfError: 0 },
    { negativeTtl: '0s' },
    { updateAgeOnGet: 1 },
    { codec: 'xml' },
    { codec: { encode() {} } },
  ];
  for (const options of bad) {
    assert.throws(
      () => store.cache('bad', { ttl: 1, ...options }),
      { code: 'ERR_INVALID_ARG' },
      JSON.stringify(options),
    );
  }
  const methods = ['get', 'has', 'delete', 'take', 'peek', 'touch', 'getRemainingTTL', 'expire'];
  for (const method of methods) await assert.rejects(cache[method](7), { code: 'ERR_INVALID_ARG' }, method);
  await assert.rejects(cache.set(7, 1), { code: 'ERR_INVALID_ARG' });
  for (const forceFresh of [true, false]) {
    await assert.rejects(
      cache.getOrSet(Symbol('key'), () => 1, { forceFresh }),
      { code: 'ERR_INVALID_ARG' },
    );
  }
});

test('what a loader returned stays its own: the first caller gets a copy as well', async () => {
  const own = { list: [1] };
  const [first, second] = await Promise.all([1, 2].map(() => cache.getOrSet('k', async () => own)));
  first.list.push(2);
  own.list.push(3);
  assert.deepEqual([second, await cache.get('k'), own], [{ list: [1] }, { list: [1] }, { list: [1, 3] }]);
});

test('a load is answered even where its entry does not stay', async () => {
  const one = store.cache('one', { ttl: null, max: 1 });
  const all = await Promise.all(Array.from({ length: 50 }, (_, index) => one.getOrSet(`${index}`, async () => index)));
  assert.deepEqual(
    all,
    Array.from({ length: 50 }, (_, index) => index),
  );
  assert.equal((await one.stats()).entries, 1);
});

test('after any number of changes of any kind the counters equal a recount, and nothing weighs nothing', async () => {
  const busy = store.cache('busy', { ttl: '10s', max: 200, staleIfError: '5s', negativeTtl: '1s' });
  let seed = 1;
  const random = (below) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const changes = [
    (key) => busy.set(key, 'x'.repeat(random(2_000))),
    (key) => busy.set(key, random(9), { ttl: 1 + random(20_000), tags: [`tag ${random(5)}`, 'all'] }),
    (key) => busy.setMany([[key, 1]], { tags: [`tag ${random(5)}`] }),
    (key) => busy.delete(key),
    (key) => busy.take(key),
    (key) => busy.expire(key),
    (key) => busy.touch(key, 1 + random(20_000)),
    (key) => busy.getOrSet(key, async () => (random(3) === 0 ? undefined : random(9)), { tags: ['all'] }),
    (key) => busy.getOrSet(key, () => Promise.reject(new Error('down'))).catch(() => {}),
    () => clock.advance(1 + random(500)),
    () => (random(20) === 0 ? busy.deleteByTag(`tag ${random(5)}`) : undefined),
    () => (random(20) === 0 ? busy.deleteByPrefix(`key ${random(10)}`) : undefined),
    () => (random(200) === 0 ? busy.clear() : undefined),
  ];
  for (let turn = 0; turn < 20_000; turn++) {
    await changes[random(changes.length)](`key ${random(400)}`);
    if (turn % 5_000 !== 0) continue;
    // What is stale is held, and not among the keys.
    clock.advance('1m');
    assert.deepEqual([(await busy.stats()).entries, (await busy.stats()).bytes], [0, 0]);
    await busy.setMany(Array.from({ length: 50 }, (_, index) => [`key ${index}`, index]));
    let keys = 0;
    for await (const _ of busy.keys()) keys += 1;
    assert.deepEqual([keys, (await busy.stats()).entries], [50, 50]);
  }
});

test('a closed handle answers nothing', async () => {
  const other = open('memory:');
  const closed = other.cache('c', { ttl: null, near: { objects: true } });
  await other.close();
  const calls = {
    get: ['k'],
    set: ['k', 1],
    has: ['k'],
    delete: ['k'],
    getMany: [['k']],
    setMany: [[['k', 1]]],
    deleteMany: [['k']],
    take: ['k'],
    peek: ['k'],
    touch: ['k'],
    getRemainingTTL: ['k'],
    expire: ['k'],
    deleteByTag: ['t'],
    expireByTag: ['t'],
    deleteByPrefix: ['k'],
    clear: [],
    stats: [],
    getOrSet: ['k', () => 1],
  };
  for (const [method, args] of Object.entries(calls)) {
    await assert.rejects(closed[method](...args), { code: 'ERR_CLOSED' }, method);
  }
  await assert.rejects(
    closed.getOrSet('k', () => 1, { forceFresh: true }),
    { code: 'ERR_CLOSED' },
  );
});

test('codecs of functions belong to their handle, each to its own', async () => {
  const made = (mark) => ({
    encode: (value) => Buffer.from(mark + value),
    decode: (bytes) => `${mark}:${Buffer.from(bytes)}`,
  });
  const one = store.cache('paired', { ttl: null, codec: made('A') });
  const other = store.cache('paired', { ttl: null, codec: made('B') });
  await other.set('k', 'v');
  assert.equal(await other.get('k'), 'B:Bv');
  assert.equal(await one.get('k'), 'A:Bv', 'whose bytes it reads is its own affair');
});

test('touch with a ttl gives the entry that ttl from then on', async () => {
  await cache.set('k', 1, { ttl: '10s' });
  assert.equal(await cache.touch('k', '1h'), true);
  clock.advance('59m');
  assert.equal(await cache.touch('k'), true);
  assert.equal(await cache.getRemainingTTL('k'), 3_600_000);
});

test('a loader that fails counts one miss, and under staleIfError an entry in its TTL is no stand-in', async () => {
  const guarded = store.cache('guarded', { ttl: '1m', staleIfError: '1h' });
  const fails = () => {
    throw new Error('away');
  };
  await assert.rejects(guarded.getOrSet('k', fails), { message: 'away' });
  const { misses, hits, stale } = await guarded.stats();
  assert.deepEqual({ misses, hits, stale }, { misses: 1, hits: 0, stale: 0 });
  await guarded.set('k', 'live');
  await assert.rejects(guarded.getOrSet('k', fails, { forceFresh: true }), { message: 'away' });
  clock.advance('1m');
  assert.equal(await guarded.getOrSet('k', fails, { forceFresh: true }), 'live');
});

test('what setMany stores is the value of its pair, whatever reading the pair does', async () => {
  const pair = ['k', 'v'];
  Object.defineProperty(pair, 0, {
    get() {
      cache.setSync('other', { a: 1 });
      return 'k';
    },
  });
  await cache.setMany([pair]);
  assert.equal(await cache.get('k'), 'v');
});

test('an entry over maxEntrySize is refused, and the old value does not stay [CacheOptions.maxEntrySize]', async () => {
  const small = store.cache('small', { ttl: null, maxEntrySize: '1kb' });
  small.setSync('k', 'old');
  await assert.rejects(small.set('k', 'x'.repeat(2_000)), (error) => {
    assert.equal(error.code, 'ERR_TOO_LARGE');
    assert.match(error.message, /'k'.*2\d\d\d bytes.*1024.*maxEntrySize/);
    return true;
  });
  assert.equal(small.getSync('k'), undefined);
  assert.equal((await small.getOrSet('k', () => 'y'.repeat(2_000))).length, 2_000, 'a read never fails for it');
  assert.deepEqual([(await small.stats()).rejections, small.hasSync('k')], [2, false]);
});

test('getOrSet loads once for all who miss together, and gives each a copy of its own', async () => {
  let loads = 0;
  let open;
  const gate = new Promise((resolve) => (open = resolve));
  const loader = async ({ key }) => {
    loads += 1;
    await gate;
    return { key, when: new Date(0) };
  };
  const other = store.cache('c');
  const all = Array.from({ length: 50 }, (_, index) => (index % 2 ? cache : other).getOrSet('k', loader));
  open();
  const values = await Promise.all(all);
  assert.equal(loads, 1);
  assert.equal(new Set(values).size, 50);
  for (const value of [...values, await cache.get('k')]) assert.deepEqual(value, { key: 'k', when: new Date(0) });
});

test('two handles of one named store in a thread share a load', async () => {
  const handles = [open('memory:cache-test-shared-load'), open('memory:cache-test-shared-load')];
  let loads = 0;
  const values = await Promise.all(
    handles.map((handle) => handle.cache('c', { ttl: null }).getOrSet('k', () => ++loads)),
  );
  assert.deepEqual(values, [1, 1]);
  await Promise.all(handles.map((handle) => handle.close()));
});

test('caches of different names and stores load the same key each for itself', async () => {
  const stores = [open('memory:cache-test-own-loads-1'), open('memory:cache-test-own-loads-2')];
  const caches = stores.flatMap((handle) => ['one', 'two'].map((name) => handle.cache(name, { ttl: null })));
  const values = await Promise.all(caches.map((own, index) => own.getOrSet('k', async () => index)));
  assert.deepEqual(values, [0, 1, 2, 3]);
  assert.deepEqual(
    caches.map((own) => own.getSync('k')),
    [0, 1, 2, 3],
  );
  await Promise.all(stores.map((handle) => handle.close()));
});

test('a loader that throws rejects all who wait with that same error, and nothing is cached', async () => {
  const failure = new TypeError('no database');
  const failing = () => Promise.reject(failure);
  const settled = await Promise.allSettled([1, 2, 3].map(() => cache.getOrSet('k', failing)));
  for (const { reason } of settled) assert.equal(reason, failure);
  assert.equal(await cache.getOrSet('k', () => 'second'), 'second');
  assert.throws(() => cache.getSync(Symbol('no')), { code: 'ERR_INVALID_ARG' });
});

test('undefined is returned and not cached; a loader that returns what cannot be kept is refused', async () => {
  assert.equal(await cache.getOrSet('k', () => undefined), undefined);
  assert.equal(cache.hasSync('k'), false);
  await assert.rejects(
    cache.getOrSet('k', () => ({ run() {} })),
    { code: 'ERR_INVALID_ARG', message: /run/ },
  );
  assert.equal(await cache.getOrSet('k', () => null), null);
  assert.equal(cache.hasSync('k'), true);
});

test('a key set, deleted or cleared while its loader runs keeps that outcome', async () => {
  const overtakers = {
    set: [() => cache.set('k', 'newer'), 'newer'],
    delete: [() => cache.delete('k'), undefined],
    clear: [() => cache.clear(), undefined],
  };
  for (const [name, [overtake, after]] of Object.entries(overtakers)) {
    await cache.delete('k');
    const loaded = await cache.getOrSet('k', async () => {
      await overtake();
      return 'stale';
    });
    assert.equal(loaded, 'stale', name);
    assert.equal(cache.getSync('k'), after, name);
  }
  assert.equal(await cache.getOrSet('other', () => cache.set('k', 1).then(() => 'kept')), 'kept');
  assert.equal(cache.getSync('other'), 'kept', 'a write to another key overtakes nothing');
});

test('a loader that waits for its own key, directly or in a circle, is refused and does not hang', async () => {
  const circle = { code: 'ERR_INVALID_STATE', message: /waits for its own key/ };
  await assert.rejects(
    cache.getOrSet('a', () => cache.getOrSet('a', () => 1)),
    circle,
  );
  await assert.rejects(
    cache.getOrSet('a', () => cache.getOrSet('b', () => cache.getOrSet('a', () => 1))),
    circle,
  );
  let start;
  const both = new Promise((resolve) => (start = resolve));
  const crossed = await Promise.allSettled([
    cache.getOrSet('x', () => both.then(() => cache.getOrSet('y', () => 1))),
    cache.getOrSet('y', () => {
      start();
      return both.then(() => cache.getOrSet('x', () => 1));
    }),
  ]);
  assert.deepEqual(
    crossed.map(({ reason }) => reason?.code),
    ['ERR_INVALID_STATE', 'ERR_INVALID_STATE'],
  );
  assert.equal(await cache.getOrSet('a', () => cache.getOrSet('b', () => 2)), 2, 'a chain is no circle');
});

test('getOrSet takes a ttl of its own', async () => {
  await cache.getOrSet('k', () => 1, { ttl: '5s' });
  clock.advance('5s');
  assert.equal(cache.hasSync('k'), false);
  await assert.rejects(
    cache.getOrSet('k', () => 1, { tll: 1 }),
    { code: 'ERR_INVALID_ARG' },
  );
  await assert.rejects(cache.getOrSet('k', 'no function'), { code: 'ERR_INVALID_ARG', message: /loader function/ });
});

test('Object.prototype is never touched by keys or data', () => {
  cache.setSync('__proto__', 'p');
  assert.equal(cache.getSync('__proto__'), 'p');
  cache.setSync('k', JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}'));
  const got = cache.getSync('k');
  assert.ok(Object.hasOwn(got, '__proto__'), 'nor is it lost');
  assert.equal({}.polluted, undefined);
});

test('who asks after an invalidation does not get what was read before it', async () => {
  for (const invalidate of [() => cache.delete('post'), () => cache.clear()]) {
    let database = 'v1';
    let release;
    const gate = new Promise((resolve) => {
      release = resolve;
    });
    const slow = cache.getOrSet('post', async () => {
      const read = database;
      await gate;
      return read;
    });
    database = 'v2';
    await invalidate();
    const after = cache.getOrSet('post', () => database);
    release();
    assert.deepEqual([await slow, await after, cache.getSync('post')], ['v1', 'v2', 'v2']);
    await cache.delete('post');
  }
});

test('a load that handles share goes on when the handle that began it closes', async () => {
  const [a, b] = [open('memory:cache-test-handles'), open('memory:cache-test-handles')];
  let release;
  const gate = new Promise((resolve) => {
    release = resolve;
  });
  const first = a.cache('c', { ttl: null }).getOrSet('k', () => gate.then(() => 'loaded'));
  const second = b.cache('c').getOrSet('k', () => 'never called');
  await a.close();
  release();
  assert.deepEqual([await first, await second, b.cache('c').getSync('k')], ['loaded', 'loaded', 'loaded']);
  await b.close();
});

test('a store opened again does not wait for a load of the one that was closed', async () => {
  const before = open('memory:cache-test-again');
  const stuck = before.cache('c', { ttl: null }).getOrSet('k', () => new Promise(() => {}));
  stuck.catch(() => {});
  await before.close();
  const again = open('memory:cache-test-again');
  assert.equal(await again.cache('c', { ttl: null }).getOrSet('k', () => 'its own'), 'its own');
  await again.close();
});

test('a lattice of loads that wait for each other is told from a circle in no time', async () => {
  const layer = (depth) => (depth === 0 ? 1 : Promise.all([0, 1].map((side) => at(depth - 1, side))).then(() => depth));
  const at = (depth, side) => cache.getOrSet(`${depth}:${side}`, () => layer(depth));
  assert.equal(await at(40, 0), 40);
});
