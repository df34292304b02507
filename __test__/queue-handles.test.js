'use strict';
// What a queue leaves behind: no memory, nothing open, and every caller in its own asynchronous context.
const assert = require('node:assert/strict');
const { AsyncLocalStorage } = require('node:async_hooks');
const { describe, it } = require('node:test');
const { manualClock, open } = require('redstart');
const { report } = require('./support/child.js');

const ROUNDS = 14;
/** Until all that is kept at most is kept. */
const WARM_UP = 4;
const PLATEAU = 5;
const PLATEAUS_MS = 180_000;
/** Over 50,000 jobs: 100 bytes a job. */
const GROWTH_BYTES_MAX = 5_000_000;

const median = (numbers) => numbers.toSorted((one, other) => one - other)[Math.floor(numbers.length / 2)];
const turn = () => new Promise((resolve) => setImmediate(resolve));

describe('a hundred thousand jobs, with results, events, progress, logs, retries and snoozes', () => {
  it('leave the memory in use as it is, and nothing open: the process ends by itself', async (t) => {
    const options = { args: [String(ROUNDS)], node: ['--expose-gc'], timeoutMs: PLATEAUS_MS };
    const { jobs, bytes, missing, heard, before, meanwhile, after } = await report('queue/plateaus.js', options);
    assert.ok(jobs >= 100_000);
    assert.deepEqual(missing, []);
    assert.deepEqual(heard, { completed: jobs, progress: jobs / 10, retrying: jobs / 10 });
    const first = median(bytes.slice(WARM_UP, WARM_UP + PLATEAU));
    const second = median(bytes.slice(WARM_UP + PLATEAU));
    const shown = bytes.map((each) => (each / 1e6).toFixed(1)).join(' ');
    t.diagnostic(`MB after each ${jobs / ROUNDS} jobs: ${shown}`);
    assert.ok(second - first < GROWTH_BYTES_MAX, `it grew from ${first} to ${second} bytes: ${shown}`);
    assert.ok(meanwhile.wakes > before.wakes, 'a worker is woken through a handle');
    assert.deepEqual(after, before);
  });
});

const here = new AsyncLocalStorage();

/** Calls `act` in a context of its own, and says in which its caller goes on, whether it came well or not. */
function contextAfter(act) {
  return here.run('mine', async () => {
    try {
      await act();
    } catch (error) {
      if (error.code === undefined) throw error;
    }
    return here.getStore();
  });
}

/** Methods by class, each with a call of it; `null`: nobody awaits it. */
const METHODS = {
  queue: {
    add: ({ queue }) => queue.add('job', 1),
    addBulk: ({ queue }) => queue.addBulk([{ name: 'job', data: 1 }]),
    addAndWait: ({ queue }) => queue.addAndWait('job', 1),
    getJob: ({ queue, job }) => queue.getJob(job.id),
    getJobs: ({ queue }) => queue.getJobs('completed'),
    getJobCounts: ({ queue }) => queue.getJobCounts(),
    getMetrics: ({ queue }) => queue.getMetrics(),
    pause: ({ idle }) => idle.pause(),
    resume: ({ idle }) => idle.resume(),
    isPaused: ({ queue }) => queue.isPaused(),
    drain: ({ idle }) => idle.drain(),
    clean: ({ idle }) => idle.clean('waiting', { olderThan: 0 }),
    retryFailed: ({ idle }) => idle.retryFailed(),
    obliterate: ({ idle }) => idle.obliterate(),
    setGlobalConcurrency: ({ queue }) => queue.setGlobalConcurrency(5),
    setGlobalRateLimit: ({ queue }) => queue.setGlobalRateLimit(null),
    upsertJobScheduler: ({ idle }) => idle.upsertJobScheduler('s', { every: '1d' }, { name: 'job', data: 1 }),
    removeJobScheduler: ({ idle }) => idle.removeJobScheduler('s'),
    getJobSchedulers: ({ queue }) => queue.getJobSchedulers(),
    getJobLogs: ({ queue, job }) => queue.getJobLogs(job.id),
    ...{ process: null, on: null, once: null, off: null, removeListener: null },
  },
  job: {
    getState: ({ job }) => job.getState(),
    result: ({ job }) => job.result(),
    retry: ({ job }) => job.retry(),
    promote: ({ job }) => job.promote(),
    remove: ({ gone }) => gone.remove(),
    cancel: ({ gone }) => gone.cancel(),
  },
  activeJob: {
    updateProgress: ({ active }) => active.updateProgress(1),
    log: ({ active }) => active.log('line'),
    ...{ signal: null, snooze: null },
  },
  worker: {
    close: ({ makeWorker }) => makeWorker().close(),
    [Symbol.asyncDispose]: ({ makeWorker }) => makeWorker()[Symbol.asyncDispose](),
    ...{ run: null, pause: null, resume: null, ref: null, unref: null, running: null, paused: null, started: null },
  },
};

