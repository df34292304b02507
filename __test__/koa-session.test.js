'use strict';
// The store under real koa-session in a real, listening Koa: what a browser sees. Expiry is by the store's clock.
const assert = require('node:assert/strict');
const { after, describe, it } = require('node:test');
const { manualClock, open } = require('redstart');
const { SessionStore } = require('redstart/koa-session');
const { serving, sidOf } = require('./support/sessions/koa-app.js');

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newSessions = (options) =>
  store.sessions(`koa-${names++}`, { ttl: '1h', userId: ({ user }) => user, ...options });

/** The app's part of the stored data. */
async function stored(sessions, browser) {
  const { _expire, _maxAge, _session, ...data } = await sessions.get(sidOf(browser));
  return data;
}

async function hoursLeft(sessions, browser) {
  const { expiresAt } = await sessions.getEntry(sidOf(browser));
  return Math.round((expiresAt.getTime() - clock.nowMs) / HOUR_MS);
}

describe('in a browser', () => {
  it('a login lasts from request to request, each browser its own [KoaSessionStoreOptions.sessions]', async () => {
    const sessions = newSessions();
    await serving({ sessions }, async ({ browser }) => {
      const [ada, bob] = [browser(), browser()];
      assert.equal(await ada.get('/login?user=ada'), 'in');
      await bob.get('/login?user=bob');
      assert.equal(await ada.get('/me'), 'ada');
      assert.equal(await bob.get('/me'), 'bob');
      assert.deepEqual(await stored(sessions, ada), { user: 'ada' });
      assert.equal((await sessions.listUser('bob')).length, 1);
      const { cookie } = ada;
      await ada.get('/logout');
      assert.equal(await browser(cookie).get('/me'), null);
      assert.equal(await sessions.count(), 1);
    });
  });

  it('a visit without a login stores nothing', async () => {
    const sessions = newSessions();
    await serving({ sessions }, async ({ browser }) => {
      assert.equal(await browser().get('/me'), null);
      assert.equal(await sessions.count(), 0);
    });
  });

  it('regenerate gives a new id and ends the old one', async () => {
    const sessions = newSessions();
    const routes = {
      '/regenerate': async (ctx) => {
        await ctx.session.regenerate();
        ctx.session.again = true;
        ctx.body = 'done';
      },
    };
    await serving({ sessions, routes }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
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
    await serving({ sessions, options: { rolling: true } }, async ({ browser }) => {
      for (const id of ['made-up', 'x'.repeat(5000), '%C3%A9', '__proto__']) {
        assert.equal(await browser(`koa.sess=${id}`).get('/me'), null, id);
        assert.equal(await sessions.count(), 0);
      }
      const mallory = browser('koa.sess=made-up');
      await mallory.get('/login?user=mallory');
      assert.notEqual(mallory.cookie, 'koa.sess=made-up');
      assert.equal(await sessions.get('made-up'), undefined);
    });
  });
});

describe('time', () => {
  it('a session ends its maxAge and ten seconds after it was saved', async () => {
    const sessions = newSessions();
    await serving({ sessions, options: { maxAge: 3 * HOUR_MS } }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      clock.advance('2h');
      assert.equal(await ada.get('/me'), 'ada');
      clock.advance('1h');
      assert.equal(await ada.get('/me'), 'ada');
      clock.advance('10s');
      assert.equal(await ada.get('/me'), null);
    });
  });

  it('rolling, every response renews it, however old the date of its last save', async () => {
    const sessions = newSessions();
    await serving({ sessions, options: { maxAge: 3 * HOUR_MS, rolling: true } }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      for (let i = 0; i < 3; i++) {
        clock.advance('170m');
        assert.equal(await ada.get('/me'), 'ada');
        assert.match(ada.setCookie, /expires=/);
      }
      // As if it had been saved long ago.
      await sessions.update(sidOf(ada), (data) => {
        data._expire = 1;
      });
      assert.equal(await ada.get('/me'), 'ada');
      clock.advance('181m');
      assert.equal(await ada.get('/me'), null);
    });
  });

  it('with renew, a session near its end is renewed, with the date that koa-session tells that by', async () => {
    const sessions = newSessions();
    await serving({ sessions, options: { maxAge: 3 * HOUR_MS, renew: true } }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      const { _expire } = await sessions.get(sidOf(ada));
      const near = Date.now() + HOUR_MS;
      await sessions.update(sidOf(ada), (data) => {
        data._expire = near;
      });
      clock.advance('2h');
      assert.equal(await ada.get('/me'), 'ada');
      assert.equal(await hoursLeft(sessions, ada), 3);
      assert.ok((await sessions.get(sidOf(ada)))._expire >= _expire);
      const { version } = await sessions.getEntry(sidOf(ada));
      clock.advance('1h');
      await ada.get('/me');
      assert.equal((await sessions.getEntry(sidOf(ada))).version, version, 'not near any more');
      assert.equal(await hoursLeft(sessions, ada), 2);
    });
  });

  it("a session that lasts as long as the browser lives for the sessions' ttl", async () => {
    const sessions = newSessions();
    const routes = {
      '/save': async (ctx) => {
        await ctx.session.save();
        ctx.body = 'saved';
      },
    };
    await serving({ sessions, routes, options: { maxAge: 'session' } }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      assert.doesNotMatch(ada.setCookie, /expires=/);
      const { version } = await sessions.getEntry(sidOf(ada));
      for (let i = 0; i < 3; i++) {
        clock.advance('50m');
        assert.equal(await ada.get('/save'), 'saved');
        assert.equal(await ada.get('/me'), 'ada');
      }
      assert.equal((await sessions.getEntry(sidOf(ada))).version, version, 'nothing was written');
      clock.advance('61m');
      assert.equal(await ada.get('/me'), null);
    });
  });

  for (const how of ['save', 'regenerate']) {
    it(`so does one that its request saves twice, with ${how}()`, async () => {
      const sessions = newSessions();
      const routes = {
        '/twice': async (ctx) => {
          ctx.session.user = 'ada';
          await ctx.session[how]();
          ctx.session.again = ctx.query.n;
          ctx.body = 'saved';
        },
        '/hours': async (ctx) => {
          await ctx.session.save();
          ctx.session.maxAge = 3 * HOUR_MS;
          ctx.body = 'saved';
        },
      };
      await serving({ sessions, routes, options: { maxAge: 'session' } }, async ({ browser }) => {
        const ada = browser();
        // Begun, then loaded.
        for (const n of ['1', '2']) {
          await ada.get(`/twice?n=${n}`);
          assert.deepEqual(await sessions.get(sidOf(ada)), { user: 'ada', again: n, _session: true });
          assert.equal(await hoursLeft(sessions, ada), 1);
          assert.doesNotMatch(ada.setCookie, /expires=(?!Thu, 01 Jan 1970)/);
        }
        await ada.get('/hours');
        assert.equal(await hoursLeft(sessions, ada), 3, 'a maxAge that it sets counts');
        await ada.get(`/twice?n=3`);
        assert.equal(await hoursLeft(sessions, ada), 3);
      });
    });
  }

  it('a maxAge that a request changes counts from then on', async () => {
    const sessions = newSessions();
    const routes = {
      '/remember': (ctx) => {
        ctx.session.maxAge = 30 * DAY_MS;
        ctx.body = 'remembered';
      },
      '/browser': (ctx) => {
        ctx.session.maxAge = 'session';
        ctx.body = 'as long as the browser';
      },
      '/over': (ctx) => {
        ctx.session.maxAge = -10_001;
        ctx.body = 'over';
      },
    };
    await serving({ sessions, routes, options: { maxAge: 3 * HOUR_MS } }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      await ada.get('/remember');
      assert.equal(await hoursLeft(sessions, ada), 720);
      await ada.get('/set?n=1');
      assert.equal(await hoursLeft(sessions, ada), 720);
      await ada.get('/browser');
      assert.equal(await hoursLeft(sessions, ada), 1);
      assert.deepEqual(await stored(sessions, ada), { user: 'ada', n: '1' });
      await ada.get('/over');
      assert.equal(await sessions.count(), 0, 'it is over');
    });
  });
});

