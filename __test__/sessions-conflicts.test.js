'use strict';
// Two changes of one session: what is kept, what is refused and who is told.
const assert = require('node:assert/strict');
const { afterEach, beforeEach, describe, it } = require('node:test');
const { RedstartError, manualClock, open } = require('redstart');

let store;
let sessions;

beforeEach(() => {
  store = open('memory:', { clock: manualClock() });
  sessions = store.sessions('web', { ttl: '30m' });
});
afterEach(() => store.close());

/** A session that two have read: each changes it on what it has read, one after the other. */
async function bothChange(among, start, first, second) {
  const { id } = await among.create(start);
  const [one, two] = [await among.getEntry(id), await among.getEntry(id)];
  await among.set(id, first(one.data), { version: one.version });
  const late = await among.set(id, second(two.data), { version: two.version });
  return { id, late, data: await among.get(id) };
}

describe('an entry', () => {
  it('is the data with its version and its end; every change of the data gives another version', async () => {
    const clock = manualClock();
    const own = open('memory:', { clock });
    const timed = own.sessions('web', { ttl: '30m' });
    const { id } = await timed.create({ n: 1 });
    const entry = await timed.getEntry(id);
    assert.deepEqual(Object.keys(entry).sort(), ['data', 'expiresAt', 'handle', 'version']);
    assert.equal(entry.expiresAt.getTime(), clock.nowMs + 30 * 60_000);
    await timed.touch(id);
    assert.equal((await timed.getEntry(id)).version, entry.version, 'a touch changes no data');
    await timed.set(id, { n: 2 });
    const next = await timed.getEntry(id);
    assert.notEqual(next.version, entry.version);
    await timed.update(id, () => ({ n: 3 }));
    assert.notEqual((await timed.getEntry(id)).version, next.version);
    assert.equal(await timed.getEntry('nobody'), undefined);
    await own.close();
  });

  it('is a copy of its own', async () => {
    const { id } = await sessions.create({ list: [1] });
    (await sessions.getEntry(id)).data.list.push(2);
    assert.deepEqual((await sessions.getEntry(id)).data, { list: [1] });
  });
});

