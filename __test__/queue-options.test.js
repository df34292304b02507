'use strict';
// What each option of a job does: its instants, its order, its attempts. Those of one queue's jobs together are in
// queue-default-options.test.js, what makes two adds one job in queue-deduplication.test.js, retention in
// queue-retention.test.js.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { afterEach, beforeEach, describe, test } = require('node:test');
const { gate, newStage, orderOf, turn, until } = require('./support/queue/stage.js');

let stage;
let clock;
let queue;

beforeEach(() => {
  stage = newStage();
  ({ clock, queue } = stage);
});
afterEach(() => stage.end());

describe('when a job runs', () => {
  test('at the instant of runAt, at once where that has passed [JobOptions.runAt]', async () => {
    const ran = [];
    queue.process(({ data }) => ran.push([data, clock.nowMs - stage.startMs]));
    const later = await queue.add('j', 'later', { runAt: new Date(stage.startMs + 60_000) });
    await queue.add('j', 'past', { runAt: new Date(stage.startMs - 60_000) });
    await queue.add('j', 'ancient', { runAt: new Date(-1) });
    await clock.advanceAsync('59s');
    assert.equal(await later.getState(), 'delayed');
    await clock.advanceAsync('10s');
    assert.deepEqual(ran, [
      ['past', 0],
      ['ancient', 0],
      ['later', 60_000],
    ]);
  });

  test('runAt and delay together are refused, and a delay of the queue yields to runAt', async () => {
    await assert.rejects(queue.add('j', 1, { runAt: new Date(), delay: '1s' }), { code: 'ERR_INVALID_ARG' });
    const late = stage.store.queue('late', { defaultJobOptions: { delay: '1h' } });
    const job = await late.add('j', 1, { runAt: new Date(clock.nowMs) });
    assert.equal(await job.getState(), 'waiting');
  });

  test('a job that has not begun in time fails as expired, waiting or delayed; one that has begun may end [JobOptions.expiresIn]', async () => {
    const { opened, release } = gate();
    const worker = queue.process(() => opened);
    const begun = once(worker, 'active');
    const first = await queue.add('j', 'begins at once', { expiresIn: '10s' });
    await begun;
    const second = await queue.add('j', 'waits too long', { expiresIn: '10s' });
    const third = await queue.add('j', 'is due too late', { runAt: new Date(clock.nowMs + 60_000), expiresIn: '10s' });
    await assert.rejects(queue.add('j', 'never would', { delay: '10s', expiresIn: '10s' }), {
      code: 'ERR_INVALID_ARG',
    });
    clock.advance('10s');
    for (const job of [second, third]) {
      await assert.rejects(job.result(), { code: 'ERR_JOB_FAILED', finishKind: 'expired' });
      assert.equal((await queue.getJob(job.id)).attemptsMade, 0);
    }
    assert.equal(await first.getState(), 'active');
    release('in time');
    assert.equal(await first.result(), 'in time');
  });
});

