'use strict';
// Who is told that two changes of a session met, how often, and by which name.
const assert = require('node:assert/strict');
const { after, afterEach, beforeEach, describe, it } = require('node:test');
const { manualClock, open } = require('redstart');
const { Gate, serving } = require('./support/sessions/browser.js');

// What is waited for here keeps no process alive by itself.
const awake = setInterval(() => {}, 60_000);
after(() => clearInterval(awake));

let store;
beforeEach(() => {
  store = open('memory:', { clock: manualClock() });
});
afterEach(() => store.close());

/** Sessions, and what they tell: `all()` is whatever was told until now, for certain. */
function listenedTo(options) {
  const sessions = store.sessions('web', { ttl: '1h', userId: ({ user }) => user, ...options });
  const heard = [];
  for (const event of ['conflict', 'destroyed']) {
    sessions.on(event, (batch) => heard.push(...batch.map(({ userId, handle }) => ({ event, userId, handle }))));
  }
  /** What comes in order has come when the end of a session that is ended now has been told. */
  const all = async () => {
    const { id } = await sessions.create({ user: 'marker' });
    const isMarker = ({ userId }) => userId === 'marker';
    await sessions.destroy(id);
    while (!heard.some(isMarker)) await new Promise((resolve) => setImmediate(resolve));
    return heard.splice(0).filter((told) => !isMarker(told));
  };
  return { sessions, all };
}

/** A request that saves in its midst and at its end: `change` makes of its session what the last one stores. */
function savesTwice(first, between, change) {
  return (app) => {
    app.get('/set', (req, res) => {
      Object.assign(req.session, req.query);
      res.send('set');
    });
    app.get('/twice', async (req, res, next) => {
      req.session.mine = 1;
      await first.pass();
      req.session.save(async (error) => {
        if (error) return next(error);
        await between.pass();
        change(req.session);
        return req.session.save((late) => (late ? next(late) : res.send('twice')));
      });
    });
  };
}

describe('a request that met another and saves once more', () => {
  for (const [what, change] of [
    ['nothing new', () => {}],
    [
      'something new',
      (session) => {
        session.late = 1;
      },
    ],
  ]) {
    it(`with ${what} meets nobody again where nobody else came, and loses nothing of the other`, async () => {
      const { sessions, all } = listenedTo();
      const [first, between] = [new Gate(), new Gate()];
      const routes = savesTwice(first, between, change);
      await serving({ sessions, routes }, async ({ browser }) => {
        const ada = browser();
        await ada.get('/login?user=ada');
        await all();
        const { handle } = await sessions.getEntry(ada.sid);
        const twice = ada.window().get('/twice');
        await first.reached;
        await ada.window().get('/set?theirs=1');
        first.open();
        await between.reached;
        assert.deepEqual(await all(), [{ event: 'conflict', userId: 'ada', handle }]);
        between.open();
        assert.equal(await twice, 'twice');
        assert.deepEqual(await all(), []);
        const { cookie, late, ...data } = await sessions.get(ada.sid);
        assert.deepEqual([data, late], [{ user: 'ada', mine: 1, theirs: '1' }, what === 'nothing new' ? undefined : 1]);
      });
    });
  }

  it('meets the one that came in between, and keeps what both others did, removals too', async () => {
    const { sessions, all } = listenedTo();
    const [first, between] = [new Gate(), new Gate()];
    const routes = savesTwice(first, between, (session) => {
      session.late = 1;
    });
    await serving({ sessions, routes }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      await ada.window().get('/set?old=1');
      await all();
      const { handle } = await sessions.getEntry(ada.sid);
      const twice = ada.window().get('/twice');
      await first.reached;
      await ada.window().get('/set?theirs=1');
      first.open();
      await between.reached;
      await sessions.update(ada.sid, ({ old, ...data }) => ({ ...data, theirs: 2, more: 1 }));
      between.open();
      await twice;
      const told = { event: 'conflict', userId: 'ada', handle };
      assert.deepEqual(await all(), [told, told]);
      const { cookie, ...data } = await sessions.get(ada.sid);
      assert.deepEqual(data, { user: 'ada', mine: 1, theirs: 2, more: 1, late: 1 });
    });
  });
});

