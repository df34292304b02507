'use strict';
// wait(): for room instead of a denial, in the order of the calls.
const assert = require('node:assert/strict');
const { test, beforeEach, afterEach } = require('node:test');
const { open, manualClock, consumeAll } = require('redstart');
const { ALGORITHMS, START_MS } = require('./support/limiter/algorithms.js');
const { endsByItself, told } = require('./support/child.js');

let clock;
let store;

beforeEach(() => {
  clock = manualClock(START_MS);
  store = open('memory:', { clock });
});
afterEach(() => store.close());

/** One unit a minute, and it is gone. */
function spent(options = {}) {
  const limiter = store.limiter('l', { limit: 1, window: '1m', algorithm: 'fixed-window', ...options });
  limiter.consumeSync('k', { cost: limiter.policy.limit });
  return limiter;
}
const waiting = async (limiter) => (await limiter.stats()).waiting;
const turn = () => new Promise((resolve) => setImmediate(resolve));

for (const algorithm of ALGORITHMS) {
  test(`${algorithm}: waits until the units are there, and takes them`, async () => {
    const limiter = store.limiter('l', { limit: 4, window: '16s', algorithm });
    const atOnce = await limiter.wait('k', { cost: 3 });
    assert.deepEqual([atOnce.allowed, atOnce.remaining, atOnce.retryAfterMs], [true, 1, 0]);
    const { retryAfterMs } = await limiter.peek('k', { cost: 3 });
    let served = false;
    const later = limiter.wait('k', { cost: 3 }).finally(() => {
      served = true;
    });
    clock.advance(retryAfterMs - 1);
    await turn();
    assert.deepEqual([served, await waiting(limiter)], [false, 1]);
    clock.advance(1);
    const answer = await later;
    assert.deepEqual([answer.allowed, answer.limit, answer.reason], [true, 4, undefined]);
    assert.equal((await limiter.peek('k', { cost: 3 })).allowed, false, 'it took them');
    const { allowed, denied } = await limiter.stats();
    assert.deepEqual({ allowed, denied }, { allowed: 2, denied: 0 }, 'to wait is not to be denied');
  });
}

test('calls of one key are served in the order they came in, whatever they cost', async () => {
  const limiter = spent({ limit: 4 });
  const order = [];
  const calls = [3, 1, 4, 1, 1].map((cost, index) => limiter.wait('k', { cost }).then(() => order.push(index)));
  assert.equal(await waiting(limiter), 5);
  clock.advance('1m');
  await Promise.all(calls.slice(0, 2));
  assert.deepEqual([order, await waiting(limiter)], [[0, 1], 3]);
  clock.advance('1m');
  await calls[2];
  assert.deepEqual([order, await waiting(limiter)], [[0, 1, 2], 2], 'a dear one is not overtaken');
  clock.advance('1m');
  await Promise.all(calls);
  assert.deepEqual(order, [0, 1, 2, 3, 4]);
});

test('a hundred that wait for one unit a minute have it one by one', async () => {
  const limiter = spent();
  const order = [];
  const calls = Array.from({ length: 100 }, (_, index) => limiter.wait('k').then(() => order.push(index)));
  for (let minute = 1; minute <= 100; minute++) {
    clock.advance('1m');
    assert.equal(await waiting(limiter), 100 - minute);
  }
  await Promise.all(calls);
  assert.deepEqual(order, [...order.keys()]);
});

test('keys and windows wait in lines of their own [WaitOptions.window]', async () => {
  const limiter = spent();
  limiter.consumeSync('k', { window: '1h' });
  const slow = limiter.wait('k', { window: '1h' });
  const quick = limiter.wait('k');
  assert.equal((await limiter.wait('other')).allowed, true, 'nobody waits for a key that has room');
  clock.advance('1m');
  assert.equal((await quick).allowed, true);
  assert.equal(await waiting(limiter), 1);
  clock.advance('59m');
  assert.equal((await slow).allowed, true);
});

