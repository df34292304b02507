'use strict';
// What listeners of a queue hear: each kind with its payload, in order, once, and for whom. The order of a job's events
// and how much may wait for a listener are in queue.test.js; who listens while a store closes in store-drain.test.js.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { afterEach, beforeEach, describe, test } = require('node:test');
const { gate, hear, newStage, turn, until } = require('./support/queue/stage.js');

let stage;
let clock;
let queue;

beforeEach(() => {
  stage = newStage();
  ({ clock, queue } = stage);
});
afterEach(() => stage.end());

/** What was heard, once everything has come, without seq; it goes on from 1 without gaps. */
async function settled(heard) {
  for (let turns = 0; turns < 4; turns++) await turn();
  const seqs = heard.map(([, { seq }]) => seq);
  assert.deepEqual(
    seqs,
    seqs.map((_, index) => index + 1),
  );
  return heard.map(([event, { seq, ...payload }]) => [event, payload]);
}

describe('each kind of event with its payload', () => {
  test('of a job that is delayed, tried twice, reports and completes', async () => {
    const heard = hear(queue);
    queue.process(async (job) => {
      if (job.attempt === 1) throw new Error('busy');
      await job.updateProgress({ percent: 50 });
      return { sent: [1, 2] };
    });
    const options = { jobId: 'x', delay: '10s', backoff: { type: 'fixed', delay: '5s' } };
    await queue.add('mail', 1, options);
    await clock.advanceAsync('1m');
    const jobId = 'x';
    const at = (ms) => stage.startMs + ms;
    assert.deepEqual(await settled(heard), [
      ['added', { jobId, name: 'mail' }],
      ['delayed', { jobId, runAt: at(10_000) }],
      ['waiting', { jobId }],
      ['active', { jobId, attempt: 1 }],
      ['drained', {}],
      ['retrying', { jobId, error: 'busy', nextAttemptAt: at(15_000) }],
      ['delayed', { jobId, runAt: at(15_000) }],
      ['waiting', { jobId }],
      ['active', { jobId, attempt: 2 }],
      ['drained', {}],
      ['progress', { jobId, progress: { percent: 50 } }],
      ['completed', { jobId, result: { sent: [1, 2] } }],
    ]);
  });

  test('of jobs that fail, are deduplicated, retried and removed by hand', async () => {
    const heard = hear(queue);
    const handler = () => {
      throw new Error('no');
    };
    const job = await queue.add('j', 1, { jobId: 'x', attempts: 1, deduplication: { id: 'd', ttl: '1h' } });
    await queue.add('j', 1, { deduplication: { id: 'd', ttl: '1h' } });
    const worker = queue.process(handler);
    await assert.rejects(job.result());
    await worker.close();
    await job.retry();
    await job.cancel('by hand');
    await job.remove();
    const jobId = 'x';
    assert.deepEqual(await settled(heard), [
      ['added', { jobId, name: 'j' }],
      ['waiting', { jobId }],
      ['deduplicated', { jobId, deduplicationId: 'd' }],
      ['active', { jobId, attempt: 1 }],
      ['drained', {}],
      ['failed', { jobId, failedReason: 'no', finishKind: 'exhausted' }],
      ['waiting', { jobId }],
      ['failed', { jobId, failedReason: 'by hand', finishKind: 'cancelled' }],
      ['removed', { jobId }],
    ]);
  });

  test('of a queue that is paused and resumed; a second time changes nothing', async () => {
    const heard = hear(queue);
    for (const method of ['pause', 'pause', 'resume', 'resume']) await queue[method]();
    assert.deepEqual(await settled(heard), [
      ['paused', {}],
      ['resumed', {}],
    ]);
  });

  test('of a job whose worker closes too soon: it waits again, and did not stall', async () => {
    const heard = hear(queue, ['stalled', 'waiting', 'active', 'retrying']);
    const worker = queue.process(() => new Promise(() => {}));
    const begun = once(worker, 'active');
    await queue.add('j', 1);
    await begun;
    await worker.close({ timeout: 0 });
    await turn();
    assert.deepEqual(
      heard.map(([event]) => event),
      ['waiting', 'active', 'waiting'],
    );
  });

  test('of jobs that are added together, drained and cleaned: one for each; of those that are obliterated none', async () => {
    const heard = hear(queue, ['added', 'waiting', 'removed']);
    const names = (count) => Array.from({ length: count }, (_, index) => ({ name: `j${index}`, data: index }));
    await queue.addBulk(names(3));
    assert.equal(await queue.drain(), 3);
    await queue.addBulk(names(2));
    assert.equal((await queue.clean('waiting', { olderThan: 0 })).length, 2);
    await queue.addBulk(names(1));
    await queue.obliterate();
    await turn();
    const counts = { added: 0, waiting: 0, removed: 0 };
    for (const [event] of heard) counts[event] += 1;
    assert.deepEqual(counts, { added: 6, waiting: 6, removed: 5 });
  });
});

