'use strict';
const assert = require('node:assert/strict');
const { AsyncLocalStorage } = require('node:async_hooks');
const { once } = require('node:events');
const { test, beforeEach, afterEach } = require('node:test');
const { open, manualClock, RedstartError, UnrecoverableError } = require('redstart');

let clock;
let store;
let queue;

beforeEach(() => {
  clock = manualClock();
  store = open('memory:', { clock });
  queue = store.queue('q');
});
afterEach(async () => {
  process.removeAllListeners('warning');
  process.on('warning', () => {});
  await store.close({ timeout: 1_000 });
});

test('a job is added, run once and its result told', async () => {
  const job = await queue.add('greet', { to: 'Ada' });
  assert.match(job.id, /^[0-9a-f-]{36}$/);
  assert.deepEqual([job.name, job.data, job.added, job.attemptsMade], ['greet', { to: 'Ada' }, true, 0]);
  assert.equal(job.timestamp, clock.nowMs);
  assert.equal(await job.getState(), 'waiting');
  const runs = [];
  queue.process((active) => {
    runs.push([active.name, active.data, active.attempt, active.id]);
    return `hello ${active.data.to}`;
  });
  assert.equal(await job.result(), 'hello Ada');
  assert.deepEqual(runs, [['greet', { to: 'Ada' }, 1, job.id]]);
  assert.equal(await job.getState(), 'completed');
  const again = await queue.getJob(job.id);
  assert.deepEqual([again.attemptsMade, again.finishedOn, again.processedOn], [1, clock.nowMs, clock.nowMs]);
  assert.equal(await again.result(), 'hello Ada', 'and told again');
  assert.deepEqual(await queue.getJobCounts(), {
    waiting: 0,
    prioritized: 0,
    delayed: 0,
    active: 0,
    completed: 1,
    failed: 0,
  });
});

test('jobs start in the order in which they were added', async () => {
  const started = [];
  const jobs = [];
  for (let index = 0; index < 100; index++) jobs.push(await queue.add('j', index));
  queue.process(({ data }) => started.push(data), { concurrency: 7 });
  await Promise.all(jobs.map((job) => job.result()));
  assert.deepEqual(
    started,
    jobs.map((_, index) => index),
  );
});

test('no more jobs run at once than concurrency says', async () => {
  let [running, most] = [0, 0];
  queue.process(
    async () => {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
    },
    { concurrency: 4 },
  );
  const jobs = await Promise.all(Array.from({ length: 40 }, () => queue.add('j', null)));
  await Promise.all(jobs.map((job) => job.result()));
  assert.equal(most, 4);
});

test('a delayed job runs when it is due and not before [JobOptions.delay]', async () => {
  const ran = [];
  queue.process(({ data }) => ran.push([data, clock.nowMs]));
  const start = clock.nowMs;
  await queue.add('j', 'late', { delay: '10s' });
  await queue.add('j', 'early', { delay: '5s' });
  await queue.add('j', 'years', { delay: '365d' });
  await clock.advanceAsync(4_999);
  assert.deepEqual(ran, []);
  await clock.advanceAsync('1m');
  assert.deepEqual(ran, [
    ['early', start + 5_000],
    ['late', start + 10_000],
  ]);
  assert.equal((await queue.getJobCounts()).delayed, 1);
});

test('a failed attempt is tried again after its backoff, up to attempts [JobOptions.attempts] [JobOptions.backoff]', async () => {
  const tries = [];
  queue.process((job) => {
    tries.push([job.attempt, clock.nowMs]);
    throw new Error(`try ${job.attempt}`);
  });
  const start = clock.nowMs;
  const job = await queue.add('j', 1, { attempts: 4, backoff: { type: 'exponential', delay: '1s', maxDelay: '3s' } });
  const failed = assert.rejects(job.result(), { code: 'ERR_JOB_FAILED', finishKind: 'exhausted', message: /try 4/ });
  await clock.advanceAsync('1h');
  await failed;
  assert.deepEqual(tries, [
    [1, start],
    [2, start + 1_000],
    [3, start + 3_000],
    [4, start + 6_000],
  ]);
  const { attemptsMade, failedReason } = await queue.getJob(job.id);
  assert.deepEqual([attemptsMade, failedReason], [4, 'try 4']);
});

