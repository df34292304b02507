'use strict';
// Whose sessions are: listed, ended together and capped.
const assert = require('node:assert/strict');
const { afterEach, beforeEach, describe, it } = require('node:test');
const { manualClock, open } = require('redstart');

let clock;
let store;
const userId = ({ user }) => user;

beforeEach(() => {
  clock = manualClock();
  store = open('memory:', { clock });
});
afterEach(() => store.close());

/** Sessions told apart by their `user`. */
const sessionsOf = (options) => store.sessions('web', { ttl: '30m', userId, ...options });

/** Sessions of the same user a second apart: their ids, oldest first. */
async function devices(sessions, user, count) {
  const ids = [];
  for (let device = 0; device < count; device++) {
    ids.push((await sessions.create({ user, device })).id);
    clock.advance('1s');
  }
  return ids;
}
const devicesOf = async (sessions, user) => (await sessions.listUser(user)).map(({ data }) => data.device);

describe('a user', () => {
  it('has sessions, listed oldest first with handles and times and no ids [SessionsOptions.userId]', async () => {
    const sessions = sessionsOf();
    const start = clock.nowMs;
    const ids = await devices(sessions, 'ada', 2);
    await sessions.create({ user: 'bob' });
    clock.advance('1m');
    await sessions.touch(ids[0]);
    const list = await sessions.listUser('ada');
    assert.deepEqual(list[0], {
      handle: list[0].handle,
      userId: 'ada',
      data: { user: 'ada', device: 0 },
      createdAt: new Date(start),
      lastSeenAt: new Date(clock.nowMs),
      expiresAt: new Date(clock.nowMs + 30 * 60_000),
    });
    assert.deepEqual(list[1].createdAt, new Date(start + 1_000));
    assert.deepEqual(list[1].lastSeenAt, list[1].createdAt);
    assert.equal(list.length, 2);
    for (const id of ids) assert.ok(!JSON.stringify(list).includes(id), 'an id in a list');
    assert.deepEqual(await sessions.listUser('nobody'), []);
  });

  it('is the same as number and as text', async () => {
    const sessions = sessionsOf();
    await sessions.create({ user: 7 });
    await sessions.create({ user: '7' });
    for (const user of [7, '7']) {
      const list = await sessions.listUser(user);
      assert.deepEqual([list.length, list[0].userId], [2, '7']);
    }
    assert.equal(await sessions.destroyUser(7), 2);
  });

  it('is a string of 1 to 256 characters or a number; anything else is refused and stores nothing', async () => {
    const sessions = sessionsOf();
    await sessions.create({ user: 'x'.repeat(256) });
    await sessions.create({ user: '💡' });
    assert.equal((await sessions.listUser('💡')).length, 1);
    for (const user of ['', 'x'.repeat(257), {}, true, ['ada']]) {
      await assert.rejects(sessions.create({ user }), { code: 'ERR_INVALID_ARG', message: /userId/ });
      await assert.rejects(sessions.listUser(user), { code: 'ERR_INVALID_ARG' });
      await assert.rejects(sessions.destroyUser(user), { code: 'ERR_INVALID_ARG' });
    }
    for (const user of [NaN, Infinity, undefined, null]) {
      await assert.rejects(sessions.listUser(user), { code: 'ERR_INVALID_ARG' });
    }
    assert.equal(await sessions.count(), 2);
  });

  it('may log in and out in one session: every set and update tells', async () => {
    const sessions = sessionsOf();
    const { id } = await sessions.create({});
    assert.deepEqual(await sessions.listUser('ada'), []);
    await sessions.set(id, { user: 'ada' });
    assert.equal((await sessions.listUser('ada')).length, 1);
    await sessions.update(id, () => ({ user: 'bob' }));
    assert.deepEqual([(await sessions.listUser('ada')).length, (await sessions.listUser('bob')).length], [0, 1]);
    await sessions.set(id, { user: null });
    assert.deepEqual(await sessions.listUser('bob'), []);
    const { users, anonymous } = (await store.stats()).sessions.web;
    assert.deepEqual([users, anonymous], [0, 1]);
  });

  it('is told by the data as stored, which the function may not change', async () => {
    const meddling = store.sessions('meddling', {
      ttl: '30m',
      userId: (data) => {
        const { user } = data;
        data.user = 'mallory';
        return user;
      },
    });
    const { id, data } = await meddling.create({ user: 'ada' });
    assert.deepEqual([data, await meddling.get(id)], [{ user: 'ada' }, { user: 'ada' }]);
    assert.equal((await meddling.listUser('ada')).length, 1);
  });

  it('is told by nothing but what is stored, in the form in which it is stored', async () => {
    const seen = [];
    const watching = store.sessions('watching', { ttl: '30m', userId: (data) => void seen.push(data) });
    const hidden = Symbol('hidden');
    const cyclic = { user: 'ada' };
    cyclic.self = cyclic;
    let reads = 0;
    const read = {
      get user() {
        reads += 1;
        return `read ${reads}`;
      },
    };
    class Cart {
      items = ['tea'];
    }
    const given = [
      { at: new Date(0), left: undefined, also: { left: undefined, kept: null } },
      JSON.parse('{ "a": { "__proto__": { "b": [1, { "c": true }] } }, "toJSON": "no function" }'),
      {
        list: [1, undefined, NaN, () => 1, [2, -0]],
        call: () => 1,
        [hidden]: 1,
        cart: new Cart(),
        map: new Map([[1, 2]]),
      },
      { inner: { user: 'ada', [hidden]: 'bob' }, nobody: Object.create(null), told: { toJSON: (key) => ({ key }) } },
      { big: Array.from({ length: 1_000 }, (_, at) => ({ at })) },
      { toJSON: () => ({ user: 'ada', toJSON: 'no function' }) },
      read,
    ];
    for (const data of given) {
      seen.length = 0;
      const { id } = await watching.create(data);
      await watching.set(id, data);
      await watching.update(id, () => data);
      const stored = (await watching.get(id)) ?? assert.fail();
      // Each as it was stored by that call.
      assert.deepEqual(seen.at(-1), stored);
      assert.equal(seen.length, 3);
      for (const symbol of [seen[0], seen[0].inner ?? {}]) assert.equal(symbol[hidden], undefined);
    }
    assert.equal(reads, 3, 'a getter is read once a call');
    await assert.rejects(watching.create(cyclic), { code: 'ERR_INVALID_ARG', message: /leads back to an object/ });
  });

  it('changes nothing about what is stored, however odd the data is', async () => {
    const given = {
      'an array with a slice of its own': () => ({ list: Object.assign([1, { a: 2 }], { slice: () => [9] }) }),
      'an array with another constructor': () => ({
        list: Object.assign([1], { constructor: { [Symbol.species]: Set } }),
      }),
      'an array by another prototype': () => ({ list: Object.setPrototypeOf([1, 2], Object.prototype) }),
      'a number by another prototype': () => ({ n: Object.setPrototypeOf(new Number(5), Object.prototype) }),
      'a text by another prototype': () => ({ n: Object.setPrototypeOf(new String('a'), Object.prototype) }),
      'a truth by another prototype': () => ({ list: [Object.setPrototypeOf(new Boolean(false), Object.prototype)] }),
      'an object by the prototype of arrays': () => ({ list: Object.setPrototypeOf({ a: 1 }, Array.prototype) }),
      'an array with holes and more keys': () => ({ list: Object.assign(new Array(3), { 1: 'a', more: 1 }) }),
      'a proxy': () => ({ list: new Proxy([1, 2], {}), object: new Proxy({ a: 1 }, {}) }),
    };
    const plain = store.sessions('plain', { ttl: '30m' });
    const owned = store.sessions('owned', { ttl: '30m', userId });
    for (const [what, make] of Object.entries(given)) {
      const { id } = await plain.create(make());
      assert.deepEqual((await owned.create(make())).data, await plain.get(id), what);
    }
    const big = { n: Object.setPrototypeOf(Object(1n), Object.prototype) };
    for (const sessions of [plain, owned]) await assert.rejects(sessions.create(big), { code: 'ERR_INVALID_ARG' });
  });

  it('may be an object in the app that is a text when stored, such as the id of a database', async () => {
    class ObjectId {
      toJSON() {
        return '65f0c0ffee';
      }
    }
    const sessions = sessionsOf();
    const { id } = await sessions.create({ user: new ObjectId() });
    const userIds = async () => (await sessions.listUser('65f0c0ffee')).map(({ userId }) => userId);
    assert.deepEqual(await userIds(), ['65f0c0ffee']);
    await sessions.set(id, { user: new ObjectId(), n: 1 });
    await sessions.update(id, () => ({ user: new ObjectId(), n: 2 }));
    assert.deepEqual(await userIds(), ['65f0c0ffee']);
    await sessions.create({ user: null });
    assert.equal((await store.stats()).sessions.web.anonymous, 1);
  });

  it('keeps a session that a handle without userId writes, which itself creates visitors', async () => {
    const [one, two] = [open('memory:sessions-users', { clock }), open('memory:sessions-users', { clock })];
    const telling = one.sessions('web', { ttl: '30m', userId });
    const plain = two.sessions('web');
    const { id } = await telling.create({ user: 'ada' });
    assert.equal(await plain.set(id, { other: true }), true);
    assert.deepEqual(
      (await plain.listUser('ada')).map(({ data }) => data),
      [{ other: true }],
    );
    await plain.create({ user: 'ada' });
    assert.equal((await plain.listUser('ada')).length, 1);
    await one.close();
    await two.close();
  });

  it('keeps a session through regenerate, with another handle', async () => {
    const sessions = sessionsOf();
    const { id } = await sessions.create({ user: 'ada' });
    const [before] = await sessions.listUser('ada');
    await sessions.regenerate(id);
    const list = await sessions.listUser('ada');
    assert.equal(list.length, 1);
    assert.notEqual(list[0].handle, before.handle);
    assert.equal(await sessions.destroyHandle(before.handle), false);
  });

  it('is left by sessions that are over', async () => {
    const sessions = sessionsOf();
    await devices(sessions, 'ada', 3);
    clock.advance('30m');
    assert.deepEqual(await sessions.listUser('ada'), []);
    assert.equal(await sessions.destroyUser('ada'), 0);
    assert.equal((await store.stats()).sessions.web.users, 0);
  });
});

