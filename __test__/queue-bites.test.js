'use strict';
// What users of other queues were bitten by, one test each. Those that a test elsewhere tells:
//   a lock that is lost while the loop is blocked; a thread that dies or computes for ever; a stall that nobody
//     hears of; schedulers set by many at once              queue-bites-threads.test.js, terminate.test.js
//   jobs of threads that crash, threads started without end, a thread that is used although it is broken, threads
//     that leak, listeners that throw                       queue-process-threads.test.js, queue.test.js
//   finished jobs that fill the memory                      queue-retention.test.js, queue-full.test.js
//   no timeout and no cancel; what a handler does after it  queue-options.test.js, queue-worker.test.js
//   bounds and turns of groups, rates                       queue-worker.test.js, queue-options.test.js, queue-limits.test.js
//   calls on thousands of jobs that hold up all others      queue-many.test.js
//   payloads without a bound                                queue-full.test.js
//   processes and Jest that do not end                      exit.test.js, jest.test.js
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { afterEach, beforeEach, describe, test } = require('node:test');
const { open } = require('redstart');
const { gate, hear, newStage, turn, until } = require('./support/queue/stage.js');

let stage;
let clock;
let queue;

beforeEach(() => {
  stage = newStage();
  ({ clock, queue } = stage);
});
afterEach(() => stage.end());

/** A worker whose handlers tell how to end them, in the order in which they began. */
function heldWorker(options) {
  const runs = [];
  const worker = queue.process((job) => {
    const { opened, release } = gate();
    runs.push({ job, release });
    return opened;
  }, options);
  return { worker, runs };
}

describe('a worker that comes too late', () => {
  test('does not overwrite what another made of the job since: each claim has a token of its own', async () => {
    const first = heldWorker();
    const job = await queue.add('j', 1);
    await until(() => first.runs.length === 1);
    await first.worker.close({ timeout: 0 });
    const second = heldWorker();
    await until(() => second.runs.length === 1);
    first.runs[0].release('too late');
    await turn();
    assert.equal(await job.getState(), 'active', 'the second still has it');
    await assert.rejects(first.runs[0].job.updateProgress(1), { code: 'ERR_LEASE_LOST' });
    await assert.rejects(first.runs[0].job.log('late'), { code: 'ERR_LEASE_LOST' });
    second.runs[0].release('in time');
    assert.equal(await job.result(), 'in time');
    const { attemptsMade, progress } = await queue.getJob(job.id);
    assert.deepEqual([attemptsMade, progress ?? null, await queue.getJobLogs(job.id)], [1, null, []]);
  });

  test('nor the new job of an id that it had: obliterated while it ran, added again', async () => {
    const { runs } = heldWorker({ concurrency: 2 });
    await queue.add('j', 'old', { jobId: 'x' });
    await until(() => runs.length === 1);
    await queue.obliterate({ force: true });
    const job = await queue.add('j', 'new', { jobId: 'x' });
    assert.equal(job.added, true);
    await until(() => runs.length === 2);
    runs[0].release('of the old one');
    await turn();
    assert.deepEqual([await job.getState(), runs[1].job.data], ['active', 'new']);
    runs[1].release('of the new one');
    assert.equal(await job.result(), 'of the new one');
  });

  test('a job that ends as its time is over has either completed or failed, and not both', async () => {
    const heard = hear(queue, ['completed', 'failed']);
    const { runs } = heldWorker({ concurrency: 300 });
    const opts = { timeout: '1s', attempts: 1 };
    const jobs = await queue.addBulk(Array.from({ length: 300 }, (_, data) => ({ name: 'j', data, opts })));
    await until(() => runs.length === 300);
    for (const { release } of runs.slice(0, 100)) release('in time');
    await until(() => heard.length === 100);
    for (const { release } of runs.slice(100, 200)) release('at the same time');
    clock.advance('1s');
    for (const { release } of runs.slice(200)) release('too late');
    await until(() => heard.length >= 300);
    for (let turns = 0; turns < 5; turns++) await turn();
    assert.equal(heard.length, 300);
    const told = new Map(heard.map(([event, { jobId }]) => [jobId, event]));
    assert.ok(heard.filter(([event]) => event === 'failed').length >= 100);
    for (const job of jobs) {
      const how = await job.result().then(
        () => 'completed',
        ({ finishKind }) => (finishKind === 'timeout' ? 'failed' : finishKind),
      );
      assert.deepEqual([told.get(job.id), await job.getState()], [how, how]);
    }
  });
});

