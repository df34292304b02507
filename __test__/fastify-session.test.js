'use strict';
// The store under real @fastify/session in a real, listening Fastify: what a browser sees. Expiry is by the store's clock.
const assert = require('node:assert/strict');
const { after, describe, it } = require('node:test');
const { manualClock, open } = require('redstart');
const { SessionStore } = require('redstart/fastify-session');
const { Gate } = require('./support/sessions/browser.js');
const { serving, sidOf } = require('./support/sessions/fastify-app.js');

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newSessions = (options) =>
  store.sessions(`fastify-${names++}`, { ttl: '1h', userId: ({ user }) => user, ...options });

/** The app's part of the stored data. */
async function stored(sessions, browser) {
  const { cookie, ...data } = await sessions.get(sidOf(browser));
  assert.equal(typeof cookie, 'object');
  return data;
}

async function hoursLeft(sessions, browser) {
  const { expiresAt } = await sessions.getEntry(sidOf(browser));
  return Math.round((expiresAt.getTime() - clock.nowMs) / HOUR_MS);
}

/** /slow?key=value…: changes the session and answers once its gate is open. */
function slowly(gate) {
  return (app) =>
    app.get('/slow', async (request) => {
      Object.assign(request.session, request.query);
      await gate.pass();
      return 'slow';
    });
}

describe('in a browser', () => {
  it('a login lasts from request to request, each browser its own [FastifySessionStoreOptions.sessions]', async () => {
    const sessions = newSessions();
    await serving({ sessions }, async ({ browser }) => {
      const [ada, bob] = [browser(), browser()];
      assert.equal(await ada.get('/login?user=ada'), 'in');
      await bob.get('/login?user=bob');
      assert.equal(await ada.get('/me'), 'ada');
      assert.equal(await bob.get('/me'), 'bob');
      assert.deepEqual(await stored(sessions, ada), { user: 'ada' });
      assert.equal((await sessions.listUser('bob')).length, 1);
      await ada.get('/logout');
      assert.equal(await ada.get('/me'), null);
      assert.equal(await sessions.count(), 1);
    });
  });

  it('with the defaults of the plugin every visitor has a session from the first visit on', async () => {
    const sessions = newSessions();
    await serving({ sessions, options: { saveUninitialized: undefined } }, async ({ browser }) => {
      const visitor = browser();
      await visitor.get('/me');
      const { cookie } = visitor;
      assert.deepEqual(await stored(sessions, visitor), {});
      await visitor.get('/set?cart=1');
      assert.equal(visitor.cookie, cookie);
      assert.deepEqual(await stored(sessions, visitor), { cart: '1' });
      assert.equal(await sessions.count(), 1);
    });
  });

  it('an app sees its own keys and the cookie on the session, and nothing else', async () => {
    const sessions = newSessions();
    const routes = (app) =>
      app.get('/keys', async ({ session }) => [Object.keys(session), Object.keys(JSON.parse(JSON.stringify(session)))]);
    await serving({ sessions, routes }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      const keys = ['cookie', 'user'];
      assert.deepEqual(await ada.get('/keys'), [keys, keys]);
      assert.deepEqual(Object.keys(await sessions.get(sidOf(ada))), keys);
    });
  });

  it('regenerate gives a new id with what is taken along, and ends the old one', async () => {
    const sessions = newSessions();
    const routes = (app) =>
      app.get('/regenerate', async (request) => {
        await request.session.regenerate(['user']);
        request.session.again = true;
        return 'done';
      });
    await serving({ sessions, routes }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      await ada.get('/set?cart=1');
      const thief = ada.window();
      await ada.get('/regenerate');
      assert.notEqual(sidOf(ada), sidOf(thief));
      assert.deepEqual(await stored(sessions, ada), { user: 'ada', again: true });
      assert.equal(await thief.get('/me'), null);
      assert.equal(await sessions.count(), 1);
    });
  });

  it('ids that were made up store nothing', async () => {
    const sessions = newSessions();
    // Every cookie counts as signed.
    const secret = { sign: (sid) => sid, unsign: (value) => ({ valid: true, renew: false, value }) };
    await serving({ sessions, options: { secret } }, async ({ browser }) => {
      for (const id of ['made-up', 'x'.repeat(5000), '%C3%A9', 'a%20b', '__proto__']) {
        const mallory = browser(`sessionId=${id}`);
        assert.equal(await mallory.get('/me'), null, id);
        assert.equal(await sessions.count(), 0);
      }
      const mallory = browser('sessionId=made-up');
      await mallory.get('/login?user=mallory');
      assert.notEqual(mallory.cookie, 'sessionId=made-up');
      assert.equal(await sessions.get('made-up'), undefined);
    });
  });
});

