'use strict';
// What each way of counting guarantees: its worst case, met and never exceeded, and what a key costs.
const assert = require('node:assert/strict');
const { test, beforeEach, afterEach } = require('node:test');
const { open, manualClock } = require('redstart');
const { REFILLING, START_MS, drawing } = require('./support/limiter/algorithms.js');

const LIMIT = 10;
const WINDOW_MS = 1_600;
const CALLS = 1_500;

let clock;
let store;

beforeEach(() => {
  clock = manualClock(START_MS);
  store = open('memory:', { clock });
});
afterEach(() => store.close());

/**
 * Calls at random times, many of them at edges of windows and sub-buckets; what was admitted.
 * @param {import('redstart').Limiter} limiter
 * @param {number} seed
 * @param {(call: { atMs: number, cost: number, allowed: boolean, admitted: { atMs: number, cost: number }[] }) => void} [seen]
 */
function history(limiter, seed, seen = () => {}) {
  const draw = drawing(seed);
  const admitted = [];
  for (let call = 0; call < CALLS; call++) {
    const steps = [0, 1, 99, 100, 101, draw(WINDOW_MS), WINDOW_MS - 1, WINDOW_MS];
    const step = steps[draw(draw(3) === 0 ? steps.length : 6)];
    if (step > 0) clock.advance(step);
    const cost = 1 + draw(draw(2) === 0 ? 1 : 6);
    const { allowed } = limiter.consumeSync('k', { cost });
    seen({ atMs: clock.nowMs, cost, allowed, admitted });
    if (allowed) admitted.push({ atMs: clock.nowMs, cost });
  }
  return admitted;
}

/** Units admitted in the window (from - WINDOW_MS, from]. */
function unitsUpTo(admitted, atMs) {
  return admitted
    .filter((call) => call.atMs > atMs - WINDOW_MS && call.atMs <= atMs)
    .reduce((sum, { cost }) => sum + cost, 0);
}

const worst = (admitted) => Math.max(...admitted.map(({ atMs }) => unitsUpTo(admitted, atMs)));

for (const seed of [1, 2, 3]) {
  test(`sliding-window: never more than the limit in any window, whatever the arrivals (seed ${seed})`, () => {
    const limiter = store.limiter('l', { limit: LIMIT, window: WINDOW_MS, algorithm: 'sliding-window' });
    const admitted = history(limiter, seed);
    assert.ok(admitted.length > CALLS / 20, `${admitted.length} admitted`);
    assert.equal(worst(admitted), LIMIT);
  });

  test(`sliding-log: exact, so what is denied was not there and what is admitted was (seed ${seed})`, () => {
    const limiter = store.limiter('l', { limit: LIMIT, window: WINDOW_MS, algorithm: 'sliding-log' });
    history(limiter, seed, ({ atMs, cost, allowed, admitted }) => {
      assert.equal(allowed, unitsUpTo(admitted, atMs) + cost <= LIMIT, `at ${atMs}, cost ${cost}`);
    });
  });

  test(`sliding-counter: its estimate to the unit, and under twice the limit in any window (seed ${seed})`, () => {
    const limiter = store.limiter('l', { limit: LIMIT, window: WINDOW_MS, algorithm: 'sliding-counter' });
    const taken = new Map();
    const admitted = history(limiter, seed, ({ atMs, cost, allowed }) => {
      const window = Math.floor(atMs / WINDOW_MS);
      const overlap = WINDOW_MS - (atMs % WINDOW_MS);
      const share = Math.ceil(((taken.get(window - 1) ?? 0) * overlap) / WINDOW_MS);
      assert.equal(allowed, (taken.get(window) ?? 0) + share + cost <= LIMIT, `at ${atMs}, cost ${cost}`);
      if (allowed) taken.set(window, (taken.get(window) ?? 0) + cost);
    });
    assert.ok(worst(admitted) < 2 * LIMIT, `${worst(admitted)}`);
  });

  test(`fixed-window: a window begins with the first hit after the last one ended (seed ${seed})`, () => {
    const limiter = store.limiter('l', { limit: LIMIT, window: WINDOW_MS, algorithm: 'fixed-window' });
    let [startMs, used] = [-Infinity, 0];
    const admitted = history(limiter, seed, ({ atMs, cost, allowed }) => {
      if (atMs >= startMs + WINDOW_MS) [startMs, used] = [atMs, 0];
      assert.equal(allowed, used + cost <= LIMIT, `at ${atMs}, cost ${cost}`);
      if (allowed) used += cost;
    });
    assert.ok(worst(admitted) <= 2 * LIMIT - 1, `${worst(admitted)}`);
  });

  test(`token-bucket and gcra: decide alike, call by call, and admit burst + limit at most (seed ${seed})`, () => {
    const given = { limit: LIMIT, window: WINDOW_MS, burst: 7 };
    const bucket = store.limiter('bucket', { ...given, algorithm: 'token-bucket' });
    const gcra = store.limiter('gcra', { ...given, algorithm: 'gcra' });
    const admitted = history(bucket, seed, ({ cost, allowed }) => {
      const answer = gcra.consumeSync('k', { cost });
      assert.equal(answer.allowed, allowed);
    });
    assert.ok(worst(admitted) <= 7 + LIMIT, `${worst(admitted)}`);
  });
}

