'use strict';
// What an app keeps in a session under any name, over real HTTP.
const assert = require('node:assert/strict');
const { after, describe, it } = require('node:test');
const { manualClock, open } = require('redstart');
const { serving } = require('./support/sessions/browser.js');

const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newSessions = (options) =>
  store.sessions(`web-${names++}`, { ttl: '1h', userId: ({ user }) => user, ...options });

/** What an object may have a name for already. */
const OF_OBJECTS = {
  ['__proto__']: { polluted: true },
  constructor: { prototype: { polluted: true } },
  prototype: { polluted: true },
  toString: 'text',
  valueOf: 5,
  hasOwnProperty: null,
  isPrototypeOf: false,
};
// A literal would set the prototype.
const own = (object, key, value) =>
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
const fields = (object) => new Map(Object.entries(object).filter(([key]) => key !== 'cookie'));

/** /keep: sets all of them. /show: what there is. /change: one of them, and another key. /add: another key. */
function keeping(app) {
  app.get('/keep', (req, res) => {
    for (const [key, value] of Object.entries(OF_OBJECTS)) own(req.session, key, value);
    res.send('kept');
  });
  app.get('/show', (req, res) => res.type('json').send(JSON.stringify(req.session)));
  app.get('/change', (req, res) => {
    own(req.session, '__proto__', { polluted: 'again' });
    delete req.session.toString;
    req.session.more = 1;
    res.send('changed');
  });
  app.get('/add', (req, res) => {
    Object.assign(req.session, req.query);
    res.send('added');
  });
  app.get('/methods', (req, res, next) => {
    const { session } = req;
    assert.equal(session.id, req.sessionID);
    assert.equal(session.touch(), session);
    session.resetMaxAge();
    session.save((failed) => {
      if (failed) return next(failed);
      return session.reload((error) => (error ? next(error) : res.json(req.session.user)));
    });
  });
}

function assertUnpolluted() {
  assert.equal({}.polluted, undefined);
  assert.equal(Object.getOwnPropertyNames(Object.prototype).includes('polluted'), false);
  assert.equal((() => {}).polluted, undefined);
}

describe('keys that every object has a name for', () => {
  it('are data as any other, from request to request, and pollute nothing', () => {
    const sessions = newSessions();
    return serving({ sessions, routes: keeping }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      const expected = new Map([['user', 'ada'], ...Object.entries(OF_OBJECTS)]);
      expected.set('__proto__', { polluted: true });
      await ada.get('/keep');
      for (let n = 0; n < 2; n++) {
        // Once as stored by the request that set them, once by one that loaded them.
        assert.deepEqual(fields(await ada.get('/show')), expected);
        assert.deepEqual(fields(await sessions.get(ada.sid)), expected);
        await ada.get('/add?n=1');
        expected.set('n', '1');
      }
      assertUnpolluted();
      await ada.get('/change');
      expected.set('__proto__', { polluted: 'again' });
      expected.delete('toString');
      expected.set('more', 1);
      assert.deepEqual(fields(await ada.get('/show')), expected);
      assertUnpolluted();
      assert.equal(await ada.get('/methods'), 'ada');
      await ada.get('/logout');
      assert.equal(await sessions.count(), 0);
    });
  });
});

describe('keys by the names of what a Session can do', () => {
  const OTHERS = { touch: 'touch', save: 5, id: 'an id', reload: [1], regenerate: null, destroy: { a: 1 }, req: 'r' };

  it('stored another way stay stored, whatever requests change, and Sessions can do all they could', () => {
    const sessions = newSessions();
    return serving({ sessions, routes: keeping }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      await sessions.update(ada.sid, (data) => ({ ...data, ...OTHERS }));
      const stored = async () => {
        const { cookie, ...data } = await sessions.get(ada.sid);
        return data;
      };
      assert.equal(await ada.get('/me'), 'ada');
      await ada.get('/add?n=1');
      assert.deepEqual(await stored(), { user: 'ada', ...OTHERS, n: '1' });
      assert.equal(await ada.get('/methods'), 'ada');
      assert.deepEqual(await stored(), { user: 'ada', ...OTHERS, n: '1' });
      // Their other owner changes one, removes one, and that stays so too.
      await sessions.update(ada.sid, ({ save, ...data }) => ({ ...data, touch: 'changed' }));
      await ada.get('/add?n=2');
      const { save, ...left } = OTHERS;
      assert.deepEqual(await stored(), { user: 'ada', ...left, touch: 'changed', n: '2' });
      const { n, user, ...shown } = await ada.get('/show');
      assert.deepEqual(Object.keys(shown), ['cookie'], 'no Session has them');
      await ada.get('/logout');
      assert.equal(await sessions.count(), 0);
    });
  });

  it('tell whose the session is, whatever a request changes', () => {
    const sessions = newSessions({ userId: ({ id }) => id });
    return serving({ sessions, routes: keeping }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      await sessions.update(ada.sid, (data) => ({ ...data, id: 'ada' }));
      await ada.get('/add?n=1');
      assert.deepEqual(
        (await sessions.listUser('ada')).map(({ data }) => data.n),
        ['1'],
      );
      assert.equal(await sessions.destroyUser('ada'), 1);
      assert.equal(await ada.get('/me'), null);
    });
  });

  for (const conflict of ['merge', 'overwrite']) {
    it(`tell whose the session is all the same, conflict '${conflict}'`, () => {
      const sessions = newSessions({ conflict, userId: ({ id }) => id });
      const routes = (app) =>
        app.get('/slow', async (req, res) => {
          req.session.slow = 1;
          await sessions.update(req.sessionID, (data) => ({ ...data, meanwhile: 1 }));
          res.send('slow');
        });
      return serving({ sessions, routes }, async ({ browser }) => {
        const ada = browser();
        await ada.get('/login?user=ada');
        await sessions.update(ada.sid, (data) => ({ ...data, id: 'ada' }));
        await ada.get('/slow');
        assert.deepEqual(
          (await sessions.listUser('ada')).map(({ data }) => data.slow),
          [1],
        );
      });
    });
  }

  it('stay through a request that met another', () => {
    const sessions = newSessions();
    const routes = (app) =>
      app.get('/slow', async (req, res) => {
        req.session.slow = 1;
        await sessions.update(req.sessionID, (data) => ({ ...data, touch: 'later', save: 6 }));
        res.send('slow');
      });
    return serving({ sessions, routes }, async ({ browser }) => {
      const ada = browser();
      await ada.get('/login?user=ada');
      await sessions.update(ada.sid, (data) => ({ ...data, touch: 'first' }));
      await ada.get('/slow');
      const { cookie, ...data } = await sessions.get(ada.sid);
      assert.deepEqual(data, { user: 'ada', touch: 'later', save: 6, slow: 1 });
    });
  });
});
