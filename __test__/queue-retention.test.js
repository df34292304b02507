'use strict';
// How long finished jobs stay, and dead letters: where those that failed for good go besides.
const assert = require('node:assert/strict');
const { afterEach, beforeEach, describe, test } = require('node:test');
const { UnrecoverableError, open } = require('redstart');
const { hear, newStage, turn } = require('./support/queue/stage.js');

let stage;
let clock;
let queue;

beforeEach(() => {
  stage = newStage();
  ({ clock, queue } = stage);
});
afterEach(() => stage.end());

/** Whether the handler fails is said by the data. */
const handler = ({ data }) => {
  if (data.fails) throw new UnrecoverableError('no');
  return data.name;
};

/** Adds and runs one job for each name. */
async function finish(names, options, fails = false) {
  const jobs = [];
  for (const name of names) {
    const job = await queue.add('j', { name, fails }, options);
    await job.result().catch(() => {});
    jobs.push(job);
  }
  return jobs;
}
const kept = async (state) => (await queue.getJobs(state)).map(({ data }) => data.name);

const CLAIMS = {
  removeOnComplete: [
    '[JobOptions.removeOnComplete]',
    '[JobOptions.removeOnComplete.count]',
    '[JobOptions.removeOnComplete.age]',
  ],
  removeOnFail: ['[JobOptions.removeOnFail]', '[JobOptions.removeOnFail.count]', '[JobOptions.removeOnFail.age]'],
};

for (const [option, state, fails] of [
  ['removeOnComplete', 'completed', false],
  ['removeOnFail', 'failed', true],
]) {
  const [claim, claimCount, claimAge] = CLAIMS[option];
  describe(option, () => {
    beforeEach(() => {
      queue.process(handler);
    });

    test(`true: gone at once, and who waited has what it came to ${claim}`, async () => {
      const job = await queue.add('j', { name: 'a', fails }, { [option]: true });
      if (fails) await assert.rejects(job.result(), { code: 'ERR_JOB_FAILED' });
      else assert.equal(await job.result(), 'a');
      assert.equal(await job.getState(), 'unknown');
      await assert.rejects(job.result(), { code: 'ERR_NOT_FOUND' });
    });

    test('false: it stays, whatever comes after it, until it is removed by hand', async () => {
      const [job] = await finish(['a'], { [option]: false }, fails);
      await finish(['b', 'c'], { [option]: 1 }, fails);
      clock.advance('365d');
      assert.deepEqual(await kept(state), ['a', 'c']);
      assert.equal(await job.remove(), true);
      assert.deepEqual(await kept(state), ['c']);
    });

    test(`a number or count: the newest so many ${claimCount}`, async () => {
      await finish(['a', 'b', 'c'], { [option]: 2 }, fails);
      assert.deepEqual(await kept(state), ['b', 'c']);
      await finish(['d'], { [option]: { count: 1 } }, fails);
      assert.deepEqual(await kept(state), ['d']);
      await finish(['e'], { [option]: { count: 0 } }, fails);
      assert.deepEqual(await kept(state), ['d'], 'the last one did not stay itself');
    });

    test(`age: so long, each its own ${claimAge}`, async () => {
      await finish(['long'], { [option]: { age: '1h' } }, fails);
      await finish(['short'], { [option]: { age: '1m' } }, fails);
      clock.advance(59_999);
      assert.deepEqual(await kept(state), ['long', 'short']);
      clock.advance(1);
      assert.deepEqual(await kept(state), ['long']);
      clock.advance('59m');
      assert.deepEqual(await kept(state), []);
    });
  });
}

test('by default 1,000 completed jobs stay an hour, and failed ones seven days', async () => {
  queue.process(handler);
  await finish(['completed']);
  await finish(['failed'], {}, true);
  clock.advance(3_600_000 - 1);
  assert.deepEqual(await kept(['completed', 'failed']), ['completed', 'failed']);
  clock.advance(1);
  assert.deepEqual(await kept(['completed', 'failed']), ['failed']);
  clock.advance('7d');
  assert.deepEqual(await kept(['completed', 'failed']), []);
});

