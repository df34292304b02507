'use strict';
// What express-session asks of a store, row by row, with the real one over HTTP.
const assert = require('node:assert/strict');
const { after, describe, it } = require('node:test');
const session = require('express-session');
const { manualClock, open } = require('redstart');
const { SessionStore } = require('redstart/express-session');
const { endsByItself } = require('./support/child.js');
const { serving } = require('./support/sessions/browser.js');

const HOUR = 3_600_000;
const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newSessions = (options) => store.sessions(`web-${names++}`, { ttl: '1h', ...options });
const sid = 's'.repeat(32);
const data = (more) => ({ cookie: { originalMaxAge: null, expires: null, httpOnly: true, path: '/' }, ...more });

describe('over HTTP', () => {
  it('a session without a cookie is a 500 that says so', () => {
    const sessions = newSessions();
    return serving({ sessions }, async ({ browser, sessionStore }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      await sessions.set(ada.sid, { user: 'ada' });
      const { message } = await ada.get('/me');
      assert.equal(ada.status, 500);
      assert.match(message, /Cannot read prop/);
      assert.deepEqual(await sessionStore.get(ada.sid), { user: 'ada' });
    });
  });

  it('errors of the store are a 500 with their code', async () => {
    const own = open('memory:', { clock, maxMemory: '1mb' });
    const sessions = own.sessions('web', { ttl: '1h', maxSessionSize: '1kb' });
    const routes = (app) =>
      app.get('/stuff', (req, res, next) => {
        req.session.stuff = 'x'.repeat(10_000);
        req.session.save((error) => (error ? next(error) : res.send('saved')));
      });
    await serving({ sessions, routes }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      assert.deepEqual([(await ada.get('/stuff')).code, ada.status], ['ERR_TOO_LARGE', 500]);
      assert.equal(await ada.get('/me'), 'ada');
      await own.close();
      for (const path of ['/me', '/logout']) {
        assert.deepEqual([(await ada.get(path)).code, ada.status], ['ERR_CLOSED', 500]);
      }
    });
  });

  it('a full store is a 500 for who logs in, and serves who is in', async () => {
    const own = open('memory:', { clock, maxMemory: '1mb' });
    const sessions = own.sessions('web', { ttl: '1h' });
    const routes = (app) =>
      app.get('/begin', (req, res, next) => {
        req.session.user = 'late';
        req.session.save((error) => (error ? next(error) : res.send('saved')));
      });
    await serving({ sessions, routes }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      await assert.rejects(
        async () => {
          for (;;) await sessions.create({ text: 'x'.repeat(20_000) });
        },
        { code: 'ERR_STORE_FULL' },
      );
      await assert.rejects(
        async () => {
          for (;;) await sessions.create({});
        },
        { code: 'ERR_STORE_FULL' },
      );
      assert.equal((await browser().get('/begin')).code, 'ERR_STORE_FULL');
      assert.equal(await ada.get('/me'), 'ada');
    });
    await own.close();
  });

  it('rolling sends the cookie with every response, otherwise only the first has it', async () => {
    for (const rolling of [true, false]) {
      const options = { rolling, cookie: { maxAge: HOUR } };
      await serving({ sessions: newSessions(), options }, async ({ browser }) => {
        const ada = browser();
        await ada.get('/login?user=ada');
        assert.match(ada.setCookie, /Expires=/);
        for (let n = 0; n < 3; n++) {
          clock.advance(0.9 * HOUR);
          assert.equal(await ada.get('/me'), 'ada');
          assert.equal(ada.setCookie !== null, rolling);
        }
        clock.advance(HOUR);
        assert.equal(await ada.get('/me'), null);
      });
    }
  });

  it('visitors are stored only where saveUninitialized says so, and maxAnonymous bounds them', async () => {
    const none = newSessions();
    await serving({ sessions: none }, async ({ browser }) => {
      for (let n = 0; n < 20; n++) assert.equal(await browser().get('/me'), null);
      assert.equal(await none.count(), 0);
    });
    const sessions = newSessions({ maxAnonymous: 5, userId: ({ user }) => user });
    await serving({ sessions, options: { saveUninitialized: true } }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      for (let n = 0; n < 20; n++) await browser().get('/me');
      assert.equal(await sessions.count(), 6);
      assert.equal(await ada.get('/me'), 'ada');
    });
  });

  it('cookies with unknown ids leave nothing behind, however validly signed', () => {
    const sessions = newSessions();
    return serving({ sessions }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      const forged = ada.window();
      await sessions.destroy(ada.sid);
      const before = (await store.stats()).bytes;
      for (let n = 0; n < 200; n++) assert.equal(await forged.get('/me'), null);
      assert.equal((await store.stats()).bytes, before);
    });
  });

  it('the session has no property but its cookie and what the app put there', () => {
    const routes = (app) =>
      app.get('/keys', (req, res) => {
        const own = Reflect.ownKeys(req.session).map(String);
        req.session.save(() => res.json([own, Reflect.ownKeys(req.session).map(String)]));
      });
    return serving({ sessions: newSessions(), routes }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      const plain = new session.MemoryStore();
      const like = plain.createSession({ sessionID: sid, sessionStore: plain }, data({ user: 'ada' }));
      // Of express-session itself, where the session came with a request.
      const expected = [...Reflect.ownKeys(like), 'reload', 'save'].map(String).sort();
      for (const keys of await ada.get('/keys')) assert.deepEqual(keys.sort(), expected);
    });
  });

  it("unset: 'destroy' ends a session that the app has let go of", () => {
    const sessions = newSessions();
    const routes = (app) =>
      app.get('/unset', (req, res) => {
        req.session = null;
        res.send('unset');
      });
    return serving({ sessions, routes, options: { unset: 'destroy' } }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      await ada.get('/unset');
      assert.equal(await sessions.count(), 0);
    });
  });

  it('a request that changes nothing renews the time and writes no data; touchAfter spares even that', async () => {
    const sessions = newSessions({ touchAfter: '10m' });
    await serving({ sessions, options: { cookie: { maxAge: HOUR } } }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      const first = await sessions.getEntry(ada.sid);
      clock.advance('9m');
      await ada.get('/me');
      const soon = await sessions.getEntry(ada.sid);
      assert.deepEqual(soon, first);
      clock.advance('1m');
      await ada.get('/me');
      const later = await sessions.getEntry(ada.sid);
      assert.deepEqual([later.version, later.data], [first.version, first.data]);
      assert.equal(later.expiresAt - first.expiresAt, 10 * 60_000);
    });
  });

  it('the cookie comes back whole: expires, originalMaxAge and all flags', () => {
    const sessions = newSessions();
    const cookie = { maxAge: 2 * HOUR, path: '/', httpOnly: false, sameSite: 'strict', domain: 'localhost' };
    const routes = (app) =>
      app.get('/cookie', (req, res) => {
        const { expires, maxAge } = req.session.cookie;
        res.json({ ...req.session.cookie.data, isDate: expires instanceof Date, lasts: maxAge });
      });
    return serving({ sessions, routes, options: { cookie } }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      const { expires, isDate, lasts, originalMaxAge, ...flags } = await ada.get('/cookie');
      assert.equal(isDate, true);
      // express-session loses the milliseconds between two looks at the clock.
      assert.ok(originalMaxAge <= 2 * HOUR && originalMaxAge > 2 * HOUR - 100, `${originalMaxAge} ms`);
      assert.ok(lasts > 2 * HOUR - 10_000 && lasts <= 2 * HOUR, `${lasts} ms`);
      assert.ok(Math.abs(Date.parse(expires) - Date.now() - 2 * HOUR) < 10_000);
      assert.deepEqual(
        { path: flags.path, httpOnly: flags.httpOnly, sameSite: flags.sameSite, domain: flags.domain },
        { path: '/', httpOnly: false, sameSite: 'strict', domain: 'localhost' },
      );
    });
  });

  it("ids of the app's own generator are adopted: 1 to 256 printable ASCII characters, and no others", async () => {
    let next;
    const options = { genid: () => next };
    const routes = (app) =>
      app.get('/begin', (req, res, done) => {
        req.session.user = 'ada';
        req.session.save((error) => (error ? done(error) : res.send('begun')));
      });
    const sessions = newSessions();
    await serving({ sessions, options, routes }, async ({ browser, sessionStore }) => {
      for (const id of ['a', '~', 'user:7/e', 'x'.repeat(256), 'with space', '__proto__']) {
        next = id;
        const ada = browser();
        assert.equal(await ada.get('/begin'), 'begun', id);
        assert.equal(ada.sid, id);
        assert.equal(await ada.get('/me'), 'ada');
        assert.equal((await sessions.get(id)).user, 'ada');
      }
      const count = await sessions.count();
      for (const id of ['x'.repeat(257), 'é', 'a\tb', '💡']) {
        next = id;
        const { code, message } = await browser().get('/begin');
        assert.equal(code, 'ERR_INVALID_ARG');
        assert.match(message, /1 to 256 printable ASCII/);
      }
      assert.equal(await sessions.count(), count);
      for (const id of ['', 'x'.repeat(100_000)]) {
        await assert.rejects(sessionStore.set(id, data()), { code: 'ERR_INVALID_ARG', message: /1 to 256/ });
      }
    });
  });

  it("'disconnect' lets requests through without a session until 'connect'", () => {
    const routes = (app) => app.get('/has', (req, res) => res.json(req.session !== undefined));
    return serving({ sessions: newSessions(), routes }, async ({ browser, sessionStore }) => {
      assert.equal(await browser().get('/has'), true);
      sessionStore.emit('disconnect');
      assert.equal(await browser().get('/has'), false);
      sessionStore.emit('connect');
      assert.equal(await browser().get('/has'), true);
    });
  });
});

