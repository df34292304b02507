'use strict';
// Cookies that cannot be sent, under real @fastify/session: an error of the request, never the end of the process.
const assert = require('node:assert/strict');
const { after, it } = require('node:test');
const { open } = require('redstart');
const { SessionStore } = require('redstart/fastify-session');
const { serving, sidOf } = require('./support/sessions/fastify-app.js');

const store = open('memory:');
after(() => store.close());

let names = 0;
const newSessions = () => store.sessions(`cookie-${names++}`, { ttl: '1h', userId: ({ user }) => user });

// Every cookie counts as signed.
const secret = { sign: (sid) => sid, unsign: (value) => ({ valid: true, renew: false, value }) };

const UNSENDABLE = [
  ...[NaN, Infinity, -Infinity, undefined, '1d', '1000', 1e300, 3e14, -1e15].map((maxAge) => ({ maxAge })),
  ...[new Date(NaN), new Date(8.64e15), '2099-01-01', {}, NaN].map((expires) => ({ expires })),
  ...[{ domain: 'a b' }, { domain: 5.5 }, { path: 'a;b' }, { sameSite: 'other' }],
];

for (const settings of UNSENDABLE) {
  const [[name, value]] = Object.entries(settings);
  it(`a request that sets ${name} to ${String(value)} (${typeof value}) fails, stores nothing and ends nothing`, async () => {
    const sessions = newSessions();
    const routes = (app) =>
      app.get('/cookie', async (request) => {
        request.session.tried = true;
        Object.assign(request.session.cookie, settings);
        return 'set';
      });
    await serving({ sessions, routes }, async ({ browser }) => {
      const ada = browser();
      const { code, message } = await ada.get('/cookie');
      assert.equal(ada.status, 500);
      assert.equal(code, 'ERR_INVALID_ARG');
      assert.match(message, new RegExp(`'${name}'|'expires'`));
      assert.equal(await sessions.count(), 0);
      await ada.get('/login?user=ada');
      assert.equal((await ada.window().get('/cookie')).code, 'ERR_INVALID_ARG');
      assert.equal(await ada.get('/me'), 'ada');
      assert.equal((await sessions.get(sidOf(ada))).tried, undefined);
    });
  });
}

const STORED = [
  ...['x', {}, true, [], '+012000-01-01T00:00:00.000Z'].map((expires) => ({ expires })),
  ...['x', '1000', {}, true, 1e300, -1e300].flatMap((ms) => [{ originalMaxAge: ms }, { maxAge: ms }]),
  ...[5, {}, true, 'a b'].map((domain) => ({ domain })),
  ...[{ path: 5 }, { path: {} }, { path: 'a;b' }, { sameSite: 5 }, { sameSite: 'other' }, { sameSite: {} }],
  ...[{ secure: 'x' }, { httpOnly: 'x' }, { partitioned: {} }],
];

it('settings of a stored cookie that no cookie can have are left out', async () => {
  const sessions = newSessions();
  await serving({ sessions, options: { secret } }, async ({ browser }) => {
    for (const cookie of STORED) {
      const { id } = await sessions.create({ user: 'ada', cookie });
      const [[name]] = Object.entries(cookie);
      const given = await new SessionStore({ sessions }).get(id);
      assert.equal(given.cookie[name], undefined, JSON.stringify(cookie));
      const ada = browser(`sessionId=${id}`);
      assert.equal(await ada.get('/me'), 'ada', JSON.stringify(cookie));
      assert.equal(ada.status, 200);
      await ada.get('/set?n=1');
      assert.equal(ada.status, 200);
      assert.equal((await sessions.get(id)).n, '1', JSON.stringify(cookie));
    }
  });
});

it('a response that changed nothing writes nothing, whatever fraction its maxAge has', async () => {
  const sessions = newSessions();
  await serving({ sessions, options: { cookie: { maxAge: 3_600_000.9 } } }, async ({ browser }) => {
    const ada = browser();
    await ada.get('/login?user=ada');
    const { version } = await sessions.getEntry(sidOf(ada));
    for (let visit = 0; visit < 200; visit++) await ada.get('/me');
    assert.equal((await sessions.getEntry(sidOf(ada))).version, version);
  });
});
