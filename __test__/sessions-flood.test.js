'use strict';
// Requests that mean no good, against real Express with real express-session: cookies of made-up ids that are signed well,
// visitors who never keep a cookie, ids that are none, ids of sessions that are over.
const assert = require('node:assert/strict');
const { randomBytes } = require('node:crypto');
const { after, describe, it } = require('node:test');
const { manualClock, open } = require('redstart');
const { Gate, serving } = require('./support/sessions/browser.js');
const { crowd, signedCookie } = require('./support/sessions/crowd.js');

const SECRET = 'test';
const stores = [];
after(() => Promise.all(stores.map((store) => store.close())));

/** A store of its own, so that its bytes are those of these sessions. */
function newSessions(options) {
  const clock = manualClock();
  const store = open('memory:', { clock });
  stores.push(store);
  const sessions = store.sessions('web', { ttl: '1h', userId: ({ user }) => user, ...options });
  return { store, sessions, clock, held: async () => ({ ...(await store.stats()).sessions.web }) };
}

describe('a flood', () => {
  it('of 2,000 well-signed cookies with ids that nobody was given stores nothing, not one byte', async () => {
    const { store, sessions } = newSessions();
    await serving({ sessions }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      const { visit, each, leave } = crowd(ada.url);
      assert.equal(
        (await visit('/me', signedCookie(ada.sid, SECRET))).body,
        '"ada"',
        'what is signed here opens sessions',
      );

      const [{ bytes }, count] = [await store.stats(), await sessions.count()];
      const unlike = new Set();
      await each(2_000, async () => {
        const forged = signedCookie(randomBytes(24).toString('base64url'), SECRET);
        unlike.add(JSON.stringify(await visit('/me', forged)));
      });
      leave();
      assert.deepEqual([...unlike], [JSON.stringify({ status: 200, body: 'null' })], 'no session, and no cookie given');
      assert.equal((await store.stats()).bytes, bytes);
      assert.equal(await sessions.count(), count);
      assert.equal(await ada.get('/me'), 'ada');
    });
  });

  it('of 5,000 visitors without cookies stays within maxAnonymous and costs no user a session', async () => {
    const maxAnonymous = 500;
    const { sessions, clock, held } = newSessions({ maxAnonymous });
    const anonymous = [];
    const bytes = [];
    const routes = (app) => {
      app.get('/look', async (_req, res) => {
        const now = await held();
        anonymous.push(now.anonymous);
        bytes.push(now.bytes);
        res.send('seen');
      });
    };
    await serving({ sessions, routes, options: { saveUninitialized: true } }, async ({ browser }) => {
      const { visit, each, leave } = crowd(browser().url);
      const users = [];
      const regular = (await visit('/me')).given;
      await each(5_000, async (number) => {
        clock.advance(1);
        if (number % 250 === 0) {
          const user = `user-${number}`;
          const { status, given } = await visit(`/login?user=${user}`);
          assert.equal(status, 200);
          users.push({ user, given });
        } else if (number % 100 === 1) {
          assert.equal((await visit('/look', regular)).given, undefined, 'who comes back has a session still');
        } else {
          const { status, given } = await visit('/me');
          assert.equal(status, 200);
          assert.notEqual(given, undefined, 'each visitor is given a session');
        }
      });
      assert.equal(Math.max(...anonymous), maxAnonymous);
      // Seen in order: the room was full by the time the first fifth was through.
      const full = bytes[anonymous.indexOf(maxAnonymous)];
      assert.ok(Math.max(...bytes) < 1.2 * full, `${full} bytes when full first, then ${Math.max(...bytes)}`);
      assert.equal(users.length, 20);
      for (const { user, given } of users) assert.equal((await visit('/me', given)).body, JSON.stringify(user));
      leave();
      const { users: withSessions, anonymous: atTheEnd, evicted } = await held();
      assert.equal(withSessions, 20);
      assert.equal(atTheEnd, maxAnonymous);
      assert.ok(evicted > 4_000, `${evicted} visitors' sessions made room`);
    });
  });
});