describe('called by itself', () => {
  const newStore = (options) => new SessionStore({ sessions: newSessions(options) });
  const called = (call) => new Promise((resolve) => call((...args) => resolve(args)));

  it('all() tells data by handle, for destroyHandle; length() counts and clear() ends them', async () => {
    const sessions = newSessions();
    const one = new SessionStore({ sessions });
    for (const user of ['ada', 'bob']) await one.set(user.repeat(8), data({ user }));
    const [error, all] = await called((done) => one.all(done));
    assert.equal(error, null);
    assert.deepEqual(await one.all(), all);
    const handles = Object.keys(all);
    assert.deepEqual(handles.map((handle) => all[handle].user).sort(), ['ada', 'bob']);
    assert.ok(handles.every((handle) => /^[0-9a-f]{64}$/.test(handle)));
    assert.deepEqual(await called((done) => one.length(done)), [null, 2]);
    assert.equal(await sessions.destroyHandle(handles[0]), true);
    assert.equal(await one.length(), 1);
    assert.equal((await called((done) => one.clear(done)))[0], null);
    assert.deepEqual([await one.length(), await one.all()], [0, {}]);
    await one.set(sid, data());
    assert.equal(await one.clear(), undefined);
    assert.equal(await one.length(), 0);
  });

  it('a touch moves the end alone, and does nothing where there is no session', async () => {
    const sessions = newSessions();
    const one = new SessionStore({ sessions });
    await one.set(sid, data({ user: 'ada' }));
    const { version } = await sessions.getEntry(sid);
    await one.touch(sid, { ...data({ user: 'eve' }), cookie: { expires: new Date(Date.now() + 5 * HOUR) } });
    const entry = await sessions.getEntry(sid);
    assert.deepEqual([entry.version, entry.data], [version, data({ user: 'ada' })]);
    assert.ok(Math.abs(entry.expiresAt - clock.nowMs - 5 * HOUR) < 10_000);
    await one.destroy(sid);
    await one.touch(sid, data({ user: 'ada' }));
    assert.equal(await one.length(), 0);
  });

  it('a cookie that is over ends the session, set or touched', async () => {
    const one = newStore();
    const over = { cookie: { expires: new Date(Date.now() - 1), originalMaxAge: -1 } };
    await one.set(sid, data());
    await one.set(sid, over);
    assert.equal(await one.get(sid), undefined);
    await one.set(sid, data());
    await one.touch(sid, over);
    assert.equal(await one.get(sid), undefined);
  });

  it('sets are kept by the sessions it was given [SessionStoreOptions.sessions]', async () => {
    const sessions = newSessions();
    await new SessionStore({ sessions }).set(sid, data({ user: 'ada' }));
    assert.deepEqual(await sessions.get(sid), data({ user: 'ada' }));
  });

  it('data whose cookie other code has stored as null, or as no object, is read, set and touched', async () => {
    for (const cookie of [null, 'none', 7]) {
      const sessions = newSessions();
      const one = new SessionStore({ sessions });
      const { id } = await sessions.create({ cookie });
      const read = await one.get(id);
      assert.deepEqual(read, { cookie });
      await one.touch(id, read);
      await one.set(id, { ...read, n: 1 });
      await one.set(sid, { cookie });
      assert.deepEqual([await sessions.get(id), await one.get(sid)], [{ cookie, n: 1 }, { cookie }]);
    }
  });

  it('what a callback throws is an uncaught exception and no second call of it', async () => {
    const script = `
      const sessions = require('redstart').open('memory:').sessions('web', { ttl: '1h' });
      const { SessionStore } = require('redstart/express-session');
      let calls = 0;
      process.on('uncaughtException', ({ message }) => console.log(message, calls));
      new SessionStore({ sessions }).get('some id', () => {
        calls += 1;
        throw new Error('mine');
      });
    `;
    assert.deepEqual(await endsByItself(['--eval', script]), ['mine 1']);
  });

  it('generate is left to express-session, and every method has its place', () => {
    const one = newStore();
    assert.equal(one.generate, undefined);
    for (const method of ['get', 'set', 'touch', 'destroy', 'all', 'length', 'clear', 'regenerate', 'load', 'on']) {
      assert.equal(typeof one[method], 'function', method);
    }
  });
});
