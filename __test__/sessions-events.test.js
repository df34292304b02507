'use strict';
// What sessions tell their listeners.
const assert = require('node:assert/strict');
const { after, afterEach, beforeEach, describe, it } = require('node:test');
const { manualClock, open } = require('redstart');
const { endsByItself } = require('./support/child.js');

// What is waited for here keeps no process alive by itself.
const awake = setInterval(() => {}, 60_000);
after(() => clearInterval(awake));

let clock;
let store;
let sessions;

beforeEach(() => {
  clock = manualClock();
  store = open('memory:', { clock });
  sessions = store.sessions('web', { ttl: '30m', userId: ({ user }) => user, maxPerUser: 2, maxAnonymous: 2 });
});
afterEach(() => store.close());

/** Collects an event; `until` resolves when it has told of as many sessions. */
function collector(event, among = sessions) {
  const all = [];
  const sizes = [];
  let told = () => {};
  const listener = (batch) => {
    assert.ok(Array.isArray(batch) && batch.length > 0);
    all.push(...batch);
    sizes.push(batch.length);
    told();
  };
  among.on(event, listener);
  const until = (count) =>
    new Promise((resolve) => {
      told = () => all.length >= count && resolve(all);
      told();
    });
  return { listener, all, sizes, until };
}

/** One more session of a user, and how events name it. */
async function begun(user) {
  const { id } = await sessions.create({ user });
  const seen = user === undefined ? [] : await sessions.listUser(user);
  clock.advance('1s');
  return { id, name: { userId: user, handle: seen.at(-1)?.handle } };
}

describe('listeners are told', () => {
  it('destroyed: by id, by handle and by user', async () => {
    const { until } = collector('destroyed');
    const [a, b, c, d] = [await begun('a'), await begun('b'), await begun('c'), await begun('c')];
    await sessions.destroy(a.id);
    await sessions.destroy(a.id);
    await sessions.destroyHandle(b.name.handle);
    await sessions.destroyUser('c', { except: c.id });
    await sessions.destroyUser('c');
    assert.deepEqual(await until(4), [a.name, b.name, d.name, c.name]);
  });

  it('expired: in the background, read or not, once', async () => {
    const { until, all } = collector('expired');
    const [a, b] = [await begun('a'), await begun('b')];
    clock.advance('30m');
    assert.equal(await sessions.get(a.id), undefined);
    assert.deepEqual(await until(2), [a.name, b.name]);
    clock.advance('30m');
    const last = await begun('last');
    clock.advance('30m');
    await until(3);
    assert.deepEqual(all.slice(2), [last.name]);
  });

  it("evicted: a user's oldest and the visitor unseen for longest", async () => {
    const { until } = collector('evicted');
    const oldest = await begun('a');
    await begun('a');
    await begun('a');
    await begun(undefined);
    await begun(undefined);
    await begun(undefined);
    const [first, second] = await until(2);
    assert.deepEqual(first, oldest.name);
    assert.equal(second.userId, undefined);
    assert.match(second.handle, /^[0-9a-f]{64}$/);
  });

  it('conflict: a change met another one, merged or refused', async () => {
    for (const conflict of ['merge', 'error']) {
      const among = store.sessions(conflict, { ttl: '30m', userId: ({ user }) => user, conflict });
      const { until } = collector('conflict', among);
      const { id } = await among.create({ user: 'a' });
      const { version } = await among.getEntry(id);
      await among.set(id, { user: 'a', n: 1 }, { version });
      const late = among.set(id, { user: 'a', m: 1 }, { version });
      if (conflict === 'error') await assert.rejects(late, { code: 'ERR_CONFLICT' });
      else await late;
      const [{ handle }] = await among.listUser('a');
      assert.deepEqual(await until(1), [{ userId: 'a', handle }]);
    }
  });

  it('in batches: of many in one turn of the event loop at once', async () => {
    const { until, sizes } = collector('destroyed');
    const ids = [];
    for (let n = 0; n < 1_000; n++) ids.push((await sessions.create({ user: n })).id);
    for (const id of ids) sessions.destroy(id);
    await until(1_000);
    assert.ok(sizes.length < 20, `${sizes.length} batches`);
  });

  it('nothing by clear, regenerate, set and touch', async () => {
    const heard = ['expired', 'destroyed', 'evicted', 'conflict'].map((event) => collector(event).all);
    const { id } = await begun('a');
    await sessions.set(id, { user: 'a', n: 1 });
    await sessions.touch(id);
    await sessions.regenerate(id);
    await sessions.clear();
    const { until } = collector('destroyed');
    await sessions.destroy((await begun('last')).id);
    await until(1);
    assert.deepEqual(
      heard.map((all) => all.length),
      [0, 1, 0, 0],
    );
  });
});

describe('a listener', () => {
  it('is told of one batch where it asked for once, and of none after off', async () => {
    const told = [];
    assert.equal(
      sessions.once('destroyed', (batch) => told.push(...batch)),
      sessions,
    );
    const marker = collector('destroyed');
    const first = await begun('a');
    await sessions.destroy(first.id);
    await marker.until(1);
    const second = await begun('b');
    await sessions.destroy(second.id);
    await marker.until(2);
    assert.deepEqual(told, [first.name]);
    const last = collector('destroyed');
    sessions.off('destroyed', marker.listener);
    const third = await begun('c');
    await sessions.destroy(third.id);
    await last.until(1);
    assert.deepEqual(marker.all, [first.name, second.name]);
  });

  it('of no such event, or that is no function, is refused', () => {
    for (const method of ['on', 'once', 'off']) {
      assert.throws(() => sessions[method]('created', () => {}), {
        code: 'ERR_INVALID_ARG',
        message: /expired.*error/,
      });
      assert.throws(() => sessions[method]('expired', 5), { code: 'ERR_INVALID_ARG' });
    }
  });

  it('too slow for 100,000 waiting events is told how many it missed', async () => {
    const many = store.sessions('many', { ttl: '30m', maxAnonymous: 4_294_967_295 });
    const missed = new Promise((resolve) => many.on('error', resolve));
    const { all } = collector('destroyed', many);
    // Awaited in one turn of the event loop, so that no event can be told in between.
    for (let n = 0; n < 100_500; n++) many.destroy((await many.create({})).id);
    const error = await missed;
    assert.equal(error.code, 'ERR_TOO_LARGE');
    assert.match(error.message, /sessions 'many' missed \d+ events/);
    const count = Number(/missed (\d+)/.exec(error.message)[1]);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(all.length + count, 100_500);
  });

  it('keeps no process alive', async () => {
    const script = `
      const sessions = require('redstart').open('memory:').sessions('web', { ttl: '30m' });
      sessions.on('expired', () => {}).on('destroyed', () => {});
      sessions.create({});
    `;
    await endsByItself(['--eval', script]);
  });
});
