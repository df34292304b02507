'use strict';
// What an app keeps in a session under any name, and what it makes of the cookie alone, over real HTTP.
const assert = require('node:assert/strict');
const { after, describe, it } = require('node:test');
const { manualClock, open } = require('redstart');
const { serving } = require('./support/sessions/browser.js');

const HOUR_MS = 3_600_000;
const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newSessions = (options) =>
  store.sessions(`web-${names++}`, { ttl: '1h', userId: ({ user }) => user, ...options });

/** What an object may have a name for already. */
const OF_OBJECTS = {
  ['__proto__']: { polluted: true },
  constructor: { prototype: { polluted: true } },
  prototype: { polluted: true },
  toString: 'text',
  valueOf: 5,
  hasOwnProperty: null,
  isPrototypeOf: false,
};
// A literal would set the prototype.
const own = (object, key, value) =>
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
const fields = (object) => new Map(Object.entries(object).filter(([key]) => key !== 'cookie'));

/** /keep: sets all of them. /show: what there is. /change: one of them, and another key. /add: another key. */
function keeping(app) {
  app.get('/keep', (req, res) => {
    for (const [key, value] of Object.entries(OF_OBJECTS)) own(req.session, key, value);
    res.send('kept');
  });
  app.get('/show', (req, res) => res.type('json').send(JSON.stringify(req.session)));
  app.get('/change', (req, res) => {
    own(req.session, '__proto__', { polluted: 'again' });
    delete req.session.toString;
    req.session.more = 1;
    res.send('changed');
  });
  app.get('/add', (req, res) => {
    Object.assign(req.session, req.query);
    res.send('added');
  });
  app.get('/methods', (req, res, next) => {
    const { session } = req;
    assert.equal(session.id, req.sessionID);
    assert.equal(session.touch(), session);
    session.resetMaxAge();
    session.save((failed) => {
      if (failed) return next(failed);
      return session.reload((error) => (error ? next(error) : res.json(req.session.user)));
    });
  });
}

function assertUnpolluted() {
  assert.equal({}.polluted, undefined);
  assert.equal(Object.getOwnPropertyNames(Object.prototype).includes('polluted'), false);
  assert.equal((() => {}).polluted, undefined);
}

describe('keys that every object has a name for', () => {
  it('are data as any other, from request to request, and pollute nothing', () => {
    const sessions = newSessions();
    return serving({ sessions, routes: keeping }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      const expected = new Map([['user', 'ada'], ...Object.entries(OF_OBJECTS)]);
      expected.set('__proto__', { polluted: true });
      await ada.get('/keep');
      for (let n = 0; n < 2; n++) {
        // Once as stored by the request that set them, once by one that loaded them.
        assert.deepEqual(fields(await ada.get('/show')), expected);
        assert.deepEqual(fields(await sessions.get(ada.sid)), expected);
        await ada.get('/add?n=1');
        expected.set('n', '1');
      }
      assertUnpolluted();
      await ada.get('/change');
      expected.set('__proto__', { polluted: 'again' });
      expected.delete('toString');
      expected.set('more', 1);
      assert.deepEqual(fields(await ada.get('/show')), expected);
      assertUnpolluted();
      assert.equal(await ada.get('/methods'), 'ada');
      await ada.get('/logout');
      assert.equal(await sessions.count(), 0);
    });
  });
});

describe('keys by the names of what a Session can do', () => {
  const OTHERS = { touch: 'touch', save: 5, id: 'an id', reload: [1], regenerate: null, destroy: { a: 1 }, req: 'r' };

  it('stored another way stay stored, whatever requests change, and Sessions can do all they could', () => {
    const sessions = newSessions();
    return serving({ sessions, routes: keeping }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      await sessions.update(ada.sid, (data) => ({ ...data, ...OTHERS }));
      const stored = async () => {
        const { cookie, ...data } = await sessions.get(ada.sid);
        return data;
      };
      assert.equal(await ada.get('/me'), 'ada');
      await ada.get('/add?n=1');
      assert.deepEqual(await stored(), { user: 'ada', ...OTHERS, n: '1' });
      assert.equal(await ada.get('/methods'), 'ada');
      assert.deepEqual(await stored(), { user: 'ada', ...OTHERS, n: '1' });
      // Their other owner changes one, removes one, and that stays so too.
      await sessions.update(ada.sid, ({ save, ...data }) => ({ ...data, touch: 'changed' }));
      await ada.get('/add?n=2');
      const { save, ...left } = OTHERS;
      assert.deepEqual(await stored(), { user: 'ada', ...left, touch: 'changed', n: '2' });
      const { n, user, ...shown } = await ada.get('/show');
      assert.deepEqual(Object.keys(shown), ['cookie'], 'no Session has them');
      await ada.get('/logout');
      assert.equal(await sessions.count(), 0);
    });
  });

  it('stay through a request that met another', () => {
    const sessions = newSessions();
    const routes = (app) =>
      app.get('/slow', async (req, res) => {
        req.session.slow = 1;
        await sessions.update(req.sessionID, (data) => ({ ...data, touch: 'later', save: 6 }));
        res.send('slow');
      });
    return serving({ sessions, routes }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      await sessions.update(ada.sid, (data) => ({ ...data, touch: 'first' }));
      await ada.get('/slow');
      const { cookie, ...data } = await sessions.get(ada.sid);
      assert.deepEqual(data, { user: 'ada', touch: 'later', save: 6, slow: 1 });
    });
  });
});

