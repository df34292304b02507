'use strict';
// Handlers that block their event loop, in real time, as it is real time that is watched.
const assert = require('node:assert/strict');
const path = require('node:path');
const { describe, it } = require('node:test');
const { setTimeout } = require('node:timers/promises');
const { Worker } = require('node:worker_threads');
const { open } = require('redstart');

const LEASE_MS = 2_000;
const FILE = path.join(__dirname, 'support', 'queue', 'blocking-thread.js');
const EVENTS = ['active', 'progress', 'stalled', 'waiting', 'completed', 'failed'];

/** A queue with one job, which a thread that blocks has, while another thread waits for jobs. */
class Stage {
  told = [];
  #threads = [];
  #heard = [];

  constructor(url) {
    this.url = url;
    this.store = open(url);
    this.queue = this.store.queue('jobs');
    this.events = [];
    for (const event of EVENTS) this.queue.on(event, () => this.events.push(event));
    this.gate = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  }

  start(name, more) {
    const workerData = { url: this.url, name, gate: this.gate, ...more };
    const thread = new Worker(FILE, { workerData });
    thread.on('error', (error) => {
      for (const waiting of this.#heard) waiting.reject(error);
    });
    thread.on('message', (message) => {
      this.told.push(message);
      for (const waiting of this.#heard) waiting.look();
    });
    this.#threads.push({ name, thread });
    return this.hears(name, 'waits');
  }

  /** The message in which a thread says that. */
  hears(name, what) {
    return new Promise((resolve, reject) => {
      const look = () => {
        const message = this.told.find((one) => one.name === name && one.what === what);
        if (message) resolve(message);
      };
      this.#heard.push({ look, reject });
      look();
    });
  }

  letGo() {
    const gate = new Int32Array(this.gate);
    Atomics.store(gate, 0, 1);
    Atomics.notify(gate, 0);
  }

  saidBy(name) {
    return this.told.filter((one) => one.name === name).map(({ what }) => what);
  }

  async close() {
    this.letGo();
    for (const { name, thread } of this.#threads) {
      thread.postMessage('close');
      await this.hears(name, 'closed');
      await thread.terminate();
    }
    await this.store.close();
  }
}

/** The thread that blocks has the job; then the other one comes, and waits. */
async function blocked(url, options, blocksMs) {
  const stage = new Stage(url);
  await stage.start('blocks', { options, blocksMs });
  const job = await stage.queue.add('job', null);
  await stage.hears('blocks', 'began');
  await stage.start('waits', { options });
  return { stage, job };
}

describe('a handler that blocks its event loop', { concurrency: true }, () => {
  it('keeps its job for longer than its lease', async () => {
    const options = { leaseDuration: LEASE_MS };
    const { stage, job } = await blocked('memory:blocks-long', options, 3 * LEASE_MS);
    try {
      assert.equal(await job.result(), 'blocks');
      assert.deepEqual(stage.saidBy('waits'), ['waits'], 'who waits for jobs got none');
      await stage.hears('blocks', 'completed');
      assert.deepEqual(stage.saidBy('blocks'), ['waits', 'began', 'ended', 'completed']);
      const { attemptsMade, progress } = await stage.queue.getJob(job.id);
      assert.deepEqual([attemptsMade, progress], [1, 'late'], 'it was its own to the last');
      assert.deepEqual(stage.events, ['waiting', 'active', 'progress', 'completed']);
    } finally {
      await stage.close();
    }
  });

  it('loses it after stallAfter, and what it says later changes nothing', async () => {
    const options = { leaseDuration: LEASE_MS, stallAfter: '1s' };
    const { stage, job } = await blocked('memory:blocks-too-long', options, Infinity);
    try {
      const began = performance.now();
      assert.equal(await job.result(), 'waits', 'it ran elsewhere meanwhile');
      const ms = performance.now() - began;
      // From when the loop was last seen, which was before the other thread came.
      assert.ok(ms < 4_000, `after ${ms} ms`);
      const before = await stage.queue.getJob(job.id);
      assert.deepEqual(stage.saidBy('blocks'), ['waits', 'began'], 'and it blocks still');
      stage.letGo();
      const { progress, signal } = await stage.hears('blocks', 'ended');
      assert.deepEqual([progress, signal], ['ERR_LEASE_LOST', 'ERR_LEASE_LOST']);
      await stage.hears('blocks', 'lease-lost');
      assert.equal(await job.result(), 'waits');
      assert.deepEqual({ ...(await stage.queue.getJob(job.id)) }, { ...before });
      assert.deepEqual(stage.events, ['waiting', 'active', 'stalled', 'waiting', 'active', 'completed']);
    } finally {
      await stage.close();
    }
    assert.deepEqual(
      stage.saidBy('blocks').filter((what) => what === 'completed' || what === 'failed'),
      [],
    );
  });
});

it('a handler that only waits keeps its job for longer than stallAfter: its event loop turns, and says so when it is asked', async () => {
  const store = open('memory:');
  try {
    const queue = store.queue('jobs');
    const stalled = [];
    queue.on('stalled', ({ jobId }) => stalled.push(jobId));
    queue.process(() => setTimeout(1_500, 'waited'), { stallAfter: '1s' });
    const job = await queue.add('job', null);
    assert.equal(await job.result(), 'waited');
    assert.deepEqual(stalled, []);
  } finally {
    await store.close({ timeout: 1 });
  }
});
