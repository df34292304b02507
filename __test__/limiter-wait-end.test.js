'use strict';
// How a call of wait() ends that is not served: by a timeout, a signal, the end of its handle or of the process.
const assert = require('node:assert/strict');
const { getEventListeners } = require('node:events');
const { test, beforeEach, afterEach } = require('node:test');
const { open, manualClock } = require('redstart');
const { START_MS } = require('./support/limiter/algorithms.js');
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

test('a timeout resolves with the denial, and nothing is taken [WaitOptions.timeout]', async () => {
  const limiter = spent();
  const call = limiter.wait('k', { timeout: '10s' });
  clock.advance(9_999);
  await turn();
  assert.equal(await waiting(limiter), 1);
  clock.advance(1);
  const denied = await call;
  assert.deepEqual(
    [denied.allowed, denied.reason, denied.retryAfterMs, denied.remaining, denied.limit],
    [false, 'limit', 50_000, 0, 1],
  );
  assert.equal(await waiting(limiter), 0);
  clock.advance('50s');
  assert.equal(limiter.consumeSync('k').allowed, true, 'its unit is there');
  // Units and end at one instant: the units.
  const both = limiter.wait('k', { timeout: '1m' });
  clock.advance('1m');
  assert.equal((await both).allowed, true);
  assert.equal((await limiter.wait('free', { timeout: 1 })).allowed, true);
  const long = limiter.wait('k', { timeout: '60d', window: '1m', limit: 1 });
  clock.advance('1m');
  assert.equal((await long).allowed, true, 'longer than any timer');
});

test('who gives up in front lets those behind have what is there', async () => {
  const limiter = spent({ limit: 5 });
  await limiter.refund('k', 1);
  const dear = limiter.wait('k', { cost: 5, timeout: '10s' });
  const cheap = limiter.wait('k');
  clock.advance('10s');
  assert.equal((await dear).allowed, false);
  assert.equal((await cheap).allowed, true);
  const controller = new AbortController();
  await limiter.refund('k', 1);
  const aborted = limiter.wait('k', { cost: 5, signal: controller.signal });
  const next = limiter.wait('k');
  controller.abort();
  await assert.rejects(aborted, { name: 'AbortError' });
  assert.equal((await next).allowed, true);
});

test('a signal that was aborted before rejects with its reason and takes nothing [WaitOptions.signal]', async () => {
  const limiter = store.limiter('l', { limit: 1, window: '1m' });
  const reason = new TypeError('the request is gone');
  await assert.rejects(limiter.wait('k', { signal: AbortSignal.abort(reason) }), (error) => error === reason);
  await assert.rejects(limiter.wait('k', { signal: AbortSignal.abort('text') }), (error) => error === 'text');
  assert.equal((await limiter.stats()).keys, 0);
});

test('a signal that aborts meanwhile rejects with its reason, leaves no waiter behind and takes nothing [WaitOptions.signal]', async () => {
  const limiter = spent();
  const controller = new AbortController();
  const reason = { gone: true };
  const call = limiter.wait('k', { signal: controller.signal });
  assert.equal(await waiting(limiter), 1);
  controller.abort(reason);
  await assert.rejects(call, (error) => error === reason);
  assert.equal(await waiting(limiter), 0);
  clock.advance('1m');
  assert.equal(limiter.consumeSync('k').allowed, true);
});

test('a signal hears nothing any more once its call is answered, however that was', async () => {
  const limiter = spent();
  const { signal } = new AbortController();
  const listeners = () => getEventListeners(signal, 'abort').length;
  await limiter.wait('free', { signal });
  assert.equal(listeners(), 0, 'served at once');
  const served = limiter.wait('k', { signal });
  assert.equal(listeners(), 1);
  clock.advance('1m');
  await served;
  assert.equal(listeners(), 0, 'served');
  const denied = limiter.wait('k', { signal, timeout: '1s' });
  clock.advance('1s');
  await denied;
  assert.equal(listeners(), 0, 'denied');
  await assert.rejects(limiter.wait('k', { signal, cost: 2 }), { code: 'ERR_INVALID_ARG' });
  assert.equal(listeners(), 0, 'refused');
  const closing = assert.rejects(limiter.wait('k', { signal }), { code: 'ERR_CLOSED' });
  await store.close();
  await closing;
  assert.equal(listeners(), 0, 'closed');
});

test('a hundred calls on one signal warn of no leak, and all hear it', async () => {
  const warnings = [];
  const onWarning = (warning) => warnings.push(warning);
  process.on('warning', onWarning);
  const limiter = spent();
  const controller = new AbortController();
  const calls = Array.from({ length: 100 }, () => limiter.wait('k', { signal: controller.signal }));
  await turn();
  assert.equal(await waiting(limiter), 100);
  controller.abort();
  const outcomes = await Promise.allSettled(calls);
  assert.ok(outcomes.every(({ status, reason }) => status === 'rejected' && reason.name === 'AbortError'));
  assert.equal(await waiting(limiter), 0);
  assert.equal(getEventListeners(controller.signal, 'abort').length, 0);
  await turn();
  process.off('warning', onWarning);
  assert.deepEqual(warnings, []);
});

