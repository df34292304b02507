'use strict';
// When sessions end: idle for too long, or too old.
const assert = require('node:assert/strict');
const { afterEach, beforeEach, describe, it } = require('node:test');
const { manualClock, open } = require('redstart');

let clock;
let store;

beforeEach(() => {
  clock = manualClock();
  store = open('memory:', { clock });
});
afterEach(() => store.close());

describe('the age of a session', () => {
  it('ends it whatever its use, at the instant [SessionsOptions.absoluteTtl]', async () => {
    const sessions = store.sessions('web', { ttl: '30m', absoluteTtl: '1h' });
    const { id } = await sessions.create({ n: 0 });
    const end = clock.nowMs + 60 * 60_000;
    for (let quarter = 1; quarter < 4; quarter++) {
      clock.advance('15m');
      if (quarter === 1) await sessions.touch(id, { ttl: '10h' });
      else if (quarter === 2) await sessions.set(id, { n: quarter }, { ttl: '10h' });
      else await sessions.update(id, (data) => data);
      assert.equal((await sessions.getEntry(id)).expiresAt.getTime(), Math.min(end, clock.nowMs + 10 * 60 * 60_000));
    }
    clock.advance(15 * 60_000 - 1);
    assert.deepEqual(await sessions.get(id), { n: 2 });
    clock.advance(1);
    assert.equal(await sessions.get(id), undefined);
  });

  it('is not renewed by regenerate, and createdAt stays', async () => {
    const sessions = store.sessions('web', { ttl: '1h', absoluteTtl: '1h', userId: () => 'ada' });
    const { id } = await sessions.create({});
    const [{ createdAt }] = await sessions.listUser('ada');
    clock.advance('40m');
    const next = await sessions.regenerate(id);
    assert.deepEqual((await sessions.listUser('ada'))[0].createdAt, createdAt);
    clock.advance('19m');
    await sessions.touch(next);
    assert.deepEqual(await sessions.get(next), {});
    clock.advance('1m');
    assert.equal(await sessions.get(next), undefined);
  });
});

describe('a touch', () => {
  it('soon after the last use moves nothing [SessionsOptions.touchAfter]', async () => {
    const sessions = store.sessions('web', { ttl: '30m', touchAfter: '5m' });
    const { id } = await sessions.create({});
    const { expiresAt } = await sessions.getEntry(id);
    clock.advance(5 * 60_000 - 1);
    assert.equal(await sessions.touch(id), true);
    assert.deepEqual((await sessions.getEntry(id)).expiresAt, expiresAt);
    clock.advance(1);
    assert.equal(await sessions.touch(id), true);
    assert.equal((await sessions.getEntry(id)).expiresAt.getTime(), expiresAt.getTime() + 5 * 60_000);
  });

  it('that asks for another idle time is heard, and a set always renews', async () => {
    const sessions = store.sessions('web', { ttl: '30m', touchAfter: '5m' });
    const { id } = await sessions.create({});
    clock.advance('1m');
    await sessions.touch(id, { ttl: '1h' });
    assert.equal((await sessions.getEntry(id)).expiresAt.getTime(), clock.nowMs + 60 * 60_000);
    clock.advance('1m');
    await sessions.set(id, {});
    assert.equal((await sessions.getEntry(id)).expiresAt.getTime(), clock.nowMs + 60 * 60_000);
  });

  it('finds nothing of a session that is over or ended', async () => {
    const sessions = store.sessions('web', { ttl: '30m', touchAfter: '5m' });
    const { id } = await sessions.create({});
    await sessions.destroy(id);
    assert.equal(await sessions.touch(id), false);
    const { id: short } = await sessions.create({}, { ttl: '1m' });
    clock.advance('1m');
    assert.equal(await sessions.touch(short), false);
  });

  it('must count at all before the session is over', () => {
    assert.throws(() => store.sessions('web', { ttl: '5m', touchAfter: '5m' }), {
      code: 'ERR_INVALID_ARG',
      message: /touchAfter/,
    });
    store.sessions('web', { ttl: '5m', touchAfter: 0 });
  });
});

describe('the idle time', () => {
  it('that a session was given stays its own until another is given', async () => {
    const sessions = store.sessions('web', { ttl: '30m' });
    const { id } = await sessions.create({}, { ttl: '2h' });
    for (const renew of [() => sessions.touch(id), () => sessions.set(id, {}), () => sessions.update(id, () => {})]) {
      clock.advance('119m');
      await renew();
      assert.equal((await sessions.getEntry(id)).expiresAt.getTime(), clock.nowMs + 2 * 60 * 60_000);
    }
    const next = await sessions.regenerate(id);
    clock.advance('119m');
    assert.deepEqual(await sessions.get(next), {});
    clock.advance('1m');
    assert.equal(await sessions.get(next), undefined);
  });

  it('is not renewed by what only reads: get, getEntry, lists and walks', async () => {
    const sessions = store.sessions('web', { ttl: '30m', userId: () => 'ada' });
    const { id } = await sessions.create({});
    clock.advance('29m');
    await sessions.get(id);
    await sessions.getEntry(id);
    await sessions.listUser('ada');
    for await (const _ of sessions.iterate());
    clock.advance('1m');
    assert.equal(await sessions.get(id), undefined);
  });
});
