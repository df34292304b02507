'use strict';
// The store under real express-session in real Express: what a browser sees, and the contract of a store.
const assert = require('node:assert/strict');
const http = require('node:http');
const { after, describe, it } = require('node:test');
const express = require('express');
const session = require('express-session');
const { manualClock, open } = require('..');
const { SessionStore } = require('redstart/express-session');

const HOUR = 3_600_000;
const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newSessions = (options) => store.sessions(`web-${names++}`, { ttl: '1h', ...options });

/** An app with sessions: /login, /me, /logout and whatever else a test adds. Serves for the length of one call. */
async function serving({ sessions = newSessions(), options = {}, routes = () => {} }, visit) {
  const sessionStore = new SessionStore({ sessions });
  const app = express();
  app.use(session({ secret: 'test', resave: false, saveUninitialized: false, store: sessionStore, ...options }));
  app.get('/login', (req, res) => {
    req.session.user = req.query.user;
    res.send('in');
  });
  app.get('/me', (req, res) => res.json(req.session.user ?? null));
  app.get('/logout', (req, res, next) => req.session.destroy((error) => (error ? next(error) : res.send('out'))));
  routes(app);
  app.use((error, _req, res, _next) => res.status(500).json({ code: error.code, message: error.message }));
  const server = http.createServer(app);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  try {
    return await visit({ browser: () => new Browser(url), sessions, sessionStore });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** As much of a browser as sessions need: it keeps one cookie. */
class Browser {
  constructor(url) {
    this.url = url;
    this.cookie = '';
  }
  async get(path) {
    const response = await fetch(this.url + path, { headers: { cookie: this.cookie } });
    this.setCookie = response.headers.get('set-cookie');
    if (this.setCookie) this.cookie = this.setCookie.split(';')[0];
    const text = await response.text();
    return response.headers.get('content-type')?.includes('json') ? JSON.parse(text) : text;
  }
  get sid() {
    return decodeURIComponent(this.cookie)
      .replace(/^.*=s:/, '')
      .replace(/\..*$/, '');
  }
}

describe('in a browser', () => {
  it('a login lasts from request to request, each browser its own', () =>
    serving({}, async ({ browser, sessions }) => {
      const [ada, bob] = [browser(), browser()];
      await ada.get('/login?user=ada');
      await bob.get('/login?user=bob');
      assert.equal(await ada.get('/me'), 'ada');
      assert.equal(await bob.get('/me'), 'bob');
      assert.equal(await sessions.count(), 2);
    }));

  it('a visit without a login stores nothing', () =>
    serving({}, async ({ browser, sessions }) => {
      assert.equal(await browser().get('/me'), null);
      assert.equal(await sessions.count(), 0);
    }));

  it('a logout ends it', () =>
    serving({}, async ({ browser, sessions }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      await ada.get('/logout');
      assert.equal(await ada.get('/me'), null);
      assert.equal(await sessions.count(), 0);
    }));

  it('a session ends after its idle time, which every request renews', () =>
    serving({}, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      for (let i = 0; i < 5; i++) {
        clock.advance('50m');
        assert.equal(await ada.get('/me'), 'ada');
      }
      clock.advance('61m');
      assert.equal(await ada.get('/me'), null);
    }));

  it('an id that was made up is not adopted', () =>
    serving({}, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      const mallory = browser();
      mallory.cookie = ada.cookie;
      await ada.get('/logout');
      await mallory.get('/login?user=mallory');
      assert.notEqual(mallory.sid, ada.sid);
    }));

  it('regenerate gives a new id and ends the old one', () => {
    const routes = (app) =>
      app.get('/regenerate', (req, res, next) =>
        req.session.regenerate((error) => {
          if (error) return next(error);
          req.session.user = 'ada again';
          return res.send('done');
        }),
      );
    return serving({ routes }, async ({ browser, sessions }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      const old = ada.cookie;
      await ada.get('/regenerate');
      assert.notEqual(ada.cookie, old);
      assert.equal(await ada.get('/me'), 'ada again');
      const thief = browser();
      thief.cookie = old;
      assert.equal(await thief.get('/me'), null);
      assert.equal(await sessions.count(), 1);
    });
  });

  it('a session that is too large is an error of the request', () => {
    const routes = (app) =>
      app.get('/stuff', (req, res) => {
        req.session.stuff = 'x'.repeat(10_000);
        req.session.save((error) => res.json(error.code));
      });
    return serving({ routes, sessions: newSessions({ maxSessionSize: '1kb' }) }, async ({ browser }) => {
      assert.equal(await browser().get('/stuff'), 'ERR_TOO_LARGE');
    });
  });
});

