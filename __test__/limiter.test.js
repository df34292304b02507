'use strict';
// What every limiter does, whichever way it counts. The ways themselves: limiter-algorithms.test.js.
const assert = require('node:assert/strict');
const { test, beforeEach, afterEach } = require('node:test');
const { open, manualClock, ipKey } = require('redstart');
const { ALGORITHMS, START_MS } = require('./support/limiter/algorithms.js');

let clock;
let store;

beforeEach(() => {
  clock = manualClock(START_MS);
  store = open('memory:', { clock });
});
afterEach(() => store.close());

for (const algorithm of ALGORITHMS) {
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
    assert.ok(denied.retryAfterMs > 0 && denied.retryAfterMs <= 80_000, `${denied.retryAfterMs}`);
    clock.advance(denied.retryAfterMs - 1);
    assert.equal(limiter.consumeSync('k').allowed, false, 'not one millisecond earlier');
    clock.advance(1);
    assert.equal(limiter.consumeSync('k').allowed, true);
    assert.equal(limiter.consumeSync('other').allowed, true);
  });

  test(`${algorithm}: a cost takes that many units, all or none [ConsumeOptions.cost]`, async () => {
    const limiter = store.limiter('l', { limit: 10, window: '1m', algorithm });
    assert.equal((await limiter.consume('k', { cost: 7 })).remaining, 3);
    assert.equal((await limiter.consume('k', { cost: 4 })).allowed, false);
    assert.equal((await limiter.peek('k')).remaining, 3);
    assert.equal((await limiter.peek('k', { cost: 4 })).allowed, false);
    assert.equal((await limiter.consume('k', { cost: 3 })).allowed, true, 'a denial took nothing');
    assert.equal((await limiter.stats()).denied, 1);
    // Beside a window it is read another way.
    assert.equal((await limiter.consume('other', { cost: 7, window: '1m' })).remaining, 3);
    assert.equal((await limiter.consume('both', { cost: 7, limit: 10 })).remaining, 3);
  });

  test(`${algorithm}: a cost that can never pass is refused, and it counts nothing`, async () => {
    const limiter = store.limiter('l', { limit: 10, window: '1m', algorithm });
    const refused = { code: 'ERR_INVALID_ARG', message: /cost 11 .*10.* never pass/ };
    assert.throws(() => limiter.consumeSync('k', { cost: 11 }), refused);
    await assert.rejects(limiter.consume('k', { cost: 11 }), refused);
    await assert.rejects(limiter.peek('k', { cost: 11 }), refused);
    await assert.rejects(limiter.wait('k', { cost: 11 }), refused);
    await assert.rejects(limiter.consume('k', { cost: 6, limit: 5 }), { code: 'ERR_INVALID_ARG', message: /cost 6/ });
    const { allowed, denied, keys } = await limiter.stats();
    assert.deepEqual({ allowed, denied, keys }, { allowed: 0, denied: 0, keys: 0 });
  });

  test(`${algorithm}: a key is as new after resetAfterMs, and not one millisecond earlier`, async () => {
    const limiter = store.limiter('l', { limit: 4, window: '16s', algorithm });
    limiter.consumeSync('k', { cost: 2 });
    clock.advance(1_500);
    const { resetAfterMs } = await limiter.consume('k');
    const denied = limiter.consumeSync('k', { cost: 2 });
    assert.deepEqual([denied.allowed, denied.resetAfterMs], [false, resetAfterMs], 'a denial tells it as well');
    clock.advance(resetAfterMs - 1);
    const before = await limiter.peek('k');
    assert.equal(before.resetAfterMs, 1);
    assert.ok(before.remaining < 4, 'something still counts');
    clock.advance(1);
    const after = await limiter.peek('k');
    assert.deepEqual(after, { allowed: true, limit: 4, remaining: 4, resetAfterMs: 0, retryAfterMs: 0 });
  });

  test(`${algorithm}: a limit that a call brings counts what others took [ConsumeOptions.limit]`, async () => {
    const limiter = store.limiter('l', { limit: 4, window: '16s', algorithm });
    limiter.consumeSync('k', { cost: 2 });
    const raised = await limiter.consume('k', { limit: 8 });
    assert.deepEqual([raised.allowed, raised.limit], [true, 8]);
    // GCRA keeps the share of the bucket that is taken: half of it.
    assert.equal(raised.remaining, algorithm === 'gcra' ? 3 : 5);
    const own = await limiter.peek('k');
    assert.deepEqual([own.limit, own.remaining], [4, 1], 'and that call counts against the others');
    // Beside a window it is read another way.
    assert.equal((await limiter.consume('other', { limit: 8, window: '16s' })).limit, 8);
  });

  test(`${algorithm}: a limit that shrinks in mid-window leaves nothing rather than less, and comes back in time`, async () => {
    const limiter = store.limiter('l', { limit: 10, window: '16s', algorithm });
    limiter.consumeSync('k', { cost: 10 });
    const shrunk = await limiter.consume('k', { limit: 2 });
    assert.deepEqual([shrunk.allowed, shrunk.remaining, shrunk.limit], [false, 0, 2]);
    assert.ok(shrunk.retryAfterMs <= 2 * 16_000, `${shrunk.retryAfterMs}`);
    clock.advance(shrunk.retryAfterMs - 1);
    assert.equal((await limiter.peek('k', { limit: 2 })).allowed, false);
    clock.advance(1);
    assert.equal((await limiter.consume('k', { limit: 2 })).allowed, true);
  });

  test(`${algorithm}: each window of a key counts for itself [ConsumeOptions.window]`, async () => {
    const limiter = store.limiter('l', { limit: 2, window: '16s', algorithm });
    limiter.consumeSync('k', { cost: 2 });
    assert.equal((await limiter.consume('k', { window: '1h' })).remaining, 1);
    assert.equal((await limiter.peek('k', { window: '1h', cost: 2 })).allowed, false);
    assert.equal((await limiter.peek('k')).allowed, false);
    assert.equal((await limiter.peek('k', { window: '16s' })).allowed, false, 'its own by another name');
    assert.equal((await limiter.peek('k', { window: '2h' })).remaining, 2);
    assert.equal((await limiter.stats()).keys, 2, 'one a key, and one more for the other window');
    clock.advance('32s');
    assert.ok((await limiter.peek('k')).remaining > 0);
    assert.equal((await limiter.peek('k', { window: '1h' })).remaining, 1);
  });
}

