'use strict';
// defaultJobOptions: each option holds for the jobs that do not say otherwise, and for those alone. What the options do in
// themselves is in queue-options.test.js and queue-retention.test.js.
const assert = require('node:assert/strict');
const { afterEach, beforeEach, test } = require('node:test');
const { newStage, orderOf, turn, until } = require('./support/queue/stage.js');

let stage;
let clock;

beforeEach(() => {
  stage = newStage();
  clock = stage.clock;
});
afterEach(() => stage.end());

/** A queue whose jobs have these options unless they say otherwise. */
const queueOf = (defaultJobOptions) => stage.store.queue('defaults', { defaultJobOptions });

/** When a job that always fails is tried, since the start. */
async function triesOf(queue, options) {
  const start = clock.nowMs;
  const tries = [];
  const worker = queue.process(() => {
    tries.push(clock.nowMs - start);
    throw new Error('no');
  });
  await queue.add('j', 1, options);
  await clock.advanceAsync('1h');
  await worker.close();
  return tries;
}

test('delay [QueueOptions.defaultJobOptions.delay]', async () => {
  const queue = queueOf({ delay: '10s' });
  const waits = await queue.add('j', 'default');
  const own = await queue.add('j', 'own', { delay: 0 });
  assert.deepEqual([await waits.getState(), await own.getState()], ['delayed', 'waiting']);
  clock.advance('10s');
  assert.equal(await waits.getState(), 'waiting');
});

test('priority [QueueOptions.defaultJobOptions.priority]', async () => {
  const queue = queueOf({ priority: 5 });
  assert.equal((await queue.add('j', 'default')).priority, 5);
  await queue.add('j', 'own', { priority: 1 });
  assert.deepEqual(await orderOf(queue), ['own', 'default']);
});

test('lifo [QueueOptions.defaultJobOptions.lifo]', async () => {
  const queue = queueOf({ lifo: true });
  for (const data of ['a', 'b']) await queue.add('j', data);
  await queue.add('j', 'own', { lifo: false });
  assert.deepEqual(await orderOf(queue), ['b', 'a', 'own']);
});

test('backoff, as a whole [QueueOptions.defaultJobOptions.backoff]', async () => {
  const queue = queueOf({ attempts: 3, backoff: { type: 'fixed', delay: '7s', jitter: 0 } });
  assert.deepEqual(await triesOf(queue), [0, 7_000, 14_000]);
  const own = { backoff: { type: 'exponential', delay: '1s' } };
  assert.deepEqual(await triesOf(queue, own), [0, 1_000, 3_000]);
});

test('timeout [QueueOptions.defaultJobOptions.timeout]', async () => {
  const queue = queueOf({ timeout: '10s', attempts: 1 });
  queue.process(() => new Promise(() => {}), { concurrency: 2 });
  const job = await queue.add('j', 'default');
  const patient = await queue.add('j', 'own', { timeout: '1h' });
  await until(async () => (await queue.getJobCounts()).active === 2);
  clock.advance('10s');
  await until(async () => (await job.getState()) !== 'active');
  await assert.rejects(job.result(), { finishKind: 'timeout' });
  assert.equal(await patient.getState(), 'active');
});

test('expiresIn [QueueOptions.defaultJobOptions.expiresIn]', async () => {
  const queue = queueOf({ expiresIn: '10s' });
  const job = await queue.add('j', 'default');
  const patient = await queue.add('j', 'own', { expiresIn: '1h' });
  clock.advance('10s');
  assert.deepEqual([await job.getState(), await patient.getState()], ['failed', 'waiting']);
  assert.equal((await queue.getJob(job.id)).finishKind, 'expired');
});

test('group [QueueOptions.defaultJobOptions.group] [QueueOptions.defaultJobOptions.group.id]', async () => {
  const queue = queueOf({ group: { id: 'all' } });
  for (const data of ['default 1', 'default 2', 'default 3']) await queue.add('j', data);
  await queue.add('j', 'own', { group: { id: 'own' } });
  await queue.add('j', 'all', { group: { id: 'all' } });
  assert.deepEqual(await orderOf(queue), ['default 1', 'own', 'default 2', 'default 3', 'all']);
  // Without it these would be one group, and "own" the other.
  const plain = stage.store.queue('plain');
  await plain.add('j', 'none');
  await plain.add('j', 'all 1', { group: { id: 'all' } });
  assert.deepEqual(await orderOf(plain), ['none', 'all 1']);
  const worker = queue.process(() => new Promise(() => {}), { concurrency: 5, group: { concurrency: 1 } });
  await queue.add('j', 'held');
  await queue.add('j', 'bounded with it', { group: { id: 'all' } });
  await until(async () => (await queue.getJobCounts()).active > 0);
  for (let turns = 0; turns < 5; turns++) await turn();
  assert.equal((await queue.getJobCounts()).active, 1, 'the default is a group like one that was given');
  await worker.close({ timeout: 0 });
});

/** The data of the jobs that have finished and are still there. */
const finishedOf = async (queue) => (await queue.getJobs(['completed', 'failed'])).map(({ data }) => data);

async function finish(queue, datas, options) {
  for (const data of datas) {
    const job = await queue.add('j', data, options);
    await job.result().catch(() => {});
  }
}

test('removeOnComplete [QueueOptions.defaultJobOptions.removeOnComplete] [QueueOptions.defaultJobOptions.removeOnComplete.age] [QueueOptions.defaultJobOptions.removeOnComplete.count]', async () => {
  const queue = queueOf({ removeOnComplete: { age: '10s', count: 2 } });
  queue.process(() => {});
  await finish(queue, [1, 2, 3]);
  assert.deepEqual(await finishedOf(queue), [2, 3]);
  await finish(queue, ['own'], { removeOnComplete: false });
  clock.advance('10s');
  assert.deepEqual(await finishedOf(queue), ['own']);
});

test('removeOnFail [QueueOptions.defaultJobOptions.removeOnFail] [QueueOptions.defaultJobOptions.removeOnFail.age] [QueueOptions.defaultJobOptions.removeOnFail.count]', async () => {
  const queue = queueOf({ attempts: 1, removeOnFail: { age: '10s', count: 2 } });
  queue.process(() => {
    throw new Error('no');
  });
  await finish(queue, [1, 2, 3]);
  assert.deepEqual(await finishedOf(queue), [2, 3]);
  await finish(queue, ['own'], { removeOnFail: false });
  clock.advance('10s');
  assert.deepEqual(await finishedOf(queue), ['own']);
});

test('what is of one job is no default, and the jobs of addBulk(), addAndWait() and schedulers have the defaults too', async () => {
  for (const options of [{ jobId: 'x' }, { runAt: new Date() }, { deduplication: { id: 'x' } }]) {
    assert.throws(() => stage.store.queue('refused', { defaultJobOptions: options }), { code: 'ERR_INVALID_ARG' });
  }
  const queue = queueOf({ priority: 7 });
  await queue.addBulk([{ name: 'bulk', data: 1 }]);
  const waited = queue.addAndWait('waited', 2);
  await queue.upsertJobScheduler('s', { every: '1h', immediately: true }, { name: 'scheduled', data: 3 });
  clock.advance(1);
  const jobs = await queue.getJobs('prioritized');
  assert.deepEqual(
    jobs.map(({ name, priority }) => [name, priority]),
    [
      ['bulk', 7],
      ['waited', 7],
      ['scheduled', 7],
    ],
  );
  queue.process(() => 'done');
  assert.equal(await waited, 'done');
});
