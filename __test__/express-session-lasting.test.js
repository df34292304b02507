'use strict';
// How long a session lasts whose cookie a request has changed alone, or that a slow request saves: over real HTTP.
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

  for (const [what, begin] of [
    ['begins a session', () => {}],
    ['gives the cookie another time at first', (session) => Object.assign(session.cookie, { maxAge: 0.9 * HOUR_MS })],
  ]) {
    it(`stores it for as long as the cookie is to last when it ${what}`, async (t) => {
      t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
      const sessions = newSessions({ ttl: '12h' });
      const routes = (app) =>
        app.get('/slow', (req, res, next) => {
          begin(req.session);
          req.session.user = 'eve';
          t.mock.timers.setTime(Date.now() + 2 * HOUR_MS);
          clock.advance(2 * HOUR_MS);
          req.session.save((error) => (error ? next(error) : res.send('saved')));
        });
      await serving({ sessions, routes, options: { cookie: { maxAge: HOUR_MS } } }, async ({ browser }) => {
        const eve = browser();
        if (what.includes('another')) {
          await eve.get('/login?user=ada');
          await sessions.touch(eve.sid, { ttl: '3h' });
        }
        assert.equal(await eve.get('/slow'), 'saved');
        assert.equal(await eve.get('/me'), 'eve');
        isAbout(await leftMs(sessions, eve.sid), (what.includes('another') ? 0.9 : 1) * HOUR_MS);
      });
    });
  }
});
