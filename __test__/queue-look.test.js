'use strict';
// Looking at a queue: its jobs by state, in order and by pages, its counts, its logs, its metrics.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { afterEach, beforeEach, describe, test } = require('node:test');
const { gate, newStage, until } = require('./support/queue/stage.js');

let stage;
let clock;
let queue;

beforeEach(() => {
  stage = newStage();
  ({ clock, queue } = stage);
});
afterEach(() => stage.end());

const datasOf = (jobs) => jobs.map(({ data }) => data);
const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

/** One job in each state, whose data is the state. */
async function oneInEach() {
  const { opened, release } = gate();
  const worker = queue.process(({ data }) => {
    if (data === 'failed') throw new Error('no');
    return data === 'active' ? opened : 'done';
  });
  await (await queue.add('j', 'completed')).result();
  await (await queue.add('j', 'failed', { attempts: 1 })).result().catch(() => {});
  const begun = once(worker, 'active');
  await queue.add('j', 'active');
  await begun;
  await queue.add('j', 'waiting');
  await queue.add('j', 'prioritized', { priority: 1 });
  await queue.add('j', 'delayed', { delay: '1h' });
  return release;
}
const STATES = ['waiting', 'prioritized', 'delayed', 'active', 'completed', 'failed'];

describe('getJobs()', () => {
  test('the jobs of each state, and of several together, each once', async () => {
    await oneInEach();
    for (const state of STATES) {
      const jobs = await queue.getJobs(state);
      assert.deepEqual([datasOf(jobs), await jobs[0].getState(), jobs[0].added], [[state], state, false]);
    }
    assert.deepEqual(datasOf(await queue.getJobs(STATES)).sort(), [...STATES].sort());
    assert.deepEqual(datasOf(await queue.getJobs(['failed', 'failed'])), ['failed']);
    assert.deepEqual(await queue.getJobCounts(), Object.fromEntries(STATES.map((state) => [state, 1])));
  });

  test('in the order in which they run: by priority, then as they came; delayed ones by their instants', async () => {
    for (const [data, priority] of [
      ['p2', 2],
      ['a', 0],
      ['p1', 1],
      ['b', 0],
    ]) {
      await queue.add('j', data, { priority });
    }
    await queue.add('j', 'front', { lifo: true });
    for (const seconds of [30, 10, 20]) await queue.add('j', seconds, { delay: seconds * 1_000 });
    assert.deepEqual(datasOf(await queue.getJobs(['waiting', 'prioritized'])), ['front', 'a', 'b', 'p1', 'p2']);
    assert.deepEqual(datasOf(await queue.getJobs('delayed')), [10, 20, 30]);
    assert.deepEqual(datasOf(await queue.getJobs('delayed', { asc: false })), [30, 20, 10]);
  });

  test('finished ones in the order in which they finished', async () => {
    queue.process(() => {}, { concurrency: 3 });
    await queue.add('j', 'late', { delay: '2s' });
    await queue.add('j', 'early', { delay: '1s' });
    await clock.advanceAsync('3s');
    assert.deepEqual(datasOf(await queue.getJobs('completed')), ['early', 'late']);
    assert.deepEqual(datasOf(await queue.getJobs('completed', { asc: false })), ['late', 'early']);
  });

  test('start to end, both included; 100 where it is not said how many', async () => {
    await queue.addBulk(numbers(0, 149).map((data) => ({ name: 'j', data })));
    const page = async (options) => datasOf(await queue.getJobs('waiting', options));
    assert.deepEqual(await page(), numbers(0, 99));
    assert.deepEqual(await page({ start: 0, end: 0 }), [0]);
    assert.deepEqual(await page({ start: 10, end: 12 }), [10, 11, 12]);
    assert.deepEqual(await page({ start: 120 }), numbers(120, 149));
    assert.deepEqual(await page({ start: 148, end: 1_000 }), [148, 149]);
    assert.deepEqual(await page({ start: 150 }), []);
    assert.deepEqual(await page({ start: 12, end: 10 }), []);
    assert.deepEqual(await page({ end: 2, asc: false }), [149, 148, 147]);
  });

  test('pages go on from one state into the next', async () => {
    await queue.addBulk(numbers(0, 4).map((data) => ({ name: 'j', data })));
    await queue.addBulk(numbers(5, 9).map((data) => ({ name: 'j', data, opts: { delay: `${data}s` } })));
    const page = async (options) => datasOf(await queue.getJobs(['waiting', 'delayed'], options));
    assert.deepEqual(await page(), numbers(0, 9));
    assert.deepEqual(await page({ start: 3, end: 6 }), [3, 4, 5, 6]);
    assert.deepEqual(await page({ start: 3, end: 6, asc: false }), [6, 5, 4, 3]);
  });

  test('thousands of them in one look, whoever moves them meanwhile', async () => {
    await queue.addBulk(numbers(0, 3_499).map((data) => ({ name: 'j', data })));
    const all = queue.getJobs('waiting', { end: 9_999 });
    const drained = queue.drain();
    assert.deepEqual(datasOf(await all), numbers(0, 3_499));
    assert.equal(await drained, 3_500);
    await queue.addBulk(numbers(0, 3_499).map((data) => ({ name: 'j', data })));
    assert.deepEqual(datasOf(await queue.getJobs('waiting', { end: 9_999 })), numbers(0, 3_499));
    assert.deepEqual(datasOf(await queue.getJobs('waiting', { start: 900, end: 2_100 })), numbers(900, 2_100));
  });

  test('at most 10,000 of them a call', async () => {
    await queue.add('j', 1);
    for (const start of [0, 20_000]) {
      await queue.getJobs('waiting', { start, end: start + 9_999 });
      await assert.rejects(queue.getJobs('waiting', { start, end: start + 10_000 }), {
        code: 'ERR_INVALID_ARG',
        message: /at most 10000 jobs a call; got start \d+ and end \d+; ask for pages/,
      });
    }
    assert.deepEqual(await queue.getJobs('waiting', { start: 5, end: 4 }), []);
  });
});

