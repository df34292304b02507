'use strict';
// A worker in this thread: what it takes, what its handlers may do, and how it says how their jobs ended.
const assert = require('node:assert/strict');
const { AsyncLocalStorage } = require('node:async_hooks');
const { once } = require('node:events');
const { beforeEach, afterEach, describe, it } = require('node:test');
const { open, manualClock, RedstartError, UnrecoverableError } = require('redstart');

let clock;
let store;
let queue;

beforeEach(() => {
  clock = manualClock();
  store = open('memory:', { clock });
  queue = store.queue('q');
});
afterEach(() => store.close({ timeout: 1 }));

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A promise and what settles it. */
function gate() {
  let release;
  const opened = new Promise((resolve) => {
    release = resolve;
  });
  return { opened, release };
}

/** What the worker says from now on: the event, the job's data, and the error's message or the result. */
function listenTo(worker, events) {
  const heard = [];
  for (const event of events) {
    worker.on(event, (job, outcome) => heard.push([event, job?.data, outcome?.message ?? outcome]));
  }
  return heard;
}

describe('a worker', () => {
  it('runs as many jobs at once as it is told to [WorkerOptions.concurrency]', async () => {
    const { opened, release } = gate();
    let [running, most] = [0, 0];
    queue.process(
      async () => {
        most = Math.max(most, ++running);
        await opened;
        running -= 1;
      },
      { concurrency: 3 },
    );
    const jobs = await Promise.all(Array.from({ length: 7 }, () => queue.add('j', null)));
    while (running < 3) await turn();
    release();
    await Promise.all(jobs.map((job) => job.result()));
    assert.equal(most, 3);
  });

  it('that takes nothing does not hold up a clock that waits until jobs have settled', {
    timeout: 10_000,
  }, async () => {
    const waits = queue.process(() => 'ran', { autorun: false });
    const job = await queue.add('j', null);
    await clock.advanceAsync('1s');
    assert.equal(await job.getState(), 'waiting');
    waits.run();
    await clock.advanceAsync('1s');
    assert.equal(await job.getState(), 'completed');
    waits.pause();
    const next = await queue.add('j', null);
    await clock.advanceAsync('1s');
    assert.equal(await next.getState(), 'waiting');
    await queue.pause();
    waits.resume();
    await clock.advanceAsync('1s');
    assert.equal(await next.getState(), 'waiting');
  });

  it('takes nothing before run() where it is told so [WorkerOptions.autorun]', async () => {
    const worker = queue.process(() => 'ran', { autorun: false });
    const job = await queue.add('j', null);
    await turn();
    assert.equal(await job.getState(), 'waiting');
    worker.run();
    assert.equal(await job.result(), 'ran');
  });

  it('takes nothing while it is paused, and another takes what it was told of', async () => {
    const worker = queue.process(() => 'the first');
    await turn();
    worker.pause();
    assert.equal(worker.paused, true);
    const job = await queue.add('j', null);
    await turn();
    assert.equal(await job.getState(), 'waiting');
    worker.resume();
    assert.equal(worker.paused, false);
    assert.equal(await job.result(), 'the first');

    await turn();
    const added = queue.add('j', null);
    worker.pause();
    queue.process(() => 'another');
    assert.equal(await (await added).result(), 'another');
  });

  it('of the same name closes the former, which ends its job [WorkerOptions.name]', async () => {
    const { opened, release } = gate();
    const former = queue.process(() => opened.then(() => 'the former'), { name: 'mailer' });
    const begun = once(former, 'active');
    const first = await queue.add('j', 1);
    await begun;
    const other = queue.process(() => 'of another name', { name: 'other', autorun: false });
    queue.process(() => 'the latter', { name: 'mailer' });
    assert.deepEqual([former.running, other.running], [false, true]);
    assert.equal(await (await queue.add('j', 2)).result(), 'the latter');
    release();
    assert.equal(await first.result(), 'the former');
  });

  it('begins no more jobs of the queue in a time than it is told [WorkerOptions.limiter] [WorkerOptions.limiter.max] [WorkerOptions.limiter.duration]', async () => {
    const begun = [];
    const start = clock.nowMs;
    queue.process(() => begun.push(clock.nowMs - start), { concurrency: 10, limiter: { max: 2, duration: '1s' } });
    await queue.addBulk(Array.from({ length: 5 }, () => ({ name: 'j', data: null })));
    await clock.advanceAsync('5s');
    assert.deepEqual(begun, [0, 0, 1_000, 1_000, 2_000]);
  });

  it('takes no more jobs of one group than it is told [WorkerOptions.group] [WorkerOptions.group.concurrency]', async () => {
    const { opened, release } = gate();
    const begun = [];
    const handler = async ({ data }) => {
      begun.push(data);
      await opened;
    };
    const worker = queue.process(handler, { concurrency: 10, group: { concurrency: 1 }, autorun: false });
    for (const [data, id] of [
      ['a1', 'a'],
      ['a2', 'a'],
      ['b1', 'b'],
    ]) {
      await queue.add('j', data, { group: { id } });
    }
    const active = once(worker, 'active');
    worker.run();
    await active;
    await turn();
    assert.deepEqual([...begun].sort(), ['a1', 'b1']);
    const drained = once(worker, 'drained');
    release();
    await drained;
    assert.equal(begun[2], 'a2');
  });

  it('refuses what is no option of it [WorkerOptions.leaseDuration]', () => {
    const refused = [
      [{ leaseDuration: '999ms' }, /leaseDuration.*at least '1s'/],
      [{ stallAfter: '999ms' }, /stallAfter.*at least '1s', or null/],
      [{ name: '' }, /name/],
      [{ limiter: { max: 0, duration: 1 } }, /'max'.*1 to 100000/],
      [{ limiter: { max: 1 } }, /'duration'/],
      [{ group: { concurrency: 0 } }, /'concurrency' of 'group'/],
      [{ threads: 2 }, /'threads'.*module/],
      [{ recycleAfter: 2 }, /'recycleAfter'.*module/],
      [{ backof: () => 1 }, /did you mean 'backoff'/],
    ];
    for (const [options, message] of refused) {
      assert.throws(() => queue.process(() => {}, options), { code: 'ERR_INVALID_ARG', message });
    }
    queue.process(() => {}, { stallAfter: null, leaseDuration: '1s', threads: undefined });
  });

  it('gives timers their turn between handlers that compute, although it took their jobs at once', async () => {
    const busyMs = 12;
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 1);
    const seen = [];
    const worker = queue.process(
      () => {
        const end = performance.now() + busyMs;
        while (performance.now() < end);
        seen.push(turns);
      },
      { concurrency: 4, autorun: false },
    );
    await queue.addBulk(Array.from({ length: 4 }, () => ({ name: 'j', data: null })));
    const drained = once(worker, 'drained');
    worker.run();
    await drained;
    clearInterval(timer);
    assert.equal(new Set(seen).size, 4);
  });
});

