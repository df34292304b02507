'use strict';
// Two hundred thousand jobs, eight threads that die in the midst of them; REDSTART_EIGHT_JOBS makes them more or fewer.
const assert = require('node:assert/strict');
const { describe, it, before } = require('node:test');
const { report } = require('./support/child.js');

const JOBS = process.env.REDSTART_EIGHT_JOBS ?? '200000';
const TIMEOUT_MS = 300_000;

describe('jobs in eight threads, which fail, snooze and are cancelled, whose queue is paused and whose threads are terminated', () => {
  let told;
  before(async () => {
    told = await report('queue-eight-threads/eight.js', { args: [JOBS], timeoutMs: TIMEOUT_MS });
  });

  it('end once each, and none is lost', (t) => {
    const { counts, ends, jobs, ledger, stillOwned } = told;
    assert.deepEqual(
      { ...counts, completed: 0, failed: 0 },
      {
        waiting: 0,
        prioritized: 0,
        delayed: 0,
        active: 0,
        completed: 0,
        failed: 0,
      },
    );
    assert.equal(counts.completed + counts.failed, jobs);
    assert.ok(told.once, 'each is in one final state');
    assert.equal(ends.completed, counts.completed);
    const failed = Object.entries(ends).filter(([how]) => how !== 'completed');
    assert.equal(
      failed.reduce((sum, [, count]) => sum + count, 0),
      counts.failed,
    );
    assert.equal(stillOwned, 0, 'none ended while it was still running');
    assert.ok(ledger.neverRun <= ends.cancelled, 'only cancelled ones never ran');
    assert.deepEqual(told.dropped, {});
    t.diagnostic(`${jobs} jobs in ${told.seconds.toFixed(1)} s: ${JSON.stringify(ends)}`);
  });

  it('run in one place at a time, also where their thread was terminated', (t) => {
    const { ledger, terminated } = told;
    assert.equal(ledger.twoOwners, 0, 'a job began while it was running elsewhere');
    assert.equal(ledger.stolen, 0, 'a job began elsewhere before it had ended');
    assert.equal(ledger.ranOn, 0, 'a thread ran on after its jobs were given to others');
    assert.ok(ledger.replaced > 0, 'no thread died with a job in its hands');
    t.diagnostic(`${terminated} threads terminated, ${ledger.replaced} of them with jobs that ran again elsewhere`);
  });

  it('are never more at once than their queue and their group may have', (t) => {
    const { ledger, limits } = told;
    assert.equal(ledger.mostAtOnce, limits.global, 'as many as may be, and no more');
    assert.equal(ledger.mostOfAGroup, limits.group, 'as many of a group as may be, and no more');
    t.diagnostic(`${ledger.runs} runs, of which ${ledger.unseen} could not count the others`);
    assert.ok(ledger.unseen < ledger.runs / 100);
  });

  it('are told of without a gap, or with a word for it, and each end once', (t) => {
    const { heard, counts, pauses, cancelled } = told;
    assert.equal(heard.gaps, 0);
    assert.equal(heard.twice, 0);
    assert.equal(heard.events + heard.missed, heard.lastSeq);
    if (heard.missed === 0) {
      assert.deepEqual([heard.completed, heard.failed], [counts.completed, counts.failed]);
    }
    assert.ok(heard.completed <= counts.completed && heard.failed <= counts.failed);
    t.diagnostic(`${heard.events} events heard, ${heard.missed} missed; ${pauses} pauses, ${cancelled} cancels`);
  });
});
