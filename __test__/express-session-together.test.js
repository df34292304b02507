'use strict';
// Requests of one visitor at once, under real express-session: none loses what another has changed, none brings back what
// another has ended.
const assert = require('node:assert/strict');
const { after, it } = require('node:test');
const { manualClock, open } = require('redstart');
const { Gate, serving } = require('./support/sessions/browser.js');

const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newSessions = (options) =>
  store.sessions(`web-${names++}`, { ttl: '1h', userId: ({ user }) => user, ...options });

/** /slow?key=value…: changes the session and answers once its gate is open. */
function slowly(gate) {
  return (app) =>
    app.get('/slow', async (req, res) => {
      Object.assign(req.session, req.query);
      await gate.pass();
      res.json(Object.keys(req.session));
    });
}

/** /set?key=value…: changes the session. */
function setting(app) {
  app.get('/set', (req, res) => {
    Object.assign(req.session, req.query);
    res.send('set');
  });
}

it('50 requests that have all loaded the session before the first answers, each adding a key: all 50 keys are there', async () => {
  const sessions = newSessions();
  let loaded = 0;
  let open;
  const allLoaded = new Promise((resolve) => {
    open = resolve;
  });
  const routes = (app) =>
    app.get('/add/:key', async (req, res) => {
      loaded += 1;
      if (loaded === 50) open();
      await allLoaded;
      req.session[req.params.key] = true;
      res.json(Object.keys(req.session).length);
    });
  await serving({ sessions, routes }, async ({ browser }) => {
    const ada = browser();
    await ada.get('/login?user=ada');
    const keys = Array.from({ length: 50 }, (_, n) => `key${n}`);
    const answers = await Promise.all(keys.map((key) => ada.window().get(`/add/${key}`)));
    assert.deepEqual(answers, Array(50).fill(3), 'each saw its own key alone');
    const { cookie, ...data } = await sessions.get(ada.sid);
    assert.deepEqual(data, { user: 'ada', ...Object.fromEntries(keys.map((key) => [key, true])) });
    assert.equal(typeof cookie, 'object');
  });
});

it('of two requests that change the same key the later one wins, and what only one changed stays', async () => {
  const sessions = newSessions();
  const gate = new Gate();
  const routes = (app) => {
    slowly(gate)(app);
    setting(app);
  };
  await serving({ sessions, routes }, async ({ browser }) => {
    const ada = browser();
    await ada.get('/login?user=ada');
    const slow = ada.window().get('/slow?user=late&slow=1');
    await gate.reached;
    await ada.window().get('/set?user=eve&n=1');
    gate.open();
    await slow;
    const { cookie, ...data } = await sessions.get(ada.sid);
    assert.deepEqual(data, { user: 'late', slow: '1', n: '1' });
  });
});

it('a request that saves in its midst and at its end keeps what others changed before, between and after', async () => {
  const sessions = newSessions();
  const [first, between] = [new Gate(), new Gate()];
  const routes = (app) => {
    app.get('/twice', async (req, res, next) => {
      req.session.one = 1;
      await first.pass();
      req.session.save(async (error) => {
        if (error) return next(error);
        req.session.two = 2;
        delete req.session.gone;
        await between.pass();
        return res.send('twice');
      });
    });
    setting(app);
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
    const data = async () => {
      const { cookie, ...found } = await sessions.get(ada.sid);
      return found;
    };
    assert.deepEqual(await data(), { user: 'ada', gone: '1', before: '1', one: 1 });
    await ada.window().get('/set?before=2&meanwhile=1');
    between.open();
    await twice;
    assert.deepEqual(await data(), { user: 'ada', before: '2', meanwhile: '1', one: 1, two: 2 });
  });
});

for (const [how, end] of Object.entries({
  'a logout in another window': ({ ada }) => ada.window().get('/logout'),
  'a logout everywhere': ({ sessions }) => sessions.destroyUser('ada'),
  'the end by its handle': async ({ sessions }) => sessions.destroyHandle((await sessions.listUser('ada'))[0].handle),
  'the end of all sessions': ({ sessionStore }) => sessionStore.clear(),
  'a new id elsewhere': ({ sessions, ada }) => sessions.regenerate(ada.sid),
  'its time': () => clock.advance('1h'),
})) {
  for (const conflict of ['merge', 'overwrite', 'error']) {
    it(`${how} during a slow request stays: its save brings nothing back (${conflict})`, () => stays(end, conflict));
  }
}

