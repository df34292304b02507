'use strict';
// What a store's close() lets happen first: running jobs end, with drain those that wait are run, listeners hear of all that.
const assert = require('node:assert/strict');
const { afterEach, beforeEach, test } = require('node:test');
const { open } = require('redstart');

/** Real milliseconds in which nothing here should take long; a drain that waits for what it should not takes all of it. */
const LONG_MS = 60_000;
const SHORT_MS = 30;

let names = 0;
let store;
let queue;
/** Keeps what is left, so that it can be looked at. */
let other;

beforeEach(() => {
  const url = `memory:drain-${process.pid}-${names++}`;
  [store, other] = [open(url), open(url)];
  queue = store.queue('q');
});
afterEach(async () => {
  process.removeAllListeners('warning');
  process.on('warning', () => {});
  await Promise.all([store.close({ timeout: 0 }), other.close({ timeout: 0 })]);
});

const soon = () => new Promise((resolve) => setImmediate(resolve));

async function addJobs(count, options) {
  for (let index = 0; index < count; index++) await queue.add('j', index, options);
}

const counts = () => other.queue('q').getJobCounts();

test('all that waits is run before the workers close', async () => {
  const ran = [];
  queue.process(async ({ data }) => {
    await soon();
    ran.push(data);
  });
  await addJobs(20);
  assert.deepEqual(await store.close({ drain: true, timeout: LONG_MS }), { dropped: {} });
  assert.deepEqual(
    ran,
    Array.from({ length: 20 }, (_, index) => index),
  );
  assert.equal((await counts()).completed, 20);
});

test('without drain they only finish what they have begun', async () => {
  queue.process(soon);
  await addJobs(20);
  await store.close({ timeout: LONG_MS });
  assert.equal((await counts()).waiting + (await counts()).completed, 20);
  assert.ok((await counts()).waiting > 0);
});

test('jobs that are added by jobs are run too', async () => {
  queue.process(async ({ data }) => {
    await soon();
    if (data < 5) await queue.add('j', data + 1);
  });
  await queue.add('j', 0);
  await store.close({ drain: true, timeout: LONG_MS });
  assert.deepEqual([(await counts()).completed, (await counts()).waiting], [6, 0]);
});

test('a job that another handle has begun is waited for, as it may come back', async () => {
  let end;
  other.queue('q').process(() => new Promise((resolve) => (end = resolve)), { concurrency: 1 });
  await queue.add('j', 1);
  while (end === undefined) await soon();
  queue.process(() => 1);
  const closing = store.close({ drain: true, timeout: LONG_MS });
  await soon();
  assert.equal(store.closed, false);
  end();
  await closing;
});

test('delayed jobs are not waited for', async () => {
  queue.process(soon);
  await addJobs(1, { delay: '1h' });
  await addJobs(1);
  await store.close({ drain: true, timeout: LONG_MS });
  assert.deepEqual([(await counts()).completed, (await counts()).delayed], [1, 1]);
});

test('queues are not waited for that have no worker here which takes jobs', async () => {
  await addJobs(2);
  await store.queue('alone').add('j', 1);
  queue.process(() => 1, { autorun: false });
  queue.process(() => 1).pause();
  await store.close({ drain: true, timeout: LONG_MS });
  assert.equal((await counts()).waiting, 2);
});

test('a worker that was told to run is waited for', async () => {
  await addJobs(2);
  queue.process(soon, { autorun: false }).run();
  await store.close({ drain: true, timeout: LONG_MS });
  assert.equal((await counts()).completed, 2);
});

test('a queue that is paused is not waited for', async () => {
  await queue.pause();
  await addJobs(2);
  queue.process(soon);
  await store.close({ drain: true, timeout: LONG_MS });
  assert.equal((await counts()).waiting, 2);
});

test('timeout bounds draining and closing together; what still runs is released', async () => {
  const started = [];
  queue.process((job) => new Promise(() => started.push(job)));
  await addJobs(2);
  const before = performance.now();
  await store.close({ drain: true, timeout: SHORT_MS });
  const took = performance.now() - before;
  assert.ok(took >= SHORT_MS && took < LONG_MS / 2, `${took} ms`);
  assert.equal(started[0].signal.reason.code, 'ERR_CLOSED');
  assert.deepEqual([(await counts()).waiting, (await counts()).active], [2, 0]);
});

test('a timeout of 0 leaves no time to drain', async () => {
  queue.process(soon);
  await addJobs(5);
  await store.close({ drain: true, timeout: 0 });
  assert.ok((await counts()).waiting >= 4);
});

test('while it drains the handle takes jobs, and neither workers nor listeners', async () => {
  let end;
  queue.process(({ data }) => data === 0 && new Promise((resolve) => (end = resolve)));
  await queue.add('j', 0);
  while (end === undefined) await soon();
  const closing = store.close({ drain: true, timeout: LONG_MS });
  assert.equal(store.closed, false);
  await queue.add('j', 1);
  assert.throws(() => queue.process(() => 1), { code: 'ERR_CLOSED' });
  assert.throws(() => queue.on('completed', () => {}), { code: 'ERR_CLOSED' });
  end();
  await closing;
  assert.equal(store.closed, true);
  assert.equal((await counts()).completed, 2);
  await assert.rejects(queue.add('j', 2), { code: 'ERR_CLOSED' });
});

test('listeners hear of all that has happened until the workers closed', async () => {
  const heard = [];
  queue.on('completed', ({ jobId }) => heard.push(jobId));
  const ends = [];
  queue.process(() => new Promise((resolve) => ends.push(resolve)), { concurrency: 1_000 });
  const jobs = [];
  while (jobs.length < 1_000) jobs.push((await queue.add('j', jobs.length)).id);
  while (ends.length < jobs.length) await soon();
  const closing = store.close({ timeout: LONG_MS });
  for (const end of ends) end();
  await closing;
  assert.deepEqual(heard, jobs);
});
