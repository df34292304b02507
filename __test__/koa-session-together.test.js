'use strict';
// Requests of one visitor at once, under real koa-session: none loses what another has changed, none brings back what
// another has ended.
const assert = require('node:assert/strict');
const { after, it } = require('node:test');
const { manualClock, open } = require('redstart');
const { Gate } = require('./support/sessions/browser.js');
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
  const { _expire, _maxAge, ...data } = await sessions.get(sidOf(browser));
  assert.equal(typeof _expire, 'number');
  return data;
}

async function hoursLeft(sessions, browser) {
  const { expiresAt } = await sessions.getEntry(sidOf(browser));
  return Math.round((expiresAt.getTime() - clock.nowMs) / HOUR_MS);
}

function assign(ctx) {
  for (const [key, value] of Object.entries(ctx.query)) ctx.session[key] = value;
}

/** /slow?key=value…: changes the session and answers once its gate is open. */
const slowly = (gate) => ({
  '/slow': async (ctx) => {
    assign(ctx);
    await gate.pass();
    ctx.body = 'slow';
  },
});

it('20 that have all loaded the session before the first answers, each adding a key: all 20 keys are there', async () => {
  const sessions = newSessions();
  const gate = new Gate();
  let loaded = 0;
  const routes = {
    '/add': async (ctx) => {
      loaded += 1;
      if (loaded === 20) gate.open();
      await gate.pass();
      ctx.session[ctx.query.key] = true;
      ctx.body = 'added';
    },
  };
  await serving({ sessions, routes }, async ({ browser }) => {
    const ada = browser();
    await ada.get('/login?user=ada');
    const keys = Array.from({ length: 20 }, (_, n) => `key${n}`);
    await Promise.all(keys.map((key) => ada.window().get(`/add?key=${key}`)));
    assert.deepEqual(await stored(sessions, ada), {
      user: 'ada',
      ...Object.fromEntries(keys.map((key) => [key, true])),
    });
  });
});

for (const [how, end] of Object.entries({
  'a logout in another window': ({ ada }) => ada.window().get('/logout'),
  'a logout everywhere': ({ sessions }) => sessions.destroyUser('ada'),
  'its time': () => clock.advance('25h'),
})) {
  for (const conflict of ['merge', 'overwrite', 'error']) {
    for (const [path, options] of [
      ['/slow', { rolling: true }],
      ['/slow?slow=1', {}],
      ['/forced', {}],
    ]) {
      it(`${how} during ${path} stays: its save brings nothing back (${conflict})`, async () => {
        const sessions = newSessions({ conflict });
        const gate = new Gate();
        const routes = {
          ...slowly(gate),
          '/forced': async (ctx) => {
            await gate.pass();
            await ctx.session.save();
            ctx.body = 'saved';
          },
        };
        await serving({ sessions, routes, options }, async ({ browser }) => {
          const ada = browser();
          await ada.get('/login?user=ada');
          const slow = ada.window().get(path);
          await gate.reached;
          await end({ ada, sessions });
          gate.open();
          await slow;
          assert.equal(await sessions.get(sidOf(ada)), undefined);
          assert.equal(await ada.window().get('/me'), null);
          assert.equal(await sessions.count(), 0);
        });
      });
    }
  }
}