describe("where the later change is to stand, conflict 'overwrite'", () => {
  it('it does, whole, and the two are told to have met [SessionsOptions.conflict]', async () => {
    const { sessions, all } = listenedTo({ conflict: 'overwrite' });
    const { id } = await sessions.create({ user: 'ada', n: 0 });
    const { data, version, handle } = await sessions.getEntry(id);
    await sessions.set(id, { ...data, first: 1 }, { version });
    assert.deepEqual(await all(), []);
    assert.equal(await sessions.set(id, { ...data, second: 1 }, { version }), true);
    assert.deepEqual(await all(), [{ event: 'conflict', userId: 'ada', handle }]);
    assert.deepEqual(await sessions.get(id), { user: 'ada', n: 0, second: 1 });
  });

  it('a session that was destroyed stays so, and nobody is told that they met', async () => {
    const { sessions, all } = listenedTo({ conflict: 'overwrite' });
    const { id } = await sessions.create({ user: 'ada', n: 0 });
    const { version, handle } = await sessions.getEntry(id);
    await sessions.set(id, { user: 'ada', n: 1 }, { version });
    await sessions.destroy(id);
    assert.equal(await sessions.set(id, { user: 'ada', n: 2 }, { version }), false);
    assert.equal(await sessions.get(id), undefined);
    assert.deepEqual(await all(), [{ event: 'destroyed', userId: 'ada', handle }]);
  });

  it('one that is destroyed between the meeting and the overwriting stays so', async () => {
    let asked = 0;
    let end = () => {};
    const sessions = store.sessions('ending', {
      ttl: '1h',
      conflict: 'overwrite',
      userId: () => {
        asked += 1;
        // Once to say that they met, and again to store.
        if (asked === 2) end();
        return 'ada';
      },
    });
    const { id } = await sessions.create({ n: 0 });
    const { version } = await sessions.getEntry(id);
    await sessions.set(id, { n: 1 }, { version });
    asked = 0;
    end = () => void sessions.destroy(id);
    assert.equal(await sessions.set(id, { n: 2 }, { version }), false);
    assert.equal(asked, 2);
    assert.equal(await sessions.count(), 0);
  });
});

describe('a version', () => {
  it('of another session is ERR_CONFLICT, and neither session changes', async () => {
    const { sessions } = listenedTo();
    const [one, two] = [await sessions.create({ user: 'ada', n: 1 }), await sessions.create({ user: 'bob', n: 2 })];
    const { version } = await sessions.getEntry(one.id);
    await sessions.getEntry(two.id);
    const wrong = { code: 'ERR_CONFLICT', retryable: true };
    await assert.rejects(sessions.set(two.id, { user: 'eve' }, { version }), wrong);
    // Nor where it was read after a change of its own.
    await sessions.update(two.id, (data) => ({ ...data, m: 1 }));
    await assert.rejects(sessions.set(two.id, { user: 'eve' }, { version }), wrong);
    assert.deepEqual(await sessions.get(one.id), { user: 'ada', n: 1 });
    assert.deepEqual(await sessions.get(two.id), { user: 'bob', n: 2, m: 1 });
    assert.deepEqual(await sessions.listUser('eve'), []);
  });
});

describe('the handle of an entry', () => {
  it('is that of lists and events, ends the session, and is another with a new id', async () => {
    const { sessions, all } = listenedTo();
    const { id } = await sessions.create({ user: 'ada' });
    const { handle } = await sessions.getEntry(id);
    assert.match(handle, /^[0-9a-f]{64}$/);
    assert.equal((await sessions.listUser('ada'))[0].handle, handle);
    for await (const info of sessions.iterate()) assert.equal(info.handle, handle);
    await sessions.set(id, { user: 'ada', n: 1 });
    await sessions.touch(id);
    assert.equal((await sessions.getEntry(id)).handle, handle, 'no change gives it another');
    const next = await sessions.regenerate(id);
    const { handle: newHandle } = await sessions.getEntry(next);
    assert.notEqual(newHandle, handle);
    assert.equal((await sessions.listUser('ada'))[0].handle, newHandle);
    assert.equal(await sessions.destroyHandle(handle), false);
    assert.equal(await sessions.destroyHandle(newHandle), true);
    assert.deepEqual(await all(), [{ event: 'destroyed', userId: 'ada', handle: newHandle }]);
  });
});
