'use strict';
// Handlers that compute, in the loop that everything else of the app needs too.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { describe, it } = require('node:test');
const { open } = require('redstart');

function compute(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

const many = (count, opts) => Array.from({ length: count }, () => ({ name: 'j', data: null, opts }));

describe('a worker whose handlers compute, with many places', () => {
  it('claims jobs as they can begin: none runs out of its timeout while it waits for that', async (t) => {
    const store = open('memory:');
    t.after(() => store.close({ timeout: 0 }));
    const queue = store.queue('q');
    const worker = queue.process(() => compute(20), { concurrency: 100, autorun: false });
    const begun = new Set();
    const lost = [];
    worker.on('active', ({ id }) => begun.add(id)).on('lease-lost', ({ id }) => lost.push(id));
    const jobs = await queue.addBulk(many(60, { timeout: '500ms', attempts: 1 }));
    const drained = once(worker, 'drained');
    worker.run();
    await drained;
    assert.deepEqual(lost, []);
    assert.equal(begun.size, jobs.length);
    assert.equal((await queue.getJobCounts()).completed, jobs.length);
  });

  it('leaves the jobs that it has no time for to others', async (t) => {
    const store = open('memory:');
    t.after(() => store.close({ timeout: 0 }));
    const queue = store.queue('q');
    const mostActive = [];
    const worker = queue.process(() => compute(15), { concurrency: 100, autorun: false });
    await queue.addBulk(many(20));
    worker.on('active', async () => mostActive.push((await queue.getJobCounts()).active));
    const drained = once(worker, 'drained');
    worker.run();
    await drained;
    // One runs and, until it is known how long they take, some have been claimed.
    assert.ok(Math.max(...mostActive) <= 4, `claimed at once: ${mostActive}`);
  });

  it('comes back to claiming many once they are short', async (t) => {
    const store = open('memory:');
    t.after(() => store.close({ timeout: 0 }));
    const queue = store.queue('q');
    let atOnce = 0;
    let release;
    const opened = new Promise((resolve) => {
      release = resolve;
    });
    const worker = queue.process(
      async ({ data }) => {
        if (data === 'long') return compute(15);
        atOnce += 1;
        await opened;
      },
      { concurrency: 100 },
    );
    await Promise.all(
      (await queue.addBulk(Array.from({ length: 5 }, () => ({ name: 'j', data: 'long' })))).map((job) => job.result()),
    );
    await queue.addBulk(many(100));
    const end = performance.now() + 5_000;
    while (atOnce < 100 && performance.now() < end) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(atOnce, 100);
    const drained = once(worker, 'drained');
    release();
    await drained;
  });
});