test('what retention removes is told by no event', async () => {
  const heard = hear(queue, ['removed']);
  queue.process(handler);
  await finish(['a', 'b'], { removeOnComplete: { count: 1, age: '1s' } });
  clock.advance('1s');
  await turn();
  assert.deepEqual([await kept('completed'), heard], [[], []]);
});

describe('dead letters', () => {
  let dead;

  beforeEach(() => {
    dead = stage.store.queue('dead');
    queue = stage.store.queue('orders', { deadLetter: 'dead' });
  });

  test('a job that has failed for good is added to that queue, with where it comes from and why [QueueOptions.deadLetter]', async () => {
    const heard = hear(dead, ['added', 'waiting']);
    queue.process(handler);
    const [job] = await finish(['a'], { priority: 3 }, true);
    await finish(['b']);
    const [letter, ...others] = await dead.getJobs('waiting');
    assert.equal(others.length, 0);
    assert.deepEqual(
      [letter.name, letter.data, letter.attemptsMade, letter.failedReason],
      ['j', { name: 'a', fails: true }, 0, undefined],
    );
    assert.deepEqual(letter.deadLetter, {
      queue: 'orders',
      jobId: job.id,
      failedReason: 'no',
      finishKind: 'unrecoverable',
    });
    assert.equal((await queue.getJob(job.id)).deadLetter, undefined);
    assert.equal(await job.getState(), 'failed', 'it stays with its own queue as well');
    await turn();
    assert.deepEqual(
      heard.map(([event, { jobId }]) => [event, jobId]),
      [
        ['added', letter.id],
        ['waiting', letter.id],
      ],
    );
  });

  test('an attempt that another follows is no dead letter; one cancelled or expired is', async () => {
    queue.process(() => {
      throw new Error('no');
    });
    await queue.add('j', 'tried', { attempts: 2, backoff: { type: 'fixed', delay: '1s' } });
    await clock.advanceAsync(1);
    assert.equal((await dead.getJobCounts()).waiting, 0);
    await clock.advanceAsync('1s');
    await (await queue.add('j', 'cancelled', { delay: '1h' })).cancel('by hand');
    await queue.add('j', 'expired', { runAt: new Date(clock.nowMs + 3_600_000), expiresIn: '1m' });
    clock.advance('1m');
    const letters = await dead.getJobs('waiting');
    assert.deepEqual(
      letters.map(({ data, deadLetter }) => [data, deadLetter.finishKind, deadLetter.failedReason]),
      [
        ['tried', 'exhausted', 'no'],
        ['cancelled', 'cancelled', 'by hand'],
        ['expired', 'expired', letters[2].deadLetter.failedReason],
      ],
    );
  });

  test('a worker of that queue runs them as other jobs, and sees what they were', async () => {
    const seen = [];
    dead.process((letter) => void seen.push([letter.data.name, letter.deadLetter.queue, letter.attempt]));
    queue.process(handler);
    await finish(['a'], {}, true);
    await clock.advanceAsync(1);
    assert.deepEqual(seen, [['a', 'orders', 1]]);
  });

  test('letters have the options of that queue, and none is lost: too large for it, or for a store that is full', async () => {
    const store = open('memory:', { clock, maxMemory: '256kb' });
    const letters = store.queue('letters', { maxDataSize: '1kb', defaultJobOptions: { delay: '1m', priority: 3 } });
    const orders = store.queue('orders', { deadLetter: 'letters', defaultJobOptions: { attempts: 1 } });
    const payload = 'x'.repeat(4_096);
    let count = 0;
    const isFull = () =>
      orders.add('j', payload).then(
        () => false,
        ({ code }) => code === 'ERR_STORE_FULL',
      );
    while (!(await isFull())) count += 1;
    orders.process(() => {
      throw new Error('no');
    });
    await clock.advanceAsync(1);
    const { delayed } = await letters.getJobCounts();
    assert.ok(count > 20);
    assert.equal(delayed, count);
    clock.advance('1m');
    const [letter] = await letters.getJobs('prioritized');
    assert.deepEqual([letter.priority, letter.data], [3, payload]);
    await letters.drain();
    await store.close();
  });
});
