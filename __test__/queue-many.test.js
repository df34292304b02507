'use strict';
// What touches many jobs: it does all of it, in steps, and others have their turn in between.
const assert = require('node:assert/strict');
const { afterEach, beforeEach, describe, test } = require('node:test');
const { UnrecoverableError } = require('redstart');
const { gate, newStage, turn, until } = require('./support/queue/stage.js');

const MANY = 5_000;

let stage;
let clock;
let queue;

beforeEach(() => {
  stage = newStage();
  ({ clock, queue } = stage);
});
afterEach(() => stage.end());

const addMany = (count, opts = {}, data = null) =>
  queue.addBulk(Array.from({ length: count }, () => ({ name: 'j', data, opts })));
const bytes = async () => (await stage.store.stats()).queues.q.bytes;

/** Runs all that waits: `fails` or not. */
async function finishAll(fails) {
  const worker = queue.process(
    () => {
      if (fails) throw new UnrecoverableError('no');
    },
    { concurrency: 100 },
  );
  await until(async () => {
    const { waiting, active } = await queue.getJobCounts();
    return waiting + active === 0;
  });
  await worker.close();
}

/** What `call` came to, and how many turns the loop had while it went on. */
async function turnsDuring(call) {
  let turns = 0;
  let goesOn = true;
  const count = () => {
    turns += 1;
    if (goesOn) setImmediate(count);
  };
  setImmediate(count);
  const answer = await call();
  goesOn = false;
  return { answer, turns };
}

describe('5,000 jobs, and the loop turns at least four times in between', () => {
  test('drain(): all that wait or are delayed, and what they held', async () => {
    await addMany(2_000);
    await addMany(1_000, { priority: 1 });
    await addMany(2_000, { delay: '1h' });
    const { answer, turns } = await turnsDuring(() => queue.drain());
    assert.equal(answer, MANY);
    assert.ok(turns >= 4, `${turns} turns`);
    assert.deepEqual([await queue.getJobs(['waiting', 'prioritized', 'delayed']), await bytes()], [[], 0]);
  });

  test('clean(): up to limit, the oldest first, and the ids of them', async () => {
    const retained = { removeOnComplete: false };
    await addMany(MANY, retained);
    await finishAll(false);
    const inOrder = (await queue.getJobs('completed', { end: MANY })).map(({ id }) => id);
    const some = await queue.clean('completed', { olderThan: 0, limit: 1_500 });
    assert.deepEqual(some, inOrder.slice(0, 1_500));
    assert.equal((await queue.clean('completed', { olderThan: 0 })).length, 1_000, 'where no limit is said');
    await addMany(2_500, retained);
    await finishAll(false);
    const { answer, turns } = await turnsDuring(() => queue.clean('completed', { olderThan: 0, limit: 1e6 }));
    assert.equal(new Set(answer).size, MANY);
    assert.ok(turns >= 4, `${turns} turns`);
    assert.deepEqual([(await queue.getJobCounts()).completed, await bytes()], [0, 0]);
  });

  test('retryFailed(): each waits again', async () => {
    await addMany(MANY);
    await finishAll(true);
    assert.equal((await queue.getJobCounts()).failed, MANY);
    const { answer, turns } = await turnsDuring(() => queue.retryFailed());
    assert.equal(answer, MANY);
    assert.ok(turns >= 4, `${turns} turns`);
    await finishAll(false);
    const { failed, waiting } = await queue.getJobCounts();
    assert.deepEqual([failed, waiting], [0, 0]);
  });

  test('obliterate(): everything, at once', async () => {
    await addMany(2_000, { removeOnFail: false });
    await finishAll(true);
    await addMany(2_000);
    await addMany(1_000, { delay: '1h' });
    await queue.upsertJobScheduler('s', { every: '1m' }, { name: 'j', data: 1 });
    const obliterated = queue.obliterate();
    const counts = await queue.getJobCounts();
    assert.equal(
      Object.values(counts).reduce((sum, count) => sum + count),
      0,
    );
    assert.deepEqual([await queue.getJobSchedulers(), await bytes()], [[], 0]);
    assert.equal(await obliterated, undefined);
  });
});

