'use strict';
// Whoever leaves just as the units come: they were taken in the store's name already, and nobody is there to have them.
const assert = require('node:assert/strict');
const { test } = require('node:test');
const { open, manualClock } = require('redstart');
const { waitingThread } = require('./support/limiter/waiting.js');

const GIVEN = /** @type {const} */ ({ limit: 1, window: '1m', algorithm: 'fixed-window' });

test('a signal that aborts while the answer is on its way takes nothing', async () => {
  const clock = manualClock();
  const store = open('memory:', { clock });
  const limiter = store.limiter('l', GIVEN);
  limiter.consumeSync('k');
  const controller = new AbortController();
  const call = limiter.wait('k', { signal: controller.signal });
  clock.advance('1m');
  controller.abort();
  // Either will do: it has its units, or it was aborted and they are there.
  const { status } = (await Promise.allSettled([call]))[0];
  assert.equal((await limiter.peek('k')).remaining, status === 'fulfilled' ? 0 : 1, status);
  await store.close();
});

test('a handle that closes while the answer is on its way takes nothing', async () => {
  const clock = manualClock();
  const [first, second] = [0, 1].map(() => open('memory:limiter-late-close', { clock }));
  const limiter = first.limiter('l', GIVEN);
  limiter.consumeSync('k');
  const call = limiter.wait('k');
  clock.advance('1m');
  const outcomes = Promise.allSettled([call]);
  await first.close();
  const [{ status }] = await outcomes;
  assert.equal((await second.limiter('l').peek('k')).remaining, status === 'fulfilled' ? 0 : 1, status);
  await second.close();
});

test('a thread that is terminated before it heard its answer takes nothing', async () => {
  const url = 'memory:limiter-late-gone';
  const store = open(url);
  const limiter = store.limiter('l', { ...GIVEN, window: '36500d' });
  limiter.consumeSync('k');
  const gone = waitingThread(url);
  await gone.wait(0, { block: true });
  await limiter.refund('k');
  await gone.terminate();
  assert.equal((await limiter.peek('k')).remaining, 1);
  assert.equal((await limiter.stats()).waiting, 0);
  await store.close();
});
