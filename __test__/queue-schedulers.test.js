'use strict';
// Jobs that come again and again, by the clock of the store. What is refused is in queue-refusals.test.js; instants that
// passed while the machine slept, which no manual clock lets pass unseen, are tested with core.
const assert = require('node:assert/strict');
const { afterEach, beforeEach, describe, test } = require('node:test');
const { hear, newStage, turn } = require('./support/queue/stage.js');

const START = Date.UTC(2026, 2, 27, 12);
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

let stage;
let clock;
let queue;

beforeEach(() => {
  stage = newStage(START);
  ({ clock, queue } = stage);
});
afterEach(() => stage.end());

const template = { name: 'tick', data: { of: 's' } };

/** Runs what comes; the instants since the start at which it ran. */
function runs(of = queue) {
  const times = [];
  of.process(() => void times.push(clock.nowMs - START));
  return times;
}

describe('every', () => {
  test('first after one interval, then after each, with the name, data and options of the template', async () => {
    const seen = [];
    queue.process(({ name, data, priority }) => void seen.push([clock.nowMs - START, name, data, priority]));
    await queue.upsertJobScheduler('s', { every: '10s' }, { ...template, opts: { priority: 4 } });
    await clock.advanceAsync(9_999);
    assert.deepEqual(seen, []);
    await clock.advanceAsync('20s');
    assert.deepEqual(seen, [
      [10_000, 'tick', { of: 's' }, 4],
      [20_000, 'tick', { of: 's' }, 4],
    ]);
  });

  test('counts from the upsert, also where that is no multiple of it; offset counts from 1970', async () => {
    clock.advance(1_234);
    const times = runs();
    await queue.upsertJobScheduler('s', { every: '1m' }, template);
    await clock.advanceAsync('2m');
    assert.deepEqual(times, [MINUTE + 1_234, 2 * MINUTE + 1_234]);
    await queue.upsertJobScheduler('s', { every: '1m', offset: '15s' }, template);
    times.length = 0;
    await clock.advanceAsync('2m');
    assert.deepEqual(times, [2 * MINUTE + 15_000, 3 * MINUTE + 15_000]);
    await queue.upsertJobScheduler('s', { every: '1m', offset: 0 }, template);
    times.length = 0;
    await clock.advanceAsync('1m');
    assert.deepEqual(times, [5 * MINUTE]);
  });

  test('immediately: the first comes at once, the others after each interval', async () => {
    const times = runs();
    await queue.upsertJobScheduler('s', { every: '10s', immediately: true }, template);
    await clock.advanceAsync('20s');
    assert.equal(times.length, 3);
    assert.ok(times[0] <= 1, String(times[0]));
    assert.deepEqual(times.slice(1), [10_000, 20_000]);
  });
});

describe('pattern', () => {
  test('comes at the hours of UTC, or of tz, also over the begin of summer time', async () => {
    const times = [];
    queue.process(({ name }) => void times.push(`${name} ${new Date(clock.nowMs).toISOString()}`));
    await queue.upsertJobScheduler('utc', { pattern: '0 3 * * *' }, { name: 'utc', data: null });
    const berlin = { pattern: '0 3 * * *', tz: 'Europe/Berlin' };
    await queue.upsertJobScheduler('berlin', berlin, { name: 'berlin', data: null });
    await clock.advanceAsync('2d');
    assert.deepEqual(times, [
      'berlin 2026-03-28T02:00:00.000Z',
      'utc 2026-03-28T03:00:00.000Z',
      'berlin 2026-03-29T01:00:00.000Z',
      'utc 2026-03-29T03:00:00.000Z',
    ]);
  });

  test('of six fields begins with seconds', async () => {
    const times = runs();
    await queue.upsertJobScheduler('s', { pattern: '*/20 * * * * *' }, template);
    await clock.advanceAsync('1m');
    assert.deepEqual(times, [20_000, 40_000, 60_000]);
  });
});