describe('ending sessions', () => {
  it('of a user, all of them or all but one', async () => {
    const sessions = sessionsOf();
    const ids = await devices(sessions, 'ada', 4);
    const { id: bobs } = await sessions.create({ user: 'bob' });
    assert.equal(await sessions.destroyUser('ada', { except: ids[2] }), 3);
    assert.deepEqual(await devicesOf(sessions, 'ada'), [2]);
    assert.notEqual(await sessions.get(ids[2]), undefined);
    assert.equal(await sessions.destroyUser('ada', { except: bobs }), 1);
    assert.equal(await sessions.destroyUser('ada'), 0);
    assert.notEqual(await sessions.get(bobs), undefined);
  });

  it('stays theirs where `except` names none', async () => {
    const sessions = sessionsOf();
    await devices(sessions, 'ada', 2);
    assert.equal(await sessions.destroyUser('ada', { except: 'made up' }), 2);
    await assert.rejects(sessions.destroyUser('ada', { except: 5 }), { code: 'ERR_INVALID_ARG' });
    await assert.rejects(sessions.destroyUser('ada', { expect: 'x' }), { code: 'ERR_INVALID_ARG', message: /except/ });
  });

  it('by handle, which opens nothing: a handle is no id and an id no handle', async () => {
    const sessions = sessionsOf();
    const [id] = await devices(sessions, 'ada', 1);
    const [{ handle }] = await sessions.listUser('ada');
    assert.notEqual(handle, id);
    assert.equal(await sessions.get(handle), undefined);
    assert.equal(await sessions.touch(handle), false);
    assert.equal(await sessions.set(handle, {}), false);
    assert.equal(await sessions.regenerate(handle), undefined);
    assert.equal(await sessions.destroy(handle), false);
    assert.equal(await sessions.destroyHandle(id), false);
    for (const none of ['', 'x', handle.slice(1), handle.toUpperCase(), `${handle}0`, '€']) {
      assert.equal(await sessions.destroyHandle(none), false);
    }
    for (const none of [undefined, null, 5, {}]) {
      await assert.rejects(sessions.destroyHandle(none), { code: 'ERR_INVALID_ARG' });
    }
    assert.equal(await sessions.destroyHandle(handle), true);
    assert.equal(await sessions.get(id), undefined);
    assert.equal(await sessions.destroyHandle(handle), false);
  });
});

