'use strict';
// Many sessions of one user, and large ones: lists in parts, ends in steps, beside another thread that goes on.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const path = require('node:path');
const { afterEach, beforeEach, describe, it } = require('node:test');
const { Worker } = require('node:worker_threads');
const { manualClock, open } = require('redstart');

const url = 'memory:sessions-many';
let store;
let sessions;

beforeEach(() => {
  store = open(url, { clock: manualClock(), maxMemory: '512mb' });
  sessions = store.sessions('web', { ttl: '1h', userId: ({ user }) => user, maxSessionSize: '2mb' });
});
afterEach(() => store.close());

/** Sessions of a user, all in one instant of the clock: their ids. */
async function begin(user, count, more = () => ({})) {
  const ids = [];
  for (let n = 0; n < count; n++) ids.push((await sessions.create({ user, n, ...more(n) })).id);
  return ids;
}
const upTo = (count) => Array.from({ length: count }, (_, n) => n);
const numbers = (list) => list.map(({ data }) => data.n);

async function walked() {
  const found = [];
  for await (const info of sessions.iterate()) found.push(info);
  return found;
}

describe('lists', () => {
  for (const [what, count, more] of [
    ['1,000 sessions', 1_000],
    ['257 sessions, one more than a part holds', 257],
    ['100 sessions of 60 KB', 100, (n) => ({ text: String(n % 10).repeat(60_000) })],
    ['5 sessions of more than a part holds each', 5, () => ({ text: 'x'.repeat(1_500_000) })],
    ['sessions of all sizes', 300, (n) => ({ text: 'é€'.repeat(n % 7 === 0 ? 30_000 : n) })],
  ]) {
    it(`of ${what} show all, each once, and a user's in the order they began`, async () => {
      await begin('ada', count, more);
      await begin('bob', 3);
      const list = await sessions.listUser('ada');
      assert.deepEqual(numbers(list), upTo(count));
      assert.equal(new Set(list.map(({ handle }) => handle)).size, count);
      const all = await walked();
      assert.deepEqual(numbers(all.filter(({ userId }) => userId === 'ada')), upTo(count));
      assert.equal(all.length, count + 3);
      const byHandle = new Map(all.map((info) => [info.handle, info]));
      for (const info of list) assert.deepEqual(byHandle.get(info.handle), info);
      for (const { data } of list) assert.deepEqual(data, { user: 'ada', n: data.n, ...more?.(data.n) });
    });
  }
});

describe('the end of 5,000 sessions of a user', () => {
  it('spares the excepted one, whichever it is, and those of others, and is told of each once', async () => {
    const awake = setInterval(() => {}, 60_000);
    for (const spared of [0, 999, 1_000, 2_500, 4_999]) {
      const ids = await begin('ada', 5_000);
      const [bobs] = await begin('bob', 1);
      const ended = [];
      const allTold = new Promise((resolve) => {
        sessions.on('destroyed', function listen(batch) {
          ended.push(...batch);
          if (ended.length < 4_999) return;
          sessions.off('destroyed', listen);
          resolve();
        });
      });
      const handles = (await sessions.listUser('ada')).map(({ handle }) => handle);
      assert.equal(await sessions.destroyUser('ada', { except: ids[spared] }), 4_999);
      assert.deepEqual(numbers(await sessions.listUser('ada')), [spared]);
      assert.notEqual(await sessions.get(ids[spared]), undefined);
      await allTold;
      assert.deepEqual(
        ended.map(({ handle }) => handle),
        handles.filter((_, n) => n !== spared),
      );
      assert.deepEqual(await sessions.get(bobs), { user: 'bob', n: 0 });
      assert.equal(await sessions.destroyUser('ada'), 1);
      await sessions.clear();
    }
    clearInterval(awake);
  });

  it('leaves those that another thread begins meanwhile: what is left is the youngest, and none is lost', async () => {
    await begin('ada', 5_000);
    const stop = new Int32Array(new SharedArrayBuffer(8));
    const thread = new Worker(path.join(__dirname, 'support', 'sessions', 'beginner.js'), {
      workerData: { url, user: 'ada', stop },
    });
    while (Atomics.load(stop, 1) < 100) Atomics.wait(stop, 1, Atomics.load(stop, 1), 50);
    const ended = await sessions.destroyUser('ada');
    const atTheEnd = Atomics.load(stop, 1);
    while (Atomics.load(stop, 1) < atTheEnd + 50) Atomics.wait(stop, 1, Atomics.load(stop, 1), 50);
    Atomics.store(stop, 0, 1);
    const [[begun]] = await Promise.all([once(thread, 'message'), once(thread, 'exit')]);
    const left = numbers(await sessions.listUser('ada'));
    assert.ok(ended >= 5_100, `${ended} ended`);
    assert.ok(left.length >= 50, `${left.length} are left`);
    assert.equal(ended + left.length, 5_000 + begun);
    const first = begun - left.length;
    assert.deepEqual(
      left,
      upTo(left.length).map((n) => first + n),
    );
    assert.equal(await sessions.count(), left.length);
  });
});
