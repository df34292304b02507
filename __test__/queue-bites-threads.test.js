'use strict';
// As queue-bites.test.js, where real threads or real time are what bites.
const assert = require('node:assert/strict');
const path = require('node:path');
const { describe, test } = require('node:test');
const { BroadcastChannel } = require('node:worker_threads');
const { manualClock, open } = require('redstart');
const { Barrier } = require('./support/barrier.js');
const { crew } = require('./support/crew.js');
const { gate, hear, turn, until } = require('./support/queue/stage.js');

const SUPPORT = path.join(__dirname, 'support', 'queue');
const WORK = path.join(SUPPORT, 'work.mjs');

/** A queue of a private store that is closed with the test. */
function start(t, options) {
  const store = open('memory:', options);
  t.after(() => store.close({ timeout: 1 }));
  return { store, queue: store.queue('q') };
}

function blockLoop(ms) {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe('a job runs once', () => {
  test('although its loop is blocked for longer than the lease, and others wait for jobs: no timer of its own renews it', async (t) => {
    const { queue } = start(t);
    const heard = hear(queue);
    const threads = queue.process(WORK, { threads: 1, leaseDuration: '1s' });
    t.after(() => threads.close({ timeout: 1 }));
    assert.equal(typeof (await queue.addAndWait('tell', 1)), 'number', 'the thread is there');
    threads.pause();
    let runs = 0;
    const here = queue.process(
      () => {
        threads.resume();
        blockLoop(1_500);
        return `run ${++runs}`;
      },
      { leaseDuration: '1s' },
    );
    assert.equal(await queue.addAndWait('tell', 2), 'run 1');
    await here.close();
    await turn();
    const kinds = heard.map(([event]) => event);
    assert.ok(!kinds.includes('stalled') && !kinds.includes('retrying'), kinds.join());
    assert.equal(kinds.filter((kind) => kind === 'active').length, 2);
  });

  test('although its handler takes hours, as the clock of the store has it', async (t) => {
    const clock = manualClock();
    const { queue } = start(t, { clock });
    const heard = hear(queue, ['stalled', 'active']);
    const { opened, release } = gate();
    let runs = 0;
    for (let workers = 0; workers < 2; workers++) {
      queue.process(() => {
        runs += 1;
        return opened;
      });
    }
    const job = await queue.add('j', 1);
    await until(() => runs === 1);
    clock.advance('5h');
    for (let turns = 0; turns < 3; turns++) await turn();
    assert.equal(await job.getState(), 'active');
    release('after hours');
    assert.equal(await job.result(), 'after hours');
    assert.deepEqual([runs, heard.map(([event]) => event)], [1, ['active']]);
  });
});

describe('a thread that dies with a job', () => {
  test('its job waits again at once and not when a lease is over, and the worker goes on', {
    timeout: 30_000,
  }, async (t) => {
    const { queue } = start(t);
    const heard = hear(queue, ['stalled']);
    queue.process(WORK, { leaseDuration: '1h' });
    const job = await queue.add('exit', 1, { attempts: 5 });
    await assert.rejects(job.result(), { code: 'ERR_JOB_FAILED', finishKind: 'stalled' });
    assert.equal(heard.length, 2);
    assert.equal(typeof (await queue.addAndWait('tell', 1)), 'number');
  });

  test("the stall that is its last is told too: 'stalled', and then 'failed'", async (t) => {
    const { queue } = start(t);
    const heard = hear(queue, ['stalled', 'failed', 'retrying', 'completed']);
    queue.process(WORK, { maxStalledCount: 0 });
    const job = await queue.add('exit', 1);
    await assert.rejects(job.result(), { finishKind: 'stalled' });
    await until(() => heard.length === 2);
    assert.deepEqual(
      heard.map(([event, { jobId, finishKind }]) => [event, jobId, finishKind]),
      [
        ['stalled', job.id, undefined],
        ['failed', job.id, 'stalled'],
      ],
    );
  });
});

describe('a scheduler', () => {
  test('that many threads set at the same time, again and again, is one', { timeout: 30_000 }, async (t) => {
    const url = 'memory:upserted-by-many';
    const store = open(url);
    t.after(() => store.close({ timeout: 1 }));
    const shared = new SharedArrayBuffer(Barrier.BYTES);
    const told = await crew(path.join(SUPPORT, 'upsert-thread.js'), 4, { url, times: 50, shared });
    for (const schedulers of told) assert.deepEqual(schedulers, told[0]);
    assert.deepEqual(
      told[0].map(({ id, iterations }) => [id, iterations]),
      [['nightly', 0]],
    );
    assert.deepEqual(await store.queue('q').getJobSchedulers(), told[0]);
  });

  test('that is set again at every start of an app comes once at each of its instants, and none is lost', async (t) => {
    const clock = manualClock();
    const { store, queue } = start(t, { clock });
    const begin = clock.nowMs;
    const times = [];
    queue.process(() => void times.push(clock.nowMs - begin));
    for (let hour = 0; hour < 48; hour++) {
      await store.queue('q').upsertJobScheduler('s', { every: '10h' }, { name: 'j', data: null });
      await clock.advanceAsync('1h');
    }
    assert.deepEqual(
      times.map((ms) => ms / 3_600_000),
      [10, 20, 30, 40],
    );
  });
});

describe('a delayed job', () => {
  test('is neither early nor late, whatever the clock of JavaScript says', async (t) => {
    const { queue } = start(t);
    const { now } = Date;
    t.after(() => {
      Date.now = now;
    });
    for (const skewMs of [0, 3_600_000, -3_600_000]) {
      Date.now = () => now() + skewMs;
      const begin = performance.now();
      const delays = [30, 60, 90];
      const jobs = await queue.addBulk(delays.map((delay) => ({ name: 'j', data: delay, opts: { delay } })));
      const worker = queue.process(() => performance.now() - begin);
      const ran = await Promise.all(jobs.map((job) => job.result()));
      for (const [index, ms] of ran.entries()) {
        assert.ok(ms > delays[index] - 2 && ms < delays[index] + 2_000, `${delays[index]} ms: ran after ${ms} ms`);
      }
      await worker.close();
    }
  });
});

test('a job that computes for ever in its thread is ended by its timeout, for good', { timeout: 30_000 }, async (t) => {
  const { queue } = start(t);
  const name = `redstart-test-${Math.random()}`;
  const channel = new BroadcastChannel(name);
  t.after(() => channel.close());
  const held = new Promise((resolve) => {
    channel.onmessage = resolve;
  });
  const worker = queue.process(WORK, { threads: 1 });
  const job = await queue.add('computeForEver', { channel: name }, { timeout: '1s', attempts: 1 });
  await held;
  await assert.rejects(job.result(), { finishKind: 'timeout' });
  await worker.close({ timeout: 1 });
  assert.equal(await job.getState(), 'failed');
  assert.equal((await queue.getJobCounts()).active, 0);
});