describe('text that is no id', () => {
  // Beside each the id of a session that is there, so that what is cut off or narrowed to bytes would find it.
  const LONGEST = 'x'.repeat(256);
  const NOT_IDS = {
    'of 257 characters': `${LONGEST}x`,
    'of a million characters': 'x'.repeat(1_000_000),
    empty: '',
    'with a character whose low byte is that of a letter': '\u0161bc',
    'with an accent': 'abcé',
    'with half a character': 'abc\ud83d',
    'with a NUL at its end': 'abc\0',
    'with a line feed': 'abc\n',
    'with a DEL': 'abc\x7f',
  };
  const { store, sessions } = newSessions();

  for (const [what, id] of Object.entries(NOT_IDS)) {
    it(`${what} is refused, and nothing like it is touched`, () =>
      serving({ sessions }, async ({ browser, sessionStore }) => {
        await sessions.clear();
        for (const known of ['abc', LONGEST]) await sessionStore.set(known, { user: 'ada', cookie: {} });
        const [{ bytes }, entry] = [await store.stats(), await sessions.getEntry('abc')];

        assert.equal(await sessions.get(id), undefined);
        assert.equal(await sessions.getEntry(id), undefined);
        assert.equal(await sessions.touch(id), false);
        assert.equal(await sessions.set(id, { user: 'mallory' }), false);
        assert.equal(await sessions.update(id, () => ({ user: 'mallory' })), undefined);
        assert.equal(await sessions.regenerate(id), undefined);
        assert.equal(await sessions.destroy(id), false);
        assert.equal(await sessions.destroyHandle(id), false);
        await assert.rejects(sessionStore.set(id, { user: 'mallory', cookie: {} }), { code: 'ERR_INVALID_ARG' });
        assert.equal(await sessionStore.get(id), undefined);
        await sessionStore.touch(id, { cookie: {} });
        await sessionStore.destroy(id);

        assert.equal(await sessions.count(), 2);
        assert.equal((await store.stats()).bytes, bytes);
        assert.deepEqual(await sessions.getEntry('abc'), entry);

        if (id.length > 1_000 || !id.isWellFormed()) return; // No HTTP header carries it.
        const mallory = browser();
        mallory.cookie = signedCookie(id, SECRET);
        assert.equal(await mallory.get('/me'), null);
        await mallory.get('/login?user=mallory');
        assert.equal(mallory.status, 200);
        assert.match(mallory.sid, /^[\w-]{32}$/, 'a login begins a session under an id of its own');
        assert.equal(await mallory.get('/me'), 'mallory');
      }));
  }
});

describe('the id of a session that is over', () => {
  it('opens nothing, takes no data and begins nothing', async () => {
    const { store, sessions, clock } = newSessions();
    const empty = (await store.stats()).bytes;
    await serving({ sessions }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      const { cookie, sid } = ada;
      const { version } = await sessions.getEntry(sid);
      clock.advance('61m');

      assert.equal(await ada.get('/me'), null);
      assert.equal(await sessions.get(sid), undefined);
      assert.equal(await sessions.touch(sid), false);
      assert.equal(await sessions.set(sid, { user: 'ada' }), false);
      assert.equal(await sessions.set(sid, { user: 'ada' }, { version }), false);
      assert.equal(await sessions.update(sid, (data) => data), undefined);
      assert.equal(await sessions.regenerate(sid), undefined);
      assert.equal(await sessions.destroy(sid), false);
      assert.equal(await sessions.count(), 0);
      assert.deepEqual(await sessions.listUser('ada'), []);
      assert.equal((await store.stats()).bytes, empty);

      await ada.get('/login?user=ada');
      assert.notEqual(ada.sid, sid, 'the next login is under another id');
      ada.cookie = cookie;
      assert.equal(await ada.get('/me'), null);
    });
  });

  it('does not come back with a slow request that loaded it before', async () => {
    const { sessions, clock } = newSessions();
    const gate = new Gate();
    const routes = (app) =>
      app.get('/slow', async (req, res) => {
        req.session.slow = true;
        await gate.pass();
        res.send('done');
      });
    await serving({ sessions, routes }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      const slow = ada.window().get('/slow');
      await gate.reached;
      clock.advance('61m');
      gate.open();
      await slow;
      assert.equal(await sessions.count(), 0);
      assert.equal(await ada.get('/me'), null);
    });
  });
});
