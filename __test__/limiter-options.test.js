'use strict';
// What a limiter may be opened with, and what it refuses.
const assert = require('node:assert/strict');
const { test, beforeEach, afterEach } = require('node:test');
const { open, manualClock } = require('redstart');
const { ALGORITHMS, WINDOWS, REFILLING, START_MS } = require('./support/limiter/algorithms.js');

let clock;
let store;

beforeEach(() => {
  clock = manualClock(START_MS);
  store = open('memory:', { clock });
});
afterEach(() => store.close());

test('the algorithm is the sliding window where none is given, and the one that is given [LimiterOptions.algorithm]', () => {
  store.limiter('silent', { limit: 1, window: '16s' });
  assert.doesNotThrow(() => store.limiter('silent', { limit: 1, window: '16s', algorithm: 'sliding-window' }));
  for (const algorithm of ALGORITHMS.slice(1)) {
    const conflict = { code: 'ERR_OPTIONS_CONFLICT' };
    assert.throws(() => store.limiter('silent', { limit: 1, window: '16s', algorithm }), conflict, algorithm);
  }
  const retries = ALGORITHMS.map((algorithm) => {
    const limiter = store.limiter(algorithm, { limit: 4, window: '16s', algorithm });
    limiter.consumeSync('k', { cost: 4 });
    return limiter.consumeSync('k').retryAfterMs;
  });
  // Each gives its first unit back at an instant of its own; refilling ones a quarter of the window later.
  assert.deepEqual(retries, [17_000, 16_000, 20_000, 16_000, 4_000, 4_000]);
});

for (const algorithm of REFILLING) {
  test(`${algorithm}: as many units at once as the burst, and the limit a window after that [LimiterOptions.burst]`, async () => {
    const limiter = store.limiter('l', { limit: 60, window: '1m', algorithm, burst: 5 });
    assert.equal(limiter.consumeSync('k', { cost: 5 }).remaining, 0);
    assert.equal(limiter.consumeSync('k').retryAfterMs, 1_000);
    clock.advance('1h');
    assert.equal((await limiter.peek('k')).remaining, 5, 'it fills up to the burst and no further');
    assert.equal((await limiter.peek('k')).limit, 60, 'and tells the limit');
    await assert.rejects(limiter.consume('k', { cost: 6 }), { code: 'ERR_INVALID_ARG', message: /cost 6 .* burst 5/ });
  });

  test(`${algorithm}: a burst may be larger than the limit and is the limit where none is given, also that of a call`, async () => {
    const large = store.limiter('large', { limit: 10, window: '1m', algorithm, burst: 30 });
    assert.equal((await large.consume('k', { cost: 30 })).allowed, true);
    const plain = store.limiter('plain', { limit: 10, window: '1m', algorithm });
    assert.equal((await plain.peek('k')).remaining, 10);
    assert.equal((await plain.peek('k', { limit: 25 })).remaining, 25);
    assert.equal((await large.peek('other', { limit: 5 })).remaining, 30, 'a burst that was given stays');
    assert.doesNotThrow(() => store.limiter('most', { limit: 1, window: '1m', algorithm, burst: 2 ** 32 - 1 }));
    for (const burst of [0, -1, 1.5, 2 ** 32, '5']) {
      assert.throws(() => store.limiter('bad', { limit: 1, window: '1m', algorithm, burst }), {
        code: 'ERR_INVALID_ARG',
        message: /burst/,
      });
    }
  });
}

test('a burst is refused with an algorithm that counts in windows', () => {
  for (const algorithm of [...WINDOWS, undefined]) {
    assert.throws(() => store.limiter('bad', { limit: 9, window: '1m', algorithm, burst: 3 }), {
      code: 'ERR_INVALID_ARG',
      message: new RegExp(`burst.*'token-bucket'.*'gcra'.*'${algorithm ?? 'sliding-window'}'`),
    });
  }
});

for (const algorithm of ALGORITHMS) {
  test(`${algorithm}: once denied, a key stays denied for the block, however its units come back [LimiterOptions.block]`, async () => {
    const limiter = store.limiter('l', { limit: 2, window: '1s', algorithm, block: '1h' });
    limiter.consumeSync('k', { cost: 2 });
    const first = limiter.consumeSync('k');
    assert.deepEqual([first.allowed, first.reason, first.retryAfterMs], [false, 'limit', 3_600_000]);
    clock.advance('30m');
    await limiter.refund('k', 2);
    const during = limiter.consumeSync('k');
    assert.deepEqual([during.allowed, during.reason, during.retryAfterMs], [false, 'blocked', 1_800_000]);
    assert.equal(during.remaining, 0);
    clock.advance(during.retryAfterMs - 1);
    assert.equal((await limiter.consume('k')).reason, 'blocked', 'denials meanwhile did not prolong it');
    clock.advance(1);
    assert.equal((await limiter.consume('k', { cost: 2 })).allowed, true);
    assert.equal((await limiter.peek('other')).allowed, true, 'and others were not blocked');
  });
}

