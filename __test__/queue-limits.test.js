'use strict';
// What bounds a queue as a whole, over all workers of all threads: pause, concurrency, rate. Bounds of one worker are in
// queue-worker.test.js, what is refused in queue-refusals.test.js.
const assert = require('node:assert/strict');
const path = require('node:path');
const { afterEach, beforeEach, describe, test } = require('node:test');
const { BroadcastChannel } = require('node:worker_threads');
const { gate, hear, newStage, turn, until } = require('./support/queue/stage.js');

const WORK = path.join(__dirname, 'support', 'queue', 'work.mjs');

let stage;
let clock;
let queue;

beforeEach(() => {
  stage = newStage();
  ({ clock, queue } = stage);
});
afterEach(() => stage.end());

const addMany = (count, data = null, name = 'j') =>
  queue.addBulk(Array.from({ length: count }, () => ({ name, data })));
const active = async () => (await queue.getJobCounts()).active;
const completed = async () => (await queue.getJobCounts()).completed;

/** Handlers that end when they are told to. */
function held() {
  const gates = [];
  const handler = () => {
    gates.push(gate());
    return gates.at(-1).opened;
  };
  return { gates, handler };
}

/** By the events: how many jobs were active at once, at most. */
function mostAtOnce(heard) {
  let [now, most] = [0, 0];
  for (const [event] of heard) {
    now += event === 'active' ? 1 : -1;
    most = Math.max(most, now);
  }
  return most;
}

describe('pause()', () => {
  test('no job begins any more, whichever handle paused it; what runs goes on, and resume() lets all begin', async () => {
    const { gates, handler } = held();
    queue.process(handler, { concurrency: 2 });
    await addMany(1);
    await until(() => gates.length === 1);
    await stage.store.queue('q').pause();
    assert.equal(await queue.isPaused(), true);
    await addMany(2);
    const delayed = await queue.add('j', null, { delay: '1s' });
    clock.advance('1s');
    for (let turns = 0; turns < 3; turns++) await turn();
    assert.deepEqual([gates.length, await active(), await delayed.getState()], [1, 1, 'waiting']);
    gates[0].release();
    await until(async () => (await completed()) === 1);
    assert.equal(gates.length, 1);
    await queue.resume();
    assert.equal(await queue.isPaused(), false);
    await until(() => gates.length === 3);
    assert.equal(await active(), 2);
    for (const { release } of gates) release();
    await until(() => gates.length === 4);
  });
});

describe('setGlobalConcurrency()', () => {
  test('no more are active at once, over all workers; more where it is raised, all where there is none', async () => {
    const { gates, handler } = held();
    await queue.setGlobalConcurrency(3);
    for (let workers = 0; workers < 3; workers++) queue.process(handler, { concurrency: 5 });
    await addMany(20);
    await until(() => gates.length === 3);
    for (let turns = 0; turns < 3; turns++) await turn();
    assert.equal(gates.length, 3);
    gates[0].release();
    await until(() => gates.length === 4);
    assert.equal(await active(), 3);
    await queue.setGlobalConcurrency(5);
    await until(() => gates.length === 6);
    await queue.setGlobalConcurrency(1);
    gates[1].release();
    await until(async () => (await completed()) === 2);
    assert.equal(gates.length, 6, 'what runs goes on, and nothing begins');
    await queue.setGlobalConcurrency(null);
    await until(() => gates.length === 2 + 15);
  });

  test('over two threads', { timeout: 30_000 }, async () => {
    const heard = hear(queue, ['active', 'completed']);
    const name = `redstart-test-${Math.random()}`;
    const channel = new BroadcastChannel(name);
    await queue.setGlobalConcurrency(3);
    // Neither thread may have three of them.
    queue.process(WORK, { threads: 2, concurrency: 2 });
    const jobs = await addMany(12, { channel: name }, 'hold');
    await until(async () => (await active()) === 3, 'three at once');
    // Released are those that listen.
    while ((await completed()) < 12) {
      channel.postMessage('release');
      await turn();
    }
    const threads = new Set(await Promise.all(jobs.map((job) => job.result())));
    await until(() => heard.length === 24);
    channel.close();
    assert.deepEqual([threads.size, mostAtOnce(heard)], [2, 3]);
  });
});