for (const conflict of ['merge', 'overwrite', 'error']) {
  it(`a rolling response that changed nothing renews the time and leaves what another changed (${conflict})`, async () => {
    const sessions = newSessions({ conflict });
    const gate = new Gate();
    const options = { rolling: true, maxAge: 3 * HOUR_MS };
    await serving({ sessions, options, routes: slowly(gate) }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      const window = ada.window();
      const slow = window.get('/slow');
      await gate.reached;
      await ada.window().get('/set?n=1&user=eve');
      const { version } = await sessions.getEntry(sidOf(ada));
      clock.advance('2h');
      gate.open();
      await slow;
      assert.equal(window.status, 200);
      assert.deepEqual(await stored(sessions, ada), { user: 'eve', n: '1' });
      assert.equal(await hoursLeft(sessions, ada), 3);
      assert.equal((await sessions.getEntry(sidOf(ada))).version, version, 'nothing was written');
    });
  });

  it(`so does one that only renews, and it may change the session afterwards (${conflict})`, async () => {
    const sessions = newSessions({ conflict });
    const gate = new Gate();
    const routes = {
      '/renew': async (ctx) => {
        await gate.pass();
        await ctx.session.save();
        assign(ctx);
        ctx.body = 'renewed';
      },
    };
    await serving({ sessions, routes, options: { maxAge: 3 * HOUR_MS } }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      const window = ada.window();
      const renewing = window.get('/renew');
      await gate.reached;
      await ada.window().get('/set?n=1&user=eve');
      clock.advance('2h');
      gate.open();
      await renewing;
      assert.deepEqual(await stored(sessions, ada), { user: 'eve', n: '1' });
      assert.equal(await hoursLeft(sessions, ada), 3);
      await ada.get('/renew?later=1');
      assert.equal(ada.status, 200);
      assert.deepEqual(await stored(sessions, ada), { user: 'eve', n: '1', later: '1' });
    });
  });
}

it('a request that saves in its midst and at its end keeps what others changed before, between and after', async () => {
  const sessions = newSessions();
  const [first, between] = [new Gate(), new Gate()];
  const routes = {
    '/twice': async (ctx) => {
      ctx.session.one = 1;
      await first.pass();
      await ctx.session.save();
      ctx.session.two = 2;
      delete ctx.session.gone;
      await between.pass();
      ctx.body = 'twice';
    },
  };
  await serving({ sessions, routes }, async ({ browser }) => {
    const ada = browser();
    await ada.get('/login?user=ada');
    await ada.get('/set?gone=1');
    const twice = ada.window().get('/twice');
    await first.reached;
    await ada.window().get('/set?before=1');
    first.open();
    await between.reached;
    assert.deepEqual(await stored(sessions, ada), { user: 'ada', gone: '1', before: '1', one: 1 });
    await ada.window().get('/set?before=2&meanwhile=1');
    between.open();
    await twice;
    assert.deepEqual(await stored(sessions, ada), { user: 'ada', before: '2', meanwhile: '1', one: 1, two: 2 });
  });
});

it('a request that renews a session which another has changed, and then changes it too, keeps both changes', async () => {
  const sessions = newSessions();
  const gate = new Gate();
  const routes = {
    '/renew': async (ctx) => {
      await gate.pass();
      await ctx.session.save();
      assign(ctx);
      ctx.body = 'renewed';
    },
  };
  await serving({ sessions, routes }, async ({ browser }) => {
    const ada = browser();
    await ada.get('/login?user=ada');
    const renewing = ada.window().get('/renew?mine=1');
    await gate.reached;
    await ada.window().get('/set?theirs=1');
    gate.open();
    await renewing;
    assert.deepEqual(await stored(sessions, ada), { user: 'ada', theirs: '1', mine: '1' });
  });
});

it('a request whose first save met a change keeps that change in its last one', async () => {
  const sessions = newSessions();
  const gate = new Gate();
  const routes = {
    '/twice': async (ctx) => {
      await gate.pass();
      ctx.session.one = 1;
      await ctx.session.save();
      ctx.session.two = 2;
      ctx.body = 'twice';
    },
  };
  await serving({ sessions, routes }, async ({ browser }) => {
    const ada = browser();
    await ada.get('/login?user=ada');
    const twice = ada.window().get('/twice');
    await gate.reached;
    await ada.window().get('/set?met=1');
    gate.open();
    await twice;
    assert.deepEqual(await stored(sessions, ada), { user: 'ada', met: '1', one: 1, two: 2 });
  });
});

it('a save that meets a change of other code dates the session as any save does', async () => {
  const sessions = newSessions();
  const gate = new Gate();
  await serving({ sessions, routes: slowly(gate), options: { maxAge: 3 * HOUR_MS } }, async ({ browser }) => {
    const ada = browser();
    await ada.get('/login?user=ada');
    await sessions.update(sidOf(ada), (data) => {
      data._expire -= 2 * HOUR_MS;
    });
    const slow = ada.get('/slow?slow=1');
    await gate.reached;
    await sessions.update(sidOf(ada), (data) => {
      data.n = 1;
    });
    gate.open();
    await slow;
    assert.deepEqual(await stored(sessions, ada), { user: 'ada', n: 1, slow: '1' });
    assert.ok((await sessions.get(sidOf(ada)))._expire > Date.now() + 2 * HOUR_MS);
  });
});