describe('time', () => {
  it('a session ends after the idle time of the sessions, which every response renews', async () => {
    const sessions = newSessions();
    await serving({ sessions }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      for (let i = 0; i < 5; i++) {
        clock.advance('50m');
        assert.equal(await ada.get('/me'), 'ada');
      }
      clock.advance('61m');
      assert.equal(await ada.get('/me'), null);
    });
  });

  it("or after its cookie's maxAge, which every response renews too", async () => {
    const sessions = newSessions();
    await serving({ sessions, options: { cookie: { maxAge: 3 * HOUR_MS } } }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      for (let i = 0; i < 3; i++) {
        clock.advance('170m');
        assert.equal(await ada.get('/me'), 'ada');
        assert.match(ada.setCookie, /Expires=/);
      }
      clock.advance('181m');
      assert.equal(await ada.get('/me'), null);
    });
  });

  it('a session that was only renewed for longer than its maxAge is not called over by the date of its last save', async () => {
    const sessions = newSessions();
    await serving({ sessions, options: { cookie: { maxAge: HOUR_MS } } }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      // As if it had been saved long ago.
      await sessions.update(sidOf(ada), ({ cookie }) => {
        cookie.expires = '2020-01-01T00:00:00.000Z';
      });
      const before = ada.cookie;
      assert.equal(await ada.get('/me'), 'ada');
      assert.equal(ada.cookie, before);
    });
  });

  it('a cookie that a request makes last longer does, and one that it ends takes the session along', async () => {
    const sessions = newSessions();
    const routes = (app) => {
      app.get('/remember', async ({ session }) => {
        session.cookie.maxAge = 30 * DAY_MS;
        return 'remembered';
      });
      app.get('/browser', async ({ session }) => {
        session.cookie.expires = null;
        session.cookie.originalMaxAge = null;
        return 'as long as the browser';
      });
      app.get('/forget', async ({ session }) => {
        session.cookie.expires = new Date(0);
        return 'forgotten';
      });
    };
    await serving({ sessions, routes, options: { cookie: { maxAge: 2 * HOUR_MS } } }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      await ada.get('/remember');
      clock.advance('29d');
      assert.equal(await ada.get('/me'), 'ada');
      assert.equal((await sessions.get(sidOf(ada))).cookie.originalMaxAge, 30 * DAY_MS);
      assert.equal(await hoursLeft(sessions, ada), 720);
      await ada.get('/browser');
      assert.doesNotMatch(ada.setCookie, /Expires=/);
      assert.equal(await hoursLeft(sessions, ada), 1, 'as long as the sessions say');
      await ada.get('/forget');
      assert.equal(await sessions.count(), 0);
    });
  });

  it('a cookie with a date of its own ends at that date, however much it is used', async () => {
    const sessions = newSessions();
    const expires = new Date(Date.now() + 10 * HOUR_MS);
    await serving({ sessions, options: { cookie: { expires } } }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      assert.equal(await hoursLeft(sessions, ada), 10);
      for (const path of ['/me', '/set?n=1']) {
        // Its idle time would end later.
        await sessions.set(sidOf(ada), await sessions.get(sidOf(ada)), { ttl: '20h' });
        await ada.get(path);
        assert.equal(await hoursLeft(sessions, ada), 10, path);
      }
      const { cookie } = await sessions.get(sidOf(ada));
      assert.equal(cookie.originalMaxAge, null);
      assert.equal(new Date(cookie.expires).getTime(), expires.getTime());
    });
  });
});

describe('data', () => {
  it('keys that would change the session itself are not on it, pollute nothing, and stay in the store', async () => {
    const sessions = newSessions();
    const hostile = JSON.parse(
      '{"__proto__":{"admin":1},"constructor":{"prototype":{"admin":1}},"save":1,"isSaved":2,"sessionId":"x"}',
    );
    const together = (...objects) => Object.fromEntries(objects.flatMap(Object.entries));
    const routes = (app) =>
      app.get('/look', async ({ session, query }) => {
        Object.assign(session, query);
        return [session.admin, {}.admin, Object.keys(session), typeof session.save, typeof session.reload];
      });
    await serving({ sessions, routes }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      await sessions.update(sidOf(ada), (data) => together(data, hostile));
      const seen = (...keys) => [null, null, ['cookie', 'user', 'constructor', ...keys], 'function', 'function'];
      assert.deepEqual(await ada.get('/look'), seen());
      assert.deepEqual(await ada.get('/look?looked=1'), seen('looked'));
      assert.deepEqual(await ada.get('/look'), seen('looked'));
      // As entries: a comparison of objects leaves __proto__ out.
      const { cookie, ...data } = await sessions.get(sidOf(ada));
      const expected = together({ user: 'ada' }, hostile, { looked: '1' });
      assert.deepEqual(Object.entries(data).sort(), Object.entries(expected).sort());
    });
  });

  it('a session that other code has stored without a cookie is taken as any other', async () => {
    const sessions = newSessions();
    const secret = { sign: (sid) => sid, unsign: (value) => ({ valid: true, renew: false, value }) };
    for (const cookie of [{}, { cookie: null }, { cookie: 'text' }]) {
      const { id } = await sessions.create({ user: 'ada', ...cookie });
      const gate = new Gate();
      await serving({ sessions, routes: slowly(gate), options: { secret } }, async ({ browser }) => {
        const ada = browser(`sessionId=${id}`);
        const slow = ada.window().get('/slow?slow=1');
        await gate.reached;
        assert.equal(await ada.get('/me'), 'ada');
        await ada.get('/logout');
        gate.open();
        await slow;
        assert.equal(await sessions.get(id), undefined);
      });
    }
  });

  for (const name of ['sessionId', 'isSaved']) {
    it(`a key ${name} stored another way tells whose the session is, whatever a request changes`, async () => {
      const sessions = newSessions({ userId: (data) => data[name] });
      await serving({ sessions }, async ({ browser }) => {
        const ada = browser();
        await ada.get('/login?user=ada');
        await sessions.update(sidOf(ada), (data) => ({ ...data, [name]: 'key of ada' }));
        await ada.get('/set?n=1');
        assert.deepEqual(
          (await sessions.listUser('key of ada')).map(({ data }) => data.n),
          ['1'],
        );
        assert.equal(await sessions.destroyUser('key of ada'), 1);
        assert.equal(await ada.get('/me'), null);
      });
    });
  }
});

