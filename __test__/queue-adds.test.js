'use strict';
// The two other ways to add: many at once, and one whose result is waited for.
const assert = require('node:assert/strict');
const { afterEach, beforeEach, describe, test } = require('node:test');
const { RedstartError } = require('redstart');
const { gate, newStage, orderOf, turn, until } = require('./support/queue/stage.js');

let stage;
let clock;
let queue;

beforeEach(() => {
  stage = newStage();
  ({ clock, queue } = stage);
});
afterEach(() => stage.end());

describe('addBulk()', () => {
  test('adds in order, each with its own options, and answers in the order that was given', async () => {
    const jobs = await queue.addBulk([
      { name: 'a', data: 1 },
      { name: 'b', data: 2, opts: { delay: '1h' } },
      { name: 'c', data: 3, opts: { jobId: 'c', priority: 1 } },
      { name: 'd' },
    ]);
    assert.deepEqual(
      jobs.map(({ name, data, added }) => [name, data, added]),
      [
        ['a', 1, true],
        ['b', 2, true],
        ['c', 3, true],
        ['d', null, true],
      ],
    );
    const states = await Promise.all(jobs.map((job) => job.getState()));
    assert.deepEqual(states, ['waiting', 'delayed', 'prioritized', 'waiting']);
    assert.deepEqual([jobs[2].id, new Set(jobs.map(({ id }) => id)).size], ['c', 4]);
    assert.deepEqual(await orderOf(queue), [1, null, 3]);
  });

  test('all or none: of what one of them is refused for, nothing is added', async () => {
    for (const wrong of [{ name: '' }, { name: 'j', data: 1n }, { name: 'j', data: 1, opts: { attempts: 0 } }]) {
      await assert.rejects(queue.addBulk([{ name: 'j', data: 1 }, wrong]), { code: 'ERR_INVALID_ARG' });
    }
    assert.equal((await queue.getJobCounts()).waiting, 0);
    assert.deepEqual(await queue.addBulk([]), []);
  });

  test('ten thousand in one call, each once', async () => {
    const jobs = await queue.addBulk(Array.from({ length: 10_000 }, (_, data) => ({ name: 'j', data })));
    assert.equal(new Set(jobs.map(({ id }) => id)).size, 10_000);
    let sum = 0;
    queue.process(({ data }) => (sum += data), { concurrency: 1_000 });
    await until(async () => (await queue.getJobCounts()).waiting === 0);
    await clock.advanceAsync(1);
    assert.equal(sum, (9_999 * 10_000) / 2);
  });
});

describe('addAndWait()', () => {
  test('resolves with what the handler returns, also of a job that is delayed', async () => {
    queue.process(({ data }) => ({ double: data * 2 }));
    assert.deepEqual(await queue.addAndWait('j', 4), { double: 8 });
    const later = queue.addAndWait('j', 5, { delay: '1h', attempts: 1 });
    await clock.advanceAsync('1h');
    assert.deepEqual(await later, { double: 10 });
  });

  test('rejects as result() does, with what the handler threw', async () => {
    queue.process(() => {
      throw Object.assign(new TypeError('no such address'), { code: 'E_ADDRESS' });
    });
    await assert.rejects(queue.addAndWait('j', 1, { attempts: 1 }), (error) => {
      assert.ok(RedstartError.is(error, 'ERR_JOB_FAILED'));
      const { finishKind, cause } = error;
      assert.deepEqual(
        [finishKind, cause.name, cause.message, cause.code],
        ['exhausted', 'TypeError', 'no such address', 'E_ADDRESS'],
      );
      return true;
    });
  });

  test('waitTimeout bounds the wait by the clock of the store, and not the job', async () => {
    const { opened, release } = gate();
    queue.process(() => opened);
    const waits = assert.rejects(queue.addAndWait('j', 1, { jobId: 'x', waitTimeout: '5s' }), {
      code: 'ERR_TIMEOUT',
      retryable: true,
    });
    await until(async () => (await queue.getJobCounts()).active === 1);
    clock.advance(4_999);
    assert.equal(await Promise.race([waits, turn().then(() => 'waits')]), 'waits');
    clock.advance(1);
    await waits;
    const job = await queue.getJob('x');
    assert.equal(await job.getState(), 'active');
    release('late');
    assert.equal(await job.result(), 'late');
  });

  test('of a job that is there already waits for that one, and has its result if it has finished', async () => {
    let runs = 0;
    queue.process(() => ++runs);
    const both = [queue.addAndWait('j', 1, { jobId: 'x' }), queue.addAndWait('j', 2, { jobId: 'x' })];
    assert.deepEqual(await Promise.all(both), [1, 1]);
    assert.equal(await queue.addAndWait('j', 3, { jobId: 'x' }), 1);
  });

  test('has the result also of a job that is retained for no time', async () => {
    queue.process(() => 'done');
    const all = Array.from({ length: 500 }, () => queue.addAndWait('j', 1, { removeOnComplete: true }));
    assert.deepEqual(new Set(await Promise.all(all)), new Set(['done']));
    assert.equal((await stage.store.stats()).queues.q.bytes, 0);
  });

  test('ends when its job is cancelled, removed, expired, drained or obliterated, and when the store closes', async () => {
    const endings = {
      cancel: [(job) => job.cancel(), { code: 'ERR_JOB_FAILED', finishKind: 'cancelled' }],
      remove: [(job) => job.remove(), { code: 'ERR_NOT_FOUND' }],
      expire: [() => clock.advance('1m'), { code: 'ERR_JOB_FAILED', finishKind: 'expired' }],
      drain: [() => queue.drain(), { code: 'ERR_NOT_FOUND' }],
      clean: [() => queue.clean('waiting', { olderThan: 0 }), { code: 'ERR_NOT_FOUND' }],
      obliterate: [() => queue.obliterate(), { code: 'ERR_NOT_FOUND' }],
      close: [() => stage.store.close(), { code: 'ERR_CLOSED' }],
    };
    for (const [how, [end, expected]] of Object.entries(endings)) {
      const waits = assert.rejects(queue.addAndWait('j', 1, { jobId: how, expiresIn: '1m' }), expected, how);
      await end(await queue.getJob(how));
      await waits;
    }
  });
});