test('an answer is a plain object with properties of its own, and has a reason only when it denies', async () => {
  const limiter = store.limiter('l', { limit: 1, window: '1m' });
  const names = ['allowed', 'limit', 'remaining', 'resetAfterMs', 'retryAfterMs'];
  const allowed = [
    await limiter.consume('a'),
    limiter.consumeSync('b'),
    await limiter.peek('c'),
    await limiter.wait('d'),
  ];
  const denied = [
    await limiter.consume('a'),
    limiter.consumeSync('b'),
    await limiter.peek('d'),
    await limiter.penalty('e'),
  ];
  const waiting = limiter.wait('a', { timeout: '1s' });
  clock.advance('1s');
  denied.push(await waiting);
  for (const result of allowed) assert.deepEqual(Object.keys(result), names);
  for (const result of denied) assert.deepEqual(Object.keys(result), [...names, 'reason']);
  for (const result of [...allowed, ...denied]) {
    assert.equal(Object.getPrototypeOf(result), Object.prototype);
    assert.equal(typeof result.allowed, 'boolean');
    for (const name of names.slice(1)) assert.ok(Number.isSafeInteger(result[name]), name);
    assert.deepEqual(JSON.parse(JSON.stringify(result)), result);
  }
});

test('a cost is a whole number from 1 to 2^32 - 1, wherever one is given', async () => {
  const limiter = store.limiter('l', { limit: 5, window: '1m' });
  for (const cost of [0, -1, 1.5, Number.NaN, Infinity, '1', 1n, true, null, {}, 2 ** 32, 2 ** 53]) {
    const refused = { code: 'ERR_INVALID_ARG', message: /cost.* from 1 to 4294967295; got/ };
    assert.throws(() => limiter.consumeSync('k', { cost }), refused, String(cost));
    await assert.rejects(limiter.consume('k', { cost }), refused);
    await assert.rejects(limiter.peek('k', { cost }), refused);
    await assert.rejects(limiter.wait('k', { cost }), refused);
    await assert.rejects(limiter.refund('k', cost), refused);
    await assert.rejects(limiter.penalty('k', cost), refused);
  }
  assert.throws(() => limiter.consumeSync('k', 5), { code: 'ERR_INVALID_ARG', message: /plain object/ });
  assert.equal(limiter.consumeSync('k', { cost: undefined }).remaining, 4);
  assert.equal(limiter.consumeSync('k', {}).remaining, 3);
  assert.equal(limiter.consumeSync('k', Object.create(null)).remaining, 2);
  await limiter.refund('k', undefined);
  assert.equal((await limiter.penalty('k', undefined)).remaining, 2);
});

