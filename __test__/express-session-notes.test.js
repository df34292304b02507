'use strict';
// What the store knows of a Session object, whoever else knows something of it.
const assert = require('node:assert/strict');
const { after, describe, it } = require('node:test');
const { open } = require('redstart');
const { SessionStore } = require('redstart/express-session');

const store = open('memory:');
after(() => store.close());

let names = 0;
const newSessions = () => store.sessions(`web-${names++}`, { ttl: '1h' });
const sid = 's'.repeat(32);
const cookie = () => ({ originalMaxAge: null, expires: null, httpOnly: true, path: '/' });

/** A store that holds a session. */
async function begun() {
  const sessions = newSessions();
  const sessionStore = new SessionStore({ sessions });
  await sessionStore.set(sid, { cookie: cookie(), user: 'ada' });
  return { sessions, sessionStore };
}
const load = async (sessionStore) =>
  sessionStore.createSession({ sessionID: sid, sessionStore }, await sessionStore.get(sid));

describe('a session that was loaded', () => {
  it('is known to each of two stores that have saved it', async () => {
    const [first, second] = [await begun(), await begun()];
    const session = await load(first.sessionStore);
    await second.sessionStore.set(sid, session);
    for (const { sessions, sessionStore } of [first, second]) {
      await sessions.update(sid, (data) => ({ ...data, cart: ['tea'] }));
      session.theme = 'dark';
      await sessionStore.set(sid, session);
      const { user, cart, theme } = await sessions.get(sid);
      assert.deepEqual([user, cart, theme], ['ada', ['tea'], 'dark']);
      await sessions.destroy(sid);
      await sessionStore.set(sid, session);
      assert.equal(await sessions.get(sid), undefined, 'what is gone stays gone');
    }
  });

  it('is known where nothing can be added to it', async () => {
    const { sessions, sessionStore } = await begun();
    const session = Object.freeze({ cookie: cookie(), user: 'grace' });
    await sessionStore.set(sid, session);
    await sessions.destroy(sid);
    await sessionStore.set(sid, session);
    assert.equal(await sessions.get(sid), undefined);

    const next = await begun();
    const loaded = Object.freeze(await load(next.sessionStore));
    await next.sessionStore.set(sid, loaded);
    await next.sessions.update(sid, (data) => ({ ...data, cart: ['tea'] }));
    await next.sessionStore.set(sid, loaded);
    assert.deepEqual((await next.sessions.get(sid)).cart, ['tea']);
  });

  it('shows no sign of it', async () => {
    const { sessionStore } = await begun();
    assert.deepEqual(Reflect.ownKeys(await sessionStore.get(sid)), ['cookie', 'user']);
    assert.deepEqual(Reflect.ownKeys(await load(sessionStore)), ['req', 'id', 'cookie', 'user']);
  });

  it('is called back once and never before the call has returned, with errors too', async () => {
    const { sessionStore } = await begun();
    for (const call of [
      (callback) => sessionStore.get(sid, callback),
      (callback) => sessionStore.set(sid, { cookie: cookie() }, callback),
      (callback) => sessionStore.get(7, callback),
      (callback) => sessionStore.set(sid, 7, callback),
    ]) {
      let calls = 0;
      const called = new Promise((resolve) => {
        call(() => {
          calls += 1;
          resolve();
        });
      });
      assert.equal(calls, 0);
      await called;
      await new Promise(setImmediate);
      assert.equal(calls, 1);
    }
    await assert.rejects(sessionStore.get(7), { code: 'ERR_INVALID_ARG' });
  });
});
