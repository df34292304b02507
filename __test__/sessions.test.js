'use strict';
const assert = require('node:assert/strict');
const { test, beforeEach, afterEach } = require('node:test');
const { runInNewContext } = require('node:vm');
const { open, manualClock } = require('redstart');

let clock;
let store;
let sessions;

beforeEach(() => {
  clock = manualClock();
  store = open('memory:', { clock });
  sessions = store.sessions('web', { ttl: '30m' });
});
afterEach(() => store.close());

test('a session is found under a random id, as a copy', async () => {
  const data = { user: 1, cart: ['a'] };
  const { id, data: kept } = await sessions.create(data);
  assert.match(id, /^[\w-]{32}$/);
  assert.deepEqual(kept, data);
  const got = await sessions.get(id);
  got.cart.push('b');
  assert.deepEqual(await sessions.get(id), data);
  assert.equal(await sessions.count(), 1);
  assert.notEqual((await sessions.create(data)).id, id);
});

test('set replaces and renews, touch renews and leaves the data alone, get does neither [SessionsOptions.ttl]', async () => {
  const { id } = await sessions.create({ n: 1 });
  clock.advance('20m');
  assert.equal(await sessions.touch(id), true);
  clock.advance('20m');
  assert.deepEqual(await sessions.get(id), { n: 1 });
  assert.equal(await sessions.set(id, { n: 2 }), true);
  clock.advance('29m');
  assert.deepEqual(await sessions.get(id), { n: 2 });
  clock.advance('1m');
  assert.equal(await sessions.get(id), undefined);
  assert.equal(await sessions.touch(id), false);
  assert.equal(await sessions.set(id, { n: 3 }), false);
  assert.equal(await sessions.count(), 0);
});

test('each call may give a ttl of its own', async () => {
  const { id } = await sessions.create({}, { ttl: '1s' });
  await sessions.touch(id, { ttl: '10s' });
  clock.advance('9s');
  await sessions.set(id, {}, { ttl: '2h' });
  clock.advance('1h');
  assert.deepEqual(await sessions.get(id), {});
  await assert.rejects(sessions.touch(id, { ttl: 0 }), { code: 'ERR_INVALID_ARG' });
});

test('regenerate moves the session to a new id, and the old one is dead at once', async () => {
  const { id } = await sessions.create({ user: 1 });
  clock.advance('10m');
  const next = await sessions.regenerate(id);
  assert.notEqual(next, id);
  assert.equal(await sessions.get(id), undefined);
  assert.deepEqual(await sessions.get(next), { user: 1 });
  assert.equal(await sessions.regenerate(id), undefined);
  assert.equal(await sessions.count(), 1);
});

test('a destroyed session stays destroyed, whoever writes to it afterwards', async () => {
  const { id } = await sessions.create({ user: 1 });
  assert.equal(await sessions.destroy(id), true);
  assert.equal(await sessions.destroy(id), false);
  assert.equal(await sessions.set(id, { user: 1 }), false);
  assert.equal(await sessions.touch(id), false);
  assert.equal(await sessions.get(id), undefined);
});

test('ids that a client makes up are unknown and leave no trace', async () => {
  const before = (await store.stats()).bytes;
  for (const id of [
    '',
    'nope',
    '../../etc/passwd',
    '\0',
    'é',
    'x'.repeat(300),
    'x'.repeat(100_000).slice(0, 60_000),
    '€',
  ]) {
    assert.equal(await sessions.get(id), undefined);
    assert.equal(await sessions.set(id, {}), false);
    assert.equal(await sessions.touch(id), false);
    assert.equal(await sessions.destroy(id), false);
    assert.equal(await sessions.regenerate(id), undefined);
  }
  assert.equal((await store.stats()).bytes, before);
  for (const id of [undefined, null, 5, {}]) await assert.rejects(sessions.get(id), { code: 'ERR_INVALID_ARG' });
});

test('data is a plain object of JSON, up to maxSessionSize [SessionsOptions.maxSessionSize]', async () => {
  for (const data of [undefined, null, 'text', 5, ['list'], () => {}]) {
    await assert.rejects(sessions.create(data), { code: 'ERR_INVALID_ARG' });
  }
  await assert.rejects(sessions.create({ big: 1n }), { code: 'ERR_INVALID_ARG', message: /session data/ });
  const small = store.sessions('small', { ttl: '1h', maxSessionSize: '1kb' });
  const { id } = await small.create({ keep: true });
  await assert.rejects(small.set(id, { text: 'x'.repeat(2_000) }), {
    code: 'ERR_TOO_LARGE',
    message: /maxSessionSize/,
  });
  assert.deepEqual(await small.get(id), { keep: true });
  const text = 'naïve €uro 🎉 \ud800';
  const { id: unicode } = await sessions.create({ text });
  assert.deepEqual(await sessions.get(unicode), { text });
});

test('what JSON would keep as another thing is refused', async () => {
  class User {
    name = 'Ada';
  }
  const { id } = await sessions.create({ keep: true });
  for (const data of [new Map([['user', 1]]), new Set([1]), Promise.resolve({}), /a/, new Error('no'), new User()]) {
    const refusal = { code: 'ERR_INVALID_ARG', message: /must be a plain object.*got .*Object\.fromEntries/s };
    await assert.rejects(sessions.create(data), refusal);
    await assert.rejects(sessions.set(id, data), refusal);
  }
  for (const json of [5, 'text', null, true, ['list']]) {
    const refusal = { code: 'ERR_INVALID_ARG', message: /must be a plain object; its toJSON\(\) makes it/ };
    await assert.rejects(sessions.create({ toJSON: () => json }), refusal);
    await assert.rejects(sessions.set(id, { toJSON: () => json }), refusal);
  }
  await assert.rejects(sessions.create(new Date()), { code: 'ERR_INVALID_ARG' });
  await assert.rejects(sessions.create({ toJSON: () => undefined }), { code: 'ERR_INVALID_ARG' });
  assert.deepEqual(await sessions.get(id), { keep: true });
});

test('data may tell its own JSON, and come from anywhere', async () => {
  class Cart {
    #items = ['a'];
    toJSON() {
      return { items: this.#items };
    }
  }
  const bare = Object.assign(Object.create(null), { n: 1 });
  const foreign = runInNewContext('({ n: 1 })');
  assert.deepEqual((await sessions.create(new Cart())).data, { items: ['a'] });
  for (const data of [bare, foreign]) assert.deepEqual((await sessions.create(data)).data, { n: 1 });
});

test('__proto__ in a session is data: neither pollution nor loss', async () => {
  const { id } = await sessions.create(JSON.parse('{"__proto__":{"admin":true},"constructor":1}'));
  const got = await sessions.get(id);
  assert.deepEqual(Object.keys(got), ['__proto__', 'constructor']);
  assert.equal({}.admin, undefined);
  assert.equal(got.admin, undefined);
});

test('a ttl that looks like seconds warns once', async () => {
  const warnings = [];
  const listen = (warning) => warnings.push(warning.code);
  process.on('warning', listen);
  store.sessions('seconds', { ttl: 3_600 });
  store.sessions('more', { ttl: 3_600 });
  store.sessions('meant', { ttl: '5s' });
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', listen);
  assert.deepEqual(warnings, ['REDSTART_SHORT_SESSION_TTL']);
});

test('expired sessions give their memory back without being read', async () => {
  for (let index = 0; index < 5_000; index++) await sessions.create({ index });
  clock.advance('30m');
  assert.deepEqual((await store.stats()).sessions.web, { live: 0, anonymous: 0, users: 0, evicted: 0, bytes: 0 });
});
