'use strict';
// What makes several adds one job: a jobId while that job is retained, and a deduplication with its own rules.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { afterEach, beforeEach, describe, test } = require('node:test');
const { gate, hear, newStage, turn } = require('./support/queue/stage.js');

let stage;
let clock;
let queue;

beforeEach(() => {
  stage = newStage();
  ({ clock, queue } = stage);
});
afterEach(() => stage.end());

/** Adds with a deduplication of id 'x'. */
const add = (data, deduplication, options) =>
  queue.add('j', data, { ...options, deduplication: { id: 'x', ...deduplication } });

describe('a deduplication without a time', () => {
  test('adds are one job until it has finished, whatever its state [JobOptions.deduplication]', async () => {
    const heard = hear(queue, ['deduplicated']);
    const { opened, release } = gate();
    const first = await add('first', {}, { delay: '1s' });
    const whileDelayed = await add('second');
    assert.deepEqual([first.added, whileDelayed.added], [true, false]);
    assert.deepEqual([whileDelayed.id, whileDelayed.data], [first.id, 'first']);
    clock.advance('1s');
    assert.equal((await add('third')).added, false, 'waiting');
    const worker = queue.process(() => opened);
    await once(worker, 'active');
    assert.equal((await add('fourth')).added, false, 'active');
    release('done');
    assert.equal(await first.result(), 'done');
    const next = await add('fifth');
    assert.equal(next.added, true);
    assert.notEqual(next.id, first.id);
    assert.equal((await queue.add('j', 'other', { deduplication: { id: 'y' } })).added, true);
    await turn();
    assert.deepEqual(
      heard.map(([, { jobId, deduplicationId }]) => [jobId, deduplicationId]),
      [1, 2, 3].map(() => [first.id, 'x']),
    );
  });

  test('one that failed for good, was cancelled or removed frees its id at once; a retry to come does not', async () => {
    const worker = queue.process(() => {
      throw new Error('no');
    });
    const first = await add(1, {}, { attempts: 2, backoff: { type: 'fixed', delay: '1m' } });
    await clock.advanceAsync('1s');
    assert.equal((await add(2)).id, first.id);
    await clock.advanceAsync('1m');
    await worker.close();
    const second = await add(3);
    assert.equal(second.added, true);
    assert.equal(await second.cancel(), true);
    const third = await add(4);
    assert.equal(third.added, true);
    assert.equal(await third.remove(), true);
    assert.equal((await add(5)).added, true);
  });

  test('of two jobs of one addBulk() as well', async () => {
    const jobs = [1, 2, 3].map((data) => ({ name: 'j', data, opts: { deduplication: { id: 'x' } } }));
    const added = await queue.addBulk(jobs);
    assert.deepEqual(
      added.map((job) => [job.added, job.data, job.id]),
      [true, false, false].map((isNew) => [isNew, 1, added[0].id]),
    );
  });
});

describe('ttl', () => {
  test('adds are one job for that long, also after it has finished, and then no longer', async () => {
    queue.process(({ data }) => data);
    const first = await add('first', { ttl: '10s' });
    assert.equal(await first.result(), 'first');
    clock.advance(9_999);
    const duplicate = await add('second', { ttl: '10s' });
    assert.deepEqual([duplicate.added, await duplicate.result()], [false, 'first']);
    clock.advance(1);
    const next = await add('third', { ttl: '10s' });
    assert.deepEqual([next.added, await next.result()], [true, 'third']);
  });

  test('also while the job that came first still waits', async () => {
    await add('first', { ttl: '10s' }, { delay: '1h' });
    clock.advance('10s');
    assert.equal((await add('second', { ttl: '10s' })).added, true);
  });

  test('and a job that retention removed at once still holds the id, as it was when it was added', async () => {
    queue.process(({ data }) => data);
    const first = await add('first', { ttl: '10s' }, { removeOnComplete: true });
    await first.result();
    const duplicate = await add('second', { ttl: '10s' });
    assert.deepEqual([duplicate.added, duplicate.id], [false, first.id]);
    assert.equal(await duplicate.getState(), 'unknown');
    assert.equal((await queue.getJobCounts()).waiting, 0);
  });

  test('extend lets each duplicate begin it anew, without it none does', async () => {
    const extended = { ttl: '10s', extend: true };
    await add('first', extended);
    for (let times = 0; times < 3; times++) {
      clock.advance('9s');
      assert.equal((await add('again', extended)).added, false);
    }
    clock.advance('10s');
    assert.equal((await add('anew', { ttl: '10s' })).added, true);
    clock.advance('9s');
    assert.equal((await add('again', { ttl: '10s' })).added, false);
    clock.advance('1s');
    assert.equal((await add('anew', { ttl: '10s' })).added, true);
  });
});