/** Milliseconds from now that the response's cookie lasts, to the second that its date tells. */
const cookieMs = (setCookie) => Date.parse(/Expires=([^;]+)/.exec(setCookie)[1]) - Date.now();
const leftMs = async (sessions, sid) => (await sessions.getEntry(sid)).expiresAt - clock.nowMs;
const isAbout = (ms, expected) => assert.ok(Math.abs(ms - expected) < 2_000, `${ms} ms, not ${expected}`);

/** /last?hours=: changes how long the cookie lasts and nothing else. */
function lasting(app) {
  app.get('/last', (req, res) => {
    req.session.cookie.maxAge = Number(req.query.hours) * HOUR_MS;
    res.send('lasts');
  });
}

describe('a request that changes how long the cookie lasts, and nothing else', () => {
  for (const hours of [48, 0.5]) {
    it(`is kept: ${hours} hours, of the cookie and of the session`, async (t) => {
      t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
      const pass = (ms) => {
        t.mock.timers.setTime(Date.now() + ms);
        clock.advance(ms);
      };
      const sessions = newSessions();
      const options = { cookie: { maxAge: 2 * HOUR_MS }, rolling: true };
      await serving({ sessions, options, routes: lasting }, async ({ browser }) => {
        const ada = browser();
        await ada.get('/login?user=ada');
        isAbout(cookieMs(ada.setCookie), 2 * HOUR_MS);
        await ada.get(`/last?hours=${hours}`);
        isAbout(cookieMs(ada.setCookie), hours * HOUR_MS);
        isAbout(await leftMs(sessions, ada.sid), hours * HOUR_MS);
        for (let n = 0; n < 3; n++) {
          pass(0.9 * hours * HOUR_MS);
          assert.equal(await ada.get('/me'), 'ada');
          isAbout(cookieMs(ada.setCookie), hours * HOUR_MS);
          isAbout(await leftMs(sessions, ada.sid), hours * HOUR_MS);
        }
        pass(hours * HOUR_MS);
        assert.equal(await ada.get('/me'), null);
      });
    });
  }

  it('loses nothing of what another request stored meanwhile', async () => {
    const sessions = newSessions();
    const routes = (app) =>
      app.get('/last', async (req, res) => {
        req.session.cookie.maxAge = 24 * HOUR_MS;
        await sessions.update(req.sessionID, (data) => ({ ...data, meanwhile: 1 }));
        res.send('lasts');
      });
    await serving({ sessions, routes, options: { cookie: { maxAge: HOUR_MS } } }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      await ada.get('/last');
      const { cookie, ...data } = await sessions.get(ada.sid);
      assert.deepEqual([data, cookie.originalMaxAge], [{ user: 'ada', meanwhile: 1 }, 24 * HOUR_MS]);
      isAbout(await leftMs(sessions, ada.sid), 24 * HOUR_MS);
    });
  });

  it('brings back no session that ended meanwhile', async () => {
    const sessions = newSessions();
    const routes = (app) =>
      app.get('/last', async (req, res) => {
        req.session.cookie.maxAge = 24 * HOUR_MS;
        await sessions.destroyUser('ada');
        res.send('lasts');
      });
    await serving({ sessions, routes, options: { cookie: { maxAge: HOUR_MS } } }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      await ada.get('/last');
      assert.equal(await sessions.count(), 0);
    });
  });
});

describe('a request slower than the cookie lasts', () => {
  for (const [what, act] of [
    ['saves what it changed', (session) => Object.assign(session, { slow: 1 })],
    ['saves what it has not changed', () => {}],
    ['gives the cookie a longer time at last', (session) => Object.assign(session.cookie, { maxAge: 2 * HOUR_MS })],
  ]) {
    it(`ends no session when it ${what}`, async (t) => {
      t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
      const sessions = newSessions();
      const routes = (app) =>
        app.get('/slow', (req, res, next) => {
          // The session is in use elsewhere, or its time would be over with the cookie's.
          for (let n = 0; n < 3; n++) {
            t.mock.timers.setTime(Date.now() + 0.5 * HOUR_MS);
            clock.advance(0.5 * HOUR_MS);
            sessions.touch(req.sessionID);
          }
          act(req.session);
          req.session.save((error) => (error ? next(error) : res.send('saved')));
        });
      await serving({ sessions, routes, options: { cookie: { maxAge: HOUR_MS } } }, async ({ browser }) => {
        const ada = browser();
        await ada.get('/login?user=ada');
        assert.equal(await ada.get('/slow'), 'saved');
        assert.equal(ada.status, 200);
        assert.equal(await ada.get('/me'), 'ada');
        assert.equal((await sessions.get(ada.sid)).slow, what.includes('what it changed') ? 1 : undefined);
        isAbout(await leftMs(sessions, ada.sid), (what.includes('longer') ? 2 : 1) * HOUR_MS);
      });
    });
  }
});