it('a request that saves twice what another has ended brings nothing back', async () => {
  const sessions = newSessions();
  const gate = new Gate();
  const routes = {
    '/twice': async (ctx) => {
      await gate.pass();
      ctx.session.one = 1;
      await ctx.session.save();
      ctx.session.two = 2;
      ctx.body = 'twice';
    },
  };
  await serving({ sessions, routes }, async ({ browser }) => {
    const ada = browser();
    await ada.get('/login?user=ada');
    const twice = ada.window().get('/twice');
    await gate.reached;
    await ada.window().get('/logout');
    gate.open();
    assert.equal(await twice, 'twice');
    assert.equal(await sessions.count(), 0);
  });
});

it('what was changed before save() is stored, though koa-session does not call that a change', async () => {
  const sessions = newSessions();
  const routes = {
    '/save': async (ctx) => {
      assign(ctx);
      await ctx.session.save();
      ctx.body = await sessions.get(ctx.session.externalKey);
    },
  };
  await serving({ sessions, routes }, async ({ browser }) => {
    const ada = browser();
    await ada.get('/login?user=ada');
    assert.equal((await ada.get('/save?n=1')).n, '1');
  });
});

it('a session that the request itself began stays ended when another ends it before its last save', async () => {
  const sessions = newSessions();
  const gate = new Gate();
  const routes = {
    '/begin': async (ctx) => {
      ctx.session.user = 'ada';
      await ctx.session.save();
      await gate.pass();
      ctx.session.more = true;
      ctx.body = 'begun';
    },
  };
  await serving({ sessions, routes }, async ({ browser }) => {
    const begun = browser().get('/begin');
    await gate.reached;
    assert.equal(await sessions.destroyUser('ada'), 1);
    gate.open();
    assert.equal(await begun, 'begun');
    assert.equal(await sessions.count(), 0);
  });
});

for (const [path, options] of [
  ['/slow?slow=1', {}],
  ['/slow?slow=1', { rolling: true }],
  ['/slow', { rolling: true }],
  ['/forced', {}],
]) {
  it(`a session made to last longer is not set back by ${path}, which ran meanwhile (${JSON.stringify(options)})`, async () => {
    const sessions = newSessions();
    const gate = new Gate();
    const routes = {
      ...slowly(gate),
      '/forced': async (ctx) => {
        await gate.pass();
        await ctx.session.save();
        ctx.body = 'saved';
      },
      '/remember': (ctx) => {
        ctx.session.remembered = true;
        ctx.session.maxAge = 30 * DAY_MS;
        ctx.body = 'remembered';
      },
    };
    await serving({ sessions, routes, options: { maxAge: HOUR_MS, ...options } }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      const slow = ada.window().get(path);
      await gate.reached;
      await ada.window().get('/remember');
      gate.open();
      await slow;
      const { slow: kept, ...data } = await stored(sessions, ada);
      assert.deepEqual([kept === '1', data], [path.endsWith('1'), { user: 'ada', remembered: true }]);
      const { _expire, _maxAge } = await sessions.get(sidOf(ada));
      assert.equal(_maxAge, 30 * DAY_MS);
      assert.ok(_expire > Date.now() + 29 * DAY_MS);
      assert.equal(await hoursLeft(sessions, ada), 720);
    });
  });
}

it('where conflicts are errors the later request fails and the earlier one stands', async () => {
  const sessions = newSessions({ conflict: 'error' });
  const gate = new Gate();
  await serving({ sessions, routes: slowly(gate) }, async ({ browser }) => {
    const ada = browser();
    await ada.get('/login?user=ada');
    const window = ada.window();
    const slow = window.get('/slow?slow=1');
    await gate.reached;
    await ada.window().get('/set?n=1');
    gate.open();
    assert.deepEqual([(await slow).code, window.status], ['ERR_CONFLICT', 500]);
    assert.deepEqual(await stored(sessions, ada), { user: 'ada', n: '1' });
  });
});
