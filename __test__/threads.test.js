'use strict';
// One store, many threads: nothing is lost, nothing is counted twice, nothing goes through the main thread.
const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { report } = require('./support/child.js');
const plan = require('./support/threads/plan.js');

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/** What eight threads counted, against what their store did. */
function agree({ reports, heard, stats, cached, sessions, attempts, doneBy }) {
  assert.equal(reports.length, plan.THREADS);
  agreeOnLimits(reports, stats.limiters);
  agreeOnJobs(reports, { heard, counts: stats.queues.mail.counts, attempts, doneBy });

  const { hits, misses, entries, evictions, expirations } = stats.caches.pages;
  const read = reports.map((seen) => seen.cache);
  assert.deepEqual({ hits, misses }, { hits: sum(read.map((r) => r.hits)), misses: sum(read.map((r) => r.misses)) });
  assert.ok(hits > 1000 && misses > 10, `${hits} hits, ${misses} misses`);
  assert.deepEqual({ entries, evictions, expirations }, { entries: cached, evictions: 0, expirations: 0 });

  // One of each thread was left alive, of 30 that each has made.
  assert.equal(sessions, plan.THREADS);
  assert.equal(stats.sessions.logins.live, plan.THREADS);
}

function agreeOnLimits(reports, stats) {
  for (const name in plan.LIMITERS) {
    const tallies = reports.map((seen) => seen.limiters[name]);
    for (const key of plan.LIMITER_KEYS) {
      const admitted = sum(tallies.map((tally) => tally.keys[key] ?? 0));
      assert.equal(admitted, plan.LIMIT, `units that the ${name} limiter admitted under '${key}'`);
    }
    const { allowed, denied, keys } = stats[name];
    assert.equal(allowed, sum(tallies.map((tally) => tally.allowed)));
    assert.equal(denied, sum(tallies.map((tally) => tally.denied)));
    assert.equal(keys, plan.LIMITER_KEYS.length);
  }
}

function agreeOnJobs(reports, { heard, counts, attempts, doneBy }) {
  const fates = Array.from({ length: plan.JOBS }, (_, job) => plan.fateOf(job));
  const of = (kind) => fates.filter((fate) => fate.kind === kind).length;
  const expected = { completed: of('completed'), exhausted: of('exhausted'), unrecoverable: of('unrecoverable') };

  fates.forEach(({ kind, attempts: wanted }, job) => {
    assert.equal(attempts[job], wanted, `attempts of job ${job}, ${kind}`);
    assert.equal(doneBy[job] !== 0, kind === 'completed', `job ${job}, ${kind}, was done by thread ${doneBy[job]}`);
  });
  const told = (kind) => sum(reports.map((seen) => seen.jobs[kind]));
  for (const kind in expected) assert.equal(told(kind), expected[kind], kind);
  assert.equal(told('wrong'), 0);

  const failed = expected.exhausted + expected.unrecoverable;
  // Main added one more, to know that it has heard all events.
  const completed = expected.completed + 1;
  assert.deepEqual(counts, { waiting: 0, prioritized: 0, delayed: 0, active: 0, completed, failed });
  const active = sum(fates.map((fate) => fate.attempts)) + 1;
  assert.equal(heard.gaps, 0);
  assert.deepEqual(
    { added: heard.added, active: heard.active, completed: heard.completed, failed: heard.failed },
    { added: plan.JOBS + 1, active, completed, failed },
  );
  assert.equal(heard.retrying, active - completed - failed);
  assert.equal(heard.lagged, undefined);
}

describe('eight threads on one store', () => {
  it('hammer all four features together and every count is exact', async () => {
    agree(await report('threads/hammer.js'));
  });

  it('do so while the clock that the main thread gave stands still', async () => {
    agree(await report('threads/hammer.js', { args: ['--frozen'] }));
  });
});

describe('a main thread stuck in a loop', () => {
  it('holds up neither values nor limits nor jobs of the other threads', async (t) => {
    const { loop, reports, limit, counts } = await report('threads/busy-main.js');
    for (const { from, to, met, jobs } of reports) {
      assert.ok(from >= loop.from && to <= loop.to, `worked ${from} to ${to}, the loop ran ${loop.from} to ${loop.to}`);
      assert.equal(met, 500);
      assert.equal(jobs, 100);
    }
    assert.equal(reports[0].admitted + reports[1].admitted, limit);
    assert.equal(counts.completed, 100);
    const took = Math.max(...reports.map(({ from, to }) => to - from));
    t.diagnostic(`1,000 values, ${limit} units and 100 jobs took the two threads ${took.toFixed(0)} ms`);
  });
});

describe('the addon', () => {
  it('is loaded first in a thread, and what that thread leaves is there for the next', async () => {
    const { found, loaded } = await report('threads/first-in-thread.js');
    assert.deepEqual(found, { page: '<h1>', session: { user: 'ada' }, remaining: 0, sent: 'sent to ada' });
    assert.deepEqual(loaded, []);
  });

  it('is one store behind require, import and a second load of the package', async () => {
    const { values, inThread, loadedTwice, sameError } = await report('threads/both-doors.mjs');
    assert.deepEqual(values, [1, 2, 3, 4]);
    assert.deepEqual(inThread, [1, 2, 3]);
    assert.ok(loadedTwice);
    assert.ok(sameError);
  });
});
