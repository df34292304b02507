'use strict';
// One cache in several threads that race, or that are gone before they have finished.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const path = require('node:path');
const { afterEach, beforeEach, describe, it } = require('node:test');
const { Worker } = require('node:worker_threads');
const { open } = require('redstart');
const { race } = require('./support/cache/race-thread.js');
const { crew } = require('./support/crew.js');

const RACE_MS = 1_500;
/** Far less than the 30 s that a load may take. */
const SOON_MS = 5_000;

const fileOf = (name) => path.join(__dirname, 'support', 'cache', name);
const turn = () => new Promise((resolve) => setImmediate(resolve));

let urls = 0;
let url;
let store;

beforeEach(() => {
  url = `memory:cache-threads-${urls++}`;
  store = open(url);
});
afterEach(() => store.close());

describe('threads that load and delete the same keys', () => {
  it('get what the loaders return, and never anything else', async (t) => {
    const plan = { url, forMs: RACE_MS };
    const others = crew(fileOf('race-thread.js'), 2, plan);
    const seen = [await race(plan), ...(await others)];
    t.diagnostic(`${seen.map(({ calls }) => calls).join(', ')} calls`);
    for (const { calls, wrong } of seen) {
      assert.equal(wrong, 0, `${wrong} of ${calls} calls got something else`);
      assert.ok(calls > 1_000, `${calls} calls`);
    }
    const { loads, loadErrors } = await store.cache('c').stats();
    assert.ok(loads > 1_000, `${loads} loads`);
    assert.equal(loadErrors, 0);
  });
});

describe('a thread that starts a load and ends in the same turn', () => {
  const start = () => new Worker(fileOf('gone-thread.js'), { workerData: { url, nears: 0 } });
  /** Asks for the key of the load that nobody ends. */
  const ask = (cache) => cache.getOrSet('k', () => 'own', { signal: AbortSignal.timeout(SOON_MS) });

  it('leaves the key to those who wait for it', async () => {
    const cache = store.cache('c', { ttl: null });
    // Several times, as now and then the thread is gone before it is waited for.
    for (let round = 0; round < 6; round++) {
      const { loads } = await cache.stats();
      const exit = once(start(), 'exit');
      while ((await cache.stats()).loads === loads) await turn();
      assert.equal(await ask(cache), 'own');
      assert.deepEqual(await exit, [0]);
      assert.equal(await cache.take('k'), 'own');
    }
  });

  it('leaves the key to those who come later', async () => {
    const cache = store.cache('c', { ttl: null });
    assert.deepEqual(await once(start(), 'exit'), [0]);
    assert.equal((await cache.stats()).loads, 1);
    assert.equal(await ask(cache), 'own');
  });
});

describe('threads that end with near caches', () => {
  it('give them back: in the thread that stays, there are near caches still', async () => {
    for (let round = 0; round < 10; round++) {
      const thread = new Worker(fileOf('gone-thread.js'), { workerData: { url, nears: 500 } });
      assert.deepEqual(await once(thread, 'exit'), [0]);
    }
    const cache = store.cache('objects', { ttl: null, near: { objects: true } });
    await cache.set('k', { a: 1 });
    const value = await cache.get('k');
    for (let read = 0; read < 3; read++) assert.equal(await cache.get('k'), value);
  });
});

describe('clear() of 200,000 entries with tags', () => {
  it('has left no entry and no byte when it returns, whatever is freed after it', async () => {
    const cache = store.cache('c', { ttl: null, maxSize: '256mb' });
    for (let from = 0; from < 200_000; from += 10_000) {
      const entries = Array.from({ length: 10_000 }, (_, at) => [`key ${from + at}`, from + at]);
      await cache.setMany(entries, { tags: ['all', `from ${from}`] });
    }
    const before = await cache.stats();
    assert.equal(before.entries, 200_000);
    await cache.clear();
    const { entries, bytes } = await cache.stats();
    assert.deepEqual({ entries, bytes }, { entries: 0, bytes: 0 });
  });
});