describe('from when, until when, how often', () => {
  test('none comes before startDate or after endDate, and then there is no next', async () => {
    const times = runs();
    const [startDate, endDate] = [new Date(START + 25_000), new Date(START + 50_000)];
    await queue.upsertJobScheduler('s', { every: '10s', startDate, endDate }, template);
    await clock.advanceAsync('5m');
    assert.deepEqual(times, [30_000, 40_000, 50_000]);
    const [{ next, iterations, repeat }] = await queue.getJobSchedulers();
    assert.deepEqual([next, iterations, repeat.startDate, repeat.endDate], [undefined, 3, startDate, endDate]);
  });

  test('limit: so many iterations in all', async () => {
    const times = runs();
    await queue.upsertJobScheduler('s', { every: '10s', limit: 2, immediately: true }, template);
    await clock.advanceAsync('5m');
    assert.equal(times.length, 2);
    assert.equal((await queue.getJobSchedulers())[0].next, undefined);
  });

  test('never two of its jobs wait: an instant whose predecessor still waits is passed over', async () => {
    await queue.upsertJobScheduler('s', { every: '10s' }, template);
    await clock.advanceAsync('1m');
    const { waiting } = await queue.getJobCounts();
    const [{ iterations, next }] = await queue.getJobSchedulers();
    assert.deepEqual([waiting, iterations, next], [1, 1, START + 70_000]);
    const times = runs();
    await clock.advanceAsync('15s');
    assert.deepEqual(times, [60_000, 70_000]);
  });

  test("missed: 'all' lets those come as well, one after the other", async () => {
    await queue.upsertJobScheduler('s', { every: '10s', missed: 'all' }, template);
    await clock.advanceAsync('1m');
    assert.equal((await queue.getJobCounts()).waiting, 1);
    const times = runs();
    await clock.advanceAsync('1s');
    assert.equal(times.length, 6);
    await clock.advanceAsync('10s');
    assert.equal(times.length, 7);
  });
});

describe('a scheduler', () => {
  test('that is set again as it was changes nothing, although time has passed', async () => {
    const times = runs();
    const set = () => queue.upsertJobScheduler('s', { every: '10s' }, template);
    await set();
    await clock.advanceAsync('7s');
    const before = await queue.getJobSchedulers();
    await set();
    assert.deepEqual(await queue.getJobSchedulers(), before);
    await clock.advanceAsync('20s');
    assert.deepEqual(times, [10_000, 20_000]);
    assert.equal((await queue.getJobSchedulers()).length, 1);
  });

  test('that is set anew has the new repeat and template alone', async () => {
    const seen = [];
    queue.process(({ name }) => void seen.push([name, clock.nowMs - START]));
    await queue.upsertJobScheduler('s', { every: '10s' }, { name: 'old', data: 1 });
    await clock.advanceAsync('10s');
    await queue.upsertJobScheduler('s', { every: '1m' }, { name: 'new', data: 2 });
    await clock.advanceAsync('1m');
    assert.deepEqual(seen, [
      ['old', 10_000],
      ['new', 70_000],
    ]);
  });

  test('is told of as it was given, and can be given again', async () => {
    const given = {
      repeat: { pattern: '0 3 * * *', tz: 'Europe/Berlin', limit: 5, missed: 'once', startDate: new Date(START) },
      template: {
        name: 'n',
        data: [1],
        opts: { attempts: 2, removeOnComplete: { age: '5000ms' }, removeOnFail: false },
      },
    };
    await queue.upsertJobScheduler('nightly', given.repeat, given.template);
    const [told, ...others] = await queue.getJobSchedulers();
    assert.deepEqual(
      [told.id, told.repeat, told.template, others.length],
      ['nightly', given.repeat, given.template, 0],
    );
    assert.deepEqual([told.next, told.iterations], [Date.UTC(2026, 2, 28, 2), 0]);
    await queue.upsertJobScheduler('nightly', told.repeat, told.template);
    assert.deepEqual(await queue.getJobSchedulers(), [told]);
  });

  test('that is removed adds no more; the job that waits stays', async () => {
    await queue.upsertJobScheduler('s', { every: '10s' }, template);
    await clock.advanceAsync('10s');
    assert.deepEqual([await queue.removeJobScheduler('s'), await queue.removeJobScheduler('s')], [true, false]);
    const times = runs();
    await clock.advanceAsync('5m');
    assert.deepEqual([times, await queue.getJobSchedulers()], [[10_000], []]);
  });

  test('goes on after drain() and while the queue is paused; obliterate() ends it', async () => {
    await queue.upsertJobScheduler('s', { every: '10s' }, template);
    await clock.advanceAsync('10s');
    assert.equal(await queue.drain(), 1);
    await queue.pause();
    await clock.advanceAsync('10s');
    assert.equal((await queue.getJobCounts()).waiting, 1);
    await queue.obliterate();
    await clock.advanceAsync('1m');
    assert.deepEqual([(await queue.getJobCounts()).waiting, await queue.getJobSchedulers()], [0, []]);
  });

  test('whose jobs fail comes all the same; each iteration is a job of its own', async () => {
    const heard = hear(queue, ['added', 'failed']);
    queue.process(() => {
      throw new Error('no');
    });
    await queue.upsertJobScheduler('s', { every: '10s', limit: 3 }, { ...template, opts: { attempts: 1 } });
    await clock.advanceAsync('1m');
    await turn();
    assert.deepEqual(
      heard.map(([event]) => event),
      ['added', 'failed', 'added', 'failed', 'added', 'failed'],
    );
    assert.equal(new Set(heard.map(([, { jobId }]) => jobId)).size, 3);
  });
});
