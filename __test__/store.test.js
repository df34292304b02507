'use strict';
const assert = require('node:assert/strict');
const { test } = require('node:test');
const { open, manualClock, RedstartError } = require('redstart');
const { RateLimitStore } = require('redstart/express-rate-limit');
const { fastifyRateLimitStore } = require('redstart/fastify-rate-limit');
const { ThrottlerStorage } = require('redstart/nest-throttler');
const { RateLimiterRedstart } = require('redstart/rate-limiter-flexible');

let names = 0;
/** A store name that no other test has used. */
const fresh = () => `memory:store-test-${++names}`;

test('two handles of one name are one store, two private stores are two', async () => {
  const url = fresh();
  const [a, b] = [open(url), open(url)];
  const options = { ttl: null };
  a.cache('c', options).setSync('k', 1);
  assert.equal(b.cache('c').getSync('k'), 1);
  const [x, y] = [open('memory:'), open('memory:')];
  x.cache('c', options).setSync('k', 1);
  assert.equal(y.cache('c', options).getSync('k'), undefined);
  await Promise.all([a, b, x, y].map((store) => store.close()));
});

test('open() without a URL is memory:default', async () => {
  const store = open();
  assert.equal(store.url, 'memory:default');
  assert.equal(store.engine, 'memory');
  const same = open('memory:default');
  store.cache('c', { ttl: '1m' }).setSync('k', 'v');
  assert.equal(same.cache('c').getSync('k'), 'v');
  await store.close();
  await same.close();
});

test('features of one name and different kinds, and of different names, share nothing', async () => {
  const store = open('memory:');
  store.cache('users', { ttl: null }).setSync('1', 'a');
  assert.equal(store.cache('usersAbc', { ttl: null }).getSync('1'), undefined);
  assert.equal(await store.sessions('users', { ttl: '1h' }).get('1'), undefined);
  const [one, two] = ['one', 'two'].map((name) => store.limiter(name, { limit: 1, window: '1m' }));
  assert.equal(one.consumeSync('k').allowed, true);
  assert.equal(two.consumeSync('k').allowed, true);
  assert.equal(one.consumeSync('k').allowed, false);
  await store.close();
});

test('closing a handle closes that handle only, and the last one takes the state with it', async () => {
  const url = fresh();
  const [a, b] = [open(url), open(url)];
  const cache = a.cache('c', { ttl: null });
  cache.setSync('k', 1);
  assert.equal(a.closed, false);
  assert.deepEqual(await a.close(), { dropped: {} });
  assert.equal(a.closed, true);
  assert.deepEqual(await a.close(), { dropped: {} }, 'a second close says the same');
  assert.throws(() => cache.getSync('k'), { code: 'ERR_CLOSED', name: 'RedstartError' });
  await assert.rejects(cache.get('k'), { code: 'ERR_CLOSED' });
  assert.throws(() => a.cache('c'), { code: 'ERR_CLOSED' });
  await assert.rejects(a.stats(), { code: 'ERR_CLOSED' });
  assert.equal(b.cache('c').getSync('k'), 1);
  await b.close();
  const again = open(url);
  assert.equal(again.cache('c', { ttl: null }).getSync('k'), undefined);
  await again.close();
});

test('the last handle tells which jobs went with it, and warns', async () => {
  const store = open('memory:');
  const queue = store.queue('mail');
  await queue.add('welcome', {});
  await queue.add('later', {}, { delay: '1h' });
  const warning = new Promise((resolve) => process.once('warning', resolve));
  assert.deepEqual(await store.close(), { dropped: { mail: 2 } });
  assert.equal((await warning).code, 'REDSTART_JOBS_DROPPED');
});

test('await using closes', async () => {
  const store = open('memory:');
  await store[Symbol.asyncDispose]();
  assert.equal(store.closed, true);
});