for (const algorithm of REFILLING) {
  test(`${algorithm}: burst + limit do fit into one window, and one unit more does not`, () => {
    const limiter = store.limiter('l', { limit: 10, window: '10s', algorithm, burst: 4 });
    assert.equal(limiter.consumeSync('k', { cost: 4 }).allowed, true);
    let units = 4;
    for (let ms = 0; ms < 10_000; ms += 500) {
      clock.advance(500);
      if (limiter.consumeSync('k').allowed) units += 1;
    }
    assert.equal(units, 14);
  });

  test(`${algorithm}: a rate that is no whole number of milliseconds a unit admits neither more nor less`, () => {
    // 7 in 1,000 ms: a unit each 142.857… ms. Rounded down it would be 143 too many in the time below.
    const limiter = store.limiter('l', { limit: 7, window: 1_000, algorithm, burst: 1 });
    let admitted = 0;
    for (let ms = 0; ms < 100_000; ms++) {
      if (limiter.consumeSync('k').allowed) admitted += 1;
      clock.advance(1);
    }
    // The whole milliseconds at which one may ask cost at most one each.
    assert.ok(admitted <= 700 + 1, `${admitted}`);
    assert.ok(admitted >= 699, `${admitted}`);
  });
}

test('fixed-window: 2 * limit - 1 in one window, at worst', () => {
  const limiter = store.limiter('l', { limit: 10, window: '10s', algorithm: 'fixed-window' });
  limiter.consumeSync('k');
  clock.advance(9_999);
  assert.equal(limiter.consumeSync('k', { cost: 9 }).allowed, true);
  clock.advance(1);
  assert.equal(limiter.consumeSync('k', { cost: 10 }).allowed, true);
});

test('sliding-counter: its worst window holds almost twice the limit', () => {
  const limiter = store.limiter('l', { limit: 100, window: '10s', algorithm: 'sliding-counter' });
  clock.advance(9_999);
  limiter.consumeSync('k', { cost: 100 });
  let units = 100;
  for (let ms = 0; ms < 9_999; ms++) {
    clock.advance(1);
    while (limiter.consumeSync('k').allowed) units += 1;
  }
  assert.ok(units > 180 && units < 200, `${units}`);
});

test('sliding-window: units come back after one window to 17/16 of one', () => {
  const limiter = store.limiter('l', { limit: 1, window: '16s', algorithm: 'sliding-window' });
  limiter.consumeSync('early');
  assert.equal(limiter.consumeSync('early').retryAfterMs, 17_000, 'at the start of a sub-bucket');
  clock.advance(999);
  limiter.consumeSync('late');
  assert.equal(limiter.consumeSync('late').retryAfterMs, 16_001, 'at its end');
});

test("when a call's limit differs, a token bucket keeps the units taken and gcra the share of the bucket", async () => {
  const remaining = async (algorithm) => {
    const limiter = store.limiter(algorithm, { limit: 10, window: '1m', algorithm });
    limiter.consumeSync('k', { cost: 5 });
    return (await limiter.peek('k', { limit: 20 })).remaining;
  };
  assert.equal(await remaining('token-bucket'), 15);
  assert.equal(await remaining('gcra'), 10);
});

test('whoever may call under a small and a large limit does not empty the large bucket again and again', () => {
  for (const algorithm of REFILLING) {
    const limiter = store.limiter(algorithm, { limit: 100, window: '1h', algorithm });
    let units = 0;
    for (let round = 0; round < 20; round++) {
      if (limiter.consumeSync('k', { cost: 100 }).allowed) units += 100;
      if (limiter.consumeSync('k', { limit: 1 }).allowed) units += 1;
    }
    assert.equal(units, 100, algorithm);
  }
});

test('a key costs what the docs say: about 75 bytes in a sliding window, 8 or 16 a call in a log', async () => {
  const window = store.limiter('window', { limit: 100, window: '1m' });
  window.consumeSync('k');
  const { bytes, bytesPerKey } = await window.stats();
  assert.equal(bytes, bytesPerKey);
  assert.ok(bytes >= 70 && bytes <= 80, `${bytes}`);

  const perCall = async (cost) => {
    const log = store.limiter(`log ${cost}`, { limit: 100_000, window: '1h', algorithm: 'sliding-log' });
    for (let call = 0; call < 10_000; call++) {
      log.consumeSync('k', { cost });
      clock.advance(1);
    }
    const stats = await log.stats();
    return (stats.bytes - stats.bytesPerKey) / 10_000;
  };
  // Some are held in reserve, a quarter at most.
  const one = await perCall(1);
  assert.ok(one >= 8 && one <= 10, `${one}`);
  const several = await perCall(3);
  assert.ok(several >= 16 && several <= 20, `${several}`);
});