test('by default a job has three tries, one second and then two apart at most', async () => {
  const tries = [];
  queue.process(() => {
    tries.push(clock.nowMs);
    throw new Error('no');
  });
  await queue.add('j', 1);
  await clock.advanceAsync('1m');
  assert.equal(tries.length, 3);
  const [first, second] = [tries[1] - tries[0], tries[2] - tries[1]];
  assert.ok(first >= 500 && first <= 1_000 && second >= 1_000 && second <= 2_000, `${first}, ${second}`);
});

test("the queue's defaultJobOptions hold unless the job says otherwise [QueueOptions.defaultJobOptions] [QueueOptions.defaultJobOptions.attempts]", async () => {
  const strict = store.queue('strict', { defaultJobOptions: { attempts: 1, delay: '1s' } });
  let runs = 0;
  strict.process(() => {
    runs += 1;
    throw new Error('no');
  });
  await strict.add('default', 1);
  await strict.add('own', 1, { attempts: 2, backoff: { type: 'fixed', delay: 1 } });
  await clock.advanceAsync('1m');
  assert.equal(runs, 3);
});

test('UnrecoverableError fails a job for good at the first try', async () => {
  queue.process(() => {
    throw new UnrecoverableError('gone');
  });
  const job = await queue.add('j', 1);
  await assert.rejects(job.result(), { finishKind: 'unrecoverable' });
  assert.equal((await queue.getJob(job.id)).attemptsMade, 1);
});

test('result() rebuilds the error that the handler threw', async () => {
  class PaymentError extends Error {
    name = 'PaymentError';
    code = 'E_CARD';
  }
  queue.process(() => {
    throw new PaymentError('card refused');
  });
  const job = await queue.add('j', 1, { attempts: 1 });
  await assert.rejects(job.result(), (error) => {
    assert.ok(error instanceof RedstartError);
    assert.equal(error.code, 'ERR_JOB_FAILED');
    const { name, message, code, stack } = error.cause;
    assert.deepEqual([name, message, code], ['PaymentError', 'card refused', 'E_CARD']);
    assert.match(stack, /queue\.test\.js/);
    return true;
  });
});

test('whatever a handler throws fails the attempt', async () => {
  const thrown = [
    'text',
    undefined,
    null,
    5,
    { message: 'like an error' },
    Symbol('s'),
    new Proxy(
      {},
      {
        get: () => {
          throw new Error();
        },
      },
    ),
  ];
  queue.process(({ data }) => {
    throw thrown[data];
  });
  for (const index of thrown.keys()) {
    const job = await queue.add('j', index, { attempts: 1 });
    await assert.rejects(job.result(), { code: 'ERR_JOB_FAILED' }, String(index));
  }
});

test('a second add with the same jobId finds the first job [JobOptions.jobId]', async () => {
  const first = await queue.add('j', 'first', { jobId: 'order-1' });
  const second = await queue.add('j', 'second', { jobId: 'order-1' });
  assert.deepEqual([first.added, second.added, second.data, second.id], [true, false, 'first', 'order-1']);
  let runs = 0;
  queue.process(() => ++runs);
  assert.equal(await second.result(), 1);
  const third = await queue.add('j', 'third', { jobId: 'order-1' });
  assert.equal(third.added, false, 'also once it has completed, while it is retained');
  assert.equal(await third.result(), 1);
  assert.equal((await queue.add('j', 0, { jobId: '__proto__' })).id, '__proto__');
});

test('result() waits, times out by the clock of the store, and knows no unknown jobs', async () => {
  const job = await queue.add('j', 1);
  const waiting = job.result({ timeout: '5s' });
  const refused = assert.rejects(waiting, { code: 'ERR_TIMEOUT', retryable: true });
  await clock.advanceAsync('5s');
  await refused;
  assert.equal(await queue.getJob('nope'), undefined);
  assert.equal(await job.getState(), 'waiting');
});

