'use strict';
// Jobs are claimed together and their results go back together: each is what it would be alone.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { describe, it } = require('node:test');
const { manualClock, open } = require('redstart');

/** A queue and, not begun, a worker of it. */
function parts(t, { handler, concurrency = 10, options, clock }) {
  const store = open('memory:', { clock });
  t.after(() => store.close({ timeout: 0 }));
  const queue = store.queue('q', options);
  return { queue, worker: queue.process(handler, { concurrency, autorun: false }) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Jobs that have begun, and whose handlers go on together. */
async function together(t, { handler, jobs, ...others }) {
  let goOn;
  const gate = new Promise((resolve) => {
    goOn = resolve;
  });
  let begun = 0;
  const gated = async (job) => {
    begun += 1;
    if (begun <= jobs.length) await gate;
    return handler(job);
  };
  const { queue, worker } = parts(t, { handler: gated, ...others });
  await queue.addBulk(jobs);
  worker.run();
  while (begun < jobs.length) await turn();
  return { queue, worker, goOn };
}

const all = (queue) => queue.getJobs(['completed', 'failed', 'active', 'waiting']);

describe('jobs whose handlers return together', () => {
  it('have completed before another one begins', async (t) => {
    const before = [];
    const { queue, worker } = parts(t, {
      handler: () => {
        // Asked for before the handler has given up the thread.
        before.push(queue.getJobCounts());
      },
    });
    await queue.addBulk([
      { name: 'a', data: null },
      { name: 'b', data: null },
    ]);
    worker.run();
    await once(worker, 'completed');
    const counts = await Promise.all(before);
    assert.deepEqual(
      counts.map(({ completed }) => completed),
      [0, 1],
    );
  });

  it('have each their own result', async (t) => {
    const { queue, worker } = parts(t, { handler: ({ data }) => data ?? undefined });
    const results = [null, 'text', 'ü\u2028"', 0, [1, [2]], { deep: { a: null } }, 'x'.repeat(20_000), false];
    const jobs = await queue.addBulk(results.map((data) => ({ name: 'j', data })));
    const told = [];
    worker.on('completed', (job, result) => told.push([job.id, job.attemptsMade, result ?? null]));
    worker.run();
    assert.deepEqual(await Promise.all(jobs.map((job) => job.result())), results);
    const byId = new Map(told.map(([id, ...rest]) => [id, rest]));
    for (const [at, { id }] of jobs.entries()) assert.deepEqual(byId.get(id), [1, results[at]]);
  });

  it('fail alone where the queue does not keep what they returned', async (t) => {
    const { queue, worker } = parts(t, {
      handler: ({ data }) => 'x'.repeat(data),
      options: { maxDataSize: 100 },
    });
    await queue.addBulk([10, 200, 20].map((data) => ({ name: 'j', data })));
    const failed = [];
    worker.on('failed', (job, error) => failed.push([job.data, error.code]));
    const drained = once(worker, 'drained');
    worker.run();
    await drained;
    assert.deepEqual(failed, [[200, 'ERR_TOO_LARGE']]);
    const { completed, failed: given } = await queue.getJobCounts();
    assert.deepEqual([completed, given], [2, 1]);
  });

  it('are all told of though a listener closes their worker', async (t) => {
    const { queue, worker } = parts(t, { handler: () => {} });
    await queue.addBulk(Array.from({ length: 5 }, () => ({ name: 'j', data: null })));
    // From the fourth on several are claimed at once.
    const told = new Map();
    worker.on('completed', ({ id, signal }) => {
      told.set(id, signal);
      if (told.size === 2) worker.close({ timeout: 0 });
    });
    worker.run();
    while (worker.running) await new Promise((resolve) => setImmediate(resolve));
    const { completed, active, waiting } = await queue.getJobCounts();
    assert.deepEqual([completed, active, waiting], [told.size, 0, 5 - told.size]);
    assert.ok([...told.values()].every((signal) => !signal.aborted));
  });

  it('have completed when their worker is closed at once', async (t) => {
    const signals = [];
    const { queue, worker } = parts(t, {
      handler: ({ signal }) => {
        signals.push(signal);
        const toJSON = () => {
          // After this job has returned, and before anything else.
          queueMicrotask(() => worker.close({ timeout: 0 }));
          return 'done';
        };
        return { toJSON };
      },
    });
    const job = await queue.add('j', null);
    worker.run();
    while (worker.running) await new Promise((resolve) => setImmediate(resolve));
    await worker.close();
    assert.equal(await job.getState(), 'completed');
    assert.equal(await job.result(), 'done');
    assert.deepEqual(
      signals.map(({ aborted }) => aborted),
      [false],
    );
  });
});

describe('jobs that return together, and not all alike', () => {
  it('have failed once, where their results are not kept, though a listener closes their worker', async (t) => {
    const runs = [];
    const { queue, worker, goOn } = await together(t, {
      handler: ({ data }) => {
        runs.push(data);
        return 'x'.repeat(data);
      },
      jobs: [10, 200, 20].map((data) => ({ name: 'j', data })),
      options: { maxDataSize: 100 },
    });
    const told = [];
    worker.on('completed', ({ data }) => {
      told.push(['completed', data]);
      worker.close({ timeout: 0 });
    });
    worker.on('failed', ({ data, signal }, { code }) => told.push([code, data, signal.aborted]));
    goOn();
    while (worker.running) await turn();
    await worker.close();
    // Whoever else takes jobs finds none.
    const next = queue.process(({ data }) => void runs.push(data));
    await turn();
    await next.close();
    const { completed, failed, waiting } = await queue.getJobCounts();
    assert.deepEqual([runs, completed, failed, waiting], [[10, 200, 20], 2, 1, 0]);
    assert.deepEqual(told, [
      ['completed', 10],
      ['ERR_TOO_LARGE', 200, false],
      ['completed', 20],
    ]);
  });

  it('are told of in the order in which they returned', async (t) => {
    const { worker, goOn } = await together(t, {
      handler: (job) => {
        if (job.data === 2) throw new Error('no');
        return job.data === 4 ? 'x'.repeat(20_000) : undefined;
      },
      jobs: [1, 2, 3, 4, 5].map((data) => ({ name: 'j', data, opts: { attempts: 1 } })),
    });
    const told = [];
    for (const event of ['completed', 'failed']) worker.on(event, ({ data }) => told.push([event, data]));
    goOn();
    while (told.length < 5) await turn();
    assert.deepEqual(told, [
      ['completed', 1],
      ['failed', 2],
      ['completed', 3],
      ['completed', 4],
      ['completed', 5],
    ]);
  });

  it('are lost once where core takes them back meanwhile and they run again at once', async (t) => {
    const clock = manualClock();
    const { queue, worker, goOn } = await together(t, {
      handler: ({ data, attempt }) => {
        if (attempt > 1) return 'again';
        if (data === 'late') return 'too late';
        // The time of both is over, and the wait for their next attempt as well.
        clock.advance('1s');
        clock.advance('1s');
        throw new Error('too late');
      },
      jobs: ['long', 'late'].map((data) => ({
        name: 'j',
        data,
        opts: { timeout: '1s', attempts: 3, backoff: { type: 'fixed', delay: 1 } },
      })),
      clock,
    });
    const lost = [];
    worker.on('lease-lost', ({ data }) => lost.push(data));
    goOn();
    const jobs = await all(queue);
    assert.deepEqual(await Promise.all(jobs.map((job) => job.result())), ['again', 'again']);
    assert.deepEqual(lost.sort(), ['late', 'long']);
  });
});

describe('jobs that are claimed together', () => {
  it('are in the hands of their handlers as they are in the queue', async (t) => {
    const seen = [];
    const { queue, worker } = parts(t, { handler: (job) => void seen.push({ ...job }) });
    await queue.addBulk([
      { name: 'one', data: { a: [1, null], text: 'ü\u2028"\\' } },
      { name: 'one', data: null },
      { name: 'näme "2"', data: 'text', opts: { priority: 7 } },
      { name: 'one', data: 0, opts: { jobId: '0190aaaa-0000-7000-8000-00000000000A' } },
    ]);
    worker.run();
    await Promise.all((await all(queue)).map((job) => job.result()));
    assert.equal(seen.length, 4);
    for (const job of seen) {
      const { id, name, data, priority, timestamp, processedOn } = await queue.getJob(job.id);
      const { added, attempt, attemptsMade } = job;
      assert.deepEqual({ ...job }, { ...job, id, name, data, priority, timestamp, processedOn });
      assert.deepEqual({ added, attempt, attemptsMade }, { added: true, attempt: 1, attemptsMade: 0 });
    }
  });

  it('bring what their earlier attempts left', async (t) => {
    const seen = [];
    const { queue, worker } = parts(t, {
      handler: async (job) => {
        seen.push([job.data, job.attempt, job.progress, job.failedReason]);
        if (job.attempt > 1 || job.data === 'at once') return;
        await job.updateProgress({ half: job.data });
        throw new Error(`not yet: ${job.data}`);
      },
    });
    const opts = { attempts: 2, backoff: { type: 'fixed', delay: 1 } };
    const jobs = await queue.addBulk(['a', 'at once', 'b'].map((data) => ({ name: 'j', data, opts })));
    worker.run();
    await Promise.all(jobs.map((job) => job.result()));
    const ofSecond = seen.filter(([, attempt]) => attempt === 2).sort();
    assert.deepEqual(ofSecond, [
      ['a', 2, { half: 'a' }, 'not yet: a'],
      ['b', 2, { half: 'b' }, 'not yet: b'],
    ]);
    assert.ok(seen.every(([, attempt, progress]) => attempt === 2 || progress === undefined));
  });
});