async function stays(end, conflict) {
  const sessions = newSessions({ conflict });
  const gate = new Gate();
  await serving({ sessions, routes: slowly(gate) }, async ({ browser, sessionStore }) => {
    const ada = browser();
    await ada.get('/login?user=ada');
    const slow = ada.window().get('/slow?slow=1');
    await gate.reached;
    await end({ ada, sessions, sessionStore });
    gate.open();
    await slow;
    assert.equal(await sessions.get(ada.sid), undefined);
    assert.equal(await ada.window().get('/me'), null);
    for (const { data } of await sessions.listUser('ada')) assert.equal(data.slow, undefined);
  });
}

it('a request whose first save met a change keeps that change in its last one', async () => {
  const sessions = newSessions();
  const gate = new Gate();
  const routes = (app) => {
    setting(app);
    app.get('/twice', async (req, res, next) => {
      await gate.pass();
      req.session.one = 1;
      req.session.save((error) => {
        if (error) return next(error);
        req.session.two = 2;
        return res.send('twice');
      });
    });
  };
  await serving({ sessions, routes }, async ({ browser }) => {
    const ada = browser();
    await ada.get('/login?user=ada');
    const twice = ada.window().get('/twice');
    await gate.reached;
    await ada.window().get('/set?met=1');
    gate.open();
    await twice;
    const { cookie, ...data } = await sessions.get(ada.sid);
    assert.deepEqual(data, { user: 'ada', met: '1', one: 1, two: 2 });
  });
});

for (const [what, path] of [
  ['changed something', '/slow?slow=1'],
  ['changed nothing', '/slow'],
]) {
  it(`a cookie made to last longer is not set back by a request that ran meanwhile and ${what}`, async () => {
    const sessions = newSessions();
    const gate = new Gate();
    const routes = (app) => {
      slowly(gate)(app);
      app.get('/remember', (req, res) => {
        req.session.remembered = true;
        req.session.cookie.maxAge = 30 * 24 * 3_600_000;
        res.send('remembered');
      });
    };
    await serving({ sessions, routes, options: { cookie: { maxAge: 60_000 } } }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      const slow = ada.window().get(path);
      await gate.reached;
      await ada.window().get('/remember');
      gate.open();
      await slow;
      const { data, expiresAt } = await sessions.getEntry(ada.sid);
      assert.deepEqual([data.slow === '1', data.remembered], [path.endsWith('1'), true]);
      assert.equal(data.cookie.originalMaxAge, 30 * 24 * 3_600_000);
      assert.ok(expiresAt - clock.nowMs > 29 * 24 * 3_600_000);
      clock.advance('29d');
      assert.equal(await ada.get('/me'), 'ada');
    });
  });
}

it('where conflicts are errors the later request fails and the earlier one stands', async () => {
  const sessions = newSessions({ conflict: 'error' });
  const gate = new Gate();
  const routes = (app) =>
    app.get('/slow', async (req, res, next) => {
      req.session.slow = true;
      await gate.pass();
      req.session.save((error) => (error ? next(error) : res.send('saved')));
    });
  await serving({ sessions, routes }, async ({ browser }) => {
    const ada = browser();
    await ada.get('/login?user=ada');
    const window = ada.window();
    const slow = window.get('/slow');
    await gate.reached;
    await ada.window().get('/login?user=eve');
    gate.open();
    assert.deepEqual([(await slow).code, window.status], ['ERR_CONFLICT', 500]);
    const { user, slow: kept } = await sessions.get(ada.sid);
    assert.deepEqual([user, kept], ['eve', undefined]);
  });
});

it('where the later one is to stand it does, whole', async () => {
  const sessions = newSessions({ conflict: 'overwrite' });
  const gate = new Gate();
  await serving({ sessions, routes: slowly(gate) }, async ({ browser }) => {
    const ada = browser();
    await ada.get('/login?user=ada');
    const slow = ada.window().get('/slow?slow=1');
    await gate.reached;
    await ada.window().get('/login?user=eve');
    gate.open();
    await slow;
    const { user, slow: kept } = await sessions.get(ada.sid);
    assert.deepEqual([user, kept], ['ada', '1']);
  });
});