describe('what follows a failure', () => {
  it('the function backoff says when, or that nothing does [WorkerOptions.backoff]', async () => {
    const asked = [];
    const tries = [];
    const start = clock.nowMs;
    const worker = queue.process(
      ({ data }) => {
        tries.push(clock.nowMs - start);
        throw new Error(data);
      },
      {
        backoff: ({ attemptsMade, error, job }) => {
          asked.push([attemptsMade, error.message, job.data]);
          return attemptsMade < 3 ? attemptsMade * 100 : false;
        },
      },
    );
    const heard = listenTo(worker, ['retrying', 'failed']);
    const job = await queue.add('j', 'no', { attempts: 10 });
    await clock.advanceAsync('10s');
    assert.deepEqual(tries, [0, 100, 300]);
    assert.deepEqual(asked, [
      [1, 'no', 'no'],
      [2, 'no', 'no'],
      [3, 'no', 'no'],
    ]);
    assert.deepEqual(
      heard.map(([event]) => event),
      ['retrying', 'retrying', 'failed'],
    );
    await assert.rejects(job.result(), { finishKind: 'unrecoverable' });
  });

  it('backoff leaves it to the backoff of the job by answering undefined', async () => {
    const tries = [];
    const start = clock.nowMs;
    queue.process(
      () => {
        tries.push(clock.nowMs - start);
        throw new Error('no');
      },
      { backoff: ({ attemptsMade }) => (attemptsMade === 1 ? undefined : 50) },
    );
    await queue.add('j', null, { attempts: 3, backoff: { type: 'fixed', delay: '1s' } });
    await clock.advanceAsync('1m');
    assert.deepEqual(tries, [0, 1_000, 1_050]);
  });

  it('what backoff throws, or answers otherwise, is an error and leaves the own backoff of the job', async () => {
    const answers = [
      () => {
        throw new Error('backoff itself');
      },
      () => Number.NaN,
      () => -1,
      () => Promise.reject(new Error('later')),
      () => true,
    ];
    const tries = [];
    const start = clock.nowMs;
    const worker = queue.process(
      () => {
        tries.push(clock.nowMs - start);
        throw new Error('no');
      },
      { backoff: ({ attemptsMade }) => answers[attemptsMade - 1]() },
    );
    const errors = [];
    worker.on('error', (error) => errors.push(error));
    await queue.add('j', null, { attempts: answers.length, backoff: { type: 'fixed', delay: '1s' } });
    await clock.advanceAsync('1m');
    assert.deepEqual(tries, [0, 1_000, 2_000, 3_000, 4_000]);
    assert.equal(errors[0].message, 'backoff itself');
    for (const error of errors.slice(1))
      assert.match(error.message, /'backoff' of process\(\) must return milliseconds/);
    assert.equal(errors.length, answers.length);
  });

  it('backoff is not asked about an UnrecoverableError', async () => {
    queue.process(
      () => {
        throw new UnrecoverableError('never');
      },
      { backoff: () => assert.fail('asked') },
    );
    await assert.rejects((await queue.add('j', null)).result(), { finishKind: 'unrecoverable' });
  });

  it('throw job.snooze(…): it runs again then, with the same attempt, and the worker says nothing', async () => {
    const runs = [];
    const start = clock.nowMs;
    const worker = queue.process((job) => {
      runs.push([clock.nowMs - start, job.attempt]);
      if (runs.length < 3) throw job.snooze('10m');
      return 'awake';
    });
    const heard = listenTo(worker, ['retrying', 'failed', 'lease-lost', 'completed', 'error']);
    const job = await queue.add('j', 'sleepy', { attempts: 1 });
    await clock.advanceAsync('1h');
    assert.deepEqual(runs, [
      [0, 1],
      [600_000, 1],
      [1_200_000, 1],
    ]);
    assert.deepEqual(heard, [['completed', 'sleepy', 'awake']]);
    assert.equal((await queue.getJob(job.id)).attemptsMade, 1);
  });

  it('a snooze that is returned, or of no duration, fails the attempt with what to do', async () => {
    queue.process((job) => job.snooze(job.data));
    const returned = await queue.add('j', '1s', { attempts: 1 });
    await assert.rejects(returned.result(), ({ cause }) => /throw job\.snooze/.test(cause.message));
    const none = await queue.add('j', 'soon', { attempts: 1 });
    await assert.rejects(none.result(), ({ cause }) => /delay of snooze\(\) must be a duration/.test(cause.message));
  });

  it('a result that is too large or no JSON fails the job for good: its work is not done again', async () => {
    const small = store.queue('small', { maxDataSize: 100 });
    const circle = {};
    circle.self = circle;
    const results = {
      large: ['x'.repeat(200), 'ERR_TOO_LARGE', /100/],
      bigint: [1n, 'ERR_INVALID_ARG', /what the handler returned is a BigInt/],
      circle: [circle, 'ERR_INVALID_ARG', /what the handler returned/],
    };
    const ran = [];
    const asked = [];
    const worker = small.process(
      ({ data }) => {
        ran.push(data);
        return results[data][0];
      },
      { backoff: (context) => void asked.push(context) },
    );
    for (const [name, [, code, says]] of Object.entries(results)) {
      const failed = once(worker, 'failed');
      const job = await small.add('j', name, { attempts: 3 });
      await assert.rejects(job.result(), ({ finishKind, cause }) => {
        assert.deepEqual([finishKind, cause.code], ['unrecoverable', code]);
        assert.match(cause.message, says);
        assert.match(cause.message, /failed for good.*keep the result elsewhere/);
        return true;
      });
      assert.equal((await failed)[1].code, code);
    }
    assert.deepEqual([ran, asked], [Object.keys(results), []]);
  });
});