test('a name needs its options once, and keeps them', async () => {
  const store = open('memory:');
  for (const kind of ['cache', 'sessions', 'limiter']) {
    assert.throws(() => store[kind]('x'), { code: 'ERR_NOT_DEFINED', message: /'x' has no options yet; pass \{ \w+/ });
  }
  assert.equal(store.queue('x').name, 'x');
  const cache = store.cache('x', { ttl: '1m' });
  assert.equal(store.cache('x'), cache);
  assert.equal(store.cache('x', { ttl: 60_000 }), cache, "'1m' is 60000");
  assert.throws(
    () => store.cache('x', { ttl: '2m' }),
    (error) => {
      assert.ok(RedstartError.is(error, 'ERR_OPTIONS_CONFLICT'));
      assert.match(error.message, /ttl 60000/);
      assert.match(error.message, /ttl 120000/);
      assert.match(error.message, /store\.test\.js:\d+/, 'it says where the first options were given');
      return true;
    },
  );
  await store.close();
});

test("onOptionsConflict: 'keep' goes on with the first options [StoreOptions.onOptionsConflict]", async () => {
  const url = fresh();
  const clock = manualClock();
  const store = open(url, { clock, onOptionsConflict: 'keep' });
  store.cache('x', { ttl: '1m' }).setSync('k', 1);
  assert.equal(store.cache('x', { ttl: '5m' }).getSync('k'), 1);
  store.cache('x').setSync('k', 1);
  clock.advance('1m');
  assert.equal(store.cache('x').getSync('k'), undefined);
  await store.close();
});

test('a store asked for with another clock or another maxMemory is a conflict [StoreOptions.clock]', async () => {
  const url = fresh();
  const clock = manualClock();
  const store = open(url, { clock, maxMemory: '1mb' });
  const same = [open(url), open(url, { clock }), open(url, { maxMemory: 1024 ** 2 })];
  assert.throws(() => open(url, { clock: manualClock() }), { code: 'ERR_OPTIONS_CONFLICT' });
  assert.throws(() => open(url, { maxMemory: '2mb' }), { code: 'ERR_OPTIONS_CONFLICT', message: /1048576.*2097152/s });
  await Promise.all([store, ...same].map((handle) => handle.close()));
});

test('URLs that this version does not have say which it has', () => {
  for (const url of ['redis://localhost', 'rediss://h', 'file:./app.db', 'memory', 'http://x', '', 5, null]) {
    assert.throws(() => open(url), { code: 'ERR_INVALID_ARG', message: /memory:/ }, String(url));
  }
});

test('past maxMemory sessions and jobs are refused with what to do, and nothing is half done [StoreOptions.maxMemory]', async () => {
  const store = open('memory:', { maxMemory: '64kb' });
  const sessions = store.sessions('s', { ttl: '1h' });
  const queue = store.queue('q');
  const data = { text: 'x'.repeat(1_000) };
  let kept = 0;
  await assert.rejects(
    async () => {
      for (; kept < 1_000; kept++) await sessions.create(data);
    },
    { code: 'ERR_STORE_FULL', retryable: true, message: /maxMemory/ },
  );
  assert.equal(await sessions.count(), kept);
  await assert.rejects(queue.add('j', data), { code: 'ERR_STORE_FULL' });
  assert.equal((await queue.getJobCounts()).waiting, 0);
  const { budget } = await store.stats();
  assert.equal(budget.limit, 64 * 1024);
  assert.ok(budget.used <= budget.limit && budget.used > 60 * 1024);
  await store.close();
});

test('stats() counts every feature', async () => {
  const store = open('memory:', { clock: manualClock() });
  const cache = store.cache('c', { ttl: '1m' });
  cache.setSync('k', 'v');
  cache.getSync('k');
  cache.getSync('absent');
  store.limiter('l', { limit: 1, window: '1m' }).consumeSync('k');
  store.limiter('l').consumeSync('k');
  await store.sessions('s', { ttl: '1h' }).create({});
  await store.queue('q').add('j', {});
  const stats = await store.stats();
  assert.deepEqual([stats.caches.c.hits, stats.caches.c.misses, stats.caches.c.hitRate], [1, 1, 0.5]);
  assert.deepEqual([stats.limiters.l.allowed, stats.limiters.l.denied, stats.limiters.l.keys], [1, 1, 1]);
  assert.equal(stats.sessions.s.live, 1);
  assert.equal(stats.queues.q.counts.waiting, 1);
  assert.equal(stats.queues.q.oldestWaitingAgeMs, 0);
  const counted = stats.limiters.l.bytes + stats.sessions.s.bytes + stats.queues.q.bytes;
  assert.equal(stats.budget.used, counted);
  assert.equal(stats.bytes, counted + stats.caches.c.bytes);
  await store.close();
});

test('the manual clock moves by durations and refuses anything else', async () => {
  const clock = manualClock(1_000);
  assert.equal(clock.nowMs, 1_000);
  clock.advance('1.5s');
  await clock.advanceAsync(500);
  assert.equal(clock.nowMs, 3_000);
  assert.throws(() => clock.advance(-1), { code: 'ERR_INVALID_ARG' });
  await assert.rejects(clock.advanceAsync('soon'), { code: 'ERR_INVALID_ARG' });
  for (const start of [-1, Number.NaN, '0', 1e16]) assert.throws(() => manualClock(start), { code: 'ERR_INVALID_ARG' });
});

test('names that differ in half a surrogate pair are refused, as they could not be told apart', async () => {
  const store = open('memory:');
  for (const name of ['\ud800', 'a\udc00b', '', 'x'.repeat(257), 5]) {
    assert.throws(() => store.cache(name, { ttl: null }), { code: 'ERR_INVALID_ARG' });
    await assert.rejects(store.queue('q').add(name, 1), { code: 'ERR_INVALID_ARG' });
    await assert.rejects(store.queue('q').add('j', 1, { jobId: name }), { code: 'ERR_INVALID_ARG' });
  }
  assert.throws(() => open('memory:\ud800'), { code: 'ERR_INVALID_ARG' });
  assert.equal(await store.queue('q').getJob('\ud800'), undefined);
  store.cache('🎉 \0 "names"', { ttl: null }).setSync('k', 1);
  assert.equal(store.cache('🎉 \0 "names"').getSync('k'), 1);
  await store.close();
});

test("onOptionsConflict is the handle's own: one that keeps does not keep for the others", async () => {
  const url = fresh();
  const [strict, lenient] = [open(url), open(url, { onOptionsConflict: 'keep' })];
  strict.cache('x', { ttl: '1m' });
  assert.equal(lenient.cache('x', { ttl: '2m' }).name, 'x');
  assert.throws(() => strict.cache('x', { ttl: '2m' }), { code: 'ERR_OPTIONS_CONFLICT' });
  await Promise.all([strict.close(), lenient.close()]);
});

test('a conflict names the place in the app that asked first, also where it asked through a door', async () => {
  const store = open('memory:');
  const asks = {
    itself: (name) => store.limiter(name, { limit: 5, window: '1m' }),
    nest: (prefix) => new ThrottlerStorage({ store, prefix }),
    fastify: (prefix) => fastifyRateLimitStore({ store, prefix }),
    flexible: (keyPrefix) => new RateLimiterRedstart({ store, keyPrefix, points: 5, duration: 60 }),
    express: (prefix) => new RateLimitStore({ store, prefix }).init({ windowMs: 60_000, limit: 5 }),
  };
  for (const [name, ask] of Object.entries(asks)) {
    ask(name);
    assert.throws(
      () => store.limiter(name, { limit: 7, window: '7s' }),
      ({ code, message }) => code === 'ERR_OPTIONS_CONFLICT' && message.includes(` at ${__filename}:`),
      name,
    );
  }
  await store.close();
});
