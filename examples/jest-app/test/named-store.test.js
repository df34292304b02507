'use strict';

const { manualClock, open, RedstartError } = require('redstart');
const { createApp } = require('../app');
const { ADA, visit, visitAs } = require('./shop');

// A name is shared by the whole process, and Jest may run other files in it: each file takes a name of its own.
const URL = 'memory:named-store.test.js';

let clock;
let store;

beforeEach(() => {
  clock = manualClock();
  store = open(URL, { clock });
});
afterEach(() => store.close());

test('whoever opens the name gets the same store', async () => {
  const other = open(URL);
  await store.cache('pages', { ttl: '1m' }).set('home', '<h1>Tea</h1>');

  expect(await other.cache('pages').get('home')).toBe('<h1>Tea</h1>');
  expect(other).not.toBe(store);
  await other.close();
});

test('the clock belongs to the store, and every handle keeps its time', async () => {
  const other = open(URL);
  await other.cache('pages', { ttl: '1m' }).set('home', '<h1>Tea</h1>');

  clock.advance('1m');

  expect(await other.cache('pages').get('home')).toBeUndefined();
  await other.close();
});

test('a second clock for the same store is refused', () => {
  expect(() => open(URL, { clock: manualClock() })).toThrow(
    expect.objectContaining({ name: 'RedstartError', code: 'ERR_OPTIONS_CONFLICT' }),
  );
});

test('closing one handle leaves the others alone; the last one takes the state with it', async () => {
  const other = open(URL);
  await other.cache('pages', { ttl: '1m' }).set('home', '<h1>Tea</h1>');
  await other.close();
  expect(await store.cache('pages').get('home')).toBe('<h1>Tea</h1>');

  await store.close();
  store = open(URL);
  expect(() => store.cache('pages')).toThrow(RedstartError);
});

test('two apps on one store share logins and login limits', async () => {
  const other = open(URL);
  const secret = 'the same in both';
  const first = createApp({ store, clock, secret });
  const second = createApp({ store: other, clock, secret });

  const login = await visit(first).post('/login').send(ADA).expect(200);
  const cookie = login.get('Set-Cookie')[0].split(';')[0];
  await visit(second).get('/me').set('Cookie', cookie).expect(200, { email: ADA.email });

  const response = await visit(second).post('/login').send(ADA).expect(200);
  expect(response.get('X-RateLimit-Remaining')).toBe('3');
  await other.close();
});

test('a job added through one handle is run by the worker of another', async () => {
  const other = open(URL);
  other.queue('sums').process(({ data }) => data.reduce((sum, number) => sum + number, 0));

  const job = await store.queue('sums').add('sum', [1, 2, 3]);

  expect(await job.result()).toBe(6);
  await other.close();
});

test('a second copy of the library, as jest.isolateModules makes one, opens the same store', async () => {
  let copy;
  jest.isolateModules(() => {
    copy = require('redstart');
  });
  const other = copy.open(URL);
  await store.limiter('api', { limit: 3, window: '1m' }).consume('ada');

  expect(await other.limiter('api').consume('ada')).toMatchObject({ allowed: true, remaining: 1 });
  await other.close();
});

test('a private store has nothing to do with any of them', async () => {
  const own = open('memory:', { clock });
  await visitAs(createApp({ store, clock }), ADA);

  expect((await store.stats()).sessions.web.live).toBe(1);
  expect((await own.stats()).sessions).toStrictEqual({});
  await own.close();
});