describe('close()', () => {
  test('leaves no job active that fails meanwhile: it waits for its next attempt, or has failed', async () => {
    const { runs, worker } = heldWorker({ concurrency: 2 });
    const again = await queue.add('j', 'again', { attempts: 2, backoff: { type: 'fixed', delay: '1m' } });
    const last = await queue.add('j', 'last', { attempts: 1 });
    await until(() => runs.length === 2);
    const closing = worker.close();
    for (const { release } of runs) release(Promise.reject(new Error('while closing')));
    await closing;
    assert.deepEqual([await again.getState(), await last.getState()], ['delayed', 'failed']);
    assert.equal((await queue.getJobCounts()).active, 0);
  });

  test('ends, whatever its handlers do: within its timeout, twice, paused, and before anything ran', async () => {
    const begin = performance.now();
    const { worker, runs } = heldWorker();
    await queue.add('j', 1);
    await until(() => runs.length === 1);
    await Promise.all([worker.close({ timeout: 20 }), worker.close()]);
    const paused = queue.process(() => {});
    paused.pause();
    await paused.close();
    await queue.process(() => {}, { autorun: false }).close();
    await queue.pause();
    await queue.process(() => {}).close();
    assert.ok(performance.now() - begin < 4_000, 'far below the 8 seconds of the default');
  });

  test('of a store in which a worker is stuck ends too, and says what it dropped', async () => {
    const store = open('memory:');
    const stuck = store.queue('stuck');
    const worker = stuck.process(() => new Promise(() => {}));
    const begun = once(worker, 'active');
    await stuck.addBulk([1, 2, 3].map((data) => ({ name: 'j', data })));
    await begun;
    assert.deepEqual(await store.close({ timeout: 20 }), { dropped: { stuck: 3 } });
  });
});

describe('who waits for a result', () => {
  test('gets it whenever it asked: before the job ran, while it did, and after; from state and not from an event', async () => {
    const { runs } = heldWorker();
    const job = await queue.add('j', 1);
    const before = job.result();
    await until(() => runs.length === 1);
    const during = job.result();
    runs[0].release('done');
    assert.deepEqual(await Promise.all([before, during]), ['done', 'done']);
    assert.equal(await job.result(), 'done');
    assert.equal(await (await queue.getJob(job.id)).result(), 'done');
  });

  test('never waits for nothing, however close the end of the job and the question are', async () => {
    queue.process(({ data }) => data, { concurrency: 50 });
    const asked = Array.from({ length: 2_000 }, async (_, index) => {
      const job = await queue.add('j', index, { removeOnComplete: { count: 5_000 } });
      for (let turns = 0; turns < index % 4; turns++) await turn();
      return job.result();
    });
    const results = await Promise.all(asked);
    assert.ok(results.every((result, index) => result === index));
  });

  test('is answered although the handle it asked through closes, while another one lives', async () => {
    const [asking, running] = [open('memory:bites'), open('memory:bites')];
    const waits = asking.queue('q').addAndWait('j', 1);
    await until(async () => (await running.queue('q').getJobCounts()).waiting === 1);
    await asking.close();
    running.queue('q').process(() => 'answered');
    assert.equal(await waits, 'answered');
    await running.close();
  });

  test('of a job that fails is told after its last attempt and not after the first', async () => {
    let tries = 0;
    queue.process(() => {
      tries += 1;
      throw new Error(`try ${tries}`);
    });
    const job = await queue.add('j', 1, { attempts: 3, backoff: { type: 'fixed', delay: '1s' } });
    const told = assert.rejects(job.result(), ({ cause }) => cause.message === 'try 3');
    await clock.advanceAsync('1m');
    await told;
  });
});

