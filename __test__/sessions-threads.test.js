'use strict';
// One store, eight threads: what one does to sessions all see at once, and none loses what another did.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');
const { Worker } = require('node:worker_threads');
const { open } = require('redstart');
const { Barrier } = require('./support/barrier.js');

const THREADS = 8;
const url = 'memory:sessions-threads';
const store = open(url);
const sessions = store.sessions('web', { ttl: '1h', userId: ({ user }) => user });
const threads = [];

before(() => {
  const barrier = new SharedArrayBuffer(Barrier.BYTES);
  for (let number = 0; number < THREADS; number++) {
    const workerData = { url, number, count: THREADS, barrier };
    threads.push(new Worker(path.join(__dirname, 'support', 'sessions', 'thread.js'), { workerData }));
  }
});
after(async () => {
  await Promise.all(
    threads.map((thread) => {
      thread.postMessage({ call: 'ends', args: [] });
      return once(thread, 'exit');
    }),
  );
  await store.close();
});

async function ask(thread, call, ...args) {
  thread.postMessage({ call, args });
  const [answer] = await once(thread, 'message');
  return answer;
}
const askAll = (call, ...args) => Promise.all(threads.map((thread) => ask(thread, call, ...args)));

describe('eight threads', () => {
  it('all read at once what one has written', async () => {
    for (const [number, thread] of threads.entries()) {
      const { id } = await ask(thread, 'create', { user: 'writer', number });
      assert.deepEqual(await askAll('get', id), Array(THREADS).fill({ user: 'writer', number }));
      assert.equal(await ask(threads[(number + 1) % THREADS], 'set', id, { user: 'writer', number: -1 }), true);
      assert.deepEqual(await askAll('get', id), Array(THREADS).fill({ user: 'writer', number: -1 }));
      const next = await ask(threads[(number + 2) % THREADS], 'regenerate', id);
      assert.deepEqual(await askAll('get', id), Array(THREADS).fill(undefined));
      assert.deepEqual(await askAll('get', next), Array(THREADS).fill({ user: 'writer', number: -1 }));
      assert.equal(await ask(thread, 'destroy', next), true);
      assert.deepEqual(await askAll('get', next), Array(THREADS).fill(undefined));
    }
  });

  it('all see that one has logged a user out everywhere', async () => {
    const made = await Promise.all(threads.map((thread, device) => ask(thread, 'create', { user: 'ada', device })));
    const devices = Array.from({ length: THREADS }, (_, device) => device);
    for (const list of await askAll('lists', 'ada')) assert.deepEqual(list.sort(), devices);
    assert.equal(await ask(threads[3], 'destroyUser', 'ada', { except: made[5].id }), THREADS - 1);
    assert.deepEqual(await askAll('lists', 'ada'), Array(THREADS).fill([5]));
    for (const [device, { id }] of made.entries()) {
      assert.deepEqual(await askAll('get', id), Array(THREADS).fill(device === 5 ? made[5].data : undefined));
      assert.deepEqual(await askAll('set', id, { user: 'ada', device }), Array(THREADS).fill(device === 5));
    }
    assert.equal(await ask(threads[0], 'destroyUser', 'ada'), 1);
    assert.deepEqual(await askAll('lists', 'ada'), Array(THREADS).fill([]));
  });

  it('lose no update of one session, whoever makes it', async () => {
    const times = 1_000;
    const { id } = await sessions.create({ n: 0 });
    await askAll('updates', id, times);
    const own = Object.fromEntries(Array.from({ length: THREADS }, (_, number) => [`of${number}`, times]));
    assert.deepEqual(await sessions.get(id), { n: THREADS * times, ...own });
  });

  it('lose no change made on a version, each of a key of its own', async () => {
    const times = 500;
    const { id } = await sessions.create({});
    let conflicts = 0;
    const onConflict = (batch) => {
      conflicts += batch.length;
    };
    sessions.on('conflict', onConflict);
    await askAll('changes', id, times);
    assert.deepEqual(
      await sessions.get(id),
      Object.fromEntries(Array.from({ length: THREADS }, (_, number) => [`key${number}`, times])),
    );
    // What is told comes in order.
    const ended = new Promise((resolve) => sessions.once('destroyed', resolve));
    await sessions.destroy(id);
    await ended;
    sessions.off('conflict', onConflict);
    assert.ok(conflicts > 0, 'they met');
  });

  it('hear of what the others did', async () => {
    const { id } = await ask(threads[0], 'create', { user: 'heard' });
    const [{ handle }] = await sessions.listUser('heard');
    const first = new Promise((resolve) => sessions.once('destroyed', resolve));
    await ask(threads[1], 'destroy', id);
    assert.deepEqual(await first, [{ userId: 'heard', handle }]);
  });
});