describe('changes that meet', () => {
  it('are both kept where they touched different keys, removed ones and new ones too', async () => {
    const start = { left: 0, right: 0, gone: 0, kept: { deep: [1] } };
    const first = ({ gone, ...data }) => ({ ...data, left: 1, first: true });
    const second = (data) => ({ ...data, right: 1, second: true });
    const { data, late } = await bothChange(sessions, start, first, second);
    assert.equal(late, true);
    assert.deepEqual(data, { left: 1, right: 1, first: true, second: true, kept: { deep: [1] } });
  });

  it('let the later one stand where they touched the same key, were it a removal', async () => {
    const set = (n) => (data) => ({ ...data, n });
    const remove = ({ n, ...data }) => data;
    assert.deepEqual((await bothChange(sessions, { n: 0 }, set(1), set(2))).data, { n: 2 });
    assert.deepEqual((await bothChange(sessions, { n: 0, m: 0 }, set(1), remove)).data, { m: 0 });
    assert.deepEqual((await bothChange(sessions, { n: 0 }, remove, set(2))).data, { n: 2 });
  });

  it('overwrite each other where they are to: the later one stands whole [SessionsOptions.conflict]', async () => {
    const overwriting = store.sessions('overwriting', { ttl: '30m', conflict: 'overwrite' });
    const first = (data) => ({ ...data, left: 1 });
    const second = (data) => ({ ...data, right: 1 });
    const { data } = await bothChange(overwriting, { n: 0 }, first, second);
    assert.deepEqual(data, { n: 0, right: 1 });
  });

  it('are an error where they are to be: the first one stands [SessionsOptions.conflict]', async () => {
    const strict = store.sessions('strict', { ttl: '30m', conflict: 'error' });
    const { id } = await strict.create({ n: 0 });
    const { version } = await strict.getEntry(id);
    assert.equal(await strict.set(id, { n: 1 }, { version }), true);
    const conflict = (error) =>
      RedstartError.is(error, 'ERR_CONFLICT') && error.retryable && /read it again/.test(error);
    await assert.rejects(strict.set(id, { n: 2 }, { version }), conflict);
    assert.deepEqual(await strict.get(id), { n: 1 });
    const again = await strict.getEntry(id);
    assert.equal(await strict.set(id, { n: 2 }, { version: again.version }), true);
  });

  it('do not meet without a version: whatever is there is replaced', async () => {
    const { id } = await sessions.create({ n: 0 });
    await sessions.getEntry(id);
    await sessions.set(id, { left: 1 });
    await sessions.set(id, { right: 1 });
    assert.deepEqual(await sessions.get(id), { right: 1 });
  });

  it('do not bring back a session that was destroyed', async () => {
    const { id } = await sessions.create({ n: 0 });
    const { version } = await sessions.getEntry(id);
    await sessions.set(id, { n: 1 });
    await sessions.destroy(id);
    assert.equal(await sessions.set(id, { n: 2 }, { version }), false);
    assert.equal(await sessions.get(id), undefined);
  });

  it('are brought together anew where yet another comes between', async () => {
    let meddle = () => {};
    const met = store.sessions('met', { ttl: '30m', userId: () => meddle() });
    const { id } = await met.create({});
    const { version } = await met.getEntry(id);
    await met.set(id, { first: 1 });
    let asked = 0;
    // Asked the second time with what the merge has made, which is not stored yet.
    meddle = () => {
      asked += 1;
      if (asked === 2) met.update(id, (data) => ({ ...data, between: 1 }));
      return undefined;
    };
    assert.equal(await met.set(id, { late: 1 }, { version }), true);
    assert.deepEqual(await met.get(id), { first: 1, between: 1, late: 1 });
  });

  it('leave a session ended that ends while they are brought together', async () => {
    let asked = 0;
    let endedId = '';
    const ended = store.sessions('ended', {
      ttl: '1h',
      userId: () => {
        asked += 1;
        if (asked === 4) ended.destroy(endedId);
        return undefined;
      },
    });
    endedId = (await ended.create({ n: 0 })).id;
    const { version } = await ended.getEntry(endedId);
    await ended.set(endedId, { n: 1 });
    assert.equal(await ended.set(endedId, { n: 2 }, { version }), false);
    assert.equal(asked, 4, 'it ended between what was read and what was written');
    assert.equal(await ended.get(endedId), undefined);
  });

  it('keep __proto__ and constructor as the data they are, through the merge', async () => {
    const start = JSON.parse('{"__proto__":{"admin":false},"constructor":0,"n":0}');
    const first = (data) => ({ ...JSON.parse('{"__proto__":{"admin":true},"constructor":0}'), n: data.n });
    const second = () => JSON.parse('{"__proto__":{"admin":false},"constructor":{"prototype":{"admin":true}},"n":0}');
    // What the spread in `first` would lose: __proto__ as an own key.
    const whole = (data) => JSON.parse(JSON.stringify(first(data)).replace('{', '{"__proto__":{"admin":true},'));
    const { data } = await bothChange(sessions, start, whole, second);
    const expected = '{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}},"n":0}';
    assert.deepEqual(new Map(Object.entries(data)), new Map(Object.entries(JSON.parse(expected))));
    assert.equal({}.admin, undefined);
    assert.equal(data.admin, undefined);
  });

  it('on a version that is remembered no more are ERR_CONFLICT, and fine where nothing has changed', async () => {
    const { id } = await sessions.create({ n: 0 });
    const { version } = await sessions.getEntry(id);
    const { id: quiet } = await sessions.create({ n: 0 });
    const entry = await sessions.getEntry(quiet);
    for (let index = 0; index < 2_000; index++) {
      await sessions.getEntry((await sessions.create({ index })).id);
    }
    await sessions.set(id, { n: 1 });
    await assert.rejects(sessions.set(id, { n: 2 }, { version }), {
      code: 'ERR_CONFLICT',
      message: /remembered no more/,
    });
    assert.equal(await sessions.set(quiet, { n: 1 }, { version: entry.version }), true);
  });

  it('are remembered for the last 1,000 entries, as far as these are 4 million characters; some more are forgotten', async () => {
    const { id } = await sessions.create({ n: 0, m: 0 });
    const { data, version } = await sessions.getEntry(id);
    for (let index = 0; index < 998; index++) await sessions.getEntry((await sessions.create({ index })).id);
    await sessions.set(id, { n: 1, m: 0 });
    assert.equal(await sessions.set(id, { ...data, m: 1 }, { version }), true);
    assert.deepEqual(await sessions.get(id), { n: 1, m: 1 });

    const big = store.sessions('big', { ttl: '1h', maxSessionSize: '2mb' });
    const { id: early } = await big.create({ n: 0 });
    const read = await big.getEntry(early);
    for (let index = 0; index < 10; index++) {
      await big.getEntry((await big.create({ text: 'x'.repeat(1_000_000) })).id);
    }
    await big.set(early, { n: 1 });
    await assert.rejects(big.set(early, { n: 2 }, { version: read.version }), { code: 'ERR_CONFLICT' });
  });

  it('take no version that is none', async () => {
    const { id } = await sessions.create({});
    for (const version of [0, -1, 1.5, '1', null]) {
      await assert.rejects(sessions.set(id, {}, { version }), { code: 'ERR_INVALID_ARG' });
    }
    await assert.rejects(sessions.set(id, {}, { versoin: 1 }), { code: 'ERR_INVALID_ARG', message: /version/ });
  });
});