test('finished jobs are retained for a while and then unknown', async () => {
  queue.process(({ data }) => data);
  const jobs = await Promise.all(Array.from({ length: 1_010 }, (_, index) => queue.add('j', index)));
  await Promise.all(jobs.map((job) => job.result()));
  assert.equal((await queue.getJobCounts()).completed, 1_000);
  await clock.advanceAsync('61m');
  assert.equal((await queue.getJobCounts()).completed, 0);
  await assert.rejects(jobs[1_009].result(), { code: 'ERR_NOT_FOUND' });
  assert.equal(await jobs[1_009].getState(), 'unknown');
  assert.equal((await store.stats()).queues.q.bytes, 0);
});

test('events come in order, with a seq without gaps, from whichever thread', async () => {
  const seen = [];
  for (const event of ['added', 'waiting', 'delayed', 'active', 'completed', 'retrying', 'failed', 'drained']) {
    queue.on(event, (payload) => seen.push([event, payload]));
  }
  queue.process(({ data, attempt }) => {
    if (data === 'flaky' && attempt === 1) throw new Error('once');
    return 'done';
  });
  const job = await queue.add('j', 'flaky', { backoff: { type: 'fixed', delay: '1s' } });
  const done = new Promise((resolve) => queue.once('completed', resolve));
  await clock.advanceAsync('2s');
  await done;
  const names = seen.map(([event]) => event);
  assert.deepEqual(names, [
    ...['added', 'waiting', 'active', 'drained', 'retrying', 'delayed'],
    ...['waiting', 'active', 'drained', 'completed'],
  ]);
  const seqs = seen.map(([, payload]) => payload.seq);
  assert.deepEqual(
    seqs,
    seqs.map((_, index) => seqs[0] + index),
  );
  assert.ok(seen.every(([event, payload]) => event === 'drained' || payload.jobId === job.id));
  assert.deepEqual(seen.at(-1)[1].result, 'done');
  assert.equal(seen[4][1].error, 'once');
});

test('a listener that throws neither stops the worker nor hides the event from the others', async () => {
  const thrown = [];
  const original = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => thrown.push(error.message));
  const worker = queue.process(() => 'ok');
  const heard = [];
  worker.on('completed', () => {
    throw new Error('listener of the worker');
  });
  queue.on('completed', () => {
    throw new Error('listener of the queue');
  });
  queue.on('completed', ({ result }) => heard.push(result));
  for (let index = 0; index < 3; index++) await (await queue.add('j', index)).result();
  while (heard.length < 3 || thrown.length < 6) await new Promise((resolve) => setImmediate(resolve));
  process.removeAllListeners('uncaughtException');
  for (const listener of original) process.on('uncaughtException', listener);
  assert.deepEqual(heard, ['ok', 'ok', 'ok']);
});

test('a worker tells what it does', async () => {
  const told = [];
  const worker = queue.process(
    ({ data, attempt }) => {
      if (data === 'bad' || attempt === 1) throw new Error(data);
      return 5;
    },
    { concurrency: 1 },
  );
  for (const event of ['active', 'completed', 'failed', 'retrying']) {
    worker.on(event, (job, detail) => told.push([event, job.data, detail?.message ?? detail]));
  }
  await queue.add('j', 'good', { attempts: 2, backoff: { type: 'fixed', delay: '1s' } });
  await queue.add('j', 'bad', { attempts: 1 });
  await clock.advanceAsync('2s');
  assert.deepEqual(told, [
    ['active', 'good', undefined],
    ['retrying', 'good', 'good'],
    ['active', 'bad', undefined],
    ['failed', 'bad', 'bad'],
    ['active', 'good', undefined],
    ['completed', 'good', 5],
  ]);
});