test('a limiter without a block forgets a denial [LimiterOptions.block]', async () => {
  const limiter = store.limiter('l', { limit: 1, window: '1s', algorithm: 'fixed-window' });
  limiter.consumeSync('k');
  assert.equal(limiter.consumeSync('k').reason, 'limit');
  assert.equal(limiter.consumeSync('k').reason, 'limit');
  assert.equal((await limiter.stats()).blocked, 0);
  const blocking = store.limiter('b', { limit: 1, window: '1s', algorithm: 'fixed-window', block: '2s' });
  blocking.consumeSync('k');
  blocking.consumeSync('k');
  assert.equal(blocking.consumeSync('k').reason, 'blocked');
});

test('a limit is a whole number from 1 to 2^32 - 1, and all of it can be taken [LimiterOptions.limit]', () => {
  const most = 2 ** 32 - 1;
  for (const algorithm of ALGORITHMS.filter((name) => name !== 'sliding-log')) {
    const limiter = store.limiter(algorithm, { limit: most, window: '1m', algorithm });
    assert.equal(limiter.consumeSync('k', { cost: most }).remaining, 0, algorithm);
    assert.equal(limiter.consumeSync('k').allowed, false, algorithm);
  }
  for (const limit of [0, -1, 1.5, Number.NaN, Infinity, '5', 5n, null, {}, most + 1]) {
    assert.throws(() => store.limiter('bad', { limit, window: '1m' }), {
      code: 'ERR_INVALID_ARG',
      message: /'limit' of limiter\(\) must be a whole number from 1 to 4294967295/,
    });
  }
});

test("a sliding log has a limit of at most a million, a call's own limit as well", async () => {
  const refused = { code: 'ERR_INVALID_ARG', message: /1000001.*sliding-log.*1000000.*'sliding-window'/ };
  const algorithm = 'sliding-log';
  assert.throws(() => store.limiter('l', { limit: 1_000_001, window: '1m', algorithm }), refused);
  const limiter = store.limiter('l', { limit: 1_000_000, window: '1m', algorithm });
  const limit = 1_000_001;
  assert.throws(() => limiter.consumeSync('k', { limit }), refused);
  await assert.rejects(limiter.peek('k', { limit }), refused);
  await assert.rejects(limiter.penalty('k', 1, { limit }), refused);
  await assert.rejects(limiter.refund('k', 1, { limit }), refused);
  await assert.rejects(limiter.wait('k', { limit }), refused);
  assert.equal((await limiter.consume('k', { cost: 1_000_000 })).remaining, 0);
});

test('a window is a duration of up to 100 years; more than 2^31 milliseconds are nothing special [LimiterOptions.window]', async () => {
  for (const algorithm of ALGORITHMS) {
    const limiter = store.limiter(algorithm, { limit: 1, window: '60d', algorithm });
    limiter.consumeSync('k');
    clock.advance('59d');
    assert.equal((await limiter.peek('k')).allowed, false, algorithm);
    clock.advance('61d');
    assert.equal((await limiter.peek('k')).allowed, true, algorithm);
    const longest = store.limiter(`${algorithm}-100y`, { limit: 1, window: '36500d', algorithm });
    longest.consumeSync('k');
    const { retryAfterMs } = longest.consumeSync('k');
    assert.ok(retryAfterMs >= 36_500 * 86_400_000 * 0.5, `${algorithm} ${retryAfterMs}`);
  }
  for (const window of [0, -1, '1 year', 'soon', '36501d', Number.NaN, Infinity, null, undefined, {}]) {
    assert.throws(() => store.limiter('bad', { limit: 1, window }), { code: 'ERR_INVALID_ARG', message: /window/ });
  }
});

test('a cost, a limit or both count alike however the options are written', () => {
  const limiter = store.limiter('l', { limit: 10, window: '1m' });
  const writings = [
    (options) => options,
    (options) => Object.assign(Object.create(null), options),
    (options) => ({ ...options, window: undefined }),
    (options) => ({ cost: undefined, limit: undefined, ...options }),
    (options) => Object.freeze({ window: 60_000, ...options }),
  ];
  for (const [options, limit, remaining] of [
    [{ cost: 3 }, 10, 7],
    [{ limit: 20 }, 20, 19],
    [{ cost: 3, limit: 20 }, 20, 17],
    [{}, 10, 9],
  ]) {
    for (const [at, write] of writings.entries()) {
      const told = limiter.consumeSync(`${JSON.stringify(options)} ${at}`, write(options));
      assert.deepEqual([told.limit, told.remaining], [limit, remaining], `${JSON.stringify(options)} ${at}`);
    }
  }
  for (const bad of [
    { cost: 1, limit: 1.5 },
    { cost: 0, limit: 1 },
    { cost: 1, limit: null },
    { limit: 1, cost: '1' },
  ]) {
    assert.throws(() => limiter.consumeSync('k', bad), { code: 'ERR_INVALID_ARG', message: /of consume\(\) must be/ });
  }
});

