'use strict';
// Requests that change nothing of the data, or the cookie alone, beside others that do.
const assert = require('node:assert/strict');
const { it } = require('node:test');
const { manualClock, open } = require('redstart');
const { SessionStore } = require('redstart/express-session');

const DAY_MS = 86_400_000;
const COOKIE = { originalMaxAge: 3_600_000, path: '/' };

/** @param {object} options */
async function rig(options) {
  const sessions = open('memory:', { clock: manualClock() }).sessions('web', { ttl: '2h', ...options });
  const store = new SessionStore({ sessions });
  const cookie = { ...COOKIE, expires: new Date(Date.now() + 3_600_000).toISOString() };
  await store.set('sid', store.createSession({ sessionID: 'sid', sessionStore: store }, { cookie, n: 0 }));
  /** A Session as a request of its own has loaded it. */
  const load = async () => {
    const req = { sessionID: 'sid', sessionStore: store };
    return store.createSession(req, await store.get('sid'));
  };
  return { sessions, store, load };
}

it('who saves without having changed anything is no conflict, and writes nothing back', async () => {
  for (const conflict of ['error', 'overwrite', 'merge']) {
    const { sessions, store, load } = await rig({ conflict });
    const [writer, reader] = [await load(), await load()];
    writer.n = 1;
    await store.set('sid', writer);
    await store.set('sid', reader);
    assert.equal((await sessions.get('sid')).n, 1, conflict);
  }
});

it('who overwrites what another has changed leaves the cookie alone that he has not touched', async () => {
  const { sessions, store, load } = await rig({ conflict: 'overwrite' });
  const [remembered, other] = [await load(), await load()];
  remembered.cookie.maxAge = 30 * DAY_MS;
  await store.set('sid', remembered);
  other.n = 2;
  await store.set('sid', other);
  const { data, expiresAt } = await sessions.getEntry('sid');
  assert.deepEqual([data.n, data.cookie.originalMaxAge], [2, 30 * DAY_MS]);
  assert.ok(expiresAt.getTime() - Date.now() > 29 * DAY_MS);
});

it('a request that has touched its cookie and then saves does not meet itself', async () => {
  const { sessions, store, load } = await rig({ conflict: 'error' });
  const session = await load();
  session.cookie.maxAge = 30 * DAY_MS;
  await store.touch('sid', session);
  session.n = 3;
  await store.set('sid', session);
  const { n, cookie } = await sessions.get('sid');
  assert.deepEqual([n, cookie.originalMaxAge], [3, 30 * DAY_MS]);
});

it('the milliseconds that express-session loses of a maxAge are no change of the cookie', async () => {
  const { sessions, store, load } = await rig({});
  const session = await load();
  const { version } = await sessions.getEntry('sid');
  session.cookie.originalMaxAge -= 2;
  await store.touch('sid', session);
  assert.equal((await sessions.getEntry('sid')).version, version);
});