describe('getJobLogs()', () => {
  test('what was logged over all attempts, oldest first, start to end; it goes with its job', async () => {
    queue.process(async (job) => {
      for (const line of ['a', 'b']) await job.log(`${line}${job.attempt}`);
      if (job.attempt === 1) throw new Error('no');
    });
    const job = await queue.add('j', 1, { jobId: 'x', backoff: { type: 'fixed', delay: 1 } });
    await clock.advanceAsync('1s');
    assert.deepEqual(await queue.getJobLogs('x'), ['a1', 'b1', 'a2', 'b2']);
    assert.deepEqual(await queue.getJobLogs('x', { start: 1, end: 2 }), ['b1', 'a2']);
    assert.deepEqual(await queue.getJobLogs('x', { start: 3 }), ['b2']);
    assert.deepEqual(await queue.getJobLogs('x', { start: 9 }), []);
    await job.remove();
    assert.deepEqual(await queue.getJobLogs('x'), []);
  });

  test('the last 1,000 lines of up to 8 KB are kept', async () => {
    queue.process(async (job) => {
      for (const number of numbers(0, 1_004)) await job.log(`line ${number}`);
      await job.log('€'.repeat(8_000));
    });
    const job = await queue.add('j', 1);
    await job.result();
    const lines = await queue.getJobLogs(job.id);
    assert.deepEqual([lines.length, lines[0], lines.at(-2)], [1_000, 'line 6', 'line 1004']);
    assert.ok(Buffer.byteLength(lines.at(-1)) <= 8 * 1024 && /^€{2000,}/.test(lines.at(-1)));
  });
});

describe('getMetrics()', () => {
  test('nothing of a queue that did nothing', async () => {
    const none = { p50: 0, p95: 0, p99: 0 };
    assert.deepEqual(await queue.getMetrics(), {
      completedRate: 0,
      failedRate: 0,
      wait: none,
      run: none,
      oldestWaitingAge: 0,
    });
  });

  test('rates of the last whole minute, how long jobs waited and ran, how old the oldest is', async () => {
    clock.advance(60_000 - (clock.nowMs % 60_000));
    const near = (value, wanted) => assert.ok(Math.abs(value - wanted) <= wanted * 0.02, `${value} is not ${wanted}`);
    const add = (count, data) =>
      queue.addBulk(numbers(1, count).map(() => ({ name: 'j', data, opts: { attempts: 1 } })));
    await add(30, 'completes');
    await add(6, 'fails');
    clock.advance('10s');
    assert.equal((await queue.getMetrics()).oldestWaitingAge, 10_000);
    const { counts, oldestWaitingAgeMs } = (await stage.store.stats()).queues.q;
    assert.deepEqual([counts, oldestWaitingAgeMs], [await queue.getJobCounts(), 10_000]);
    const { opened, release } = gate();
    queue.process(
      async ({ data }) => {
        await opened;
        if (data === 'fails') throw new Error('no');
      },
      { concurrency: 100 },
    );
    await until(async () => (await queue.getJobCounts()).active === 36);
    clock.advance('2s');
    release();
    await until(async () => (await queue.getJobCounts()).active === 0);
    const during = await queue.getMetrics();
    assert.deepEqual([during.completedRate, during.failedRate, during.oldestWaitingAge], [0, 0, 0]);
    near(during.wait.p50, 10_000);
    near(during.run.p99, 2_000);
    clock.advance('1m');
    const after = await queue.getMetrics();
    assert.deepEqual([after.completedRate, after.failedRate], [30 / 60, 6 / 60]);
    near(after.wait.p95, 10_000);
    clock.advance('2m');
    assert.equal((await queue.getMetrics()).completedRate, 0);
  });
});
