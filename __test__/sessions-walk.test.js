'use strict';
// All sessions of a name: counted, walked through, ended, and bounded by the store's budget.
const assert = require('node:assert/strict');
const { afterEach, beforeEach, describe, it } = require('node:test');
const { manualClock, open } = require('redstart');

let clock;
let store;
let sessions;

beforeEach(() => {
  clock = manualClock();
  store = open('memory:', { clock, maxMemory: '64mb' });
  sessions = store.sessions('web', { ttl: '30m', userId: ({ user }) => user });
});
afterEach(() => store.close());

async function all() {
  const found = [];
  for await (const info of sessions.iterate()) found.push(info);
  return found;
}

describe('a walk', () => {
  it('shows every session once, as lists do, and none that is over', async () => {
    for (let n = 0; n < 1_000; n++) await sessions.create({ n, user: n % 2 ? 'odd' : undefined });
    await sessions.create({ n: 'over' }, { ttl: '1m' });
    clock.advance('1m');
    const found = await all();
    assert.deepEqual(new Set(found.map(({ data }) => data.n)), new Set(Array.from({ length: 1_000 }, (_, n) => n)));
    assert.equal(found.length, 1_000);
    const odd = new Map(found.filter(({ userId }) => userId === 'odd').map((info) => [info.handle, info]));
    assert.equal(odd.size, 500);
    for (const info of await sessions.listUser('odd')) assert.deepEqual(odd.get(info.handle), info);
    assert.equal(await sessions.count(), 1_000);
  });

  it('shows every session once that is there throughout, while others come, go and change', async () => {
    const ids = [];
    for (let n = 0; n < 1_000; n++) ids.push((await sessions.create({ n, stays: n % 2 === 0 })).id);
    const seen = new Map();
    let step = 0;
    for await (const { data } of sessions.iterate()) {
      if (data.stays) seen.set(data.n, (seen.get(data.n) ?? 0) + 1);
      const [even, odd] = [ids[(step * 2) % 1_000], ids[step * 2 + 1]];
      await sessions.update(even, (mine) => ({ ...mine, changed: true }));
      if (odd !== undefined) await sessions.destroy(odd);
      await sessions.create({ n: `new ${step}` });
      step += 1;
      if (step === 600) break;
    }
    for await (const { data } of sessions.iterate()) {
      if (data.stays) seen.set(data.n, (seen.get(data.n) ?? 0) + 0);
    }
    assert.equal(seen.size, 500);
    assert.ok([...seen.values()].every((times) => times <= 1));
  });

  it('may end early, and text of any script comes through', async () => {
    const text = 'naïve €uro 🎉 \ud800 "quoted"\n';
    await sessions.create({ text, user: 'zoë €' });
    const [{ data, userId }] = await all();
    assert.deepEqual([data.text, userId], [text, 'zoë €']);
    for await (const _ of sessions.iterate()) break;
  });
});

describe('clear', () => {
  it('ends all sessions and gives their memory back; those that come later are there', async () => {
    const ids = [];
    for (let n = 0; n < 3_000; n++) ids.push((await sessions.create({ n, user: n })).id);
    const kept = await sessions.getEntry(ids[0]);
    assert.equal(await sessions.clear(), undefined);
    assert.deepEqual([await sessions.count(), await all(), await sessions.listUser(5)], [0, [], []]);
    assert.equal(await sessions.get(ids[0]), undefined);
    assert.equal(await sessions.set(ids[0], { n: 1 }, { version: kept.version }), false);
    const { live, users, anonymous, bytes } = (await store.stats()).sessions.web;
    assert.deepEqual({ live, users, anonymous, bytes }, { live: 0, users: 0, anonymous: 0, bytes: 0 });
    const { id } = await sessions.create({ n: 1 });
    assert.deepEqual(await sessions.get(id), { n: 1 });
  });
});

describe('the budget of the store', () => {
  it('refuses further sessions and larger data, evicts none, and has room again after an end', async () => {
    const small = open('memory:', { clock, maxMemory: '1mb' });
    const full = small.sessions('full', { ttl: '30m' });
    const ids = [];
    const refusal = { code: 'ERR_STORE_FULL' };
    await assert.rejects(async () => {
      for (;;) ids.push((await full.create({ text: 'x'.repeat(10_000) })).id);
    }, refusal);
    assert.ok(ids.length > 80, `${ids.length} sessions of 10 kB in 1 MB`);
    assert.equal(await full.count(), ids.length);
    await assert.rejects(full.set(ids[0], { text: 'y'.repeat(60_000) }), refusal);
    await assert.rejects(
      full.update(ids[0], () => ({ text: 'y'.repeat(60_000) })),
      refusal,
    );
    for (const id of ids) assert.equal((await full.get(id)).text, 'x'.repeat(10_000));
    await full.destroy(ids[0]);
    await full.create({ text: 'x'.repeat(10_000) });
    assert.equal((await small.stats()).sessions.full.evicted, 0);
    await small.close();
  });
});

describe('ids', () => {
  it('that no session has are refused by every call and leave no trace, whatever they look like', async () => {
    const { id } = await sessions.create({ user: 'ada' });
    const before = (await store.stats()).bytes;
    const none = [
      '',
      'é',
      '\0',
      'a\n',
      '\ud800',
      '€',
      'x'.repeat(257),
      'x'.repeat(1_000_000),
      `${id}\0`,
      ` ${id}`,
      `${id} `,
    ];
    for (const unknown of [...none, 'x'.repeat(256), id.toLowerCase().toUpperCase(), '__proto__']) {
      assert.equal(await sessions.get(unknown), undefined);
      assert.equal(await sessions.getEntry(unknown), undefined);
      assert.equal(await sessions.set(unknown, {}), false);
      assert.equal(await sessions.set(unknown, {}, { version: 1 }), false);
      assert.equal(await sessions.touch(unknown), false);
      assert.equal(await sessions.destroy(unknown), false);
      assert.equal(await sessions.regenerate(unknown), undefined);
      assert.equal(await sessions.destroyHandle(unknown), false);
      assert.equal(await sessions.update(unknown, () => {}), undefined);
      assert.equal(await sessions.destroyUser('nobody', { except: unknown }), 0);
    }
    assert.equal((await store.stats()).bytes, before);
    for (const wrong of [undefined, null, 5, {}, ['a'], Symbol('s')]) {
      for (const method of ['get', 'getEntry', 'touch', 'destroy', 'regenerate']) {
        await assert.rejects(sessions[method](wrong), { code: 'ERR_INVALID_ARG' });
      }
      await assert.rejects(sessions.set(wrong, {}), { code: 'ERR_INVALID_ARG' });
      await assert.rejects(
        sessions.update(wrong, () => {}),
        { code: 'ERR_INVALID_ARG' },
      );
    }
  });
});