describe('while they go on', () => {
  test('another caller adds a job, which a worker runs', async () => {
    await addMany(MANY, { delay: '1h' });
    queue.process(() => 'in between');
    const drained = queue.drain();
    const job = await queue.add('j', 1, { jobId: 'x' });
    assert.equal(await job.result(), 'in between');
    const { delayed } = await queue.getJobCounts();
    assert.ok(delayed > 0, 'the others were not yet gone');
    assert.ok((await drained) >= MANY);
  });

  test('drain() ends although another caller adds more than it removes', { timeout: 20_000 }, async () => {
    let ends = false;
    await addMany(2_500);
    const producer = (async () => {
      while (!ends) {
        await addMany(1_500);
        await turn();
      }
    })();
    const { waiting } = await queue.getJobCounts();
    const removed = await queue.drain();
    ends = true;
    await producer;
    const step = 1_000;
    assert.ok(removed >= waiting && removed < waiting + 1_500 + step, `${removed} removed, ${waiting} waited`);
  });

  test('those that fail again are not retried by the same retryFailed()', { timeout: 20_000 }, async () => {
    // Several steps: in the turns of the loop between them the worker gets to its first jobs.
    await addMany(3_500, { attempts: 1 });
    await finishAll(true);
    let runs = 0;
    queue.process(
      () => {
        runs += 1;
        throw new Error('again');
      },
      { concurrency: 100 },
    );
    assert.equal(await queue.retryFailed(), 3_500);
    await until(async () => (await queue.getJobCounts()).failed === 3_500);
    assert.equal(runs, 3_500);
  });
});

describe('of a few', () => {
  test('retryFailed({ limit }) takes the oldest', async () => {
    for (const data of ['a', 'b', 'c']) {
      await queue.add('j', data);
      await finishAll(true);
    }
    assert.equal(await queue.retryFailed({ limit: 2 }), 2);
    const datas = async (state) => (await queue.getJobs(state)).map(({ data }) => data);
    assert.deepEqual([await datas('waiting'), await datas('failed')], [['a', 'b'], ['c']]);
    assert.equal(await queue.retryFailed(), 1);
    assert.equal(await queue.retryFailed(), 0);
  });

  test('clean() takes those that have been in that state for longer than olderThan, of each state', async () => {
    const opts = { removeOnComplete: false, removeOnFail: false };
    for (const [state, add] of [
      ['completed', () => addMany(1, opts).then(() => finishAll(false))],
      ['failed', () => addMany(1, opts).then(() => finishAll(true))],
      ['waiting', () => addMany(1)],
      ['delayed', () => addMany(1, { delay: '1d' })],
    ]) {
      await add();
      const [{ id: old }] = await queue.getJobs(state);
      clock.advance('10m');
      await add();
      assert.deepEqual(await queue.clean(state, { olderThan: '10m' }), [old], state);
      assert.deepEqual(await queue.clean(state, { olderThan: '1h' }), []);
      assert.equal((await queue.clean(state, { olderThan: 0 })).length, 1);
    }
  });

  test('drain() leaves what runs, what has finished, and its schedulers', async () => {
    const { opened, release } = gate();
    queue.process(({ data }) => (data === 'runs' ? opened : null));
    await (await queue.add('j', 'finished')).result();
    const runs = await queue.add('j', 'runs');
    await queue.add('j', 'waits');
    await until(async () => (await runs.getState()) === 'active');
    await queue.upsertJobScheduler('s', { every: '1m' }, { name: 'j', data: 1 });
    assert.equal(await queue.drain(), 1);
    const { active, completed } = await queue.getJobCounts();
    assert.deepEqual([active, completed, (await queue.getJobSchedulers()).length], [1, 1, 1]);
    release('done');
    assert.equal(await runs.result(), 'done');
  });

  test('obliterate({ force }) takes what runs away, and its handler and who waits for it hear of that', async () => {
    const { opened, release } = gate();
    queue.process(async (job) => {
      job.signal.addEventListener('abort', () => release(job.signal.reason.code));
      await new Promise(() => {});
    });
    const job = await queue.add('j', 1);
    await until(async () => (await job.getState()) === 'active');
    await turn();
    const waits = assert.rejects(job.result(), { code: 'ERR_NOT_FOUND' });
    await queue.obliterate({ force: true });
    await waits;
    assert.equal(await opened, 'ERR_LEASE_LOST');
    assert.deepEqual([await job.getState(), await bytes()], ['unknown', 0]);
  });

  test('obliterate() leaves the queue its pause and its limits', async () => {
    await queue.pause();
    await queue.setGlobalConcurrency(1);
    await queue.setGlobalRateLimit({ max: 2, duration: '1m' });
    await queue.add('j', 1);
    await queue.obliterate();
    assert.equal(await queue.isPaused(), true);
    await queue.resume();
    const { opened, release } = gate();
    queue.process(() => opened, { concurrency: 5 });
    await addMany(3);
    const states = async () => {
      const { active, waiting, completed } = await queue.getJobCounts();
      return [active, waiting, completed];
    };
    await until(async () => (await states())[0] > 0);
    await turn();
    assert.deepEqual(await states(), [1, 2, 0], 'one at once');
    release();
    await until(async () => (await states())[2] === 2);
    await turn();
    assert.deepEqual(await states(), [0, 1, 2], 'two a minute');
  });
});