test('close() takes no more jobs and waits for the running ones', async () => {
  let finish;
  const gate = new Promise((resolve) => (finish = resolve));
  const worker = queue.process(() => gate.then(() => 'finished'));
  const started = once(worker, 'active');
  const [first, second] = [await queue.add('j', 1), await queue.add('j', 2)];
  await started;
  const closing = worker.close();
  assert.equal(worker.running, false);
  finish();
  await closing;
  assert.equal(await first.result(), 'finished');
  assert.equal(await second.getState(), 'waiting');
  await worker.close();
});

test('close() aborts what still runs after its timeout and releases it to the front, no attempt lost', async () => {
  const reasons = [];
  const worker = queue.process(async (job) => {
    await once(job.signal, 'abort');
    reasons.push(job.signal.reason.code);
    return 'too late';
  });
  const started = once(worker, 'active');
  const stuck = await queue.add('j', 'stuck');
  await queue.add('j', 'behind');
  await started;
  await worker.close({ timeout: 1 });
  assert.equal(await stuck.getState(), 'waiting');
  const order = [];
  queue.process(({ data, attempt }) => order.push([data, attempt]));
  await clock.advanceAsync(1);
  assert.deepEqual(order, [
    ['stuck', 1],
    ['behind', 1],
  ]);
  assert.deepEqual(reasons, ['ERR_CLOSED']);
});

test('two workers share the jobs, and a job waits for the one that is free', async () => {
  const ran = { a: 0, b: 0 };
  let release;
  const gate = new Promise((resolve) => (release = resolve));
  queue.process(async () => {
    ran.a += 1;
    await gate;
  });
  queue.process(() => {
    ran.b += 1;
  });
  const jobs = await Promise.all(Array.from({ length: 10 }, () => queue.add('j', 1)));
  while (ran.b < 9) await new Promise((resolve) => setImmediate(resolve));
  release();
  await Promise.all(jobs.map((job) => job.result()));
  assert.deepEqual(ran, { a: 1, b: 9 });
});

test('data is JSON, and bounded [QueueOptions.maxDataSize]', async () => {
  await assert.rejects(queue.add('j', { big: 1n }), { code: 'ERR_INVALID_ARG', message: /job data/ });
  const cycle = {};
  cycle.self = cycle;
  await assert.rejects(queue.add('j', cycle), { code: 'ERR_INVALID_ARG' });
  const small = store.queue('small', { maxDataSize: '1kb' });
  await assert.rejects(small.add('j', 'x'.repeat(2_000)), { code: 'ERR_TOO_LARGE', message: /maxDataSize/ });
  assert.equal((await small.getJobCounts()).waiting, 0);
  small.process(() => 'y'.repeat(2_000));
  const job = await small.add('j', 1, { attempts: 1 });
  await assert.rejects(job.result(), { code: 'ERR_JOB_FAILED', message: /maxDataSize/ });
  const text = 'naïve €uro 🎉';
  const echo = store.queue('echo');
  echo.process(({ data }) => data);
  assert.deepEqual(await (await echo.add('j', { text, list: [null, 1.5, true] })).result(), {
    text,
    list: [null, 1.5, true],
  });
  assert.equal(await (await echo.add('j')).result(), null);
});

test('bad arguments are refused with what is allowed', async () => {
  for (const name of ['', undefined, 5, 'x'.repeat(300)]) {
    await assert.rejects(queue.add(name, 1), { code: 'ERR_INVALID_ARG', message: /name/ });
  }
  for (const options of [
    { delay: -1 },
    { attempts: 0 },
    { jobId: '' },
    { backoff: { type: 'linear', delay: 1 } },
    { dely: 1 },
  ]) {
    await assert.rejects(queue.add('j', 1, options), { code: 'ERR_INVALID_ARG' }, JSON.stringify(options));
  }
  for (const options of [{ concurrency: 0 }, { leaseDuration: 10 }, { concurency: 2 }]) {
    assert.throws(() => queue.process(() => {}, options), { code: 'ERR_INVALID_ARG' }, JSON.stringify(options));
  }
  assert.throws(() => queue.process('handler'), { code: 'ERR_INVALID_ARG' });
  assert.throws(() => queue.on('complete', () => {}), { code: 'ERR_INVALID_ARG', message: /completed/ });
});

