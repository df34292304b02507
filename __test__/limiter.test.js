'use strict';
const assert = require('node:assert/strict');
const { test, beforeEach, afterEach } = require('node:test');
const { open, manualClock, ipKey } = require('redstart');

let clock;
let store;

beforeEach(() => {
  clock = manualClock();
  store = open('memory:', { clock });
});
afterEach(() => store.close());

for (const algorithm of ['sliding-window', 'fixed-window']) {
  test(`${algorithm}: admits its limit, tells what is left, and when the same call would pass [LimiterOptions.limit] [LimiterOptions.window]`, async () => {
    const limiter = store.limiter('l', { limit: 3, window: '1m', algorithm });
    const remaining = [];
    for (let hit = 0; hit < 3; hit++) {
      const result = await limiter.consume('k');
      assert.deepEqual([result.allowed, result.limit, result.retryAfterMs, result.reason], [true, 3, 0, undefined]);
      remaining.push(result.remaining);
    }
    assert.deepEqual(remaining, [2, 1, 0]);
    const denied = limiter.consumeSync('k');
    assert.deepEqual([denied.allowed, denied.remaining, denied.reason], [false, 0, 'limit']);
    assert.ok(denied.retryAfterMs > 0 && denied.retryAfterMs <= 64_000, `${denied.retryAfterMs}`);
    clock.advance(denied.retryAfterMs - 1);
    assert.equal(limiter.consumeSync('k').allowed, false, 'not one millisecond earlier');
    clock.advance(1);
    assert.equal(limiter.consumeSync('k').allowed, true);
    assert.equal(limiter.consumeSync('other').allowed, true);
  });

  test(`${algorithm}: a cost takes that many units, all or none`, async () => {
    const limiter = store.limiter('l', { limit: 10, window: '1m', algorithm });
    assert.equal((await limiter.consume('k', { cost: 7 })).remaining, 3);
    assert.equal((await limiter.consume('k', { cost: 4 })).allowed, false);
    assert.equal((await limiter.peek('k')).remaining, 3);
    assert.equal((await limiter.consume('k', { cost: 3 })).allowed, true, 'a denial took nothing');
    await assert.rejects(limiter.consume('k', { cost: 11 }), { code: 'ERR_INVALID_ARG', message: /11.*10/ });
    assert.deepEqual((await limiter.stats()).denied, 1);
  });

  test(`${algorithm}: peek takes nothing and reset forgets`, async () => {
    const limiter = store.limiter('l', { limit: 1, window: '1m', algorithm });
    for (let look = 0; look < 3; look++) assert.equal((await limiter.peek('k')).allowed, true);
    limiter.consumeSync('k');
    assert.equal((await limiter.peek('k')).allowed, false);
    assert.equal(await limiter.reset('k'), true);
    assert.equal(await limiter.reset('k'), false);
    assert.equal(limiter.consumeSync('k').allowed, true);
  });
}

test('a flood of keys neither grows the limiter nor frees a limited key [LimiterOptions.maxKeys]', async () => {
  const limiter = store.limiter('l', { limit: 2, window: '1m', maxKeys: 1_000 });
  limiter.consumeSync('attacker', { cost: 2 });
  let overflowed = 0;
  for (let index = 0; index < 20_000; index++) {
    if (limiter.consumeSync(`key:${index}`).reason === 'overflow') overflowed += 1;
  }
  const { keys, bytes } = await limiter.stats();
  assert.ok(keys <= 1_001, `${keys} keys`);
  assert.ok(bytes < 500_000, `${bytes} bytes`);
  assert.ok(overflowed > 18_000, `${overflowed}`);
  assert.deepEqual([limiter.consumeSync('attacker').allowed, limiter.consumeSync('attacker').reason], [false, 'limit']);
});

test('bad options and costs are refused with what is allowed', async () => {
  for (const options of [
    { window: '1m' },
    { limit: 0, window: '1m' },
    { limit: 1.5, window: '1m' },
    { limit: 2 ** 32, window: '1m' },
    { limit: 1 },
    { limit: 1, window: '1m', algorithm: 'leaky' },
    { limit: 1, window: '1m', maxKeys: 0 },
    { limit: 1, windowMs: 1_000 },
  ]) {
    assert.throws(() => store.limiter('bad', options), { code: 'ERR_INVALID_ARG' }, JSON.stringify(options));
  }
  const limiter = store.limiter('l', { limit: 5, window: '1m' });
  for (const cost of [0, -1, 1.5, Number.NaN, '1', 2 ** 33]) {
    assert.throws(() => limiter.consumeSync('k', { cost }), { code: 'ERR_INVALID_ARG' }, String(cost));
  }
  assert.throws(() => limiter.consumeSync('k', { costs: 1 }), { message: /did you mean 'cost'/ });
  assert.throws(() => limiter.consumeSync('k', 5), { code: 'ERR_INVALID_ARG' });
  assert.equal(limiter.consumeSync('k', { cost: undefined }).remaining, 4);
  assert.equal(limiter.consumeSync('k', {}).remaining, 3);
});

test('an address is a key by its subnet, whatever way it is written', () => {
  assert.equal(ipKey('203.0.113.7'), '203.0.113.7');
  assert.equal(ipKey('::ffff:203.0.113.7'), '203.0.113.7');
  assert.equal(ipKey('::ffff:cb00:7107'), '203.0.113.7');
  assert.equal(ipKey('2001:db8:aa:bbcc::1'), ipKey('2001:db8:aa:bb00:ffff::2'));
  assert.notEqual(ipKey('2001:db8:aa:bbcc::1', 64), ipKey('2001:db8:aa:bb00::1', 64));
  for (const bad of ['', 'example.com', undefined, 5]) assert.throws(() => ipKey(bad), { code: 'ERR_INVALID_ARG' });
  assert.throws(() => ipKey('::1', 8), { code: 'ERR_INVALID_ARG' });
});
