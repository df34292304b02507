'use strict';
// How much a queue holds, and what happens at the bounds: a payload that is too large, a store that is full. How data is
// JSON, and the bound on data and results, are in queue.test.js.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { afterEach, beforeEach, describe, test } = require('node:test');
const { manualClock, open } = require('redstart');
const { gate, newStage, turn, until } = require('./support/queue/stage.js');

const KB = 1024;

describe('a payload', () => {
  let stage;
  let queue;

  beforeEach(() => {
    stage = newStage();
    queue = stage.store.queue('small', { maxDataSize: '1kb' });
  });
  afterEach(() => stage.end());

  /** JSON of so many bytes. */
  const ofBytes = (bytes) => 'x'.repeat(bytes - 2);

  test('of exactly the bound is taken, one byte more is not, as data, as result and as progress', async () => {
    queue.process(async (job) => {
      if (job.name === 'progress') await job.updateProgress(ofBytes(job.data));
      return job.name === 'result' ? ofBytes(job.data) : 'done';
    });
    const run = async (name, data) => (await queue.add(name, data, { attempts: 1 })).result();
    assert.equal(await run('data', ofBytes(KB)), 'done');
    assert.equal(await run('result', KB), ofBytes(KB));
    assert.equal(await run('progress', KB), 'done');
    await assert.rejects(run('data', ofBytes(KB + 1)), { code: 'ERR_TOO_LARGE', message: /1025 bytes.*1024/ });
    for (const name of ['result', 'progress']) {
      await assert.rejects(run(name, KB + 1), ({ code, cause }) => {
        assert.deepEqual([code, cause.code], ['ERR_JOB_FAILED', 'ERR_TOO_LARGE'], name);
        return true;
      });
    }
  });

  test('bytes count and not characters', async () => {
    await assert.rejects(queue.add('j', '€'.repeat(400)), { code: 'ERR_TOO_LARGE' });
    assert.equal((await queue.add('j', '€'.repeat(300))).added, true);
  });

  test('of one job of addBulk() that is too large: none of them is added', async () => {
    const jobs = [1, ofBytes(2_000), 3].map((data) => ({ name: 'j', data }));
    await assert.rejects(queue.addBulk(jobs), { code: 'ERR_TOO_LARGE' });
    assert.equal((await queue.getJobCounts()).waiting, 0);
  });

  test('of more jobs than a string can name together is ERR_TOO_LARGE, and nothing is added', async () => {
    const large = stage.store.queue('large', { maxDataSize: '256mb' });
    // Quotes are written with a backslash, and once more with each job as a text among others.
    const data = '"'.repeat(68_000_000);
    const jobs = [
      { name: 'j', data },
      { name: 'j', data },
    ];
    await assert.rejects(large.addBulk(jobs), { code: 'ERR_TOO_LARGE', message: /add them in several calls$/ });
    assert.equal((await large.getJobCounts()).waiting, 0);
  });

  test('of many megabytes fits where the queue says so, there and back', async () => {
    const large = stage.store.queue('large', { maxDataSize: '64mb' });
    const text = 'naïve €uro 🎉 '.repeat(1_000_000);
    large.process(({ data }) => data.length);
    const job = await large.add('j', text);
    assert.equal(await job.result(), text.length);
    assert.equal((await large.getJob(job.id)).data.length, text.length);
    assert.equal(await job.remove(), true);
    assert.equal((await stage.store.stats()).queues.large.bytes, 0);
  });
});

describe('a store that is full', () => {
  let store;
  let queue;

  beforeEach(() => {
    store = open('memory:', { clock: manualClock(), maxMemory: '256kb' });
    queue = store.queue('q');
  });
  afterEach(() => store.close({ timeout: 1 }));

  const payload = 'x'.repeat(4 * KB);

  /** Adds until there is no room. */
  async function fill(options) {
    const jobs = [];
    for (;;) {
      try {
        jobs.push(await queue.add('j', payload, options));
      } catch (error) {
        assert.deepEqual([error.code, error.retryable], ['ERR_STORE_FULL', true]);
        assert.match(error.message, /maxMemory/);
        return jobs;
      }
    }
  }

  test('refuses adds with ERR_STORE_FULL, runs what it has to its end, and takes jobs again', async () => {
    const jobs = await fill();
    assert.ok(jobs.length > 20 && jobs.length < 64, `${jobs.length} jobs of 4 KB`);
    await assert.rejects(queue.addBulk([{ name: 'j', data: payload }]), { code: 'ERR_STORE_FULL' });
    assert.equal((await queue.getJobCounts()).waiting, jobs.length, 'nothing is half there');
    // Retained results are larger than what the jobs were.
    queue.process(() => payload.repeat(4));
    const results = await Promise.all(jobs.map((job) => job.result()));
    assert.ok(results.every((result) => result.length === 16 * KB));
    assert.equal(await (await queue.add('j', payload)).result(), payload.repeat(4));
  });

  test('refuses lines and progress that do not fit, and the jobs end all the same', async () => {
    const jobs = await fill();
    const { opened, release } = gate();
    const told = [];
    const worker = queue.process(
      async (job) => {
        await opened;
        await job.log(payload).catch(({ code }) => told.push(code));
        await job.updateProgress(payload).catch(({ code }) => told.push(code));
        return 'done';
      },
      { concurrency: jobs.length },
    );
    await once(worker, 'active');
    release();
    assert.deepEqual(new Set(await Promise.all(jobs.map((job) => job.result()))), new Set(['done']));
    assert.ok(told.includes('ERR_STORE_FULL'));
    assert.deepEqual(new Set(told), new Set(['ERR_STORE_FULL']));
  });

  test('what has finished yields to what is added, what is kept for ever does not', async () => {
    const worker = queue.process(() => null);
    const kept = await queue.add('j', payload, { removeOnComplete: false });
    await kept.result();
    for (let index = 0; index < 200; index++) await (await queue.add('j', payload)).result();
    assert.equal(await kept.getState(), 'completed');
    const { completed } = await queue.getJobCounts();
    assert.ok(completed > 20 && completed < 64, `${completed} of 201`);
    await worker.close();
    for (;;) {
      const job = await queue.add('j', payload, { removeOnComplete: false }).catch(({ code }) => code);
      if (job === 'ERR_STORE_FULL') break;
    }
    assert.equal(await kept.getState(), 'completed');
  });

  test('has room again as soon as jobs are removed, cleaned, drained or obliterated', async () => {
    for (const free of [
      async (jobs) => jobs[0].remove(),
      async () => queue.clean('waiting', { olderThan: 0, limit: 1 }),
      async () => queue.drain(),
      async () => queue.obliterate(),
    ]) {
      const jobs = await fill();
      await free(jobs);
      assert.equal((await queue.add('j', payload)).added, true);
    }
  });

  test('finds the job of a jobId although there is no room for another', async () => {
    await queue.add('j', payload, { jobId: 'x' });
    await fill();
    assert.equal((await queue.add('j', payload, { jobId: 'x' })).added, false);
  });

  test('twenty thousand jobs that come and go leave nothing', { timeout: 60_000 }, async () => {
    queue.process(() => null, { concurrency: 100 });
    const jobs = Array.from({ length: 100 }, () => ({ name: 'j', data: 1, opts: { removeOnComplete: true } }));
    for (let round = 0; round < 200; round++) {
      await queue.addBulk(jobs);
      await until(async () => (await queue.getJobCounts()).waiting === 0);
    }
    await until(async () => (await queue.getJobCounts()).active === 0);
    await turn();
    assert.equal((await store.stats()).queues.q.bytes, 0);
  });
});