test('handlers run in the context in which process() was called, and callers keep theirs', async () => {
  const context = new AsyncLocalStorage();
  const seen = [];
  context.run('process', () => queue.process(() => seen.push(context.getStore())));
  await context.run('add', async () => {
    const job = await queue.add('j', 1);
    await job.result();
    assert.equal(context.getStore(), 'add');
  });
  assert.deepEqual(seen, ['process']);
});

test('a job that a closing worker was told of goes to another at once', async () => {
  let finish;
  const gate = new Promise((resolve) => (finish = resolve));
  const closing = queue.process(() => gate, { concurrency: 2 });
  const started = once(closing, 'active');
  await queue.add('j', 'long');
  await started;
  const ran = new Promise((resolve) => queue.process(({ data }) => resolve(data)));
  await new Promise((resolve) => setImmediate(resolve));
  const next = queue.add('j', 'next');
  const closed = closing.close();
  await next;
  assert.equal(await ran, 'next');
  finish();
  await closed;
});

test('a store that is closing takes no more workers, and ends although one was tried', async () => {
  const closing = open('memory:');
  const late = closing.queue('late');
  const closed = closing.close();
  assert.throws(() => late.process(() => {}), { code: 'ERR_CLOSED' });
  assert.throws(() => late.on('completed', () => {}), { code: 'ERR_CLOSED' });
  assert.deepEqual(await closed, { dropped: {} });
});

test('a job that runs while its store closes may still use it', async () => {
  const closing = open('memory:');
  const jobs = closing.queue('jobs');
  let finish;
  const gate = new Promise((resolve) => {
    finish = resolve;
  });
  const worker = jobs.process(async () => {
    await gate;
    closing.cache('c', { ttl: null }).setSync('k', 1);
    await jobs.add('follow-up', {});
    return 'done';
  });
  const started = once(worker, 'active');
  const job = await jobs.add('j', 1);
  const result = job.result();
  await started;
  const closed = closing.close();
  finish();
  assert.equal(await result, 'done');
  assert.deepEqual(await closed, { dropped: { jobs: 1 } });
});

test('advanceAsync runs what is due already before it moves, and two of them take turns', async () => {
  const tries = [];
  queue.process(() => {
    tries.push(clock.nowMs - start);
    throw new Error('no');
  });
  await new Promise((resolve) => setImmediate(resolve));
  const start = clock.nowMs;
  await queue.add('j', 1, { attempts: 3, backoff: { type: 'fixed', delay: '1s' } });
  await Promise.all([clock.advanceAsync('500ms'), clock.advanceAsync('10s')]);
  assert.deepEqual(tries, [0, 1_000, 2_000]);
  assert.equal(clock.nowMs - start, 10_500);
});

test('a delay of 0 is none', async () => {
  const job = await queue.add('j', 1, { delay: 0 });
  assert.equal(await job.getState(), 'waiting');
});

test('a listener that lets 16 MiB of events wait is told how many it missed, and nothing grows without bound', async () => {
  const heard = [];
  queue.on('progress', ({ seq, progress }) => heard.push({ seq, bytes: progress.length }));
  const lagged = new Promise((resolve) => queue.once('lagged', resolve));
  // All of it is told before this thread turns to its events.
  queue.process((job) => {
    for (let part = 0; part < 100; part++) job.updateProgress('x'.repeat(500_000));
  });
  const job = await queue.add('j', 1);
  const { seq, missed } = await lagged;
  const bytes = heard.reduce((sum, event) => sum + event.bytes, 0);
  assert.ok(
    bytes > 8 * 1024 ** 2 && bytes < 16 * 1024 ** 2 + 500_000,
    `${bytes} bytes: the bound and at most one event`,
  );
  assert.equal(seq - heard.at(-1).seq, missed, 'none is unaccounted for');
  await job.result();
});