describe('a job in the hands of a handler', () => {
  it('keeps progress and log lines', async () => {
    queue.process(async (job) => {
      await job.updateProgress({ half: true });
      assert.deepEqual(job.progress, { half: true });
      await job.log('one');
      await job.log('two');
      await assert.rejects(job.log(3), { code: 'ERR_INVALID_ARG', message: /line of text/ });
      await assert.rejects(job.updateProgress(1n), {
        code: 'ERR_INVALID_ARG',
        message: /progress of a job is a BigInt/,
      });
    });
    const job = await queue.add('j', null);
    await job.result();
    assert.deepEqual((await queue.getJob(job.id)).progress, { half: true });
    assert.deepEqual(await queue.getJobLogs(job.id), ['one', 'two']);
  });

  it('has nothing to say once it has ended: ERR_LEASE_LOST', async () => {
    let late;
    queue.process((job) => {
      late = job;
    });
    await (await queue.add('j', null)).result();
    await assert.rejects(late.updateProgress(1), { code: 'ERR_LEASE_LOST' });
    await assert.rejects(late.log('late'), { code: 'ERR_LEASE_LOST' });
  });

  it('that is cancelled hears it by its signal, and has failed however its handler ends', async () => {
    for (const how of ['returns', 'throws', 'snoozes']) {
      const heardReasons = [];
      const worker = queue.process(async (job) => {
        await once(job.signal, 'abort');
        heardReasons.push(job.signal.reason.code);
        if (how === 'throws') throw job.signal.reason;
        if (how === 'snoozes') throw job.snooze('1s');
      });
      const begun = once(worker, 'active');
      const failed = once(worker, 'failed');
      const job = await queue.add('j', null);
      await begun;
      await turn();
      assert.equal(await job.cancel('not wanted'), true);
      const [, error] = await failed;
      assert.ok(RedstartError.is(error, 'ERR_JOB_CANCELLED'), how);
      await assert.rejects(job.result(), { code: 'ERR_JOB_FAILED', finishKind: 'cancelled' });
      assert.deepEqual(heardReasons, ['ERR_JOB_CANCELLED']);
      await worker.close();
    }
  });

  it('that lasts too long is taken from it: the signal says so, and the place is free for the next', async () => {
    const signals = [];
    const worker = queue.process((job) => {
      if (job.data === 'next') return 'ran';
      signals.push(job.signal);
      return new Promise(() => {});
    });
    const heard = listenTo(worker, ['lease-lost', 'retrying', 'failed']);
    const begun = once(worker, 'active');
    const job = await queue.add('j', 'long', { timeout: '1s', attempts: 1 });
    const next = await queue.add('j', 'next');
    await begun;
    await turn();
    // Not advanceAsync(), which waits for what runs.
    clock.advance('1s');
    assert.equal(await next.result(), 'ran');
    assert.equal(signals[0].reason.code, 'ERR_JOB_TIMEOUT');
    assert.deepEqual(heard, [
      ['lease-lost', 'long', undefined],
      ['failed', 'long', `job ${job.id} ran longer than its timeout: this attempt has failed`],
    ]);
    await assert.rejects(job.result(), { finishKind: 'timeout' });
  });

  it('whose time is over before its handler ends, though its worker has not heard of it yet, was lost and has timed out', async () => {
    for (const how of ['returns', 'throws']) {
      const worker = queue.process(() => {
        clock.advance('1s');
        if (how === 'throws') throw new Error('too late');
      });
      const heard = listenTo(worker, ['completed', 'retrying', 'failed', 'lease-lost', 'error']);
      const job = await queue.add('j', how, { timeout: '1s', attempts: 1 });
      await assert.rejects(job.result(), { finishKind: 'timeout' });
      for (let turns = 0; turns < 3; turns++) await turn();
      assert.deepEqual(heard, [
        ['lease-lost', how, undefined],
        ['failed', how, `job ${job.id} ran longer than its timeout: this attempt has failed`],
      ]);
      await worker.close();
    }
  });

  it("that timed out is 'lease-lost' and then 'retrying', or 'failed' when that was its last attempt", async () => {
    const asked = [];
    const worker = queue.process(() => new Promise(() => {}), { backoff: (context) => void asked.push(context) });
    const heard = [];
    for (const event of ['lease-lost', 'retrying', 'failed']) {
      worker.on(event, ({ attempt, attemptsMade, failedReason, finishKind }, error) =>
        heard.push([event, attempt, attemptsMade, failedReason, finishKind, error?.code]),
      );
    }
    const backoff = { type: 'fixed', delay: '1s' };
    let begun = once(worker, 'active');
    const job = await queue.add('j', null, { jobId: 'slow', timeout: '1s', attempts: 2, backoff });
    for (let attempt = 1; attempt <= 2; attempt++) {
      await begun;
      const lost = once(worker, 'lease-lost');
      clock.advance('1s');
      await lost;
      begun = once(worker, 'active');
      clock.advance('1s');
    }
    await assert.rejects(job.result());
    const reason = "job 'slow' ran for 1000 ms, its timeout, and was given up";
    assert.deepEqual(heard, [
      ['lease-lost', 1, 0, undefined, undefined, undefined],
      ['retrying', 1, 1, reason, undefined, 'ERR_JOB_TIMEOUT'],
      ['lease-lost', 2, 1, reason, undefined, undefined],
      ['failed', 2, 2, reason, 'timeout', 'ERR_JOB_TIMEOUT'],
    ]);
    assert.deepEqual(asked, []);
  });

  it('has a signal that is aborted although nobody had asked for it before', async () => {
    const { opened, release } = gate();
    const asked = gate();
    const worker = queue.process(async (job) => {
      await opened;
      asked.release(job.signal.reason?.code);
    });
    const begun = once(worker, 'active');
    const lost = once(worker, 'lease-lost');
    await queue.add('j', null, { timeout: '1s', attempts: 1 });
    await begun;
    clock.advance('1s');
    await lost;
    release();
    assert.equal(await asked.opened, 'ERR_JOB_TIMEOUT');
  });
});

