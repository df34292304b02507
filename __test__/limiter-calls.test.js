'use strict';
// What an app does to a key beside taking units: look, give back, punish, block, forget; and what is counted.
const assert = require('node:assert/strict');
const { test, beforeEach, afterEach } = require('node:test');
const { open, manualClock, consumeAll } = require('redstart');
const { ALGORITHMS, START_MS } = require('./support/limiter/algorithms.js');

let clock;
let store;

beforeEach(() => {
  clock = manualClock(START_MS);
  store = open('memory:', { clock });
});
afterEach(() => store.close());

const left = async (limiter, key, options) => (await limiter.peek(key, options)).remaining;

for (const algorithm of ALGORITHMS) {
  test(`${algorithm}: peek answers as consume would, takes nothing, counts nothing and starts no block`, async () => {
    const limiter = store.limiter('l', { limit: 3, window: '1m', algorithm, block: '1h' });
    for (let look = 0; look < 5; look++) {
      const found = await limiter.peek('k', { cost: 2 });
      assert.deepEqual([found.allowed, found.remaining, found.limit], [true, 3, 3], 'remaining is what there is now');
    }
    assert.equal((await limiter.stats()).keys, 0);
    limiter.consumeSync('k', { cost: 2 });
    clock.advance(700);
    const refused = await limiter.peek('k', { cost: 2 });
    assert.deepEqual([refused.allowed, refused.remaining, refused.reason], [false, 1, 'limit']);
    const { allowed, denied, blocked } = await limiter.stats();
    assert.deepEqual({ allowed, denied, blocked }, { allowed: 1, denied: 0, blocked: 0 });
    // The same question in earnest, on a limiter where a denial starts no block to wait for.
    const twin = store.limiter('twin', { limit: 3, window: '1m', algorithm });
    twin.consumeSync('k', { cost: 2 });
    assert.deepEqual(await twin.peek('k', { cost: 2 }), twin.consumeSync('k', { cost: 2 }));
  });

  test(`${algorithm}: a refund undoes what was taken, at most what still counts [LimitOptions.limit] [LimitOptions.window]`, async () => {
    const limiter = store.limiter('l', { limit: 5, window: '16s', algorithm });
    limiter.consumeSync('k', { cost: 4 });
    assert.equal(await limiter.refund('k'), undefined);
    assert.equal(await left(limiter, 'k'), 2, 'one unit where nothing is said');
    await limiter.refund('k', 2);
    assert.equal(await left(limiter, 'k'), 4);
    await limiter.refund('k', 4_000_000_000);
    assert.deepEqual(await limiter.peek('k'), await limiter.peek('never seen'), 'at most what was taken');
    await limiter.refund('stranger', 3);
    assert.equal(await left(limiter, 'stranger'), 5, 'who took nothing gets nothing');
    assert.equal((await limiter.consume('stranger', { cost: 5 })).allowed, true);
    clock.advance('40s');
    await limiter.refund('stranger', 5);
    assert.equal(await left(limiter, 'stranger'), 5, 'what no longer counts is not given back');

    limiter.consumeSync('k', { window: '1h', cost: 5 });
    await limiter.refund('k', 5);
    assert.equal(await left(limiter, 'k', { window: '1h' }), 0, 'the other window is another counter');
    await limiter.refund('k', 2, { window: '1h' });
    assert.equal(await left(limiter, 'k', { window: '1h' }), 2);
    // As many units as the call may have had.
    limiter.consumeSync('wide', { limit: 50, cost: 50 });
    await limiter.refund('wide', 50, { limit: 50 });
    assert.equal(await left(limiter, 'wide', { limit: 50 }), 50);
  });

  test(`${algorithm}: a refund lifts no block`, async () => {
    const limiter = store.limiter('l', { limit: 1, window: '1m', algorithm, block: '1h' });
    limiter.consumeSync('k');
    limiter.consumeSync('k');
    await limiter.refund('k');
    assert.equal(limiter.consumeSync('k').reason, 'blocked');
    assert.equal((await limiter.stats()).blocked, 1);
  });

  test(`${algorithm}: a penalty takes what there is up to its cost, and tells whether one more would pass`, async () => {
    const limiter = store.limiter('l', { limit: 5, window: '16s', algorithm });
    const first = await limiter.penalty('k');
    assert.deepEqual([first.allowed, first.remaining, first.retryAfterMs], [true, 4, 0]);
    assert.equal((await limiter.penalty('k', 3)).remaining, 1);
    const spent = await limiter.penalty('k', 4_000_000_000);
    assert.deepEqual([spent.allowed, spent.remaining, spent.reason], [false, 0, 'limit']);
    assert.deepEqual(spent, limiter.consumeSync('k'), 'it tells what consume would');
    clock.advance(spent.retryAfterMs);
    assert.equal(limiter.consumeSync('k').allowed, true, 'no debt beyond the limit');
    const { allowed, denied } = await limiter.stats();
    assert.deepEqual({ allowed, denied }, { allowed: 1, denied: 1 }, 'penalties are no calls of consume');
  });

  test(`${algorithm}: a penalty counts in the window and up to the limit that it names [LimitOptions.limit] [LimitOptions.window]`, async () => {
    const limiter = store.limiter('l', { limit: 5, window: '16s', algorithm });
    const wide = await limiter.penalty('k', 15, { limit: 20 });
    assert.deepEqual([wide.limit, wide.remaining], [20, 5]);
    const long = await limiter.penalty('k', 2, { window: '1h' });
    assert.equal(long.remaining, 3);
    assert.equal(await left(limiter, 'k', { window: '1h' }), 3);
  });

  test(`${algorithm}: reset forgets the key, its other windows and its block, and says whether there was anything`, async () => {
    const limiter = store.limiter('l', { limit: 1, window: '1m', algorithm, block: '1h' });
    assert.equal(await limiter.reset('k'), false);
    limiter.consumeSync('k');
    limiter.consumeSync('k', { window: '1d' });
    limiter.consumeSync('k');
    limiter.consumeSync('other');
    assert.equal((await limiter.peek('k')).reason, 'blocked');
    assert.equal(await limiter.reset('k'), true);
    assert.equal(await limiter.reset('k'), false);
    assert.deepEqual(await limiter.peek('k'), await limiter.peek('never seen'));
    assert.equal((await limiter.peek('k', { window: '1d' })).allowed, true);
    assert.equal((await limiter.peek('other')).allowed, false);
    await limiter.block('k', '1s');
    assert.equal(await limiter.reset('k'), true, 'a block is something');
    limiter.consumeSync('k', { window: '1d' });
    assert.equal(await limiter.reset('k'), true, 'so is another window');
    limiter.consumeSync('k');
    clock.advance('3m');
    assert.equal(await limiter.reset('k'), false, 'what counts no longer is nothing');
  });

  test(`${algorithm}: resetAll forgets every key, block and the overflow bucket; counters stay`, async () => {
    const limiter = store.limiter('l', { limit: 1, window: '1m', algorithm, maxKeys: 3 });
    limiter.consumeSync('a');
    limiter.consumeSync('a', { window: '1h' });
    await limiter.block('blocked', '1h');
    assert.equal(limiter.consumeSync('late').allowed, true);
    assert.equal(limiter.consumeSync('later').reason, 'overflow');
    const before = await limiter.stats();
    assert.deepEqual([before.keys, before.blocked, before.allowed, before.denied], [2, 1, 3, 1]);
    await limiter.resetAll();
    const after = await limiter.stats();
    assert.deepEqual([after.keys, after.blocked, after.bytes], [0, 0, 0]);
    assert.deepEqual([after.allowed, after.denied], [3, 1]);
    for (const key of ['a', 'blocked', 'late', 'later']) assert.equal((await limiter.consume(key)).allowed, true, key);
    assert.equal((await store.stats()).budget.used, (await limiter.stats()).bytes);
  });
}

