'use strict';
/** Holds what was heard of the real queue against the model, and then all that the queue tells of itself. */
const assert = require('node:assert/strict');
const { claim, idleReason } = require('./begins.js');
const { settle } = require('./ends.js');
const { find, inState, isFinished } = require('./state.js');

const STATES = ['waiting', 'prioritized', 'delayed', 'active', 'completed', 'failed'];

/** After each command. */
async function judge(model, world) {
  await world.quiet();
  for (const told of world.events.slice(world.judged)) {
    world.judged += 1;
    assert.equal(told.payload.seq, world.judged, 'seq has no gap');
    if (model.expected.length === 0) follow(model, world, told);
    meet(model, told);
  }
  const names = model.expected.map(({ event, job }) => `${event} ${job?.id}`);
  assert.deepEqual(names, [], 'events that did not come');
  assert.deepEqual(world.errors, []);
  judgeRuns(model, world);
  await judgeJobs(model, world);
}

/** What nobody called for: a worker takes a job, or a handler ends. */
function follow(model, world, { event, payload }) {
  const job = find(model, payload.jobId);
  if (event === 'active') {
    assert.ok(job, `job ${payload.jobId}, which is not there, began`);
    const run = world.runs.get(job.id)?.[model.begins.get(job.id) ?? 0];
    assert.ok(run, `job ${job.id} began, and no handler did`);
    const worker = model.workers.get(run.worker);
    assert.equal(world.runsOf[run.worker][worker.begun], run, 'handlers begin in the order in which their jobs do');
    worker.begun += 1;
    claim(model, job, run);
    return;
  }
  const isEnd = job?.phase === 'active' && job.run.ending !== undefined;
  assert.ok(isEnd, `${event} ${JSON.stringify(payload)} came out of nothing; the job is ${job?.phase ?? 'not there'}`);
  settle(model, job, job.run.ending);
}

function meet(model, { event, payload }) {
  const expected = model.expected.shift();
  const { seq, ...told } = payload;
  for (const [field, learn] of Object.entries(expected.learn)) learn(told[field]);
  const learnt = Object.fromEntries(Object.keys(expected.learn).map((field) => [field, told[field]]));
  const ofJob = expected.job === undefined ? {} : { jobId: expected.job.id };
  assert.deepEqual({ event, ...told }, { event: expected.event, ...ofJob, ...expected.fields, ...learnt });
}

function judgeRuns(model, world) {
  for (const [number, worker] of model.workers) {
    assert.equal(world.runsOf[number].length, worker.begun, 'each handler that began has a job');
    assert.notEqual(idleReason(model, worker), undefined, `worker ${number} leaves a job waiting that it may take`);
  }
  for (const run of world.runsOf.flat()) {
    const { job, attempt } = run;
    assert.ok(
      run.isOver || run.ending === undefined,
      `job ${job.id}: its handler ended, and attempt ${attempt} did not`,
    );
    assert.deepEqual(run.tells, run.expectedTells, `what the worker tells of job ${job.id}`);
    const by = run.signal.aborted ? run.signal.reason.code : undefined;
    assert.equal(by, run.abortedBy, `the signal of job ${job.id}`);
  }
}

async function judgeJobs(model, { queue, results }) {
  const counts = await queue.getJobCounts();
  for (const state of STATES) {
    const expected = inState(model, state).map(viewOf);
    assert.equal(counts[state], expected.length, `${state} jobs`);
    const jobs = (await queue.getJobs(state)).map(shown);
    if (state === 'active') for (const list of [jobs, expected]) list.sort(byId);
    assert.deepEqual(jobs, expected, `${state} jobs in their order`);
  }
  for (const { job, came } of results) assert.deepEqual(came, job.end, `what result() of job ${job.id} came to`);
  assert.equal(await queue.isPaused(), model.paused);
  const schedulers = (await queue.getJobSchedulers()).map(({ id, next, iterations }) => ({ id, next, iterations }));
  const expected = [...model.schedulers.values()].map(({ id, next, iterations }) => ({ id, next, iterations }));
  assert.deepEqual(schedulers.sort(byId), expected.sort(byId));
}

const byId = (one, other) => (one.id < other.id ? -1 : 1);

function shown({ id, name, data, priority, attemptsMade, progress, failedReason, finishKind, timestamp, ...rest }) {
  const { processedOn, finishedOn } = rest;
  return {
    ...{ id, name, data, priority, attemptsMade, progress, failedReason, finishKind, timestamp },
    ...{ processedOn, finishedOn },
  };
}

function viewOf(job) {
  const { priority } = job.terms;
  const finishedOn = isFinished(job) ? job.at : undefined;
  return shown({ ...job, priority, timestamp: job.addedAt, finishedOn });
}

/** What happens to a job, one after the other, as its events tell it; from its end it may be retried. */
const AFTER = {
  added: ['waiting', 'delayed'],
  waiting: ['active', 'failed', 'removed', 'waiting', 'delayed'],
  delayed: ['waiting', 'failed', 'removed', 'delayed'],
  active: ['progress', 'completed', 'failed', 'retrying', 'delayed', 'waiting'],
  progress: ['progress', 'completed', 'failed', 'retrying', 'delayed', 'waiting'],
  retrying: ['waiting', 'delayed'],
  completed: ['waiting', 'removed', 'added'],
  failed: ['waiting', 'removed', 'added'],
  removed: ['added'],
};

/**
 * The events of each job make sense by themselves, with no model. `anew`: where the queue was obliterated, of which no event
 * of a job tells.
 */
function judgeHistory(events, anew) {
  const last = new Map();
  for (const [index, { event, payload }] of events.entries()) {
    if (anew.has(index)) last.clear();
    const { jobId } = payload;
    if (jobId === undefined || event === 'deduplicated') continue;
    const before = last.get(jobId);
    const allowed = before === undefined ? ['added'] : AFTER[before];
    assert.ok(allowed.includes(event), `job ${jobId}: ${event} after ${before}`);
    last.set(jobId, event);
  }
}

module.exports = { judge, judgeHistory };
