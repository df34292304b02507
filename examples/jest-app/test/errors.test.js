'use strict';

const { manualClock, open, RedstartError, UnrecoverableError } = require('redstart');
const { openShop, visit } = require('./shop');

let clock;
let store;

beforeEach(() => {
  clock = manualClock();
  store = open('memory:', { clock });
});
afterEach(() => store.close());

function thrownBy(action) {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

const rejectionOf = (promise) =>
  promise.then(
    () => Promise.reject(new Error('nothing was rejected')),
    (error) => error,
  );

describe('an error of redstart, thrown or rejected,', () => {
  test('is an Error and a RedstartError of the test that sees it', async () => {
    const cache = store.cache('pages', { ttl: '1m' });
    const errors = [
      thrownBy(() => open('memory:', { clokc: clock })),
      thrownBy(() => clock.advance('soon')),
      thrownBy(() => store.cache('undefined-yet')),
      thrownBy(() => cache.setSync('home', undefined)),
      thrownBy(() => store.limiter('api', { limit: 1, window: '1m' }).consumeSync('key', { cost: 2 })),
      await rejectionOf(cache.set('home', () => {})),
      await rejectionOf(cache.get(42)),
      await rejectionOf(store.queue('mail').add('welcome', {}, { attempts: 0 })),
    ];

    for (const error of errors) {
      expect(error).toBeInstanceOf(Error);
      expect(error).toBeInstanceOf(RedstartError);
      expect(RedstartError.is(error)).toBe(true);
      expect(error.code).toMatch(/^ERR_/);
      expect(error.retryable).toBe(false);
    }
  });

  test('has a code to act on and a message that names the mistake', async () => {
    const error = thrownBy(() => open('memory:', { clokc: clock }));

    expect(RedstartError.is(error, 'ERR_INVALID_ARG')).toBe(true);
    expect(RedstartError.is(error, 'ERR_TOO_LARGE')).toBe(false);
    expect(error.message).toContain('clokc');
    expect(error.message).toContain('clock');
  });

  test('works with toThrow and rejects', async () => {
    expect(() => store.limiter('undefined-yet')).toThrow(RedstartError);
    await expect(store.cache('pages', { ttl: null }).set('home', Symbol('page'))).rejects.toThrow(RedstartError);
    await expect(store.cache('pages').get(42)).rejects.toMatchObject({ code: 'ERR_INVALID_ARG' });
  });

  test('has a stack that leads to the test', async () => {
    expect(thrownBy(() => store.limiter('undefined-yet')).stack).toContain('errors.test.js');
  });
});

test('another error with a code like ours is not ours', () => {
  const foreign = Object.assign(new Error('address in use'), { code: 'ERR_INVALID_ARG' });
  for (const value of [foreign, { code: 'ERR_INVALID_ARG' }, 'ERR_INVALID_ARG', null, undefined]) {
    expect(RedstartError.is(value)).toBe(false);
  }
});

test('the error of a failed job brings along what its handler threw', async () => {
  const queue = store.queue('mail');
  queue.process(() => {
    throw new UnrecoverableError('no such mailbox');
  });
  const job = await queue.add('welcome', {});

  const error = await rejectionOf(job.result());

  expect(error).toBeInstanceOf(RedstartError);
  expect(error).toMatchObject({ code: 'ERR_JOB_FAILED', finishKind: 'unrecoverable' });
  expect(error.cause).toBeInstanceOf(Error);
  expect(error.cause.message).toBe('no such mailbox');
});

test('the error of a loader arrives as it was thrown', async () => {
  const down = new TypeError('the catalog is down');
  const cache = store.cache('pages', { ttl: '1m' });

  expect(await rejectionOf(cache.getOrSet('home', () => Promise.reject(down)))).toBe(down);
});

test('a second copy of the library, as of jest.isolateModules, is told apart by instanceof and not by is', () => {
  let copy;
  jest.isolateModules(() => {
    copy = require('redstart');
  });
  const error = thrownBy(() => copy.open('redis://localhost'));

  expect(copy.RedstartError).not.toBe(RedstartError);
  expect(error).not.toBeInstanceOf(RedstartError);
  expect(RedstartError.is(error, 'ERR_INVALID_ARG')).toBe(true);
});

test('a closed store says so, and the app answers for it', async () => {
  const shop = openShop();
  await shop.close();

  expect(thrownBy(() => shop.store.cache('products'))).toMatchObject({ code: 'ERR_CLOSED' });
  await visit(shop.app).get('/products/teapot').expect(500);
});

test('cached values are of the types of the test, so that toStrictEqual and instanceof hold', async () => {
  const cache = store.cache('values', { ttl: null });
  const value = {
    list: [1, 'two', null, undefined],
    when: new Date(0),
    tags: new Set(['a']),
    sizes: new Map([['s', { cm: 1 }]]),
    big: 2n ** 70n,
    bytes: Buffer.from('tea'),
    floats: new Float64Array([0.5]),
  };
  await cache.set('everything', value);
  const copy = await cache.get('everything');

  expect(copy).toStrictEqual(value);
  expect(copy).not.toBe(value);
  expect(copy).toBeInstanceOf(Object);
  expect(copy.list).toBeInstanceOf(Array);
  expect(copy.when).toBeInstanceOf(Date);
  expect(copy.tags).toBeInstanceOf(Set);
  expect(copy.sizes).toBeInstanceOf(Map);
  expect(Buffer.isBuffer(copy.bytes)).toBe(true);
});