/** A queue whose worker holds a job, made in another context than those who call it. */
async function stage() {
  const clock = manualClock();
  const store = open('memory:', { clock });
  const [queue, idle] = [store.queue('jobs'), store.queue('idle')];
  let letGo;
  const held = new Promise((resolve) => {
    letGo = resolve;
  });
  const active = await new Promise((resolve) => {
    const handler = async (job) => {
      if (job.name !== 'held') return turn();
      resolve(job);
      return held;
    };
    here.run('of process()', () => queue.process(handler, { concurrency: 4 }));
    queue.add('held', null);
  });
  const job = await queue.add('job', 1);
  const gone = await idle.add('job', 1);
  const makeWorker = () => idle.process(() => {}, { autorun: false });
  const end = async () => {
    letGo();
    for (const each of [queue, idle]) await each.drain();
    return store.close();
  };
  return { store, clock, queue, idle, active, job, gone, makeWorker, letGo, end };
}

describe('who awaits a method goes on in its own context', () => {
  for (const [of, methods] of Object.entries(METHODS)) {
    it(`of each method of ${of}, and there are no others`, async () => {
      const on = await stage();
      try {
        const worker = on.makeWorker();
        const { queue, job, active } = on;
        const names = Reflect.ownKeys(Object.getPrototypeOf({ queue, job, activeJob: active, worker }[of]));
        const known = Reflect.ownKeys(methods);
        assert.deepEqual(new Set(names.filter((name) => name !== 'constructor')), new Set(known));
        for (const name of known) {
          const call = methods[name];
          if (call !== null) assert.equal(await contextAfter(() => call(on)), 'mine', `${of}.${String(name)}()`);
        }
      } finally {
        await on.end();
      }
    });
  }

  it('of result(), when the job ends in the context of a worker, in time or not', async () => {
    const { store, clock, queue, letGo, end } = await stage();
    const [held] = await queue.getJobs('active');
    const late = contextAfter(() => held.result({ timeout: '1s' }));
    clock.advance('2s');
    assert.equal(await late, 'mine');
    const after = contextAfter(() => held.result());
    letGo();
    assert.equal(await after, 'mine');
    const failing = store.queue('failing');
    failing.process(() => Promise.reject(new Error('no')));
    assert.equal(await contextAfter(() => failing.addAndWait('job', 1, { attempts: 1 })), 'mine');
    await end();
  });

  it('of close() of the store', async () => {
    const { end } = await stage();
    assert.equal(await contextAfter(end), 'mine');
  });
});

describe('handlers, and listeners of their worker', () => {
  it('are in the context of process(), not in that of an add, nor in what another handler entered', async () => {
    const store = open('memory:');
    const queue = store.queue('jobs');
    const seen = [];
    const see = (what) => seen.push([what, here.getStore()]);
    const handler = async ({ data }) => {
      see('begins');
      here.enterWith(`entered by ${data}`);
      await turn();
      see('ends');
      if (data === 'two') throw new Error('no');
    };
    const worker = here.run('of process()', () => queue.process(handler));
    for (const event of ['active', 'completed', 'failed']) worker.on(event, () => see(event));
    await here.run('of an add', async () => {
      await queue.addAndWait('job', 'one');
      await assert.rejects(queue.addAndWait('job', 'two', { attempts: 1 }), { code: 'ERR_JOB_FAILED' });
    });
    await store.close();
    assert.deepEqual(seen, [
      ['active', 'of process()'],
      ['begins', 'of process()'],
      ['ends', 'entered by one'],
      ['completed', 'of process()'],
      ['active', 'of process()'],
      ['begins', 'of process()'],
      ['ends', 'entered by two'],
      ['failed', 'of process()'],
    ]);
  });
});