test('an add with a jobId that is taken is not dropped in silence: added is false, and the job is the one that is there', async () => {
  const first = await queue.add('j', 'first', { jobId: 'x', delay: '1h' });
  const second = await queue.add('j', 'second', { jobId: 'x' });
  assert.deepEqual(
    [first.added, second.added, second.data, await second.getState()],
    [true, false, 'first', 'delayed'],
  );
});

test('an id is free once its job is gone, however it went, and nothing of the former is left with it', async () => {
  const opts = { jobId: 'x', attempts: 1 };
  const ways = {
    removed: async (job) => job.remove(),
    'cancelled and cleaned': async (job) => {
      await job.cancel();
      await queue.clean('failed', { olderThan: 0 });
    },
    drained: async () => queue.drain(),
    'cleaned while it waited': async () => queue.clean('waiting', { olderThan: 0 }),
    obliterated: async () => queue.obliterate(),
    'run and not retained': async (job) => {
      const worker = queue.process(async (active) => {
        await active.log('a line');
        await active.updateProgress(50);
      });
      await job.result().catch(() => {});
      await worker.close();
      await job.remove();
    },
  };
  for (const [how, go] of Object.entries(ways)) {
    const job = await queue.add('j', how, opts);
    assert.equal(job.added, true, how);
    await go(job);
    const next = await queue.add('j', 'next', opts);
    assert.deepEqual(
      [next.added, next.data, next.progress ?? null, next.attemptsMade, await queue.getJobLogs('x')],
      [true, 'next', null, 0, []],
      how,
    );
    await next.remove();
    assert.equal((await stage.store.stats()).queues.q.bytes, 0, how);
  }
});

test("'failed' is the end: it comes once, after the last attempt; those before it are 'retrying'", async () => {
  const heard = hear(queue, ['failed', 'retrying']);
  const worker = queue.process(() => {
    throw new Error('no');
  });
  const told = [];
  for (const event of ['failed', 'retrying']) worker.on(event, () => told.push(event));
  await queue.add('j', 1, { attempts: 4, backoff: { type: 'fixed', delay: '1s' } });
  await clock.advanceAsync('1m');
  await turn();
  const wanted = ['retrying', 'retrying', 'retrying', 'failed'];
  assert.deepEqual([heard.map(([event]) => event), told], [wanted, wanted]);
});

test('a month of delays, retries and schedules takes a test no time: the clock is part of the store', async () => {
  const begin = performance.now();
  const ran = [];
  queue.process(({ name, attempt }) => {
    ran.push(name);
    if (name === 'flaky' && attempt < 3) throw new Error('no');
  });
  await queue.add('later', 1, { delay: '29d' });
  await queue.add('flaky', 1, { backoff: { type: 'exponential', delay: '6h' } });
  await queue.upsertJobScheduler('s', { every: '1d' }, { name: 'daily', data: 1 });
  await clock.advanceAsync('30d');
  const times = (name) => ran.filter((one) => one === name).length;
  assert.deepEqual([times('later'), times('flaky'), times('daily')], [1, 3, 30]);
  assert.ok(performance.now() - begin < 5_000);
});

test('workers, listeners and queues cost no handles of the process: a thousand of each are as many as one', async () => {
  const handles = () =>
    process
      .getActiveResourcesInfo()
      .filter((kind) => kind !== 'Immediate')
      .sort();
  const workers = [queue.process(() => 'ran')];
  const heard = hear(queue, ['completed']);
  const one = handles();
  for (let index = 0; index < 1_000; index++) {
    const other = stage.store.queue(`q${index}`);
    workers.push(other.process(() => 'ran'));
    other.on('completed', ({ result }) => heard.push(result));
  }
  assert.deepEqual(handles(), one);
  assert.equal(await stage.store.queue('q999').addAndWait('j', 1), 'ran');
  await until(() => heard.length === 1);
  await Promise.all(workers.map((worker) => worker.close()));
});
