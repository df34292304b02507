'use strict';
// Listeners of a queue run in no request's context, whoever was the first to wait in this thread, and none is kept for them.
const assert = require('node:assert/strict');
const { AsyncLocalStorage } = require('node:async_hooks');
const { setFlagsFromString } = require('node:v8');
const { runInNewContext } = require('node:vm');
const { afterEach, beforeEach, describe, test } = require('node:test');
const { newStage, turn, until } = require('./support/queue/stage.js');

const request = new AsyncLocalStorage();
/** What a turn of the loop still holds goes with a later one. */
const COLLECTIONS = 20;

let stage;
let queue;

beforeEach(() => {
  stage = newStage();
  ({ queue } = stage);
});
afterEach(() => stage.end());

describe('the context of a listener of a queue', () => {
  test('is neither that of who waited first nor that of who listens, and the promise goes on in its own', async () => {
    const job = await queue.add('j', 1);
    const seen = [];
    const alices = request.run({ user: 'alice' }, async () => {
      await job.result();
      return request.getStore();
    });
    request.run({ user: 'bob' }, () => {
      for (const event of ['active', 'completed']) queue.on(event, () => seen.push(request.getStore()));
    });
    queue.process(() => 'done');
    assert.deepEqual(await alices, { user: 'alice' });
    await until(() => seen.length === 2);
    assert.deepEqual(seen, [undefined, undefined]);
  });

  test('and that of who waited first is not kept until the last listener has left', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc');
    const job = await queue.add('j', 1);
    const alice = await (async () => {
      const context = { user: 'alice' };
      const pending = request.run(context, () => job.result());
      queue.on('completed', () => {});
      const worker = queue.process(() => 'done');
      await pending;
      await worker.close();
      return new WeakRef(context);
    })();
    for (let time = 0; time < COLLECTIONS && alice.deref() !== undefined; time++) {
      await turn();
      collect();
    }
    assert.equal(alice.deref(), undefined, "alice's context is still there");
  });
});