describe('what a worker says', () => {
  it("what listeners throw is told as 'error' and changes nothing", async () => {
    const worker = queue.process(() => 'ran');
    const errors = [];
    worker.on('error', (error) => errors.push(error.message));
    for (const event of ['active', 'completed', 'drained']) {
      worker.on(event, () => {
        throw new Error(event);
      });
    }
    const heard = listenTo(worker, ['active', 'completed']);
    // Not once(), which takes an 'error' for its own.
    const drained = new Promise((resolve) => worker.on('drained', resolve));
    const job = await queue.add('j', 1);
    await drained;
    assert.equal(await job.result(), 'ran');
    assert.deepEqual(errors, ['active', 'completed', 'drained']);
    assert.deepEqual(heard, [
      ['active', 1, undefined],
      ['completed', 1, 'ran'],
    ]);
  });

  it("'drained' once for jobs that have ended, and not before any has", async () => {
    const worker = queue.process(() => {}, { autorun: false, concurrency: 2 });
    let drained = 0;
    worker.on('drained', () => {
      drained += 1;
    });
    worker.run();
    await turn();
    assert.equal(drained, 0);
    for (const round of [1, 2]) {
      worker.pause();
      await queue.addBulk(Array.from({ length: 5 }, () => ({ name: 'j', data: null })));
      const nothingMore = once(worker, 'drained');
      worker.resume();
      await nothingMore;
      await turn();
      assert.equal(drained, round);
    }
  });

  it("'drained' waits for the jobs that still run", async () => {
    const { opened, release } = gate();
    const worker = queue.process(({ data }) => (data === 'long' ? opened : undefined), { concurrency: 2 });
    const heard = listenTo(worker, ['completed', 'drained']);
    await queue.add('j', 'long');
    await (await queue.add('j', 'short')).result();
    for (let turns = 0; turns < 3; turns++) await turn();
    assert.deepEqual(heard, [['completed', 'short', undefined]]);
    const drained = once(worker, 'drained');
    release();
    await drained;
    assert.deepEqual(
      heard.map(([event, data]) => [event, data]),
      [
        ['completed', 'short'],
        ['completed', 'long'],
        ['drained', undefined],
      ],
    );
  });

  it("'drained' waits for the jobs that a rate or a pause holds back", async () => {
    const worker = queue.process(() => {}, { limiter: { max: 1, duration: '1s' }, autorun: false });
    let drained = 0;
    worker.on('drained', () => {
      drained += 1;
    });
    await queue.addBulk([1, 2].map((data) => ({ name: 'j', data })));
    await queue.add('j', 3, { priority: 1 });
    worker.run();
    for (const expected of [0, 0, 1]) {
      for (let turns = 0; turns < 3; turns++) await turn();
      assert.equal(drained, expected);
      await clock.advanceAsync('1s');
    }

    await queue.add('j', 4);
    await queue.add('j', 5);
    const first = once(worker, 'completed');
    await first;
    await queue.pause();
    await clock.advanceAsync('1s');
    for (let turns = 0; turns < 3; turns++) await turn();
    assert.equal(drained, 1);
    await queue.resume();
    await clock.advanceAsync('1s');
    for (let turns = 0; turns < 3; turns++) await turn();
    assert.equal(drained, 2);
  });

  it('the job as it is after its attempt', async () => {
    const worker = queue.process(({ data, attempt }) => {
      if (data === 'for good') throw new UnrecoverableError('never');
      if (attempt === 1 || data === 'in vain') throw new Error(`no ${attempt}`);
    });
    const heard = [];
    for (const event of ['completed', 'retrying', 'failed']) {
      worker.on(event, ({ attemptsMade, failedReason, finishKind }) =>
        heard.push([event, attemptsMade, failedReason, finishKind]),
      );
    }
    const backoff = { type: 'fixed', delay: '1s' };
    const kept = [];
    for (const data of ['for good', 'in vain', 'at last']) {
      const { id } = await queue.add('j', data, { attempts: 2, backoff });
      await clock.advanceAsync('2s');
      const { attemptsMade, failedReason, finishKind } = await queue.getJob(id);
      kept.push([attemptsMade, failedReason, finishKind]);
    }
    assert.deepEqual(heard, [
      ['failed', 1, 'never', 'unrecoverable'],
      ['retrying', 1, 'no 1', undefined],
      ['failed', 2, 'no 2', 'exhausted'],
      ['retrying', 1, 'no 1', undefined],
      ['completed', 2, undefined, undefined],
    ]);
    assert.deepEqual(
      kept,
      [heard[0], heard[2], heard[4]].map(([, ...rest]) => rest),
    );
  });

  it('is heard by names that it knows alone; a slip is told', async () => {
    const worker = queue.process(() => {}, { autorun: false });
    for (const add of ['on', 'once', 'addListener', 'prependListener', 'prependOnceListener']) {
      assert.throws(() => worker[add]('complete', () => {}), {
        code: 'ERR_INVALID_ARG',
        message: /no event 'complete'; did you mean 'completed'/,
      });
    }
    assert.throws(() => worker.on('waiting', () => {}), /it has active, completed, .*, error/);
    const completed = once(worker, 'completed');
    worker.run();
    await queue.add('j', 'heard');
    assert.equal((await completed)[0].data, 'heard');
  });

  it('handlers and listeners have the context of process(), not what a handler has entered', async () => {
    const context = new AsyncLocalStorage();
    const seen = [];
    const worker = context.run('process', () =>
      queue.process(
        async ({ data }) => {
          seen.push(context.getStore());
          context.enterWith(`handler ${data}`);
          await turn();
        },
        { concurrency: 2, autorun: false },
      ),
    );
    for (const event of ['active', 'completed', 'drained']) worker.on(event, () => seen.push(context.getStore()));
    await queue.addBulk([1, 2, 3].map((data) => ({ name: 'j', data })));
    const drained = once(worker, 'drained');
    worker.run();
    await drained;
    assert.deepEqual(new Set(seen), new Set(['process']));
    assert.equal(seen.length, 3 * 3 + 1);
  });
});

