'use strict';
// Options that no other test is about: each test sees a difference when its option is given. `npm run options-covered`
// checks that, for the claims in the titles of all tests.
const assert = require('node:assert/strict');
const http = require('node:http');
const { test, beforeEach, afterEach } = require('node:test');
const { Worker } = require('node:worker_threads');
const { open, manualClock } = require('redstart');
const { rateLimit } = require('redstart/express');

let clock;
let store;

beforeEach(() => {
  clock = manualClock();
  store = open('memory:', { clock });
});
afterEach(() => store.close());

test('a fixed window is over at its end, a sliding one goes on [LimiterOptions.algorithm]', () => {
  const remaining = (algorithm) => {
    const limiter = store.limiter(algorithm, { limit: 10, window: '16s', algorithm });
    clock.advance('15s');
    limiter.consumeSync('k', { cost: 10 });
    return limiter;
  };
  const fixed = remaining('fixed-window');
  assert.equal(fixed.consumeSync('k').allowed, false);
  // The window began with the first hit.
  clock.advance('16s');
  assert.equal(fixed.consumeSync('k', { cost: 10 }).allowed, true);
  const sliding = remaining('sliding-window');
  clock.advance('16s');
  // The oldest of its sub-buckets counts in full.
  assert.equal(sliding.consumeSync('k').allowed, false);
});

test('defaultJobOptions may hold each option of a job [QueueOptions.defaultJobOptions.delay] [QueueOptions.defaultJobOptions.backoff]', async () => {
  const backoff = { type: /** @type {const} */ ('fixed'), delay: '10m' };
  const queue = store.queue('q', { defaultJobOptions: { attempts: 2, delay: '5m', backoff } });
  const startMs = clock.nowMs;
  const runs = [];
  const worker = queue.process(() => {
    runs.push(clock.nowMs - startMs);
    throw new Error('no');
  });
  await queue.add('j', 1);
  await clock.advanceAsync('1h');
  assert.deepEqual(runs, [300_000, 900_000]);
  await worker.close();
});

test('a worker runs as many jobs at once as it was told to [WorkerOptions.concurrency]', async () => {
  const queue = store.queue('q');
  let [running, most] = [0, 0];
  const work = async () => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
  };
  queue.process(work, { concurrency: 3 });
  const jobs = await Promise.all(Array.from({ length: 9 }, (_, index) => queue.add('j', index)));
  await Promise.all(jobs.map((job) => job.result()));
  assert.equal(most, 3);
});

test('a job may lose no worker at all, where one was told so [WorkerOptions.maxStalledCount]', async () => {
  const shared = open('memory:options-covered');
  const queue = shared.queue('q');
  const started = new Promise((resolve) => queue.once('active', resolve));
  const thread = new Worker(
    `require('redstart').open('memory:options-covered').queue('q')
      .process(() => new Promise(() => {}), { maxStalledCount: 0 });`,
    { eval: true },
  );
  const job = await queue.add('j', 1, { attempts: 5 });
  await started;
  await thread.terminate();
  assert.equal(await job.getState(), 'failed');
  await shared.close();
});

test('a lease has a least [WorkerOptions.leaseDuration]', () => {
  const queue = store.queue('q');
  const start = (leaseDuration) => () => queue.process(() => {}, { leaseDuration });
  assert.throws(start('999ms'), { code: 'ERR_INVALID_ARG', message: /leaseDuration/ });
  start('1s')();
});

/** What a server answers that limits each request by `options`: the second of two, one being admitted. */
async function secondAnswer(options) {
  const seen = [];
  const limit = rateLimit({ limiter: store.limiter('l', { limit: 1, window: '1m' }), ...options });
  const server = http.createServer((req, res) => {
    limit(req, res, () => res.end());
    res.on('close', () => seen.push(Object.keys(req)));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  try {
    const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
    await fetch(`http://127.0.0.1:${port}`);
    const { headers } = await fetch(`http://127.0.0.1:${port}`);
    return { headers: [...headers.keys()], properties: seen.flat() };
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('the headers of the draft may be left out [RateLimitOptions.standardHeaders]', async () => {
  const { headers } = await secondAnswer({ standardHeaders: false });
  assert.deepEqual([headers.includes('ratelimit'), headers.includes('x-ratelimit-limit')], [false, true]);
});

test('the older headers may be left out [RateLimitOptions.legacyHeaders]', async () => {
  const { headers } = await secondAnswer({ legacyHeaders: false });
  assert.deepEqual([headers.includes('ratelimit'), headers.includes('x-ratelimit-limit')], [true, false]);
});

test('the request keeps the decision where it was told to [RateLimitOptions.requestPropertyName]', async () => {
  const { properties } = await secondAnswer({ requestPropertyName: 'quota' });
  assert.deepEqual([properties.includes('quota'), properties.includes('rateLimit')], [true, false]);
});

test('a codec decides what becomes of a value [CacheOptions.codec] [CacheOptions.codec.encode] [CacheOptions.codec.decode]', () => {
  const json = store.cache('json', { ttl: '1m', codec: 'json' });
  json.setSync('k', new Date(0));
  assert.equal(json.getSync('k'), '1970-01-01T00:00:00.000Z');
  const codec = { encode: (text) => Buffer.from(`<${text}>`), decode: (bytes) => Buffer.from(bytes).toString() };
  const own = store.cache('own', { ttl: '1m', codec });
  own.setSync('k', 'v');
  assert.equal(own.getSync('k'), '<v>');
});
