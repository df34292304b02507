'use strict';
// What may be done with one job from outside of its handler. In which states that is refused, and how, is in
// queue-refusals.test.js; what a handler may do is in queue-worker.test.js.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { afterEach, beforeEach, describe, test } = require('node:test');
const { gate, newStage, orderOf, turn } = require('./support/queue/stage.js');

let stage;
let clock;
let queue;

beforeEach(() => {
  stage = newStage();
  ({ clock, queue } = stage);
});
afterEach(() => stage.end());

/** A job that is active, what opens its handler, and its worker. */
async function activeJob(options, data = 'active') {
  const { opened, release } = gate();
  const signals = [];
  const worker = queue.process((job) => {
    signals.push(job.signal);
    return opened;
  });
  const begun = once(worker, 'active');
  const job = await queue.add('j', data, options);
  await begun;
  await turn();
  return { job, release, worker, signal: signals[0] };
}

describe('retry()', () => {
  test('a failed job runs again with all its attempts, at the back', async () => {
    const tries = [];
    const fails = queue.process(({ attempt }) => {
      tries.push(attempt);
      throw new Error(`no ${tries.length}`);
    });
    const job = await queue.add('j', 'failed', { attempts: 2, backoff: { type: 'fixed', delay: 1 } });
    await clock.advanceAsync('1s');
    await fails.close();
    assert.deepEqual([tries, await job.getState()], [[1, 2], 'failed']);
    const finishedOn = (await queue.getJob(job.id)).finishedOn;
    assert.equal(finishedOn, stage.startMs + 1);
    await queue.add('j', 'before it');
    await job.retry();
    const again = await queue.getJob(job.id);
    // Why it failed last can still be read.
    assert.deepEqual(
      [await job.getState(), again.attemptsMade, again.failedReason, again.finishKind, again.finishedOn],
      ['waiting', 0, 'no 2', undefined, undefined],
    );
    assert.deepEqual(await orderOf(queue), ['before it', 'failed']);
    assert.equal(await job.result(), null);
  });

  test('a completed one too: its former result is no longer its result', async () => {
    let runs = 0;
    queue.process(() => ++runs);
    const job = await queue.add('j', 1);
    assert.equal(await job.result(), 1);
    await queue.pause();
    await job.retry();
    const second = job.result();
    assert.equal(await job.getState(), 'waiting');
    await queue.resume();
    assert.equal(await second, 2);
  });

  test('one that was cancelled runs as if it never had been', async () => {
    const job = await queue.add('j', 1);
    await job.cancel('a mistake');
    await job.retry();
    queue.process(({ signal }) => signal.aborted);
    assert.equal(await job.result(), false);
  });

  test('keeps its priority', async () => {
    const worker = queue.process(() => 'done');
    const job = await queue.add('j', 'retried', { priority: 2 });
    await job.result();
    await worker.close();
    await job.retry();
    assert.equal(await job.getState(), 'prioritized');
    await queue.add('j', 'plain');
    assert.deepEqual(await orderOf(queue), ['plain', 'retried']);
  });
});

describe('promote()', () => {
  test('a delayed job waits at the back of its priority at once', async () => {
    const job = await queue.add('j', 'promoted', { delay: '365d', priority: 3 });
    await queue.add('j', 'plain', { priority: 3 });
    await job.promote();
    assert.equal(await job.getState(), 'prioritized');
    assert.deepEqual(await orderOf(queue), ['plain', 'promoted']);
  });

  test('one that waits for its next attempt too, with the attempts that are left', async () => {
    const tries = [];
    queue.process(({ attempt }) => {
      tries.push(attempt);
      throw new Error('no');
    });
    const job = await queue.add('j', 1, { attempts: 2, backoff: { type: 'fixed', delay: '365d' } });
    await clock.advanceAsync(1);
    assert.equal(await job.getState(), 'delayed');
    await job.promote();
    await assert.rejects(job.result(), { finishKind: 'exhausted' });
    assert.deepEqual(tries, [1, 2]);
  });
});

