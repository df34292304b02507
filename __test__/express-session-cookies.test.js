'use strict';
// What one request has made of a session and its cookie, and another one, or the same once more, must not undo.
const assert = require('node:assert/strict');
const { after, it } = require('node:test');
const { Cookie } = require('express-session');
const { manualClock, open } = require('redstart');
const { SessionStore } = require('redstart/express-session');

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
function newDoor(options) {
  const sessions = store.sessions(`cookies-${names++}`, { ttl: '2h', ...options });
  const door = new SessionStore({ sessions });
  /** As a request loads it. @param {string} sid */
  const load = async (sid) => door.createSession({ sessionID: sid, sessionStore: door }, await door.get(sid));
  return { sessions, door, load };
}

/** Hours that the session has left. */
async function hoursLeft(sessions, sid) {
  const { expiresAt } = await sessions.getEntry(sid);
  return Math.round((expiresAt.getTime() - clock.nowMs) / HOUR_MS);
}

it('a request that changed nothing leaves "remember me" of another as it is, where cookies end with the browser', async () => {
  const { sessions, door, load } = newDoor();
  await door.set('x', { cookie: new Cookie() });
  const slow = await load('x');
  const login = await load('x');
  login.cookie.maxAge = 30 * DAY_MS;
  login.user = 1;
  await door.set('x', login);
  assert.equal(await hoursLeft(sessions, 'x'), 720);
  await door.touch('x', slow);
  assert.equal(await hoursLeft(sessions, 'x'), 720);
  slow.seen = 1;
  await door.set('x', slow);
  assert.equal(await hoursLeft(sessions, 'x'), 720);
  const { cookie, ...data } = await sessions.get('x');
  assert.deepEqual([data, cookie.originalMaxAge], [{ user: 1, seen: 1 }, 30 * DAY_MS]);
});

for (const conflict of ['merge', 'overwrite', 'error']) {
  it(`two saves of one request in one tick are both made, conflict '${conflict}'`, async () => {
    const { sessions, door, load } = newDoor({ conflict });
    await door.set('x', { cookie: new Cookie(), flag: 0 });
    const live = await load('x');
    Object.assign(live, { flag: 1, flash: 'once' });
    const first = door.set('x', live);
    live.flag = 0;
    delete live.flash;
    await Promise.all([first, door.set('x', live)]);
    const { cookie, ...data } = await sessions.get('x');
    assert.deepEqual([data, typeof cookie], [{ flag: 0 }, 'object']);
  });

  it(`a new session that is ended in the tick it was saved in stays ended, conflict '${conflict}'`, async () => {
    const { sessions, door } = newDoor({ conflict, userId: ({ user }) => user });
    const live = { cookie: new Cookie(), user: 1 };
    door.set('x', live);
    sessions.destroyUser(1);
    await door.set('x', Object.assign(live, { late: 1 }));
    assert.equal(await sessions.count(), 0);
  });
}

it('data that was loaded under one id and is saved under another is a session of its own', async () => {
  const { sessions, door } = newDoor();
  await door.set('old', { cookie: new Cookie(), n: 1 });
  await door.set('new', await door.get('old'));
  assert.equal((await sessions.get('new')).n, 1);
});

it('a session in constant use does not end for touchAfter where its own idle time is shorter', async () => {
  const { sessions } = newDoor({ touchAfter: '1m' });
  const { id } = await sessions.create({}, { ttl: 300 });
  for (let use = 0; use < 20; use++) {
    clock.advance(100);
    assert.equal(await sessions.touch(id), true, `use ${use}`);
  }
});

it('a user whose name is no text is refused: half characters cannot be told apart', async () => {
  const { sessions } = newDoor({ userId: ({ user }) => user });
  await assert.rejects(sessions.create({ user: 'a\ud800' }), { code: 'ERR_INVALID_ARG' });
  await assert.rejects(sessions.listUser('a\udfff'), { code: 'ERR_INVALID_ARG' });
  await sessions.create({ user: 'a😀' });
  assert.equal((await sessions.listUser('a😀')).length, 1);
});
