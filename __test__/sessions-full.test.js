'use strict';
// A store without room: visitors fill it, and users log in all the same.
const assert = require('node:assert/strict');
const { after, afterEach, beforeEach, describe, it } = require('node:test');
const { manualClock, open } = require('redstart');
const { serving } = require('./support/sessions/browser.js');

// What is waited for here keeps no process alive by itself.
const awake = setInterval(() => {}, 60_000);
after(() => clearInterval(awake));

const FULL = { code: 'ERR_STORE_FULL' };
let clock;
let store;
let sessions;

beforeEach(() => {
  clock = manualClock();
  store = open('memory:', { clock, maxMemory: '1mb' });
  sessions = store.sessions('web', { ttl: '1h', userId: ({ user }) => user, maxSessionSize: '64kb' });
});
afterEach(() => store.close());

/** Begins sessions until there is room for no more of them: their ids. */
async function fill(data) {
  const ids = [];
  await assert.rejects(async () => {
    for (;;) {
      ids.push((await sessions.create({ ...data, n: ids.length })).id);
      clock.advance(1);
    }
  }, FULL);
  return ids;
}

/** What is told of sessions that make room: `next()` is the batch that comes next. */
function evictions() {
  const batches = [];
  let tell = () => {};
  sessions.on('evicted', (batch) => {
    batches.push(batch);
    tell();
  });
  return async () => {
    if (batches.length === 0) {
      await new Promise((resolve) => {
        tell = resolve;
      });
    }
    return batches.shift();
  };
}

describe('a store that visitors have filled', () => {
  /** Every visitor's session is as large as this. */
  const routes = (app) => {
    app.get('/visit', (req, res, next) => {
      req.session.text = 'x'.repeat(10_000);
      req.session.save((error) => (error ? next(error) : res.send('welcome')));
    });
    app.get('/in', (req, res, next) => {
      req.session.user = req.query.user;
      req.session.text = 'y'.repeat(20_000);
      req.session.save((error) => (error ? next(error) : res.send('in')));
    });
  };

  it('answers a further visitor with 500, lets users log in, and tells who made room', () =>
    serving({ sessions, routes, options: { saveUninitialized: true } }, async ({ browser }) => {
      const visitors = [];
      for (;;) {
        const visitor = browser();
        clock.advance(1);
        if ((await visitor.get('/visit')) !== 'welcome') break;
        visitors.push(visitor);
      }
      assert.ok(visitors.length > 80, `${visitors.length} visitors of 10 kB in 1 MB`);
      const further = browser();
      assert.deepEqual([(await further.get('/visit')).code, further.status], ['ERR_STORE_FULL', 500]);
      assert.equal((await store.stats()).sessions.web.evicted, 0);

      const handles = [];
      for (const { sid } of visitors.slice(0, 6)) handles.push((await sessions.getEntry(sid)).handle);
      const next = evictions();
      const ada = browser();
      assert.equal(await ada.get('/in?user=ada'), 'in');
      const gone = await next();
      assert.ok(gone.length >= 1 && gone.length <= 4, `${gone.length} made room`);
      assert.deepEqual(
        gone,
        handles.slice(0, gone.length).map((handle) => ({ userId: undefined, handle })),
        'those unseen for longest',
      );
      // A visitor who was there logs in.
      const last = visitors.at(-1);
      assert.equal(await last.get('/in?user=bob'), 'in');
      for (let n = 0; n < 20; n++) assert.equal(await browser().get(`/in?user=user-${n}`), 'in');
      for (const [who, user] of [
        [ada, 'ada'],
        [last, 'bob'],
      ]) {
        assert.equal(await who.get('/me'), user);
      }
      const { users, evicted } = (await store.stats()).sessions.web;
      assert.equal(users, 22);
      assert.ok(evicted >= 40, `${evicted} made room for 20 kB each`);
    }));

  it('has room for the change of a user who is in, and for a session that another door gives a user', async () => {
    const { id } = await sessions.create({ user: 'ada' });
    await fill({ text: 'x'.repeat(10_000) });
    const next = evictions();
    assert.equal(await sessions.set(id, { user: 'ada', text: 'y'.repeat(50_000) }), true);
    assert.ok((await next()).length >= 4);
    assert.equal((await sessions.get(id)).text.length, 50_000);
  });

  it('has none for more than all its visitors hold: they stay', async () => {
    for (let n = 0; n < 17; n++) await sessions.create({ user: 'ada', text: 'x'.repeat(60_000) });
    const visitors = await fill({ text: 'x'.repeat(100) });
    assert.ok(visitors.length > 20, `${visitors.length} visitors`);
    await assert.rejects(sessions.create({ user: 'ada', text: 'x'.repeat(60_000) }), FULL);
    for (const id of visitors) assert.notEqual(await sessions.get(id), undefined);
    assert.equal(await sessions.count(), 17 + visitors.length);
    // Less than they hold ends as many as it takes.
    await sessions.create({ user: 'ada', text: 'x'.repeat(3_000) });
    const { evicted } = (await store.stats()).sessions.web;
    assert.ok(evicted > 0 && evicted < 20, `${evicted} made room`);
  });
});

describe('a store that users have filled', () => {
  it('ends none of them for another user, nor for a visitor', async () => {
    const ids = await fill({ user: 'ada', text: 'x'.repeat(10_000) });
    await assert.rejects(sessions.create({ user: 'bob', text: 'x'.repeat(10_000) }), FULL);
    await assert.rejects(sessions.create({ text: 'x'.repeat(10_000) }), FULL);
    for (const id of ids) assert.notEqual(await sessions.get(id), undefined);
    assert.equal((await store.stats()).sessions.web.evicted, 0);
    await sessions.destroyUser('ada', { except: ids[0] });
    await sessions.create({ user: 'bob', text: 'x'.repeat(10_000) });
  });
});
