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

test('an entry lives as long as its ttl and not a millisecond more', () => {
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

test('bytes stay under maxSize, the least recently used go first, a just set key is there', async () => {
  const small = store.cache('small', { ttl: null, maxSize: '64kb' });
  for (let index = 0; index < 1_000; index++) {
    small.setSync(`key:${index}`, 'x'.repeat(500));
    small.getSync('key:0');
    assert.equal(small.hasSync(`key:${index}`), true);
  }
  const stats = await small.stats();
  assert.ok(stats.bytes <= 64 * 1024, `${stats.bytes}`);
  assert.ok(stats.entries > 80, 'bookkeeping does not eat the room');
  assert.equal(stats.entries + stats.evictions, 1_000);
  assert.equal(small.hasSync('key:0'), true);
  assert.equal(small.hasSync('key:1'), false);
});

test('an entry over maxEntrySize is refused, and the old value does not stay', async () => {
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
