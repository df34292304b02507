'use strict';

const path = require('node:path');
const { manualClock, open } = require('redstart');

let clock;
let store;
let mails;

beforeEach(() => {
  jest.useFakeTimers();
  clock = manualClock();
  store = open('memory:', { clock });
  mails = store.queue('mails');
});
afterEach(async () => {
  jest.useRealTimers();
  expect(await store.close()).toStrictEqual({ dropped: {} });
});

test('a report comes every night, at the hour of its time zone', async () => {
  const sent = [];
  mails.process(() => sent.push(new Date(clock.nowMs).toISOString().slice(11, 16)));
  const nightly = { pattern: '0 3 * * *', tz: 'Asia/Tokyo', limit: 3 };
  await mails.upsertJobScheduler('nightly', nightly, { name: 'report', data: {} });

  await clock.advanceAsync('7d');
  expect(sent).toStrictEqual(['18:00', '18:00', '18:00']);
});

test('a burst of changes is one mail, with the last of them: a deduplication that is extended and replaced', async () => {
  const sent = [];
  mails.process(({ data }) => sent.push(data.price));
  const deduplication = { id: 'teapot', ttl: '5s', extend: true, replace: true };
  for (const price of [4900, 4800, 4700]) {
    await mails.add('price', { price }, { delay: '5s', deduplication });
    await clock.advanceAsync('2s');
  }

  await clock.advanceAsync('1m');
  expect(sent).toStrictEqual([4700]);
});

test('an instant is a Date of Jest as well', async () => {
  mails.process(() => 'sent');
  const job = await mails.add('reminder', {}, { runAt: new Date(clock.nowMs + 60_000) });

  await clock.advanceAsync('59s');
  expect(await job.getState()).toBe('delayed');
  await clock.advanceAsync('1s');
  expect(await job.result()).toBe('sent');
});

test('a job that is cancelled hears it by its signal, and who waits for it hears why', async () => {
  const began = new Promise((resolve) => {
    mails.process(
      (job) =>
        new Promise((_, reject) => {
          job.signal.addEventListener('abort', () => reject(job.signal.reason));
          resolve(job);
        }),
    );
  });
  const job = await mails.add('newsletter', {});
  await began;

  expect(await job.cancel('not today')).toBe(true);
  await expect(job.result()).rejects.toMatchObject({ code: 'ERR_JOB_FAILED', finishKind: 'cancelled' });
  expect((await mails.getJob(job.id)).failedReason).toBe('not today');
});

test('an attempt that lasts too long ends by the clock of the store, and not by timers that are faked', async () => {
  const began = new Promise((resolve) => {
    mails.process(({ signal }) => {
      resolve(signal);
      return new Promise(() => {});
    });
  });
  const job = await mails.add('slow', {}, { timeout: '30s', attempts: 1 });
  const signal = await began;

  await jest.advanceTimersByTimeAsync(3_600_000);
  expect(signal.aborted).toBe(false);
  const aborted = new Promise((resolve) => signal.addEventListener('abort', resolve));
  // Not advanceAsync(): the handler never ends, so there is nothing to wait for.
  clock.advance('30s');
  await expect(job.result()).rejects.toMatchObject({ finishKind: 'timeout' });
  await aborted;
  expect(signal.reason).toMatchObject({ code: 'ERR_JOB_TIMEOUT' });
});

test('a limit on the rate lets jobs begin as the clock moves', async () => {
  const sent = [];
  await mails.setGlobalRateLimit({ max: 2, duration: '1m' });
  mails.process(({ data }) => sent.push(data), { concurrency: 5 });
  await mails.addBulk([1, 2, 3].map((data) => ({ name: 'mail', data })));

  await clock.advanceAsync('59s');
  expect(sent).toStrictEqual([1, 2]);
  await clock.advanceAsync('1s');
  expect(sent).toStrictEqual([1, 2, 3]);
});

test('what failed for good is found in the queue of dead letters, and runs again when that is asked for', async () => {
  const orders = store.queue('orders', { deadLetter: 'dead', defaultJobOptions: { attempts: 1 } });
  const dead = store.queue('dead');
  let up = false;
  orders.process(() => {
    if (!up) throw new Error('the warehouse is down');
    return 'shipped';
  });
  const order = await orders.add('ship', { id: 7 });
  await expect(order.result()).rejects.toThrow('the warehouse is down');

  const [letter] = await dead.getJobs('waiting');
  expect(letter).toMatchObject({ data: { id: 7 }, deadLetter: { queue: 'orders', jobId: order.id } });
  up = true;
  expect(await orders.retryFailed()).toBe(1);
  expect(await order.result()).toBe('shipped');
  await dead.drain();
});

test('a module runs in a thread of its own, and what it does can be watched', async () => {
  const checksums = store.queue('checksums');
  const progress = new Promise((resolve) => checksums.once('progress', resolve));
  const worker = checksums.process(path.join(__dirname, '..', 'checksums.js'), { threads: 2 });

  expect(await checksums.addAndWait('sha256', { text: 'tea' })).toMatch(/^[0-9a-f]{64}$/);
  expect(await progress).toMatchObject({ progress: 'hashing' });
  await worker.close();
});

test('a store that is drained loses no job that waits', async () => {
  const sent = [];
  const shop = open('memory:', { clock });
  const queue = shop.queue('mails');
  queue.process(({ data }) => sent.push(data));
  await queue.addBulk([1, 2, 3].map((data) => ({ name: 'mail', data })));

  expect(await shop.close({ drain: true })).toStrictEqual({ dropped: {} });
  expect(sent).toStrictEqual([1, 2, 3]);
});