describe('replace', () => {
  test('a duplicate brings its data and options, and its delay begins anew', async () => {
    const first = await add('first', { replace: true }, { delay: '10s', priority: 1, attempts: 1 });
    clock.advance('9s');
    const second = await add('second', { replace: true }, { delay: '10s', priority: 4 });
    assert.deepEqual([second.added, second.id, second.data, second.priority], [false, first.id, 'second', 4]);
    clock.advance('9s');
    assert.equal(await first.getState(), 'delayed');
    clock.advance('1s');
    assert.equal(await first.getState(), 'prioritized');
    const { data, priority } = await queue.getJob(first.id);
    assert.deepEqual([data, priority], ['second', 4]);
    assert.equal((await queue.getJobCounts()).prioritized, 1, 'it is one job');
  });

  test('also while it waits, and not once it runs', async () => {
    const { opened, release } = gate();
    const first = await add('first', { replace: true });
    await add('second', { replace: true });
    const worker = queue.process(({ data }) => opened.then(() => data));
    await once(worker, 'active');
    const late = await add('third', { replace: true });
    assert.deepEqual([late.added, late.id, late.data], [false, first.id, 'second']);
    release();
    assert.equal(await first.result(), 'second');
  });

  test('with ttl, extend and a delay it is debounce: the last of a burst runs, once', async () => {
    const ran = [];
    queue.process(({ data }) => void ran.push([data, clock.nowMs - stage.startMs]));
    const debounce = { ttl: '5s', extend: true, replace: true };
    for (let index = 0; index < 10; index++) {
      await add(index, debounce, { delay: '5s' });
      await clock.advanceAsync('1s');
    }
    await clock.advanceAsync('1m');
    assert.deepEqual(ran, [[9, 9_000 + 5_000]]);
  });
});

describe('jobId', () => {
  test('is free again when its job has gone: by hand, by retention, with everything', async () => {
    const again = () => queue.add('j', 1, { jobId: 'order-1', removeOnComplete: { age: '1m' } });
    const first = await again();
    assert.equal((await again()).added, false);
    await first.remove();
    assert.equal((await again()).added, true);
    const worker = queue.process(() => 'done');
    await (await queue.getJob('order-1')).result();
    assert.equal((await again()).added, false, 'finished and still there');
    clock.advance('1m');
    await worker.close();
    assert.equal((await again()).added, true);
    await queue.drain();
    assert.equal((await again()).added, true);
    await queue.obliterate();
    assert.equal((await again()).added, true);
  });

  test('says of each job of an addBulk() whether it was new', async () => {
    await queue.add('j', 'there', { jobId: 'b' });
    const jobs = await queue.addBulk(['a', 'b', 'a'].map((jobId) => ({ name: 'j', data: 'new', opts: { jobId } })));
    assert.deepEqual(
      jobs.map(({ id, added, data }) => [id, added, data]),
      [
        ['a', true, 'new'],
        ['b', false, 'there'],
        ['a', false, 'new'],
      ],
    );
  });
});