describe('update', () => {
  it('gives a copy to change, or to answer with other data, and resolves to what the data is then', async () => {
    const { id } = await sessions.create({ n: 1, list: [] });
    const changed = await sessions.update(id, (data) => {
      data.list.push('a');
    });
    assert.deepEqual(changed, { n: 1, list: ['a'] });
    assert.deepEqual(await sessions.update(id, ({ n }) => ({ n: n + 1 })), { n: 2 });
    assert.deepEqual(await sessions.get(id), { n: 2 });
  });

  it('does not call the function for an unknown id', async () => {
    const change = () => assert.fail('called');
    for (const id of ['nobody', '', 'x'.repeat(300)]) assert.equal(await sessions.update(id, change), undefined);
  });

  it('loses none of many at once', async () => {
    const { id } = await sessions.create({ n: 0 });
    const add = (data) => ({ n: data.n + 1 });
    await Promise.all(Array.from({ length: 200 }, () => sessions.update(id, add)));
    assert.deepEqual(await sessions.get(id), { n: 200 });
  });

  it('renews the idle time', async () => {
    const clock = manualClock();
    const own = open('memory:', { clock });
    const timed = own.sessions('web', { ttl: '30m' });
    const { id } = await timed.create({ n: 0 });
    clock.advance('29m');
    await timed.update(id, () => {});
    clock.advance('29m');
    assert.deepEqual(await timed.get(id), { n: 0 });
    await own.close();
  });

  it('is called again when another change comes between, even one made by the function', async () => {
    const { id } = await sessions.create({ n: 0 });
    let calls = 0;
    const changed = await sessions.update(id, (data) => {
      calls += 1;
      if (calls === 1) sessions.set(id, { n: 10 });
      return { n: data.n + 1 };
    });
    assert.deepEqual([calls, changed], [2, { n: 11 }]);
  });

  it('gives up where changes never stop coming between', async () => {
    const { id } = await sessions.create({ n: 0 });
    const change = ({ n }) => {
      sessions.set(id, { n: n + 1 });
      return { n };
    };
    await assert.rejects(sessions.update(id, change), { code: 'ERR_CONFLICT', retryable: true });
  });

  it('leaves a session that its own function ends ended', async () => {
    const { id } = await sessions.create({ n: 0 });
    const changed = await sessions.update(id, () => {
      sessions.destroy(id);
      return { n: 1 };
    });
    assert.deepEqual([changed, await sessions.get(id)], [undefined, undefined]);
  });

  it('refuses what is async or no function and changes nothing; what the function throws rejects', async () => {
    const { id } = await sessions.create({ n: 0 });
    await assert.rejects(
      sessions.update(id, async () => ({ n: 1 })),
      { code: 'ERR_INVALID_ARG', message: /async/ },
    );
    for (const change of [undefined, null, { n: 1 }]) {
      await assert.rejects(sessions.update(id, change), { code: 'ERR_INVALID_ARG' });
    }
    const mine = new Error('mine');
    const thrower = (data) => {
      data.n = 5;
      throw mine;
    };
    await assert.rejects(sessions.update(id, thrower), (error) => error === mine);
    for (const data of [5, 'text', ['list'], null]) {
      await assert.rejects(
        sessions.update(id, () => data),
        { code: 'ERR_INVALID_ARG' },
      );
    }
    assert.deepEqual(await sessions.get(id), { n: 0 });
  });
});
