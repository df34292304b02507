'use strict';

const { manualClock, open } = require('redstart');
const { ADA, openShop, visitAs } = require('./shop');

let shop;

beforeEach(() => {
  shop = openShop();
});
afterEach(async () => {
  jest.useRealTimers();
  await shop.close();
});

describe('with every timer faked', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });

  test('every feature answers: nothing in redstart waits for a timer of JavaScript', async () => {
    const cache = shop.store.cache('pages', { ttl: '1m' });
    await cache.set('home', { visits: 1 });
    expect(await cache.get('home')).toStrictEqual({ visits: 1 });
    expect(await cache.getOrSet('about', async () => 'loaded')).toBe('loaded');

    const limiter = shop.store.limiter('api', { limit: 1, window: '1m' });
    expect(await limiter.consume('ada')).toMatchObject({ allowed: true });
    expect(await limiter.consume('ada')).toMatchObject({ allowed: false });

    const sessions = shop.store.sessions('carts', { ttl: '1h' });
    const { id } = await sessions.create({ items: ['teapot'] });
    expect(await sessions.get(id)).toStrictEqual({ items: ['teapot'] });

    const queue = shop.store.queue('sums');
    queue.process(async ({ data }) => data.a + data.b, { concurrency: 2 });
    const job = await queue.add('sum', { a: 1, b: 2 });
    expect(await job.result()).toBe(3);
    expect(jest.getTimerCount()).toBe(0);
  });

  test('the time of a store is moved by its clock and not by Jest', async () => {
    const cache = shop.store.cache('pages', { ttl: '1m' });
    const limiter = shop.store.limiter('api', { limit: 1, window: '1m' });
    await cache.set('home', 'cached');
    await limiter.consume('ada');

    jest.advanceTimersByTime(3_600_000);
    jest.setSystemTime(Date.now() + 86_400_000);
    await jest.runAllTimersAsync();
    expect(await cache.get('home')).toBe('cached');
    expect((await limiter.peek('ada')).allowed).toBe(false);

    shop.clock.advance('64s');
    expect(await cache.get('home')).toBeUndefined();
    expect((await limiter.peek('ada')).allowed).toBe(true);
  });

  test('delayed jobs and their retries run when the clock says so', async () => {
    const attempts = [];
    const queue = shop.store.queue('webhooks');
    queue.process(async ({ attempt }) => {
      attempts.push(attempt);
      if (attempt < 3) throw new Error('try again');
      return 'delivered';
    });
    const backoff = { type: 'fixed', delay: '1m' };
    const job = await queue.add('deliver', {}, { delay: '1h', attempts: 3, backoff });

    await jest.advanceTimersByTimeAsync(86_400_000);
    expect(await job.getState()).toBe('delayed');

    await shop.clock.advanceAsync('1h');
    expect(attempts).toStrictEqual([1]);
    await shop.clock.advanceAsync('2m');
    expect(attempts).toStrictEqual([1, 2, 3]);
    expect(await job.result()).toBe('delivered');
  });

  test('a manual clock starts at the time the test shows, and stays there', () => {
    jest.setSystemTime(new Date('2031-05-04T03:02:01Z'));
    const clock = manualClock();
    jest.advanceTimersByTime(1000);

    expect(new Date(clock.nowMs).toISOString()).toBe('2031-05-04T03:02:01.000Z');
  });

  test('a store without a manual clock goes on in real time, which Jest neither stops nor moves', async () => {
    const live = open('memory:');
    const cache = live.cache('pages', { ttl: '1h' });
    await cache.set('home', 'cached');
    jest.advanceTimersByTime(86_400_000);
    expect(await cache.get('home')).toBe('cached');

    const queue = live.queue('mail');
    queue.process(() => 'sent');
    const job = await queue.add('welcome', {}, { delay: '20ms' });
    expect(await job.result()).toBe('sent');

    await live.close();
  });

  test('a handler that never ends does not hang the suite: close() waits for its timeout in real time', async () => {
    const warned = jest.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const store = open('memory:', { clock: shop.clock });
    const queue = store.queue('endless');
    const started = new Promise((resolve) => {
      queue.process(({ signal }) => {
        resolve(signal);
        return new Promise(() => {});
      });
    });
    await queue.add('forever', {});
    const signal = await started;

    expect(await store.close({ timeout: '50ms' })).toStrictEqual({ dropped: { endless: 1 } });
    expect(signal.aborted).toBe(true);
    expect(warned).toHaveBeenCalledTimes(1);
    warned.mockRestore();
  });

  test('a copy of the library that was loaded after the timers were faked works as well', async () => {
    let copy;
    jest.isolateModules(() => {
      copy = require('redstart');
    });
    const store = copy.open('memory:');
    const queue = store.queue('mail');
    queue.process(async () => 'sent');

    expect(await (await queue.add('welcome', {}, { delay: '5ms' })).result()).toBe('sent');
    await store.close();
  });
});

describe('with the timers an HTTP server needs left real', () => {
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate', 'clearImmediate'] });
  });

  test('the app is tested as ever, and a session ends by the clock of its store', async () => {
    const ada = await visitAs(shop.app, ADA);
    await ada.get('/me').expect(200);

    jest.advanceTimersByTime(86_400_000);
    await ada.get('/me').expect(200);

    shop.clock.advance('31m');
    await ada.get('/me').expect(401);
  });

  test('an order is mailed by the clock of its store', async () => {
    const ada = await visitAs(shop.app, ADA);
    await ada.post('/orders').send({ productId: 'kettle' }).expect(202);

    await jest.advanceTimersByTimeAsync(60_000);
    expect(shop.outbox.sent).toHaveLength(0);

    await shop.clock.advanceAsync('30s');
    expect(shop.outbox.sent).toHaveLength(1);
  });

  test('the timers of the app and the time of the store may be moved together', async () => {
    const cache = shop.store.cache('prices', { ttl: '10s' });
    const refreshed = [];
    const timer = setInterval(() => refreshed.push(cache.getSync('teapot')), 6000);
    cache.setSync('teapot', 4900);

    for (let step = 1; step <= 2; step += 1) {
      shop.clock.advance('6s');
      jest.advanceTimersByTime(6000);
    }

    clearInterval(timer);
    expect(refreshed).toStrictEqual([4900, undefined]);
  });
});

test('with only the date faked, the app has one time and the store another', async () => {
  jest.useFakeTimers({ now: new Date('2031-05-04T03:02:01Z'), doNotFake: timersExcept('Date') });
  const ada = await visitAs(shop.app, ADA);
  const { body } = await ada.post('/orders').send({ productId: 'kettle' }).expect(202);

  expect(body.placedAt).toBe(new Date(shop.clock.nowMs).toISOString());
  expect(body.placedAt).not.toContain('2031');
  await shop.clock.advanceAsync('30s');
});

function timersExcept(faked) {
  const names = ['Date', 'hrtime', 'nextTick', 'performance', 'queueMicrotask', 'setImmediate', 'clearImmediate'];
  return [...names, 'setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'].filter((name) => name !== faked);
}