test('units taken last are given back first', async () => {
  const limiter = store.limiter('l', { limit: 3, window: '16s', algorithm: 'sliding-log' });
  limiter.consumeSync('k');
  clock.advance('5s');
  limiter.consumeSync('k', { cost: 2 });
  await limiter.refund('k', 2);
  assert.equal((await limiter.peek('k')).resetAfterMs, 11_000, 'the first is left');
  const window = store.limiter('w', { limit: 3, window: '16s', algorithm: 'sliding-window' });
  window.consumeSync('k');
  clock.advance('5s');
  window.consumeSync('k', { cost: 2 });
  await window.refund('k', 2);
  assert.equal((await window.peek('k')).resetAfterMs, 12_000);
});

test('block denies a key until then, in place of an earlier block, also a longer one', async () => {
  const limiter = store.limiter('l', { limit: 5, window: '1m' });
  assert.equal(await limiter.block('k', '10m'), undefined);
  const denied = await limiter.consume('k');
  assert.deepEqual(
    [denied.allowed, denied.reason, denied.retryAfterMs, denied.remaining, denied.resetAfterMs],
    [false, 'blocked', 600_000, 0, 600_000],
  );
  await limiter.block('k', '20m');
  assert.equal((await limiter.peek('k')).retryAfterMs, 1_200_000);
  await limiter.block('k', 1_000);
  assert.equal((await limiter.peek('k')).retryAfterMs, 1_000, 'a shorter one counts as well');
  clock.advance(999);
  assert.equal((await limiter.consume('k', { window: '1h' })).reason, 'blocked', 'common to all windows');
  assert.equal((await limiter.penalty('k', 2)).reason, 'blocked');
  clock.advance(1);
  assert.equal((await limiter.consume('k')).allowed, true);
  assert.equal((await limiter.peek('other')).allowed, true);
  await limiter.block('k', '60d');
  clock.advance('50d');
  assert.equal((await limiter.peek('k')).retryAfterMs, 10 * 86_400_000, 'longer than any timer');
});