test('what is no signal and what is no timeout is refused', async () => {
  const limiter = spent();
  const silent = { aborted: false, addEventListener() {} };
  const deaf = { addEventListener() {}, removeEventListener() {} };
  for (const signal of [null, {}, true, new AbortController(), 'abort', silent, deaf]) {
    await assert.rejects(limiter.wait('k', { signal }), { code: 'ERR_INVALID_ARG', message: /'signal'.*AbortSignal/ });
  }
  for (const timeout of [0, -1, 'soon', null]) {
    await assert.rejects(limiter.wait('k', { timeout }), { code: 'ERR_INVALID_ARG', message: /'timeout'/ });
  }
  assert.equal(await waiting(limiter), 0);
});

/** Of a class of somebody else's, as a polyfill or a test environment brings it. */
class StrangeSignal extends EventTarget {
  aborted = false;
  reason = undefined;
}

test('a call whose signal lets nobody listen does not wait, and rejects with what that throws', async () => {
  const limiter = spent();
  const failure = new Error('no more listeners');
  const signal = new StrangeSignal();
  signal.addEventListener = () => {
    throw failure;
  };
  for (let call = 0; call < 2; call++) {
    await assert.rejects(limiter.wait('k', { signal }), (error) => error === failure);
    assert.equal(await waiting(limiter), 0);
  }
  delete signal.addEventListener;
  const later = limiter.wait('k', { signal });
  Object.assign(signal, { aborted: true, reason: 'gone' }).dispatchEvent(new Event('abort'));
  await assert.rejects(later, (reason) => reason === 'gone');
  clock.advance('1m');
  assert.equal(limiter.consumeSync('k').allowed, true, 'none of them took anything');
});

test('a signal that lets nobody go holds up no answer', async () => {
  const limiter = spent();
  const signal = new StrangeSignal();
  signal.removeEventListener = () => {
    throw new Error('listeners stay');
  };
  const served = limiter.wait('k', { signal });
  clock.advance('1m');
  assert.equal((await served).allowed, true);
  const sentAway = [limiter.wait('k', { signal }), limiter.wait('k')];
  const outcomes = Promise.allSettled(sentAway);
  await store.close();
  assert.deepEqual(
    (await outcomes).map(({ reason }) => reason.code),
    ['ERR_CLOSED', 'ERR_CLOSED'],
  );
});

test('closing a handle rejects those who wait through it, takes nothing of theirs, and leaves the others', async () => {
  const [first, second] = [0, 1].map(() => open('memory:limiter-wait', { clock }));
  const limiter = first.limiter('l', { limit: 1, window: '1m', algorithm: 'fixed-window' });
  const kept = second.limiter('l');
  limiter.consumeSync('k');
  const sentAway = [limiter.wait('k'), limiter.wait('k', { timeout: '1h' })];
  const served = kept.wait('k');
  const outcomes = Promise.allSettled(sentAway);
  await first.close();
  for (const { status, reason } of await outcomes) {
    assert.equal(status, 'rejected');
    assert.equal(reason.code, 'ERR_CLOSED');
    assert.match(reason.message, /closed while .* waited/);
  }
  assert.equal(await waiting(kept), 1);
  clock.advance('1m');
  assert.deepEqual([(await served).allowed, (await kept.stats()).allowed], [true, 2]);
  await second.close();
});

test('a call that waits keeps the process alive until it is served, and not any longer', async () => {
  const story = async ({ open, manualClock }) => {
    const clock = manualClock();
    const limiter = open('memory:', { clock }).limiter('l', { limit: 1, window: '1h' });
    limiter.consumeSync('k');
    // Only the waiting call is there to let this timer have its turn.
    setTimeout(() => clock.advance('2h'), 100).unref();
    const { allowed } = await limiter.wait('k');
    console.log(JSON.stringify({ allowed }));
    setTimeout(() => console.log('"still alive"'), 30_000).unref();
  };
  assert.deepEqual(await endsByItself(told(story), { timeoutMs: 20_000 }), [{ allowed: true }]);
});

test('calls that are given up or sent away leave no rejection unhandled and nothing that keeps the process', async () => {
  const story = async ({ open }) => {
    process.on('unhandledRejection', (error) => {
      console.log(JSON.stringify(`unhandled: ${error}`));
      process.exitCode = 1;
    });
    const store = open();
    const limiter = store.limiter('l', { limit: 1, window: '1h' });
    limiter.consumeSync('k');
    const controller = new AbortController();
    const told = [];
    const hear = (promise) =>
      promise.catch((error) => told.push(error.name === 'AbortError' ? error.name : error.code));
    hear(limiter.wait('k', { signal: controller.signal }));
    hear(limiter.wait('k', { signal: AbortSignal.timeout(1) }).catch(() => Promise.reject({ code: 'timeout' })));
    hear(limiter.wait('k'));
    const addEventListener = () => {
      throw Object.assign(new Error('no more listeners'), { code: 'listeners' });
    };
    hear(limiter.wait('k', { signal: Object.assign(new AbortController().signal, { addEventListener }) }));
    await new Promise((resolve) => setTimeout(resolve, 50));
    controller.abort();
    await store.close();
    await new Promise((resolve) => setImmediate(resolve));
    console.log(JSON.stringify(told));
  };
  assert.deepEqual(await endsByItself(told(story), { timeoutMs: 20_000 }), [
    ['listeners', 'timeout', 'AbortError', 'ERR_CLOSED'],
  ]);
});