describe('in which order jobs run', () => {
  test('the lowest priority first, then as they came; a higher number waits as prioritized [JobOptions.priority]', async () => {
    for (const [data, priority] of [
      ['9 a', 9],
      ['1 a', 1],
      ['0 a', 0],
      ['9 b', 9],
      ['most', 2_097_151],
      ['1 b', 1],
    ]) {
      const job = await queue.add('j', data, { priority });
      assert.equal(job.priority, priority);
      assert.equal(await job.getState(), priority === 0 ? 'waiting' : 'prioritized');
    }
    await queue.add('j', '0 b');
    const { waiting, prioritized } = await queue.getJobCounts();
    assert.deepEqual([waiting, prioritized], [2, 5]);
    assert.deepEqual(await orderOf(queue), ['0 a', '0 b', '1 a', '1 b', '9 a', '9 b', 'most']);
  });

  test('a delayed job has its priority when it is due, and a retried one joins at the back of its own', async () => {
    await queue.add('j', 'plain');
    await queue.add('j', 'urgent later', { delay: '1s', priority: 1 });
    for (const data of ['3 a', '3 b']) await queue.add('j', data, { priority: 3 });
    clock.advance('1s');
    const tries = [];
    queue.process(({ data, attempt }) => {
      tries.push(data);
      if (data === '3 a' && attempt === 1) throw new Error('once more');
    });
    await queue.add('j', '3 c', { priority: 3, backoff: { type: 'fixed', delay: 1 } });
    await clock.advanceAsync('1m');
    assert.deepEqual(tries, ['plain', 'urgent later', '3 a', '3 b', '3 c', '3 a']);
  });

  test('lifo jobs run before all others of their priority [JobOptions.lifo]', async () => {
    await queue.add('j', 'first');
    await queue.add('j', 'last', { priority: 5 });
    await queue.add('j', 'before first', { lifo: true });
    await queue.add('j', 'before all', { lifo: true });
    await queue.add('j', 'before last', { lifo: true, priority: 5 });
    assert.deepEqual(await orderOf(queue), ['before all', 'before first', 'first', 'before last', 'last']);
  });

  test('groups take turns, in a group they run as they came; jobs without one are one of their own [JobOptions.group] [JobOptions.group.id]', async () => {
    for (const data of ['a1', 'a2', 'a3', 'b1', 'b2']) await queue.add('j', data, { group: { id: data[0] } });
    await queue.add('j', 'none 1');
    await queue.add('j', 'none 2');
    assert.deepEqual(await orderOf(queue), ['a1', 'b1', 'none 1', 'a2', 'b2', 'none 2', 'a3']);
  });
});

describe('the attempts of a job', () => {
  test('one that lasts too long fails with ERR_JOB_TIMEOUT, and what it still does changes nothing [JobOptions.timeout]', async () => {
    const { opened, release } = gate();
    const aborted = [];
    let runs = 0;
    queue.process(async ({ signal, attempt }) => {
      runs += 1;
      signal.addEventListener('abort', () => aborted.push(signal.reason.code));
      await opened;
      return `attempt ${attempt}`;
    });
    const options = { timeout: '30s', attempts: 2, backoff: { type: 'fixed', delay: '10s' } };
    const job = await queue.add('j', 1, options);
    await until(() => runs === 1);
    clock.advance('30s');
    await until(async () => (await job.getState()) === 'delayed');
    assert.match((await queue.getJob(job.id)).failedReason, /30 ?s|30000|timeout/i);
    clock.advance('10s');
    await until(() => runs === 2);
    release();
    assert.equal(await job.result(), 'attempt 2');
    assert.deepEqual(aborted, ['ERR_JOB_TIMEOUT']);
    assert.equal((await queue.getJob(job.id)).attemptsMade, 2);
  });

  test('backoff: fixed, doubled up to maxDelay, shortened by jitter', async () => {
    const waits = async (backoff, attempts = 4) => {
      const times = [];
      const worker = queue.process(() => {
        times.push(clock.nowMs);
        throw new Error('no');
      });
      await queue.add('j', 1, { attempts, backoff });
      await clock.advanceAsync('30d');
      await worker.close();
      return times.slice(1).map((time, index) => time - times[index]);
    };
    assert.deepEqual(await waits({ type: 'fixed', delay: '5s' }), [5_000, 5_000, 5_000]);
    assert.deepEqual(await waits({ type: 'exponential', delay: '5s' }), [5_000, 10_000, 20_000]);
    assert.deepEqual(await waits({ type: 'exponential', delay: '5s', maxDelay: '8s' }), [5_000, 8_000, 8_000]);
    const day = 86_400_000;
    assert.deepEqual((await waits({ type: 'exponential', delay: '9h' }, 5)).at(-1), day, 'a day at most by default');
    const shortened = await waits({ type: 'fixed', delay: '100s', jitter: 0.25 }, 20);
    assert.ok(
      shortened.every((wait) => wait >= 75_000 && wait <= 100_000),
      String(shortened),
    );
    assert.ok(new Set(shortened).size > 1, 'not all the same');
  });

  test('with one attempt there is no second', async () => {
    let runs = 0;
    queue.process(() => {
      runs += 1;
      throw new Error('no');
    });
    const job = await queue.add('j', 1, { attempts: 1 });
    await assert.rejects(job.result(), { finishKind: 'exhausted' });
    await clock.advanceAsync('1d');
    await turn();
    assert.equal(runs, 1);
  });
});