test('async methods never throw: what is wrong comes as a rejection', async () => {
  const limiter = store.limiter('l', { limit: 5, window: '1m' });
  const hostile = {
    get limit() {
      throw new RangeError('no');
    },
  };
  const calls = ['consume', 'peek', 'wait'].flatMap((name) => [
    () => limiter[name](),
    () => limiter[name](5),
    () => limiter[name]('k', 5),
    () => limiter[name]('k', hostile),
  ]);
  calls.push(
    ...['refund', 'penalty'].flatMap((name) => [
      () => limiter[name](),
      () => limiter[name]('k', 'many'),
      () => limiter[name]('k', 1, hostile),
    ]),
    () => limiter.block('k'),
    () => limiter.block('k', 'soon'),
    () => limiter.block(5, '1m'),
    () => limiter.reset(),
    () => limiter.reset({}),
  );
  for (const call of calls) {
    let promise;
    assert.doesNotThrow(() => {
      promise = call();
    }, String(call));
    await assert.rejects(promise, (error) => error.code === 'ERR_INVALID_ARG' || error instanceof RangeError);
  }
  assert.equal((await limiter.stats()).keys, 0);
});

test('a name is one limiter, whoever asks, and other options are a conflict', async () => {
  const limiter = store.limiter('l', { limit: 2, window: '1m' });
  assert.equal(limiter.name, 'l');
  assert.equal(store.limiter('l'), limiter);
  assert.equal(store.limiter('l', { limit: 2, window: 60_000 }), limiter);
  assert.throws(() => store.limiter('l', { limit: 3, window: '1m' }), {
    code: 'ERR_OPTIONS_CONFLICT',
    message: /2.*3/,
  });
  assert.throws(() => store.limiter('unheard of'), { code: 'ERR_NOT_DEFINED' });
  const other = store.limiter('other', { limit: 2, window: '1m' });
  limiter.consumeSync('k', { cost: 2 });
  assert.equal((await other.peek('k')).remaining, 2, 'a name is one namespace');
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

test('an IPv6 address is mapped and cut by its bits, not by its text', async () => {
  const limiter = store.limiter('l', { limit: 4, window: '1m' });
  // One host in every spelling of a mapped address, and one subnet under many of its addresses.
  for (const mapped of ['::ffff:102:304', '::FFFF:1.2.3.4', '0:0:0:0:0:ffff:1.2.3.4', '1.2.3.4']) {
    assert.equal(ipKey(mapped), '1.2.3.4', mapped);
    limiter.consumeSync(ipKey(mapped));
  }
  assert.equal((await limiter.peek(ipKey('1.2.3.4'))).allowed, false);
  const hosts = ['2001:db8::1', '2001:db8::1.2.3.4', '2001:DB8:0:0:ffff::', '2001:db8:0:ff:1::'];
  assert.equal(new Set(hosts.map((host) => ipKey(host))).size, 1);
  for (const host of hosts) limiter.consumeSync(ipKey(host));
  assert.equal((await limiter.peek(ipKey('2001:db8::5'))).allowed, false);
  assert.equal((await limiter.peek(ipKey('2001:db8:0:100::1'))).allowed, true, 'the next subnet');
  for (const subnet of [31, 65, 48.5, '56', Number.NaN]) {
    assert.throws(() => ipKey('::1', subnet), { code: 'ERR_INVALID_ARG' }, String(subnet));
  }
});