describe('setGlobalRateLimit()', () => {
  test('no more begin in any span of its duration, over all workers', async () => {
    await queue.setGlobalRateLimit({ max: 3, duration: '1s' });
    const begun = [];
    for (let workers = 0; workers < 2; workers++) {
      queue.process(() => void begun.push(clock.nowMs - stage.startMs), { concurrency: 5 });
    }
    await addMany(8);
    await clock.advanceAsync('500ms');
    await queue.setGlobalRateLimit({ max: 3, duration: '1s' });
    await clock.advanceAsync('5s');
    assert.deepEqual(begun, [0, 0, 0, 1_000, 1_000, 1_000, 2_000, 2_000]);
  });

  test('none: what waits begins at once; the lower one of queue and worker holds', async () => {
    await queue.setGlobalRateLimit({ max: 1, duration: '1h' });
    const begun = [];
    const handler = () => void begun.push(clock.nowMs - stage.startMs);
    const worker = queue.process(handler);
    await addMany(5);
    await clock.advanceAsync('1m');
    assert.deepEqual(begun, [0]);
    await queue.setGlobalRateLimit(null);
    await until(() => begun.length === 5);
    await worker.close();
    begun.length = 0;
    await clock.advanceAsync('2h');
    await queue.setGlobalRateLimit({ max: 4, duration: '1s' });
    const from = clock.nowMs - stage.startMs;
    queue.process(handler, { limiter: { max: 2, duration: '1s' } });
    await addMany(4);
    await clock.advanceAsync('1s');
    assert.deepEqual(begun, [from, from, from + 1_000, from + 1_000]);
  });

  test('over two threads', { timeout: 30_000 }, async () => {
    await queue.setGlobalRateLimit({ max: 5, duration: '1s' });
    queue.process(WORK, { threads: 2, concurrency: 4 });
    const jobs = await addMany(20, 1, 'compute');
    for (let begun = 5; begun <= 20; begun += 5) {
      await until(async () => (await completed()) === begun, `${begun} jobs`);
      await clock.advanceAsync('1s');
    }
    const done = await Promise.all(jobs.map(({ id }) => queue.getJob(id)));
    const times = done.map(({ processedOn }) => processedOn).sort((a, b) => a - b);
    for (let index = 5; index < times.length; index++) {
      assert.ok(times[index] - times[index - 5] >= 1_000, `six within ${times[index] - times[index - 5]} ms`);
    }
  });
});

describe('bounds that are given to each worker', () => {
  test('group.concurrency counts the jobs of a group in all workers', async () => {
    const { gates, handler } = held();
    for (let workers = 0; workers < 3; workers++) {
      queue.process(handler, { concurrency: 5, group: { concurrency: 2 } });
    }
    const groups = ['a', 'a', 'a', 'a', 'b'];
    await queue.addBulk(groups.map((id) => ({ name: 'j', data: id, opts: { group: { id } } })));
    await until(() => gates.length === 3);
    for (let turns = 0; turns < 5; turns++) await turn();
    assert.equal(gates.length, 3, 'two of a, one of b');
    for (const { release } of gates) release();
    await until(() => gates.length === 5);
  });

  test('limiter counts what the queue has begun in all workers; a worker without one takes what it will', async () => {
    const begun = [];
    const limited = ['first', 'second'].map((name) =>
      queue.process(() => void begun.push([name, clock.nowMs - stage.startMs]), {
        concurrency: 5,
        limiter: { max: 2, duration: '1s' },
      }),
    );
    await addMany(4);
    await clock.advanceAsync('1s');
    assert.deepEqual(
      begun.map(([, ms]) => ms),
      [0, 0, 1_000, 1_000],
    );
    await addMany(4);
    queue.process(() => void begun.push(['free', clock.nowMs - stage.startMs]), { concurrency: 5 });
    await until(() => begun.length === 8);
    assert.deepEqual(begun.slice(4), Array(4).fill(['free', 1_000]));
    for (const worker of limited) await worker.close();
  });
});