describe('close()', () => {
  it('with timeout 0 releases at once; what the handler does then changes nothing', async () => {
    const { opened, release } = gate();
    const worker = queue.process(async (job) => {
      await opened;
      return job.signal.reason.code;
    });
    const heard = listenTo(worker, ['completed', 'failed', 'lease-lost', 'error']);
    const begun = once(worker, 'active');
    const job = await queue.add('j', null);
    await begun;
    await worker.close({ timeout: 0 });
    assert.equal(await job.getState(), 'waiting');
    release();
    await turn();
    assert.deepEqual([await job.getState(), heard, worker.running], ['waiting', [], false]);
    queue.process(({ attempt }) => attempt);
    assert.equal(await job.result(), 1);
  });

  it('with less patience than a close() under way has shortens it, and never lengthens it', async () => {
    const never = () => new Promise(() => {});
    for (const shorten of [(worker) => worker.close({ timeout: 0 }), () => store.close({ timeout: 0 })]) {
      const worker = queue.process(never);
      const begun = once(worker, 'active');
      await queue.add('j', null);
      await begun;
      const closed = worker.close({ timeout: '1h' });
      const later = [worker.close({ timeout: '2h' }), worker.close()];
      await turn();
      assert.equal((await queue.getJobCounts()).active, 1);
      await Promise.all([shorten(worker), closed, ...later]);
    }
  });

  it("with timeout 0 by a listener of 'active': the handler does not begin", async () => {
    const begun = [];
    const worker = queue.process(({ data }) => void begun.push(data));
    const closed = new Promise((resolve, reject) => {
      worker.on('active', () => worker.close({ timeout: 0 }).then(resolve, reject));
    });
    const job = await queue.add('j', 1);
    await closed;
    await turn();
    assert.deepEqual([begun, await job.getState()], [[], 'waiting']);
  });

  it('leaves run(), pause(), resume(), ref() and unref() nothing to do', async () => {
    const worker = queue.process(() => {}, { autorun: false });
    await worker.close();
    worker.run();
    worker.pause();
    worker.resume();
    assert.equal(worker.unref().ref(), worker);
    const job = await queue.add('j', null);
    await turn();
    assert.equal(await job.getState(), 'waiting');
    assert.deepEqual([worker.running, worker.paused], [false, false]);
  });
});
