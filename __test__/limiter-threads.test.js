'use strict';
// One limiter, many threads: the limit is the limit of all of them together.
const assert = require('node:assert/strict');
const { EventEmitter, once } = require('node:events');
const path = require('node:path');
const { test } = require('node:test');
const { open } = require('redstart');
const { Barrier } = require('./support/barrier.js');
const { crew } = require('./support/crew.js');
const { ALGORITHMS } = require('./support/limiter/algorithms.js');
const { waitingThread } = require('./support/limiter/waiting.js');

const THREADS = 8;
const KEYS = 100;
const CALLS = 200_000;
const LIMIT = 500;

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
const thread = (name) => path.join(__dirname, 'support', 'limiter', `${name}-thread.js`);

test('eight threads with 200,000 calls on 100 keys are admitted exactly the limit a key, by every algorithm', async (t) => {
  const url = 'memory:limiter-hammer';
  const store = open(url);
  // Of a window this long nothing comes back meanwhile.
  const limiters = ALGORITHMS.map((algorithm) =>
    store.limiter(algorithm, { limit: LIMIT, window: '36500d', algorithm }),
  );
  const from = performance.now();
  const workerData = { url, keys: KEYS, calls: CALLS / THREADS, barrier: new SharedArrayBuffer(Barrier.BYTES) };
  const tallies = await crew(thread('hammer'), THREADS, workerData);
  t.diagnostic(`${CALLS * ALGORITHMS.length} calls in ${(performance.now() - from).toFixed(0)} ms`);
  for (const [index, limiter] of limiters.entries()) {
    for (let key = 0; key < KEYS; key++) {
      const admitted = sum(tallies.map((tally) => tally[index][key]));
      assert.equal(admitted, LIMIT, `${limiter.name}, key ${key}`);
      assert.equal((await limiter.peek(`key:${key}`)).remaining, 0);
    }
    const { allowed, denied, keys } = await limiter.stats();
    assert.deepEqual({ allowed, denied, keys }, { allowed: KEYS * LIMIT, denied: CALLS - KEYS * LIMIT, keys: KEYS });
  }
  await store.close();
});

test('consumeAll from eight threads, parts in opposite orders: no deadlock, exact sums, and no half is ever seen', async () => {
  const url = 'memory:limiter-all';
  const store = open(url);
  const scarce = store.limiter('scarce', { limit: 5_000, window: '36500d' });
  const plenty = store.limiter('plenty', { limit: 10_000_000, window: '36500d', algorithm: 'gcra' });
  const none = store.limiter('none', { limit: 1, window: '36500d', algorithm: 'fixed-window' });
  none.consumeSync('k');
  const calls = 1_500;
  const workerData = { url, calls, barrier: new SharedArrayBuffer(Barrier.BYTES) };
  const seen = await crew(thread('all'), THREADS, workerData);
  const [all, single, wrong] = ['all', 'single', 'wrong'].map((kind) => sum(seen.map((each) => each[kind])));
  assert.equal(wrong, 0);
  assert.equal(all + single, 5_000, 'every unit of the scarce key once');
  assert.ok(all > 100 && single > 100, `${all} together, ${single} alone`);
  const left = async (limiter, key) => (await limiter.peek(key)).remaining;
  assert.deepEqual([await left(scarce, 'k'), await left(scarce, 'j')], [0, 5_000 - all]);
  assert.equal(await left(plenty, 'k'), 10_000_000 - 2 * all);
  assert.equal(await left(plenty, 'j'), 10_000_000 - 3 * all);
  const stats = await scarce.stats();
  assert.deepEqual([stats.allowed, stats.denied], [2 * all + single, THREADS * calls * 2 - all - single]);
  await store.close();
});

test('calls of several threads that wait for one key are served in the order of the calls, each unit once', async () => {
  const url = 'memory:limiter-wait-threads';
  const store = open(url);
  const limiter = store.limiter('l', { limit: 1, window: '36500d' });
  limiter.consumeSync('k');
  const served = new EventEmitter();
  const threads = Array.from({ length: 4 }, () => waitingThread(url, (message) => served.emit('served', message)));
  const calls = 24;
  for (let call = 0; call < calls; call++) {
    // Another thread each time, and not always the next one.
    await threads[(call * call) % threads.length ? call % threads.length : (call >> 2) % threads.length].wait(call);
  }
  assert.equal((await limiter.stats()).waiting, calls);
  for (let call = 0; call < calls; call++) {
    const next = once(served, 'served');
    await limiter.refund('k');
    assert.deepEqual(await next, [{ served: call, allowed: true }]);
    assert.equal((await limiter.stats()).waiting, calls - call - 1);
  }
  assert.deepEqual([(await limiter.stats()).allowed, (await limiter.peek('k')).remaining], [calls + 1, 0]);
  for (const each of threads) assert.equal(await each.end(), 0);
  await store.close();
});

test('a thread that is terminated while it waits leaves nobody in line and takes nothing', async () => {
  const url = 'memory:limiter-gone';
  const store = open(url);
  const limiter = store.limiter('l', { limit: 1, window: '36500d' });
  limiter.consumeSync('k');
  const gone = waitingThread(url);
  for (let call = 0; call < 20; call++) await gone.wait(call);
  const behind = limiter.wait('k');
  assert.equal((await limiter.stats()).waiting, 21);
  await gone.terminate();
  assert.equal((await limiter.stats()).waiting, 1);
  await limiter.refund('k');
  assert.equal((await behind).allowed, true, 'who stood behind it is served');
  const { allowed, keys, bytes, bytesPerKey } = await limiter.stats();
  assert.deepEqual([allowed, keys, bytes], [2, 1, bytesPerKey], 'its calls took neither units nor memory');
  await store.close();
});