test("'drained' tells that the last waiting job was taken, and not that others are gone", async () => {
  const heard = hear(queue, ['drained']);
  const { opened, release } = gate();
  await queue.add('j', 'delayed', { delay: '1h' });
  await queue.add('j', 'removed');
  await queue.drain();
  await turn();
  assert.equal(heard.length, 0);
  await queue.addBulk([1, 2, 3].map((data) => ({ name: 'j', data })));
  queue.process(() => opened);
  await until(async () => (await queue.getJobCounts()).active === 1);
  await turn();
  assert.equal(heard.length, 0);
  release();
  await until(async () => (await queue.getJobCounts()).completed === 3);
  await turn();
  assert.equal(heard.length, 1);
});

describe('listeners', () => {
  test('once() hears one; off() ends it; what happened before or after is not heard', async () => {
    const heard = [];
    const listener = ({ jobId }) => heard.push(jobId);
    await queue.add('j', 1, { jobId: 'before' });
    queue.on('added', listener);
    queue.once('added', ({ jobId }) => heard.push(`once ${jobId}`));
    await queue.add('j', 1, { jobId: 'a' });
    await queue.add('j', 1, { jobId: 'b' });
    await until(() => heard.length === 3);
    assert.equal(queue.off('added', listener), queue);
    await queue.add('j', 1, { jobId: 'after' });
    await turn();
    await turn();
    assert.deepEqual(heard, ['a', 'once a', 'b']);
  });

  test('as Node waits for one: events.once() resolves', async () => {
    const drained = once(queue, 'drained');
    queue.process(() => 'done');
    await queue.add('j', 1);
    assert.deepEqual(Object.keys((await drained)[0]), ['seq']);
  });

  test('until Node is told that nobody waits any more: events.once() with a signal', async () => {
    const waits = new AbortController();
    const drained = once(queue, 'drained', { signal: waits.signal });
    waits.abort();
    await assert.rejects(drained, { name: 'AbortError' });
  });

  test('as many as an app has parts: Node warns of no leak', async () => {
    const warnings = [];
    const note = ({ name }) => warnings.push(name);
    process.on('warning', note);
    for (let part = 0; part < 50; part++) queue.on('added', () => {});
    await turn();
    process.off('warning', note);
    assert.deepEqual(warnings, []);
  });

  test('of any handle of the queue hear what is done through another', async () => {
    const sameName = stage.store.queue('q');
    const heard = hear(sameName, ['added']);
    const others = hear(stage.store.queue('other'), ['added']);
    await queue.add('j', 1, { jobId: 'x' });
    await until(() => heard.length === 1);
    await turn();
    assert.deepEqual([heard[0][1].jobId, others], ['x', []]);
  });

  test('may use the queue, and what they add is heard after what they heard', async () => {
    const order = [];
    queue.on('completed', async ({ jobId }) => {
      order.push(`completed ${jobId}`);
      if (jobId === 'first') await queue.add('j', 1, { jobId: 'second' });
    });
    queue.on('added', ({ jobId }) => order.push(`added ${jobId}`));
    queue.process(() => {});
    await queue.add('j', 1, { jobId: 'first' });
    await until(() => order.length === 4);
    assert.deepEqual(order, ['added first', 'completed first', 'added second', 'completed second']);
  });

  test('who lets 10,000 events wait is told once how many it missed, and hears what comes after', async () => {
    const heard = hear(queue, ['added', 'waiting', 'lagged']);
    const all = Array.from({ length: 10_000 }, () => ({ name: 'j', data: null }));
    await queue.addBulk(all);
    await until(() => heard.some(([event]) => event === 'lagged'));
    const [[, { missed, seq }], ...others] = heard.filter(([event]) => event === 'lagged');
    assert.deepEqual([others, heard.length - 1 + missed], [[], 20_000]);
    assert.equal(seq, 20_000, 'the last one that it missed');
    await queue.add('j', null, { jobId: 'next' });
    await until(() => heard.at(-1)[1].jobId === 'next' && heard.at(-1)[0] === 'waiting');
    assert.equal(heard.at(-1)[1].seq, 20_002);
  });
});