test('a denial in one window blocks the key in all of them', async () => {
  const limiter = store.limiter('l', { limit: 1, window: '1s', block: '1m' });
  limiter.consumeSync('k', { window: '1h' });
  limiter.consumeSync('k', { window: '1h' });
  assert.deepEqual([limiter.consumeSync('k').reason, limiter.consumeSync('k').retryAfterMs], ['blocked', 60_000]);
});

test('a block never makes a key wait less than its limit does', async () => {
  const limiter = store.limiter('l', { limit: 1, window: '1h', algorithm: 'fixed-window', block: '1s' });
  limiter.consumeSync('k');
  const first = limiter.consumeSync('k');
  assert.equal(first.retryAfterMs, 3_600_000);
  const second = limiter.consumeSync('k');
  assert.deepEqual([second.reason, second.retryAfterMs], ['blocked', 3_600_000]);
});

test('a key that shares the overflow bucket gets nothing back, and the bucket is never blocked', async () => {
  const limiter = store.limiter('l', { limit: 2, window: '1h', maxKeys: 1, block: '1m' });
  limiter.consumeSync('held');
  assert.equal(limiter.consumeSync('a', { cost: 2 }).allowed, true);
  await limiter.refund('a', 2);
  assert.equal((await limiter.peek('a')).reason, 'overflow');
  assert.equal(limiter.consumeSync('b').reason, 'overflow');
  assert.equal(limiter.consumeSync('b').reason, 'overflow', 'a denial there starts no block');
  assert.equal((await limiter.stats()).blocked, 0);
  assert.equal((await limiter.penalty('c')).reason, 'overflow');
  await assert.rejects(limiter.block('c', '1m'), { code: 'ERR_STORE_FULL', message: /maxKeys/ });
});

test('stats tell what was taken and denied, and what is held, in bytes of the store', async () => {
  const limiter = store.limiter('l', { limit: 2, window: '1m', block: '1h' });
  limiter.consumeSync('a', { cost: 2 });
  limiter.consumeSync('a');
  await limiter.consume('a');
  await limiter.wait('b');
  await consumeAll([
    { limiter, key: 'c' },
    { limiter, key: 'd' },
  ]);
  await consumeAll([
    { limiter, key: 'a' },
    { limiter, key: 'd' },
  ]);
  limiter.consumeSync('b', { window: '1h' });
  await limiter.refund('c');
  await limiter.penalty('d');
  const waiting = limiter.wait('a', { timeout: '1s' });
  const stats = await limiter.stats();
  const { bytes, bytesPerKey, ...counts } = stats;
  assert.deepEqual(counts, { allowed: 5, denied: 3, keys: 5, blocked: 1, waiting: 1 });
  const { limiters, budget } = await store.stats();
  assert.deepEqual(limiters.l, stats);
  assert.equal(budget.used, bytes);
  clock.advance('1s');
  await waiting;
  const { waiting: after } = await limiter.stats();
  assert.equal(after, 0);

  const plain = store.limiter('plain', { limit: 2, window: '1m' });
  for (let key = 0; key < 100; key++) plain.consumeSync(`${key}`);
  const held = await plain.stats();
  assert.deepEqual([held.keys, held.bytes], [100, 100 * bytesPerKey]);
  clock.advance('3m');
  assert.deepEqual([(await plain.stats()).keys, (await plain.stats()).bytes], [0, 0], 'what is as new is dropped');
});

test('every call of a closed handle is ERR_CLOSED, and what another handle holds goes on', async () => {
  const first = open('memory:limiter-closed', { clock });
  const second = open('memory:limiter-closed');
  const limiter = first.limiter('l', { limit: 3, window: '1m' });
  const kept = second.limiter('l');
  limiter.consumeSync('k');
  await first.close();
  const closed = { code: 'ERR_CLOSED', name: 'RedstartError' };
  assert.throws(() => limiter.consumeSync('k'), closed);
  assert.throws(() => limiter.consumeSync('k', { cost: 1, limit: 5 }), closed);
  assert.throws(() => first.limiter('l'), closed);
  const calls = {
    consume: () => limiter.consume('k'),
    'consume with a limit': () => limiter.consume('k', { limit: 9 }),
    peek: () => limiter.peek('k'),
    refund: () => limiter.refund('k'),
    penalty: () => limiter.penalty('k'),
    block: () => limiter.block('k', '1m'),
    reset: () => limiter.reset('k'),
    resetAll: () => limiter.resetAll(),
    wait: () => limiter.wait('k'),
    stats: () => limiter.stats(),
    consumeAll: () => consumeAll([{ limiter, key: 'k' }]),
    'consumeAll behind an open handle': () =>
      consumeAll([
        { limiter: kept, key: 'k' },
        { limiter, key: 'k' },
      ]),
  };
  for (const [name, call] of Object.entries(calls)) {
    await assert.rejects(call(), { ...closed, message: /closed.*open/ }, name);
  }
  assert.equal((await kept.consume('k')).remaining, 1, 'none of these took anything');
  await second.close();
});