describe('data', () => {
  it('keys that would change the session itself are not on it, pollute nothing, and stay in the store', async () => {
    const sessions = newSessions();
    const hostile = JSON.parse(
      '{"__proto__":{"admin":1},"constructor":{"prototype":{"admin":1}},"toJSON":1,"length":2,"maxAge":3,"_private":4,"_requireSave":5}',
    );
    const together = (...objects) => Object.fromEntries(objects.flatMap(Object.entries));
    const routes = {
      '/look': (ctx) => {
        for (const [key, value] of Object.entries(ctx.query)) ctx.session[key] = value;
        const { session } = ctx;
        ctx.body = [session.admin, {}.admin, Object.keys(session.toJSON()), typeof session.save, session._private];
      },
    };
    await serving({ sessions, routes, options: { rolling: true, maxAge: HOUR_MS } }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      await sessions.update(sidOf(ada), (data) => together(data, hostile));
      const seen = (...keys) => [null, null, ['user', 'constructor', ...keys], 'function', 4];
      assert.deepEqual(await ada.get('/look'), seen());
      assert.deepEqual(await ada.get('/look?looked=1'), seen('looked'));
      assert.deepEqual(await ada.get('/look'), seen('looked'));
      // As entries: a comparison of objects leaves __proto__ out.
      const { _expire, _maxAge, ...data } = await sessions.get(sidOf(ada));
      const expected = together({ user: 'ada' }, hostile, { looked: '1' });
      assert.deepEqual(Object.entries(data).sort(), Object.entries(expected).sort());
      assert.equal(_maxAge, HOUR_MS);
    });
  });

  for (const name of ['_owner', 'length']) {
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

  it('a key that can be none and data that is no object are refused', async () => {
    const door = new SessionStore({ sessions: newSessions() });
    for (const key of ['', 'é', 'x'.repeat(257)]) {
      await assert.rejects(door.set(key, {}, HOUR_MS, { ctx: {} }), { code: 'ERR_INVALID_ARG' });
      assert.equal(await door.get(key, HOUR_MS, { ctx: {} }), undefined);
    }
    for (const data of [undefined, null, 7, 'text']) {
      await assert.rejects(door.set('x', data, HOUR_MS, { ctx: {} }), { code: 'ERR_INVALID_ARG' });
    }
  });

  it('options that are none are refused where the store is made', () => {
    const code = 'ERR_INVALID_ARG';
    assert.throws(() => new SessionStore(), { code, message: /needs the option 'sessions'/ });
    assert.throws(() => new SessionStore({ sessions: {} }), { code, message: /'sessions'.*store\.sessions/ });
    assert.throws(() => new SessionStore({ session: newSessions() }), { code, message: /did you mean 'sessions'/ });
  });
});

it('without a context, data that was loaded is known by itself', async () => {
  const sessions = newSessions();
  const door = new SessionStore({ sessions });
  await door.set('x', { n: 1 }, undefined);
  const [one, other] = [await door.get('x'), await door.get('x')];
  await Promise.all([door.set('x', Object.assign(one, { a: 1 })), door.set('x', Object.assign(other, { b: 1 }))]);
  assert.deepEqual(await sessions.get('x'), { n: 1, a: 1, b: 1 });
  await door.set('z', {}, 1500.5);
  assert.equal((await sessions.getEntry('z')).expiresAt.getTime() - clock.nowMs, 1501);
  await door.destroy('x');
  await door.destroy('x');
  await door.set('x', one);
  assert.equal(await door.get('x'), undefined);
});
