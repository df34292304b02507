'use strict';
// What a cache tells its listeners.
const assert = require('node:assert/strict');
const path = require('node:path');
const { after, afterEach, beforeEach, describe, it } = require('node:test');
const { Worker } = require('node:worker_threads');
const { manualClock, open } = require('redstart');
const { endsByItself, told } = require('./support/child.js');

// What is waited for here keeps no process alive by itself.
const awake = setInterval(() => {}, 60_000);
after(() => clearInterval(awake));

let clock;
let store;
let cache;

beforeEach(() => {
  clock = manualClock();
  store = open('memory:', { clock });
  cache = store.cache('c', { ttl: '1m', max: 2, eviction: 'lru' });
});
afterEach(() => store.close());

/** Collects removals of a cache; `until` resolves when as many have come. */
function collector(from) {
  const all = [];
  let told = () => {};
  const listener = (batch) => {
    assert.ok(Array.isArray(batch) && batch.length > 0);
    all.push(...batch);
    told();
  };
  from.on('removed', listener);
  const until = (count) =>
    new Promise((resolve) => {
      told = () => all.length >= count && resolve(all);
      told();
    });
  return { listener, all, until };
}

describe('removed', () => {
  it('tells every entry that goes, and why', async () => {
    const { until } = collector(cache);
    cache.setSync('overwritten', 1);
    cache.setSync('overwritten', 2);
    cache.deleteSync('overwritten');
    cache.setSync('evicted', 1);
    cache.setSync('taken', 1);
    cache.setSync('tagged', 1, { tags: ['t'] });
    await cache.take('taken');
    await cache.deleteByTag('t');
    cache.setSync('pre:fixed', 1);
    await cache.deleteByPrefix('pre:');
    cache.setSync('short', 1, { ttl: '1s' });
    clock.advance('2s');
    cache.setSync('cleared', 1);
    await cache.clear();
    const reasons = {};
    for (const { key, reason } of await until(8)) reasons[key] = [...(reasons[key] ?? []), reason];
    assert.deepEqual(reasons, {
      overwritten: ['set', 'delete'],
      evicted: ['evict'],
      taken: ['delete'],
      tagged: ['delete'],
      'pre:fixed': ['delete'],
      short: ['expire'],
      cleared: ['clear'],
    });
  });

  it('tells keys as they are', async () => {
    const { until } = collector(cache);
    for (const key of ['', '\0', '"', '\ud800', '€', '__proto__']) {
      cache.setSync(key, 1);
      cache.deleteSync(key);
    }
    assert.deepEqual(
      (await until(6)).map(({ key }) => key),
      ['', '\0', '"', '\ud800', '€', '__proto__'],
    );
  });

  it('is told no more to who has left, and again to who comes back', async () => {
    const first = collector(cache);
    cache.setSync('a', 1);
    cache.deleteSync('a');
    await first.until(1);
    assert.equal(cache.off('removed', first.listener), cache);
    cache.setSync('b', 1);
    cache.deleteSync('b');
    const second = collector(cache);
    cache.setSync('c', 1);
    cache.deleteSync('c');
    assert.deepEqual(await second.until(1), [{ key: 'c', reason: 'delete' }]);
    assert.equal(first.all.length, 1);
  });

  it('is told once to who asks once', async () => {
    let calls = 0;
    const heard = new Promise((resolve) => {
      assert.equal(
        cache.once('removed', (batch) => {
          calls += 1;
          resolve(batch);
        }),
        cache,
      );
    });
    cache.setSync('a', 1);
    cache.deleteSync('a');
    await heard;
    const { until } = collector(cache);
    cache.setSync('b', 1);
    cache.deleteSync('b');
    await until(1);
    assert.equal(calls, 1);
  });

  it('is told of what other threads remove', async () => {
    const url = 'memory:cache-events';
    const shared = open(url);
    const pages = shared.cache('pages', { ttl: '1h' });
    const { until } = collector(pages);
    const worker = new Worker(path.join(__dirname, 'support', 'cache', 'removals-thread.js'), {
      workerData: { url, removals: 1_000 },
    });
    const ended = new Promise((resolve) => worker.once('exit', resolve));
    const all = await until(1_000);
    assert.deepEqual(
      all.map(({ key }) => key),
      Array.from({ length: 1_000 }, (_, at) => `k${at}`),
    );
    await ended;
    await shared.close();
  });

  it('tells a listener that is too slow how many it missed', async () => {
    const { all } = collector(cache);
    const failed = new Promise((resolve) => cache.once('error', resolve));
    const removals = 150_000;
    for (let at = 0; at < removals; at++) {
      cache.setSync('k', at);
      cache.deleteSync('k');
    }
    const error = await failed;
    const missed = Number(/missed (\d+) removals/.exec(error.message)[1]);
    assert.ok(missed > 0 && missed <= removals - 100_000, `${missed}`);
    assert.equal(all.length + missed, removals);
  });

  it('keeps no process alive, and nothing is left of it after the handle closes', async () => {
    const lines = await endsByItself(
      told(({ open }) => {
        open('memory:')
          .cache('c', { ttl: null })
          .on('removed', () => {});
        console.log('listening');
      }),
    );
    assert.deepEqual(lines, ['listening']);
    const other = open('memory:');
    const closing = other.cache('c', { ttl: null });
    closing.on('removed', () => {});
    await other.close();
    assert.throws(() => closing.on('removed', () => {}), { code: 'ERR_CLOSED' });
  });
});

describe('a cache', () => {
  it('has these two events and no others', () => {
    for (const method of ['on', 'once', 'off']) {
      const bad = { code: 'ERR_INVALID_ARG', message: /removed, error/ };
      assert.throws(() => cache[method]('evicted', () => {}), bad);
      assert.throws(() => cache[method]('removed', 'no function'), { code: 'ERR_INVALID_ARG' });
    }
  });

  it('calls every listener, whatever another throws, and the process hears of that', async () => {
    const lines = await endsByItself(
      told(({ open }) => {
        process.on('uncaughtException', (error) => console.log(`uncaught: ${error.message}`));
        const store = open('memory:');
        const cache = store.cache('c', { ttl: null });
        cache.on('removed', () => {
          throw new Error('listener');
        });
        const waits = setTimeout(() => {}, 10_000);
        cache.on('removed', ([{ key, reason }]) => {
          console.log(`${key}: ${reason}`);
          clearTimeout(waits);
        });
        cache.setSync('a', 1);
        cache.deleteSync('a');
      }),
    );
    assert.deepEqual(lines, ['a: delete', 'uncaught: listener']);
  });
});