describe('errors', () => {
  it('are those of the request: a store that was closed, a session that is too large', async () => {
    const own = open('memory:', { clock });
    const sessions = own.sessions('web', { ttl: '1h', maxSessionSize: '1kb' });
    await serving({ sessions }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      const window = ada.window();
      assert.equal((await window.get(`/set?stuff=${'x'.repeat(2000)}`)).code, 'ERR_TOO_LARGE');
      assert.equal(window.status, 500);
      assert.deepEqual(await stored(sessions, ada), { user: 'ada' });
      await own.close();
      assert.equal((await ada.get('/me')).code, 'ERR_CLOSED');
      assert.equal(ada.status, 500);
      const bob = browser();
      assert.equal((await bob.get('/login?user=bob')).code, 'ERR_CLOSED');
      assert.equal(bob.status, 500);
    });
  });

  it('reach the callback, or reject where there is none; nothing is thrown', async () => {
    const own = open('memory:');
    const door = new SessionStore({ sessions: own.sessions('web', { ttl: '1h' }) });
    await own.close();
    const calls = { get: ['x'], set: ['x', { cookie: {} }], destroy: ['x'] };
    for (const [method, args] of Object.entries(calls)) {
      await assert.rejects(door[method](...args), { code: 'ERR_CLOSED' });
      const told = await new Promise((resolve) => door[method](...args, (...answer) => resolve(answer)));
      assert.deepEqual([told.length, told[0].code], [1, 'ERR_CLOSED']);
    }
  });

  it('an id that can be none and data that is no object are refused', async () => {
    const door = new SessionStore({ sessions: newSessions() });
    for (const sid of ['', 'é', 'x'.repeat(257)]) {
      await assert.rejects(door.set(sid, { cookie: {} }), { code: 'ERR_INVALID_ARG' });
      assert.equal(await door.get(sid), undefined);
    }
    for (const data of [undefined, null, 7, 'text']) {
      await assert.rejects(door.set('x', data), { code: 'ERR_INVALID_ARG' });
    }
  });

  it('options that are none are refused where the store is made', () => {
    const code = 'ERR_INVALID_ARG';
    assert.throws(() => new SessionStore(), { code, message: /needs the option 'sessions'/ });
    assert.throws(() => new SessionStore({ sessions: {} }), { code, message: /'sessions'.*store\.sessions/ });
    assert.throws(() => new SessionStore({ session: newSessions() }), { code, message: /did you mean 'sessions'/ });
  });
});

it('without callbacks its methods are promises, and data that was loaded is saved as such', async () => {
  const sessions = newSessions();
  const door = new SessionStore({ sessions });
  // The date of a request that took an hour.
  const late = new Date(Date.now() + HOUR_MS);
  assert.equal(await door.set('x', { cookie: { originalMaxAge: 2 * HOUR_MS, expires: late }, n: 1 }), undefined);
  const { expiresAt } = await sessions.getEntry('x');
  assert.equal(expiresAt.getTime() - clock.nowMs, 2 * HOUR_MS);
  const [one, other] = [await door.get('x'), await door.get('x')];
  assert.deepEqual(Object.keys(one), ['cookie', 'n']);
  assert.ok(new Date(one.cookie.expires).getTime() > Date.now() + HOUR_MS);
  await Promise.all([door.set('x', { ...one, a: 1 }), door.set('x', { ...other, b: 1 })]);
  const { cookie, ...data } = await sessions.get('x');
  assert.deepEqual([cookie.originalMaxAge, data], [2 * HOUR_MS, { n: 1, a: 1, b: 1 }]);
  assert.equal(await door.destroy('x'), undefined);
  assert.equal(await door.destroy('x'), undefined);
  await door.set('x', one);
  assert.equal(await door.get('x'), undefined);
  await door.set('z', { cookie: { originalMaxAge: 1500.5, expires: late } });
  assert.equal((await sessions.getEntry('z')).expiresAt.getTime() - clock.nowMs, 1501);
  await door.set('y', { cookie: { originalMaxAge: 0, expires: late } });
  assert.equal(await door.get('y'), undefined, 'over before it began');
});