describe('a session that was destroyed stays so', () => {
  it('when a slow request that had loaded it saves it', () => {
    const gate = {};
    gate.opened = new Promise((resolve) => {
      gate.open = resolve;
    });
    gate.reached = new Promise((resolve) => {
      gate.reach = resolve;
    });
    const routes = (app) =>
      app.get('/slow', async (req, res) => {
        req.session.slow = true;
        gate.reach();
        await gate.opened;
        res.send('done');
      });
    return serving({ routes }, async ({ browser, sessions }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      const slow = ada.get('/slow');
      await gate.reached;
      await browserWith(browser, ada.cookie).get('/logout');
      gate.open();
      assert.equal(await slow, 'done');
      assert.equal(await ada.get('/me'), null);
      assert.equal(await sessions.count(), 0);
    });
  });

  it('when the request that made it goes on and saves again', () => {
    const routes = (app) =>
      app.get('/make', async (req, res, next) => {
        req.session.user = 'ada';
        try {
          await new Promise((resolve, reject) => req.session.save((error) => (error ? reject(error) : resolve())));
          await req.sessionStore.destroy(req.sessionID);
          req.session.more = 'data';
          res.send('made');
        } catch (error) {
          next(error);
        }
      });
    return serving({ routes }, async ({ browser, sessions }) => {
      assert.equal(await browser().get('/make'), 'made');
      assert.equal(await sessions.count(), 0);
    });
  });

  it('and one that was reloaded is saved as ever', () => {
    const routes = (app) =>
      app.get('/reload', (req, res, next) =>
        req.session.reload((error) => {
          if (error) return next(error);
          req.session.reloaded = true;
          return req.session.save(() => res.json({ ...req.session }));
        }),
      );
    return serving({ routes }, async ({ browser, sessions }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      const { user, reloaded } = await ada.get('/reload');
      assert.deepEqual([user, reloaded], ['ada', true]);
      assert.equal((await sessions.get(ada.sid)).reloaded, true);
    });
  });

  const browserWith = (browser, cookie) => Object.assign(browser(), { cookie });
});

describe('the cookie', () => {
  it('sets the time to live when it has one', () => {
    const options = { cookie: { maxAge: 10 * HOUR } };
    return serving({ options }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      clock.advance('9h');
      assert.equal(await ada.get('/me'), 'ada');
      clock.advance('9h');
      assert.equal(await ada.get('/me'), 'ada');
      clock.advance('11h');
      assert.equal(await ada.get('/me'), null);
    });
  });

  it('may say never', () => {
    const options = { cookie: { expires: new Date('9999-12-31') } };
    return serving({ options }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      clock.advance('3650d');
      assert.equal(await ada.get('/me'), 'ada');
    });
  });

  it('is dated anew when loaded: touches do not rewrite it', async (t) => {
    // The cookie's dates are of the real clock, so that is what stands still here.
    t.mock.timers.enable({ apis: ['Date'], now: Date.now() });
    const routes = (app) =>
      app.get('/save', (req, res) => {
        const { maxAge } = req.session.cookie;
        req.session.save(() => res.json(maxAge));
      });
    const options = { cookie: { maxAge: HOUR } };
    await serving({ options, routes }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      for (let i = 0; i < 3; i++) {
        t.mock.timers.setTime(Date.now() + 0.9 * HOUR);
        clock.advance(0.9 * HOUR);
        assert.equal(await ada.get('/me'), 'ada');
      }
      assert.equal(await ada.get('/save'), HOUR);
      assert.equal(await ada.get('/me'), 'ada');
    });
  });

  it('comes back as express-session knows it', () => {
    const routes = (app) =>
      app.get('/cookie', (req, res) => {
        const { expires, originalMaxAge, httpOnly, path, sameSite } = req.session.cookie;
        res.json({ isDate: expires instanceof Date, originalMaxAge, httpOnly, path, sameSite });
      });
    const options = { cookie: { maxAge: HOUR, sameSite: 'lax' }, rolling: true };
    return serving({ options, routes }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      assert.deepEqual(await ada.get('/cookie'), {
        isDate: true,
        originalMaxAge: HOUR,
        httpOnly: true,
        path: '/',
        sameSite: 'lax',
      });
      assert.match(ada.setCookie, /Expires=/);
    });
  });

  it('that has expired ends the session', () => {
    const routes = (app) =>
      app.get('/expire', (req, res) => {
        req.session.cookie.expires = new Date(Date.now() - 1000);
        req.session.save(() => res.send('expired'));
      });
    return serving({ routes }, async ({ browser, sessions }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      assert.equal(await sessions.count(), 1);
      await ada.get('/expire');
      assert.equal(await ada.get('/me'), null);
    });
  });
});