describe('remove()', () => {
  for (const [state, options] of [
    ['waiting', {}],
    ['prioritized', { priority: 1 }],
    ['delayed', { delay: '1h' }],
  ]) {
    test(`a ${state} job never runs, its id is free, and who waits for it gets ERR_NOT_FOUND`, async () => {
      const job = await queue.add('j', 'removed', { ...options, jobId: 'x' });
      assert.equal(await job.getState(), state);
      const waits = assert.rejects(job.result(), { code: 'ERR_NOT_FOUND', message: /removed from queue 'q'/ });
      assert.equal(await job.remove(), true);
      await waits;
      assert.deepEqual([await job.getState(), await queue.getJob('x')], ['unknown', undefined]);
      assert.equal(await job.remove(), false, 'it is gone already');
      await queue.add('j', 'other');
      assert.equal((await queue.add('j', 'again', { jobId: 'x' })).added, true);
      const ran = [];
      queue.process(({ data }) => void ran.push(data));
      await clock.advanceAsync('2h');
      assert.deepEqual(ran, ['other', 'again']);
    });
  }

  test('a finished one as well, and the store has its bytes back', async () => {
    queue.process(({ data }) => {
      if (data === 'fails') throw new Error('no');
    });
    const jobs = await queue.addBulk(
      ['fails', 'x'.repeat(10_000)].map((data) => ({ name: 'j', data, opts: { attempts: 1 } })),
    );
    for (const job of jobs) {
      await job.result().catch(() => {});
      assert.equal(await job.remove(), true);
    }
    const { completed, failed } = await queue.getJobCounts();
    assert.deepEqual([completed, failed, (await stage.store.stats()).queues.q.bytes], [0, 0, 0]);
  });
});

describe('cancel()', () => {
  for (const [state, options] of [
    ['waiting', {}],
    ['prioritized', { priority: 1 }],
    ['delayed', { delay: '1h' }],
  ]) {
    test(`a ${state} job has failed at once, for the reason that was given`, async () => {
      const job = await queue.add('j', 1, options);
      assert.equal(await job.getState(), state);
      const waits = assert.rejects(job.result(), { code: 'ERR_JOB_FAILED', finishKind: 'cancelled' });
      assert.equal(await job.cancel('the customer left'), true);
      await waits;
      const { failedReason, finishKind, attemptsMade } = await queue.getJob(job.id);
      assert.deepEqual([failedReason, finishKind, attemptsMade], ['the customer left', 'cancelled', 0]);
      assert.equal(await job.cancel('again'), false, 'it was finished');
      queue.process(() => assert.fail('it ran'));
      await clock.advanceAsync('2h');
      assert.equal((await queue.getJob(job.id)).failedReason, 'the customer left');
    });
  }

  test('one that waits for its next attempt too', async () => {
    queue.process(() => {
      throw new Error('no');
    });
    const job = await queue.add('j', 1, { backoff: { type: 'fixed', delay: '1h' } });
    await clock.advanceAsync(1);
    assert.equal(await job.cancel(), true);
    const { failedReason, attemptsMade } = await queue.getJob(job.id);
    assert.deepEqual([failedReason, attemptsMade], ['cancelled', 1]);
  });

  test('an active one stays active until its handler ends; the first reason counts', async () => {
    const { job, release, signal } = await activeJob();
    assert.equal(await job.cancel('first'), true);
    assert.equal(await job.cancel('second'), true, 'it was unfinished');
    assert.equal(await job.getState(), 'active');
    await turn();
    assert.deepEqual([signal.aborted, signal.reason.code], [true, 'ERR_JOB_CANCELLED']);
    release('a result');
    await assert.rejects(job.result(), { finishKind: 'cancelled' });
    assert.equal((await queue.getJob(job.id)).failedReason, 'first');
  });

  test('one that has finished or is gone: false, and nothing changes', async () => {
    queue.process(() => 'done');
    const job = await queue.add('j', 1);
    await job.result();
    assert.equal(await job.cancel(), false);
    assert.deepEqual([await job.result(), await job.getState()], ['done', 'completed']);
    await job.remove();
    assert.equal(await job.cancel(), false);
  });
});

describe('a job that was asked for', () => {
  test('is a snapshot: it tells what was, and its methods ask again', async () => {
    const { job, release } = await activeJob({ jobId: 'x', priority: 2 }, { n: 1 });
    const snapshot = await queue.getJob('x');
    release('done');
    await job.result();
    assert.deepEqual(
      [snapshot.finishedOn, snapshot.attemptsMade, snapshot.added, snapshot.processedOn],
      [undefined, 0, false, clock.nowMs],
    );
    assert.deepEqual([await snapshot.getState(), await snapshot.result()], ['completed', 'done']);
  });

  test('of a failure has the reason of the last attempt, and none once it has completed', async () => {
    queue.process(({ attempt }) => {
      if (attempt < 3) throw new Error(`no ${attempt}`);
    });
    const job = await queue.add('j', 1, { backoff: { type: 'fixed', delay: '1s' } });
    await clock.advanceAsync(1_500);
    assert.equal((await queue.getJob(job.id)).failedReason, 'no 2');
    await clock.advanceAsync('1s');
    const { failedReason, attemptsMade, finishKind } = await queue.getJob(job.id);
    assert.deepEqual([failedReason, attemptsMade, finishKind], [undefined, 3, undefined]);
  });
});