test('a limit and a cost of its own decide when a call is served [WaitOptions.limit] [WaitOptions.cost]', async () => {
  const limiter = spent({ limit: 2 });
  const wide = await limiter.wait('k', { limit: 5 });
  assert.deepEqual([wide.limit, wide.remaining], [5, 2]);
  const both = await limiter.wait('k', { limit: 5, cost: 2 });
  assert.equal(both.remaining, 0);
});

test('consume does not queue: it takes what is there, before those who wait', async () => {
  const limiter = spent({ limit: 3 });
  const dear = limiter.wait('k', { cost: 3 });
  await limiter.refund('k', 2);
  assert.equal(limiter.consumeSync('k').remaining, 1);
  assert.equal((await limiter.peek('k')).allowed, true);
  const behind = limiter.wait('k');
  assert.equal(await waiting(limiter), 2, 'but who comes to wait queues behind');
  clock.advance('1m');
  await dear;
  clock.advance('1m');
  assert.equal((await behind).allowed, true);
});

test('units that come back early are given to those who wait at once', async () => {
  const limiter = spent({ block: '1h' });
  const refunded = limiter.wait('k');
  await limiter.refund('k');
  assert.equal((await refunded).allowed, true);
  const reset = limiter.wait('k');
  await limiter.reset('k');
  assert.equal((await reset).allowed, true);
  const all = limiter.wait('k');
  await limiter.resetAll();
  assert.equal((await all).allowed, true);
  await limiter.refund('k');
  await limiter.block('k', '2h');
  const blocked = limiter.wait('k');
  await limiter.block('k', 1);
  clock.advance(1);
  assert.equal((await blocked).allowed, true, 'a block that a shorter one replaced');
});

test('a blocked key waits for the end of its block, and waiting starts none', async () => {
  const limiter = spent({ block: '5m' });
  const first = limiter.wait('k');
  assert.equal((await limiter.peek('k')).reason, 'limit');
  assert.equal((await limiter.consume('k')).reason, 'limit');
  clock.advance('5m');
  assert.equal((await first).allowed, true);
});

test('100,000 calls may wait at one limiter and one more is ERR_STORE_FULL', async () => {
  const limiter = spent();
  const calls = Array.from({ length: 100_000 }, (_, index) => limiter.wait(index % 2 === 0 ? 'k' : 'other'));
  // The first one for the other key was served.
  calls.push(limiter.wait('k'));
  assert.equal(await waiting(limiter), 100_000);
  await assert.rejects(limiter.wait('k'), { code: 'ERR_STORE_FULL', message: /100000 calls wait/ });
  assert.equal((await limiter.wait('third')).allowed, true, 'who need not wait is served');
  const outcomes = Promise.allSettled(calls);
  await store.close();
  const closed = (await outcomes).filter(({ reason }) => reason?.code === 'ERR_CLOSED');
  assert.equal(closed.length, 100_000);
});

test('consumeAll and wait on one key neither hang nor take a unit twice', async () => {
  const limiter = spent({ limit: 2 });
  const call = limiter.wait('k', { cost: 2 });
  const parts = [
    { limiter, key: 'k' },
    { limiter, key: 'j' },
  ];
  assert.equal((await consumeAll(parts)).allowed, false);
  clock.advance('1m');
  assert.equal((await call).allowed, true);
  assert.equal((await consumeAll(parts)).allowed, false);
});

test('on the clock of the machine a call is served when it was told', async () => {
  const story = async ({ open }) => {
    const limiter = open().limiter('l', { limit: 1, window: 200, algorithm: 'fixed-window' });
    const from = performance.now();
    limiter.consumeSync('k');
    const { allowed } = await limiter.wait('k');
    const denied = await limiter.wait('k', { timeout: 50 });
    console.log(JSON.stringify({ allowed, denied: denied.allowed, tookMs: performance.now() - from }));
  };
  const [{ allowed, denied, tookMs }] = await endsByItself(told(story), { timeoutMs: 20_000 });
  assert.deepEqual([allowed, denied], [true, false]);
  assert.ok(tookMs >= 248, `${tookMs}`);
});