describe('the contract of a store', () => {
  const sid = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
  const newStore = (options) => new SessionStore({ sessions: newSessions(options) });
  const data = (more) => ({ cookie: { originalMaxAge: null, expires: null, path: '/', httpOnly: true }, ...more });
  const called = (call) => new Promise((resolve) => call((...args) => resolve(args)));

  it('is a session.Store, an EventEmitter', () => {
    assert.ok(newStore() instanceof session.Store);
    assert.equal(typeof newStore().on, 'function');
  });

  it('calls back, or promises without a callback', async () => {
    const one = newStore();
    assert.equal(await called((done) => one.set(sid, data({ user: 'ada' }), done)).then(([error]) => error), null);
    assert.deepEqual(await called((done) => one.get(sid, done)), [null, data({ user: 'ada' })]);
    assert.deepEqual(await one.get(sid), data({ user: 'ada' }));
    assert.deepEqual(await called((done) => one.length(done)), [null, 1]);
    assert.equal(await one.length(), 1);
    assert.equal((await called((done) => one.touch(sid, data(), done)))[0], null);
    assert.equal((await called((done) => one.destroy(sid, done)))[0], null);
    assert.equal((await called((done) => one.destroy(sid, done)))[0], null);
    assert.equal((await called((done) => one.get(sid, done)))[1], undefined);
    assert.equal(await one.get(sid), undefined);
  });

  it('replaces what an unknown object is stored over, as any store does', async () => {
    const one = newStore();
    await one.set(sid, data({ user: 'ada' }));
    await one.set(sid, data({ user: 'bob' }));
    assert.equal((await one.get(sid)).user, 'bob');
  });

  it('gives every caller an object of its own', async () => {
    const one = newStore();
    await one.set(sid, data({ list: [1] }));
    (await one.get(sid)).list.push(2);
    assert.deepEqual((await one.get(sid)).list, [1]);
  });

  it('writes no data with a touch', async () => {
    const one = newStore();
    await one.set(sid, data({ user: 'ada' }));
    await one.touch(sid, data({ user: 'mallory' }));
    assert.equal((await one.get(sid)).user, 'ada');
    await one.touch('b'.repeat(32), data());
    assert.equal(await one.length(), 1);
  });

  it('takes the expiry from the cookie, as Date or text, or else from the sessions [SessionStoreOptions.sessions]', async () => {
    const one = newStore();
    const expires = new Date(Date.now() + 10 * HOUR);
    await one.set('d'.repeat(32), { cookie: { expires } });
    await one.set('t'.repeat(32), { cookie: { expires: expires.toISOString() } });
    await one.set('n'.repeat(32), { cookie: {} });
    await one.set('x'.repeat(32), { cookie: { expires: 'nonsense' } });
    assert.equal(await one.length(), 4);
    await one.touch('d'.repeat(32), { cookie: { expires: new Date('9999-12-31') } });
    clock.advance('2h');
    assert.equal(await one.length(), 2);
    clock.advance('9h');
    assert.equal(await one.length(), 1);
  });

  it('never throws: errors go to the callback, or reject', async () => {
    const one = newStore({ maxSessionSize: '1kb' });
    const cyclic = data();
    cyclic.self = cyclic;
    for (const wrong of [
      cyclic,
      data({ big: 'x'.repeat(5000) }),
      undefined,
      null,
      5,
      { cookie: { expires: Symbol('s') } },
    ]) {
      const [error] = await called((done) => one.set(sid, wrong, done));
      assert.ok(error instanceof Error, String(error));
      await assert.rejects(one.set(sid, wrong));
    }
    for (const method of ['get', 'destroy']) {
      const [error] = await called((done) => one[method](undefined, done));
      assert.equal(error.code, 'ERR_INVALID_ARG');
    }
  });

  it('keeps __proto__ in data away from prototypes', async () => {
    const one = newStore();
    await one.set(sid, JSON.parse('{"cookie":{"originalMaxAge":null},"__proto__":{"admin":true}}'));
    const loaded = one.createSession({ sessionID: sid, sessionStore: one }, await one.get(sid));
    assert.equal(loaded.admin, undefined);
    assert.equal({}.admin, undefined);
    assert.ok(loaded instanceof session.Session);
  });

  it('says what its options are', () => {
    const wrong = [undefined, {}, { sessions: {} }, { sessions: store }, { sessions: newSessions(), ttl: 5 }];
    for (const options of wrong)
      assert.throws(() => new SessionStore(options), { code: 'ERR_INVALID_ARG', message: /SessionStore/ });
  });
});
