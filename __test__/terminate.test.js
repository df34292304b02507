'use strict';
// Threads die at any moment, and their jobs do not die with them.
const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { report } = require('./support/child.js');

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

describe('threads that are terminated', () => {
  it('a hundred times, in mid-work, have their jobs finished by others', async (t) => {
    const told = await report('terminate/crowd.js');
    const victims = told.rounds * told.kinds;
    const held = victims * told.concurrency;
    assert.equal(victims, 100);
    const finishers = told.finishedBy.length;
    for (const active of told.active) assert.equal(active, told.kinds * told.concurrency + finishers);
    for (const left of told.left) assert.equal(left, told.kinds * told.concurrency);
    assert.equal(told.stalled, held);
    // Each job of each round once, those that never met a victim included.
    const jobs = held + told.rounds * finishers;
    assert.equal(sum(told.finishedBy), jobs);
    assert.deepEqual(told.jobCounts, { waiting: 0, prioritized: 0, delayed: 0, active: 0, completed: jobs, failed: 0 });
    assert.deepEqual(told.closed, { dropped: {} });
    t.diagnostic(`${victims} threads with ${held} jobs in ${told.seconds.toFixed(1)} s`);
  });
});

describe('a thread that ends', () => {
  it('takes its listeners and its waits for results along', async (t) => {
    const { addUs, bytesAWait, listeners, waits, state } = await report('terminate/leftovers.js');
    const [before, after] = addUs.map((us) => us.toFixed(1));
    t.diagnostic(`an add takes ${before} µs, after ${listeners} listeners have gone ${after} µs`);
    t.diagnostic(`of each of ${waits} waits ${bytesAWait.toFixed(0)} bytes are left`);
    // Those who are gone and still told cost about 20 ns each and add; those who still wait, about 600 bytes.
    assert.ok(addUs[1] < addUs[0] + 60, `an add took ${before} µs and takes ${after} µs now`);
    assert.ok(bytesAWait < 250, `${bytesAWait.toFixed(0)} bytes a wait`);
    assert.equal(state, 'delayed');
  });
});

describe('a job that kills its thread', () => {
  for (const kind of ['exits', 'crashes', 'is terminated']) {
    it(`fails as stalled when it has used up its chances, and the next job runs: the thread ${kind}`, async () => {
      const told = await report('terminate/poison.js', { args: [kind] });
      assert.ok(told.isFailure);
      assert.equal(told.finishKind, 'stalled');
      assert.equal(told.state, 'failed');
      const times = (event) => told.events.filter((one) => one === event).length;
      assert.deepEqual(
        { active: times('active'), failed: times('failed') },
        { active: told.maxStalled + 1, failed: 1 },
        told.events.join(),
      );
      assert.equal(told.cure, 'well');
    });
  }
});