test('an unknown option is refused with the nearest that exists', async () => {
  const given = { limit: 1, window: '1m' };
  for (const [wrong, meant] of [
    ['limt', 'limit'],
    ['windows', 'window'],
    ['algoritm', 'algorithm'],
    ['bursts', 'burst'],
    ['blok', 'block'],
    ['maxkeys', 'maxKeys'],
  ]) {
    const message = new RegExp(`unknown option '${wrong}' for limiter\\(\\); did you mean '${meant}'`);
    assert.throws(() => store.limiter('bad', { ...given, [wrong]: 1 }), { code: 'ERR_INVALID_ARG', message });
  }
  const limiter = store.limiter('l', given);
  const suggests = (name) => ({ code: 'ERR_INVALID_ARG', message: new RegExp(`did you mean '${name}'`) });
  assert.throws(() => limiter.consumeSync('k', { costs: 1 }), suggests('cost'));
  await assert.rejects(limiter.peek('k', { Limit: 1 }), suggests('limit'));
  await assert.rejects(limiter.refund('k', 1, { windw: 1 }), suggests('window'));
  await assert.rejects(limiter.penalty('k', 1, { limits: 1 }), suggests('limit'));
  await assert.rejects(limiter.wait('k', { timout: 1 }), suggests('timeout'));
  // A cost there would be said twice.
  await assert.rejects(limiter.refund('k', 1, { cost: 1 }), {
    code: 'ERR_INVALID_ARG',
    message: /unknown option 'cost'/,
  });
});

test('a bad value is refused with the option, what is allowed and what was given', () => {
  assert.throws(() => store.limiter('bad', { limit: 1, window: '1m', algorithm: 'leaky-bucket' }), {
    code: 'ERR_INVALID_ARG',
    message: /'algorithm'.*'sliding-window'.*'gcra'.*got 'leaky-bucket'/,
  });
  for (const maxKeys of [0, -1, 1.5, 2 ** 32, '5']) {
    const message = /'maxKeys'.*from 1 to 4294967295/;
    assert.throws(() => store.limiter('bad', { limit: 1, window: 1, maxKeys }), { code: 'ERR_INVALID_ARG', message });
  }
  for (const block of [0, -1, '36501d', 'long', Infinity]) {
    const message = /'block'.*100 years/;
    assert.throws(() => store.limiter('bad', { limit: 1, window: 1, block }), { code: 'ERR_INVALID_ARG', message });
  }
  assert.throws(() => store.limiter('bad', null), { code: 'ERR_INVALID_ARG' });
  assert.throws(() => store.limiter('bad', [1, '1m']), { code: 'ERR_INVALID_ARG' });
});

test('there are a million keys where maxKeys says nothing, and 2^32 - 1 at most', () => {
  const given = { limit: 1, window: '1m' };
  store.limiter('l', given);
  assert.doesNotThrow(() => store.limiter('l', { ...given, maxKeys: 1_000_000 }));
  assert.throws(() => store.limiter('l', { ...given, maxKeys: 999_999 }), { code: 'ERR_OPTIONS_CONFLICT' });
  assert.doesNotThrow(() => store.limiter('most', { ...given, maxKeys: 2 ** 32 - 1 }));
});

test('options that a polluted Object.prototype seems to give are not given', async () => {
  const polluted = { limit: 1, window: 1, cost: 3, burst: 2, block: 1, maxKeys: 1, timeout: 1, algorithm: 'gcra' };
  for (const [name, value] of Object.entries(polluted)) {
    Object.defineProperty(Object.prototype, name, { value, configurable: true, enumerable: false, writable: true });
  }
  try {
    assert.throws(() => store.limiter('bad', { window: '1m' }), { code: 'ERR_INVALID_ARG', message: /'limit'/ });
    const limiter = store.limiter('l', { limit: 9, window: '1m' });
    assert.deepEqual(limiter.policy, {
      limit: 9,
      windowMs: 60_000,
      algorithm: 'sliding-window',
      burst: undefined,
      blockMs: undefined,
    });
    assert.equal(limiter.consumeSync('a').remaining, 8);
    assert.equal(limiter.consumeSync('a', {}).remaining, 7);
    assert.equal((await limiter.penalty('a', 1, {})).remaining, 6);
    assert.equal((await limiter.consume('b')).allowed, true, 'no maxKeys');
    assert.equal((await limiter.consume('b', { cost: 8 })).remaining, 0);
    assert.equal((await limiter.consume('b')).reason, 'limit');
    assert.equal((await limiter.consume('b')).reason, 'limit', 'no block');
  } finally {
    for (const name of Object.keys(polluted)) delete Object.prototype[name];
  }
});

test('a getter is read once, so what was checked is what counts', async () => {
  let reads = 0;
  const limiter = store.limiter('l', { limit: 9, window: '1m' });
  const given = {
    get cost() {
      reads += 1;
      return reads === 1 ? 2 : 4;
    },
  };
  assert.equal((await limiter.consume('k', given)).remaining, 7);
});