describe('caps', () => {
  it('end the oldest session of a user who begins one more [SessionsOptions.maxPerUser]', async () => {
    const sessions = sessionsOf({ maxPerUser: 2 });
    const [oldest] = await devices(sessions, 'ada', 2);
    await devices(sessions, 'bob', 2);
    await sessions.touch(oldest);
    await sessions.create({ user: 'ada', device: 2 });
    assert.deepEqual(await devicesOf(sessions, 'ada'), [1, 2]);
    assert.deepEqual(await devicesOf(sessions, 'bob'), [0, 1]);
    assert.equal(await sessions.get(oldest), undefined);
    assert.equal((await store.stats()).sessions.web.evicted, 1);
  });

  it('count a visitor who logs in, and no session that only changes', async () => {
    const sessions = sessionsOf({ maxPerUser: 2 });
    const ids = await devices(sessions, 'ada', 2);
    await sessions.set(ids[0], { user: 'ada', device: 'changed' });
    assert.deepEqual(await devicesOf(sessions, 'ada'), ['changed', 1]);
    const { id } = await sessions.create({ device: 2 });
    clock.advance('1s');
    await sessions.update(id, (data) => ({ ...data, user: 'ada' }));
    assert.deepEqual(await devicesOf(sessions, 'ada'), [1, 2]);
  });

  it('refuse the one more where they are to [SessionsOptions.onMaxPerUser]', async () => {
    const sessions = sessionsOf({ maxPerUser: 2, onMaxPerUser: 'reject' });
    const ids = await devices(sessions, 'ada', 2);
    const refusal = { code: 'ERR_INVALID_STATE', message: /'ada' has 2 sessions.*maxPerUser.*destroy one/s };
    await assert.rejects(sessions.create({ user: 'ada' }), refusal);
    const { id: visitor } = await sessions.create({});
    await assert.rejects(sessions.set(visitor, { user: 'ada' }), refusal);
    await assert.rejects(
      sessions.update(visitor, () => ({ user: 'ada' })),
      refusal,
    );
    assert.deepEqual(await sessions.get(visitor), {});
    await sessions.set(ids[0], { user: 'ada', device: 'changed' });
    await sessions.destroy(ids[1]);
    await sessions.set(visitor, { user: 'ada' });
    clock.advance('30m');
    await sessions.create({ user: 'ada' });
  });

  it("end the visitor's session unseen for longest, and no user's [SessionsOptions.maxAnonymous]", async () => {
    const sessions = sessionsOf({ maxAnonymous: 3 });
    const [adas] = await devices(sessions, 'ada', 1);
    const ids = await devices(sessions, undefined, 3);
    await sessions.touch(ids[0]);
    clock.advance('1s');
    await sessions.create({ device: 3 });
    assert.equal(await sessions.get(ids[1]), undefined);
    for (const id of [adas, ids[0], ids[2]]) assert.notEqual(await sessions.get(id), undefined);
    await devices(sessions, undefined, 100);
    await devices(sessions, 'ada', 10);
    const { live, anonymous, evicted } = (await store.stats()).sessions.web;
    assert.deepEqual({ live, anonymous, evicted }, { live: 14, anonymous: 3, evicted: 101 });
    assert.notEqual(await sessions.get(adas), undefined);
  });

  it('hold for the session of a user who becomes a visitor, which is not ended by itself', async () => {
    const sessions = sessionsOf({ maxAnonymous: 1 });
    const { id: visitor } = await sessions.create({});
    const { id } = await sessions.create({ user: 'ada' });
    clock.advance('1s');
    await sessions.set(id, {});
    assert.deepEqual([await sessions.get(visitor), await sessions.get(id)], [undefined, {}]);
  });
});
