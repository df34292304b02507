'use strict';
// Requests of one visitor at once, under real @fastify/session: none loses what another has changed, none brings back what
// another has ended.
const assert = require('node:assert/strict');
const { after, it } = require('node:test');
const { manualClock, open } = require('redstart');
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

it('20 that have all loaded the session before the first answers, each adding a key: all 20 keys are there', async () => {
  const sessions = newSessions();
  const gate = new Gate();
  let loaded = 0;
  const routes = (app) =>
    app.get('/add/:key', async (request) => {
      loaded += 1;
      if (loaded === 20) gate.open();
      await gate.pass();
      request.session[request.params.key] = true;
      return 'added';
    });
  await serving({ sessions, routes }, async ({ browser }) => {
    const ada = browser();
    await ada.get('/login?user=ada');
    const keys = Array.from({ length: 20 }, (_, n) => `key${n}`);
    await Promise.all(keys.map((key) => ada.window().get(`/add/${key}`)));
    assert.deepEqual(await stored(sessions, ada), {
      user: 'ada',
      ...Object.fromEntries(keys.map((key) => [key, true])),
    });
  });
});

for (const [how, end] of Object.entries({
  'a logout in another window': ({ ada }) => ada.window().get('/logout'),
  'a logout everywhere': ({ sessions }) => sessions.destroyUser('ada'),
  'its time': () => clock.advance('1h'),
})) {
  for (const conflict of ['merge', 'overwrite', 'error']) {
    for (const path of ['/slow', '/slow?slow=1', '/reload', '/reload?slow=1']) {
      it(`${how} during ${path} stays: its save brings nothing back (${conflict})`, async () => {
        const sessions = newSessions({ conflict });
        const gate = new Gate();
        const routes = (app) => {
          slowly(gate)(app);
          app.get('/reload', async (request) => {
            await gate.pass();
            await request.session.reload();
            Object.assign(request.session, request.query);
            return 'reloaded';
          });
        };
        await serving({ sessions, routes }, async ({ browser }) => {
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
    await serving({ sessions, routes: slowly(gate) }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      const window = ada.window();
      const slow = window.get('/slow');
      await gate.reached;
      await ada.window().get('/set?n=1&user=eve');
      const { version } = await sessions.getEntry(sidOf(ada));
      clock.advance('50m');
      gate.open();
      await slow;
      assert.equal(window.status, 200);
      assert.deepEqual(await stored(sessions, ada), { user: 'eve', n: '1' });
      assert.equal(await hoursLeft(sessions, ada), 1);
      assert.equal((await sessions.getEntry(sidOf(ada))).version, version, 'nothing was written');
    });
  });
}

it('a request that saves in its midst and at its end keeps what others changed before, between and after', async () => {
  const sessions = newSessions();
  const [first, between] = [new Gate(), new Gate()];
  const routes = (app) =>
    app.get('/twice', async (request) => {
      request.session.one = 1;
      await first.pass();
      await request.session.save();
      request.session.two = 2;
      request.session.gone = undefined;
      await between.pass();
      return 'twice';
    });
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

it('a request whose first save met a change keeps that change in its last one', async () => {
  const sessions = newSessions();
  const gate = new Gate();
  const routes = (app) =>
    app.get('/twice', async (request) => {
      await gate.pass();
      request.session.one = 1;
      await request.session.save();
      request.session.two = 2;
      return 'twice';
    });
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

it('a request that saves twice what another has ended brings nothing back', async () => {
  const sessions = newSessions();
  const gate = new Gate();
  const routes = (app) =>
    app.get('/twice', async (request) => {
      await gate.pass();
      request.session.one = 1;
      await request.session.save();
      request.session.two = 2;
      return 'twice';
    });
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

it('a request that reloads the session, or gives its cookie other options, is still known to have loaded it', async () => {
  for (const change of [(session) => session.reload(), (session) => session.options({ path: '/' })]) {
    const sessions = newSessions();
    const gate = new Gate();
    const routes = (app) =>
      app.get('/change', async (request) => {
        await change(request.session);
        await gate.pass();
        request.session.mine = 1;
        return 'changed';
      });
    await serving({ sessions, routes }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      const changing = ada.window().get('/change');
      await gate.reached;
      await ada.window().get('/set?theirs=1');
      gate.open();
      await changing;
      assert.deepEqual(await stored(sessions, ada), { user: 'ada', theirs: '1', mine: 1 });
    });
  }
});

it('a session that the request itself began stays ended when another ends it before its last save', async () => {
  const sessions = newSessions();
  const gate = new Gate();
  const routes = (app) =>
    app.get('/begin', async (request) => {
      request.session.user = 'ada';
      await request.session.save();
      await gate.pass();
      request.session.more = true;
      return 'begun';
    });
  await serving({ sessions, routes }, async ({ browser }) => {
    const begun = browser().get('/begin');
    await gate.reached;
    assert.equal(await sessions.destroyUser('ada'), 1);
    gate.open();
    assert.equal(await begun, 'begun');
    assert.equal(await sessions.count(), 0);
  });
});

for (const [cookie, path] of [
  [{ maxAge: HOUR_MS }, '/slow'],
  [{ maxAge: HOUR_MS }, '/slow?slow=1'],
  [{ expires: new Date(Date.now() + HOUR_MS) }, '/slow'],
  [{ expires: new Date(Date.now() + HOUR_MS) }, '/slow?slow=1'],
  [{}, '/slow'],
  [{}, '/slow?slow=1'],
]) {
  const [kind = 'neither maxAge nor date'] = Object.keys(cookie);
  it(`a cookie (${kind}) made to last longer is not set back by ${path}, which ran meanwhile`, async () => {
    const sessions = newSessions();
    const gate = new Gate();
    const routes = (app) => {
      slowly(gate)(app);
      app.get('/remember', async ({ session }) => {
        session.remembered = true;
        session.cookie.maxAge = 30 * DAY_MS;
        return 'remembered';
      });
    };
    await serving({ sessions, routes, options: { cookie } }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      const slow = ada.window().get(path);
      await gate.reached;
      await ada.window().get('/remember');
      gate.open();
      await slow;
      const { slow: kept, ...data } = await stored(sessions, ada);
      assert.deepEqual([kept === '1', data], [path.endsWith('1'), { user: 'ada', remembered: true }]);
      assert.equal((await sessions.get(sidOf(ada))).cookie.originalMaxAge, 30 * DAY_MS);
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
