'use strict';
// queue.process(module): the handler in worker threads of its own.
const assert = require('node:assert/strict');
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { after, describe, it } = require('node:test');
const { pathToFileURL } = require('node:url');
const { BroadcastChannel, Worker: NodeWorker, threadId } = require('node:worker_threads');
const { RedstartError, manualClock, open } = require('redstart');
const { endsByItself, report, run } = require('./support/child.js');

const fixture = (name) => path.join(__dirname, 'support', 'queue', name);
const WORK = fixture('work.mjs');
const folder = mkdtempSync(path.join(tmpdir(), 'redstart-queue-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Far above what it takes. */
const ENDS_WITHIN_MS = 20_000;
const RETRY_AT_ONCE = { backoff: { type: 'fixed', delay: 1 } };

/** A queue of a private store, and its worker of threads; the store is closed with the test. */
function start(t, options, { module = WORK, clock } = {}) {
  const store = open('memory:', clock === undefined ? {} : { clock });
  t.after(() => store.close({ timeout: 1 }));
  const queue = store.queue('mail');
  return { store, queue, worker: queue.process(module, options) };
}

/** The next `count` times that it happens, as lists of what the listeners were given. */
function times(emitter, event, count) {
  return new Promise((resolve) => {
    const heard = [];
    const listener = (...args) => {
      heard.push(args);
      if (heard.length < count) return;
      emitter.off(event, listener);
      resolve(heard);
    };
    emitter.on(event, listener);
  });
}

const next = async (emitter, event) => (await times(emitter, event, 1))[0];

/** How a test talks with handlers that hold their job. */
function channel(t) {
  const name = `redstart-test-${Math.random()}`;
  const talk = new BroadcastChannel(name);
  t.after(() => talk.close());
  const heard = [];
  let hear = () => {};
  talk.onmessage = ({ data }) => {
    heard.push(data);
    hear();
  };
  return {
    name,
    release: () => talk.postMessage('release'),
    /** That as many handlers have said so, from the start of the test. */
    until: (said, count = 1) =>
      new Promise((resolve) => {
        hear = () => heard.filter((one) => one === said).length >= count && resolve();
        hear();
      }),
  };
}

/** Longer than a thread takes to start and to take a job that it may take. */
async function whileOthersWork(t) {
  const { queue } = start(t, { threads: 2 });
  for (let job = 0; job < 10; job++) await runJob(queue, 'compute', 10);
}

/** The imports of tells-import.mjs. */
function imports(t) {
  const imported = new BroadcastChannel('redstart-test-imported');
  t.after(() => imported.close());
  let seen = 0;
  return (count) =>
    new Promise((resolve) => {
      imported.onmessage = () => {
        seen += 1;
        if (seen === count) resolve();
      };
    });
}

async function settled(queue, state, count) {
  for (;;) {
    const counts = await queue.getJobCounts();
    if (counts[state] === count) return counts;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const runJob = async (queue, name, data, options) => (await queue.add(name, data, options)).result();

describe('a worker with a module', () => {
  it('runs as many jobs at once as it has threads, none in this one [WorkerOptions.threads]', async (t) => {
    const { queue } = start(t, { threads: 2 });
    const talk = channel(t);
    const jobs = await Promise.all([1, 2, 3].map(() => queue.add('hold', { channel: talk.name })));
    await talk.until('held', 2);
    const { active: running, waiting } = await queue.getJobCounts();
    assert.deepEqual({ running, waiting }, { running: 2, waiting: 1 });

    talk.release();
    const first = await Promise.all(jobs.slice(0, 2).map((job) => job.result()));
    assert.equal(new Set([threadId, ...first]).size, 3);
    await talk.until('held', 3);
    talk.release();
    assert.ok(first.includes(await jobs[2].result()));
  });

  it('hands the other options to the worker in each thread', async (t) => {
    const { queue } = start(t, { concurrency: 2 });
    const talk = channel(t);
    const jobs = await Promise.all([1, 2].map(() => queue.add('hold', { channel: talk.name })));
    await talk.until('held', 2);
    talk.release();
    const [one, other] = await Promise.all(jobs.map((job) => job.result()));
    assert.equal(one, other);
  });

  it('takes ES modules, CommonJS and what compilers make of modules, by URL, by its text and by path', async (t) => {
    const { store } = start(t, {});
    const expected = { 'work.cjs': 'job in CommonJS', 'transpiled.cjs': 'job transpiled' };
    for (const [name, result] of Object.entries(expected)) {
      const url = pathToFileURL(fixture(name));
      for (const module of [url, url.href, fixture(name)]) {
        const queue = store.queue(`${name} ${module === url} ${module}`);
        queue.process(module);
        assert.equal(await runJob(queue, 'job', null), result);
      }
    }
    const queue = store.queue('esm');
    queue.process(pathToFileURL(WORK));
    assert.notEqual(await runJob(queue, 'tell', null), threadId);
  });

  it('inherits environment variables', async (t) => {
    process.env.REDSTART_TEST_INHERITED = 'seen';
    t.after(() => delete process.env.REDSTART_TEST_INHERITED);
    const { queue } = start(t, {});
    assert.equal(await runJob(queue, 'env', 'REDSTART_TEST_INHERITED'), 'seen');
  });

  it('falls due, retries and settles by a clock that this thread moves', async (t) => {
    const clock = manualClock();
    const { queue, worker } = start(t, {}, { clock });
    assert.equal(typeof (await runJob(queue, 'tell', null)), 'number');
    const late = await queue.add('fail', null, { delay: '1h', attempts: 2, backoff: { type: 'fixed', delay: '1h' } });
    const retrying = next(worker, 'retrying');
    await clock.advanceAsync('1h');
    assert.equal((await retrying)[0].attempt, 1);
    assert.equal(await late.getState(), 'delayed');
    await clock.advanceAsync('1h');
    assert.equal(await late.getState(), 'failed');
  });

  it('works in a thread, whose threads are then its own', async () => {
    const outer = new NodeWorker(fixture('nested.js'));
    // Its last message and its end may come at once.
    const exit = new Promise((resolve) => outer.on('exit', resolve));
    const said = await new Promise((resolve, reject) => {
      outer.on('message', resolve).on('error', reject);
    });
    assert.equal(new Set([threadId, said.threadId, said.ranIn]).size, 3);
    assert.equal(await exit, 0);
  });

  it('gives its handlers the whole job: progress, log and snooze', async (t) => {
    const { queue } = start(t, {});
    const tracked = await queue.add('keepTrack', null);
    assert.deepEqual(await tracked.result(), { done: 1, of: 2 });
    assert.deepEqual((await queue.getJob(tracked.id)).progress, { done: 1, of: 2 });
    assert.deepEqual(await queue.getJobLogs(tracked.id), ['half of it', 'all of it']);

    const snoozed = await queue.add('snoozeOnce', path.join(folder, 'snoozed'));
    assert.equal(await snoozed.result(), 1);
    assert.equal((await queue.getJob(snoozed.id)).attemptsMade, 1);
  });

  it('aborts the signal of a job that is cancelled, and it has failed however its handler ends', async (t) => {
    const { queue, worker } = start(t, {});
    const talk = channel(t);
    const failed = next(worker, 'failed');
    const job = await queue.add('hold', { channel: talk.name });
    await talk.until('held');
    assert.ok(await job.cancel('not wanted'));
    await talk.until('ERR_JOB_CANCELLED');
    const [cancelled, error] = await failed;
    assert.equal(cancelled.id, job.id);
    assert.ok(RedstartError.is(error, 'ERR_JOB_CANCELLED'));
    const { failedReason, finishKind } = await queue.getJob(job.id);
    assert.deepEqual({ failedReason, finishKind }, { failedReason: 'not wanted', finishKind: 'cancelled' });
  });

  it('aborts the signal of a job that lasts too long, and goes on with the next', async (t) => {
    const { queue, worker } = start(t, {});
    const talk = channel(t);
    const lost = next(worker, 'lease-lost');
    const job = await queue.add('hold', { channel: talk.name }, { timeout: '50ms', attempts: 1 });
    await talk.until('ERR_JOB_TIMEOUT');
    assert.equal((await lost)[0].id, job.id);
    await assert.rejects(job.result(), { code: 'ERR_JOB_FAILED', finishKind: 'timeout' });
    assert.equal(typeof (await runJob(queue, 'tell', null)), 'number');
  });

  it('holds up the main loop at most a fifth as long as a function that computes', async () => {
    const { inFunction, inThreads } = await report('queue/loop-delay.js');
    assert.ok(
      inThreads * 5 <= inFunction,
      `99th percentile: ${inThreads} ms in threads, ${inFunction} ms in a function`,
    );
  });
});

describe('events of a worker with a module', () => {
  it('carry the job, its attempt and its result, and the job can be asked', async (t) => {
    const { queue, worker } = start(t, {});
    const active = next(worker, 'active');
    const completed = next(worker, 'completed');
    const added = await queue.add('tell', { deep: ['data'] });
    const [begun] = await active;
    assert.deepEqual(
      { id: begun.id, name: begun.name, data: begun.data, attempt: begun.attempt, signal: begun.signal },
      { id: added.id, name: 'tell', data: { deep: ['data'] }, attempt: 1, signal: undefined },
    );
    const [job, result] = await completed;
    assert.equal(job.id, added.id);
    assert.equal(result, await job.result());
    assert.equal(await job.getState(), 'completed');
  });

  it('carry errors with name, message, stack and code', async (t) => {
    const { queue, worker } = start(t, {});
    const retrying = next(worker, 'retrying');
    const failed = next(worker, 'failed');
    await queue.add('fail', null, { attempts: 2, ...RETRY_AT_ONCE });
    for (const [attempt, [job, error]] of [await retrying, await failed].entries()) {
      assert.equal(job.attempt, attempt + 1);
      assert.ok(error instanceof Error);
      const { name, message, code } = error;
      assert.deepEqual({ name, message, code }, { name: 'TypeError', message: 'no such address', code: 'E_ADDRESS' });
      assert.match(error.stack, /work\.mjs/);
    }
  });

  it('come whatever a handler does to its job and returns', async (t) => {
    const { queue, worker } = start(t, {});
    const completed = next(worker, 'completed');
    assert.equal(await runJob(queue, 'scribble', { text: 'clean' }), 'as JSON');
    const [job, result] = await completed;
    assert.deepEqual(
      { name: job.name, data: job.data, result },
      { name: 'scribble', data: undefined, result: 'as JSON' },
    );
  });

  it('come after removeAllListeners() to those that listen then', async (t) => {
    const { queue, worker } = start(t, {});
    worker.on('active', () => assert.fail('removed'));
    worker.removeAllListeners();
    const completed = next(worker, 'completed');
    const job = await queue.add('tell', null);
    assert.equal((await completed)[0].id, job.id);
  });

  it('have the names of any worker', (t) => {
    const { worker } = start(t, {});
    assert.throws(() => worker.on('complete', () => {}), /did you mean 'completed'/);
  });

  it("tell a job that timed out as 'lease-lost' and 'failed', as it is after its attempt", async (t) => {
    const { queue, worker } = start(t, {});
    const told = Promise.all([next(worker, 'lease-lost'), next(worker, 'failed')]);
    const talk = channel(t);
    const job = await queue.add('hold', { channel: talk.name }, { timeout: '50ms', attempts: 1 });
    const [[lost], [failed, error]] = await told;
    assert.deepEqual([lost.id, failed.id, failed.attemptsMade, failed.finishKind], [job.id, job.id, 1, 'timeout']);
    assert.ok(RedstartError.is(error, 'ERR_JOB_TIMEOUT'));
  });

  it('come from when there is a listener until there is none', async (t) => {
    const { queue, worker } = start(t, {});
    await runJob(queue, 'tell', null);
    // Its end may be told here before its thread says so.
    await whileOthersWork(t);
    const seen = [];
    const listener = (job) => seen.push(job.data);
    worker.on('active', listener).once('completed', listener);
    const heard = next(worker, 'completed');
    await queue.add('tell', 1);
    await heard;
    worker.off('active', listener);
    await runJob(queue, 'tell', 2);
    // Behind whatever else was sent.
    const last = next(worker, 'completed');
    await queue.add('tell', 3);
    await last;
    assert.deepEqual(seen, [1, 1]);
  });
});

describe('a listener that throws', () => {
  it("is told as 'error', and neither the job nor the other listeners know of it", async (t) => {
    const { queue, worker } = start(t, {});
    const told = next(worker, 'error');
    worker.on('completed', () => {
      throw new Error('a listener');
    });
    const completed = next(worker, 'completed');
    const job = await queue.add('tell', null);
    assert.equal((await told)[0].message, 'a listener');
    assert.equal((await completed)[0].id, job.id);
    assert.equal(await job.getState(), 'completed');
    assert.ok(worker.running);
  });
});

describe('a thread that crashes', () => {
  for (const [how, why] of [
    ['exitOnce', /ended with code 1/],
    ['throwOnce', /^out of hand$/],
  ]) {
    it(`gives its job to another and is replaced, and why is told (${how})`, async (t) => {
      const { queue, worker } = start(t, { threads: 2 });
      const told = next(worker, 'error');
      const stalled = next(queue, 'stalled');
      const job = await queue.add(how, path.join(folder, how));
      assert.equal((await stalled)[0].jobId, job.id);
      const ranIn = await job.result();

      const talk = channel(t);
      const held = await Promise.all([1, 2].map(() => queue.add('hold', { channel: talk.name })));
      await talk.until('held', 2);
      talk.release();
      const [one, other] = await Promise.all(held.map((job) => job.result()));
      assert.notEqual(one, other);
      assert.ok(ranIn === one || ranIn === other);
      assert.ok(worker.running);
      const [error] = await told;
      assert.ok(RedstartError.is(error, 'ERR_INVALID_STATE'));
      assert.match(error.message, /queue 'mail' crashed/);
      assert.match(error.cause.message, why);
      if (how === 'throwOnce') assert.match(error.cause.stack, /work\.mjs/);
    });
  }

  it("is a warning with its reason where nobody listens to 'error'", async (t) => {
    const { queue } = start(t, {});
    const warned = next(process, 'warning');
    await runJob(queue, 'throwOnce', path.join(folder, 'warned'));
    const [warning] = await warned;
    assert.equal(warning.code, 'REDSTART_THREAD_CRASHED');
    assert.match(warning.message, /queue 'mail' crashed.*out of hand/);
    assert.match(warning.detail, /work\.mjs/);
  });

  it('for lack of memory takes neither the process nor the job with it', async () => {
    const seen = await report('queue/out-of-memory.js', { node: ['--max-old-space-size=40'] });
    assert.deepEqual(seen, { stalls: 1, ran: true, running: true });
  });

  it("five times in a row: 'error' with the last cause, and the worker closes", async (t) => {
    const { queue, worker } = start(t, { threads: 2, maxStalledCount: 100 });
    let begun = 0;
    worker.on('active', () => {
      begun += 1;
    });
    const told = times(worker, 'error', 5);
    const job = await queue.add('throw', null);
    const [error] = (await told).at(-1);
    assert.ok(RedstartError.is(error, 'ERR_INVALID_STATE'));
    assert.match(error.message, /5 times in a row.*out of hand.*work\.mjs/);
    assert.equal(error.cause.message, 'out of hand');
    assert.deepEqual({ begun, running: worker.running }, { begun: 5, running: false });
    await worker.close();
    assert.equal(await job.getState(), 'waiting');
  });

  it('goes on being replaced while jobs are finished in between', async (t) => {
    const { queue, worker } = start(t, { maxStalledCount: 0 });
    const threads = new Set();
    worker.on('error', () => {});
    for (let round = 0; round < 6; round++) {
      await assert.rejects(runJob(queue, 'exit', null), { code: 'ERR_JOB_FAILED', finishKind: 'stalled' });
      threads.add(await runJob(queue, 'tell', null));
    }
    assert.equal(threads.size, 6);
    assert.ok(worker.running);
  });

  it('takes the job with it once too often: it has failed then [WorkerOptions.maxStalledCount]', async (t) => {
    const { queue, worker } = start(t, { maxStalledCount: 2 });
    let begun = 0;
    worker.on('active', () => {
      begun += 1;
    });
    await assert.rejects(runJob(queue, 'exit', null), { code: 'ERR_JOB_FAILED', finishKind: 'stalled' });
    // Behind whatever else was sent.
    const last = next(worker, 'completed');
    await queue.add('tell', null);
    await last;
    assert.equal(begun, 3 + 1);
  });

  it('is one too whose loop has not turned for so long [WorkerOptions.stallAfter]', async (t) => {
    const { queue } = start(t, { stallAfter: '1s', maxStalledCount: 0 });
    const talk = channel(t);
    const job = await queue.add('computeForEver', { channel: talk.name });
    await talk.until('held');
    await assert.rejects(job.result({ timeout: '10s' }), { code: 'ERR_JOB_FAILED', finishKind: 'stalled' });
  });

  it('leaves the end of the store as it is: what is dropped is told', async (t) => {
    const { store, queue, worker } = start(t, { maxStalledCount: 0 });
    await assert.rejects(runJob(queue, 'exit', null));
    await runJob(queue, 'tell', null);
    await worker.close();
    await queue.add('tell', null);
    assert.deepEqual(await store.close(), { dropped: { mail: 1 } });
  });
});

describe('a thread that hangs', () => {
  it('after its job has timed out is replaced, and the next job runs within a moment', async (t) => {
    const { queue, worker } = start(t, { threads: 1 });
    const told = next(worker, 'error');
    for (let round = 0; round < 2; round++) {
      const talk = channel(t);
      const hangs = await queue.add('computeForEver', { channel: talk.name }, { timeout: '100ms', attempts: 1 });
      await talk.until('held');
      await assert.rejects(hangs.result(), { finishKind: 'timeout' });
      const since = performance.now();
      assert.equal(typeof (await runJob(queue, 'tell', null)), 'number');
      assert.ok(performance.now() - since < 2_500, `after ${performance.now() - since} ms`);
    }
    const [error] = await told;
    assert.match(error.message, /queue 'mail' was replaced.*did not turn for 1 s/);
    assert.ok(worker.running);
  });

  it('after its job has stalled is replaced too, with a warning where nobody listens', async (t) => {
    const { queue } = start(t, { stallAfter: '1s', maxStalledCount: 0 });
    const talk = channel(t);
    const warned = next(process, 'warning');
    const hangs = await queue.add('computeForEver', { channel: talk.name });
    await assert.rejects(hangs.result(), { finishKind: 'stalled' });
    assert.equal(typeof (await runJob(queue, 'tell', null)), 'number');
    assert.equal((await warned)[0].code, 'REDSTART_THREAD_REPLACED');
  });

  it('more often than threads may crash leaves the worker as it is', async (t) => {
    const { queue, worker } = start(t, { threads: 6 });
    const talk = channel(t);
    const told = times(worker, 'error', 6);
    const data = { channel: talk.name };
    await queue.addBulk(
      Array.from({ length: 6 }, () => ({ name: 'computeForEver', data, opts: { timeout: '1s', attempts: 1 } })),
    );
    for (const [error] of await told) assert.match(error.message, /was replaced/);
    assert.equal(typeof (await runJob(queue, 'tell', null)), 'number');
    assert.ok(worker.running);
  });

  it('is one whose loop does not turn: one that only waits goes on', async (t) => {
    const { queue, worker } = start(t, { concurrency: 2 });
    worker.on('error', assert.ifError);
    const talk = channel(t);
    const stays = await queue.add('hold', { channel: talk.name });
    await talk.until('held');
    const lost = next(worker, 'lease-lost');
    await queue.add('waitForEver', null, { timeout: '50ms', attempts: 1 });
    await lost;
    const before = await runJob(queue, 'tell', null);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    talk.release();
    assert.equal(await stays.result(), before);
  });
});

describe('recycleAfter', () => {
  it('with many jobs at once runs no more of them in a thread either', async (t) => {
    const { queue } = start(t, { recycleAfter: 2, concurrency: 10 });
    const jobs = await queue.addBulk(Array.from({ length: 6 }, () => ({ name: 'tell', data: null })));
    const ran = await Promise.all(jobs.map((job) => job.result()));
    for (const id of ran) assert.ok(ran.filter((other) => other === id).length <= 2, `threads of the jobs: ${ran}`);
  });

  it('a job that never ends keeps its own place alone: the next thread takes jobs in the others', async (t) => {
    const { queue } = start(t, { recycleAfter: 2, concurrency: 2 });
    const talk = channel(t);
    const stays = await queue.add('hold', { channel: talk.name });
    await talk.until('held');
    const others = [];
    for (let job = 0; job < 4; job++) others.push(await runJob(queue, 'tell', null));
    assert.equal((await queue.getJobCounts()).active, 1);
    talk.release();
    assert.equal(await stays.result(), others[0]);
    assert.deepEqual([others[1] === others[0], others[2] === others[1], others[3] === others[2]], [false, true, false]);
  });

  it('ends a thread after so many jobs, and another goes on [WorkerOptions.recycleAfter]', async (t) => {
    const { queue } = start(t, { recycleAfter: 2 });
    const jobs = await Promise.all(Array.from({ length: 6 }, () => queue.add('tell', null)));
    const ran = await Promise.all(jobs.map((job) => job.result()));
    assert.deepEqual(
      ran.map((id) => ran.indexOf(id)),
      [0, 0, 2, 2, 4, 4],
    );
  });

  it('a place has three threads that wait for their last jobs at most', async (t) => {
    const { queue } = start(t, { recycleAfter: 1, concurrency: 10 });
    const talk = channel(t);
    const data = { channel: talk.name };
    const jobs = await queue.addBulk(Array.from({ length: 4 }, () => ({ name: 'hold', data })));
    await talk.until('held', 3);
    await whileOthersWork(t);
    assert.equal((await queue.getJobCounts()).active, 3);
    talk.release();
    await talk.until('held', 4);
    talk.release();
    const ran = await Promise.all(jobs.map((job) => job.result()));
    assert.equal(new Set(ran).size, 4);
  });

  it('starts the next thread while the last job runs, which takes none before it has ended', async (t) => {
    const twice = imports(t)(2);
    const { queue } = start(t, { recycleAfter: 1 }, { module: fixture('tells-import.mjs') });
    const talk = channel(t);
    const held = await queue.add('hold', { channel: talk.name });
    await talk.until('held');
    const job = await queue.add('tell', null);
    await twice;
    await whileOthersWork(t);
    assert.equal(await job.getState(), 'waiting');
    talk.release();
    assert.notEqual(await job.result(), await held.result());
  });

  it('goes on when the thread that was to follow is paused with the rest', async (t) => {
    const { queue, worker } = start(t, { recycleAfter: 1 });
    await runJob(queue, 'tell', null);
    worker.pause();
    const job = await queue.add('tell', null);
    worker.resume();
    assert.equal(typeof (await job.result()), 'number');
  });
});

describe('pause, resume and run', () => {
  it('pause() holds after the running job, even where jobs only compute; resume() goes on', async (t) => {
    const { queue, worker } = start(t, {});
    const begun = next(worker, 'active');
    const jobs = await Promise.all(Array.from({ length: 5 }, () => queue.add('compute', 100)));
    await begun;
    worker.pause();
    assert.ok(worker.paused);
    const { waiting } = await settled(queue, 'active', 0);
    assert.equal(waiting, 4);
    worker.resume();
    assert.ok(!worker.paused);
    await Promise.all(jobs.map((job) => job.result()));
  });

  it('a thread that starts while the worker is paused takes nothing', async (t) => {
    const twice = imports(t)(2);
    const { queue, worker } = start(t, { maxStalledCount: 0 }, { module: fixture('tells-import.mjs') });
    const talk = channel(t);
    const crash = await queue.add('exitWhenTold', { channel: talk.name });
    await talk.until('held');
    worker.pause();
    const waiting = await queue.add('tell', null);
    talk.release();
    await assert.rejects(crash.result());
    await twice;
    await whileOthersWork(t);
    assert.equal(await waiting.getState(), 'waiting');
    worker.resume();
    assert.equal(typeof (await waiting.result()), 'number');
  });

  it('autorun: false takes no job before run() [WorkerOptions.autorun]', async (t) => {
    const { queue, worker } = start(t, { autorun: false, threads: 2 });
    const job = await queue.add('tell', null);
    await whileOthersWork(t);
    assert.equal(await job.getState(), 'waiting');
    worker.run();
    assert.equal(typeof (await job.result()), 'number');
  });
});

describe('close()', () => {
  it('waits for the running job and takes no other', async (t) => {
    const { queue, worker } = start(t, {});
    const talk = channel(t);
    const held = await queue.add('hold', { channel: talk.name });
    const waiting = await queue.add('tell', null);
    await talk.until('held');
    const closed = worker.close();
    assert.equal(worker.running, false);
    talk.release();
    await closed;
    assert.equal(await held.getState(), 'completed');
    assert.equal(await waiting.getState(), 'waiting');
    await worker.close();
  });

  for (const [what, name] of [
    ['awaits', 'hold'],
    ['computes', 'computeForEver'],
  ]) {
    it(`gives a job that ${what} past the timeout back to the front, no attempt and no stall counted`, async (t) => {
      const { queue, worker } = start(t, { maxStalledCount: 0 });
      const talk = channel(t);
      const stalls = [];
      queue.on('stalled', (payload) => stalls.push(payload));
      const first = await queue.add(name, { channel: talk.name });
      await queue.add('second', null);
      await talk.until('held');
      await worker.close({ timeout: 1 });
      if (name === 'hold') await talk.until('ERR_CLOSED');

      const ran = [];
      queue.process((job) => {
        ran.push([job.id === first.id, job.attempt]);
      });
      await first.result();
      await settled(queue, 'completed', 2);
      assert.deepEqual(ran, [
        [true, 1],
        [false, 1],
      ]);
      assert.deepEqual(stalls, []);
    });
  }

  it('with less patience than one under way has ends it sooner', async (t) => {
    for (const name of ['hold', 'computeForEver']) {
      const { store, queue, worker } = start(t, {});
      const talk = channel(t);
      await queue.add(name, { channel: talk.name });
      await talk.until('held');
      const closed = worker.close({ timeout: '1h' });
      await (name === 'hold' ? worker.close({ timeout: 0 }) : store.close({ timeout: 0 }));
      await closed;
    }
  });

  it('ends threads that are still starting, and comes with that of the store', async (t) => {
    const { store, worker } = start(t, { threads: 2 });
    await store.close();
    assert.equal(worker.running, false);
    const { worker: other } = start(t, {});
    await other[Symbol.asyncDispose]();
    assert.equal(other.running, false);
  });

  it('leaves nothing that keeps the process; what threads print is printed', async () => {
    const lines = await endsByItself([fixture('ends.js'), 'close'], { timeoutMs: ENDS_WITHIN_MS });
    assert.deepEqual(lines, ['said in a thread', 'ended closed']);
  });

  it('is not needed after unref(): the process ends by itself', async () => {
    const lines = await endsByItself([fixture('ends.js'), 'unref'], { timeoutMs: ENDS_WITHIN_MS });
    assert.deepEqual(lines, ['said in a thread', 'ended running']);
  });

  it('nor does a thread that took the place of another after unref() keep it', async () => {
    const lines = await endsByItself([fixture('ends.js'), 'replaced'], { timeoutMs: ENDS_WITHIN_MS });
    assert.deepEqual(lines, ['ended running']);
  });
});

describe('a module that cannot be run', () => {
  it('is refused at once when it is no file URL and no absolute path', (t) => {
    const { queue } = start(t, {});
    for (const module of [
      './work.mjs',
      'work',
      new URL('https://example.com/a.mjs'),
      'data:text/javascript,1',
      1,
      {},
      null,
    ]) {
      assert.throws(() => queue.process(module), { code: 'ERR_INVALID_ARG', message: /file URL.*absolute path/ });
    }
    assert.throws(() => queue.process('./work.mjs'), /path\.resolve/);
    assert.throws(() => queue.process('file://elsewhere/work.mjs'), { code: 'ERR_INVALID_ARG' });
  });

  it('and options that are unknown, out of bounds or functions are refused as well', (t) => {
    const { queue } = start(t, {});
    const refused = { threds: 'threads', recycleafter: 'recycleAfter' };
    for (const [name, meant] of Object.entries(refused)) {
      assert.throws(() => queue.process(WORK, { [name]: 1 }), { code: 'ERR_INVALID_ARG', message: new RegExp(meant) });
    }
    for (const options of [{ threads: 0 }, { threads: 65 }, { threads: 1.5 }, { recycleAfter: 0 }]) {
      assert.throws(() => queue.process(WORK, options), { code: 'ERR_INVALID_ARG' });
    }
    assert.throws(() => queue.process(WORK, { backoff: () => 1 }), /do not cross threads/);
  });

  it('nor do options pass that are read otherwise there: they are read once', async (t) => {
    const { store } = start(t, {});
    let reads = 0;
    const options = {
      get concurrency() {
        reads += 1;
        return reads;
      },
    };
    Object.defineProperty(options, 'leaseDuration', { value: 'not enumerable' });
    const queue = store.queue('read once');
    const worker = queue.process(WORK, options);
    worker.on('error', assert.ifError);
    assert.equal(typeof (await runJob(queue, 'tell', null)), 'number');
    assert.equal(reads, 1);
  });

  it("whose import never ends is an 'error' after 30 s, and after five threads the worker closes", async () => {
    const { told, message } = await report('queue/never-ready.js');
    assert.equal(told.length, 5);
    for (const [code, says] of told.slice(0, 4)) {
      assert.equal(code, 'ERR_TIMEOUT');
      assert.match(says, /not ready after 30 s.*never-ready\.mjs/);
    }
    assert.match(message, /5 times in a row.*this worker has closed/);
  });

  it("without a function as its default export is an 'error' at once", async (t) => {
    const { worker } = start(t, { threads: 3 }, { module: fixture('no-default.mjs') });
    const errors = [];
    worker.on('error', (error) => errors.push(error));
    await next(worker, 'error');
    await worker.close();
    assert.equal(errors.length, 1);
    assert.ok(RedstartError.is(errors[0], 'ERR_INVALID_ARG'));
    assert.match(errors[0].message, /no-default\.mjs must be the function.*export default/s);
  });

  it("or that throws, or is not there, is an 'error' after five threads, with what was thrown as its cause", async (t) => {
    const thrown = start(t, {}, { module: fixture('throws.mjs') });
    const missing = start(t, {}, { module: fixture('missing.mjs') });
    const [[one], [other]] = (
      await Promise.all([times(thrown.worker, 'error', 5), times(missing.worker, 'error', 5)])
    ).map((told) => told.at(-1));
    assert.deepEqual([one.cause.name, one.cause.message], ['RangeError', 'no database']);
    assert.equal(other.cause.code, 'ERR_MODULE_NOT_FOUND');
    assert.ok(!thrown.worker.running && !missing.worker.running);
  });

  it("ends the process where nobody listens to 'error'", async () => {
    const { code, stderr } = await run([fixture('unheard-error.js')]);
    assert.equal(code, 1);
    assert.match(stderr, /must be the function that runs a job/);
  });
});
