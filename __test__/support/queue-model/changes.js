'use strict';
/** What people do to jobs. Each says what the call comes to: a value, or the code of an error. */
const { failCancelled, leave } = require('./ends.js');
const { by, comeIn, drop, expect, find, inPhase, isFinished } = require('./state.js');

const REFUSED = { code: 'ERR_INVALID_STATE' };

function retry(model, id) {
  const job = find(model, id);
  if (!job || !isFinished(job)) return REFUSED;
  restart(model, job);
  return { value: undefined };
}

function restart(model, job) {
  const anew = {
    attemptsMade: 0,
    finishKind: undefined,
    expires: undefined,
    cancelled: undefined,
    progress: undefined,
  };
  Object.assign(job, anew);
  comeIn(model, job);
}

function promote(model, id) {
  const job = find(model, id);
  if (job?.phase !== 'delayed') return REFUSED;
  comeIn(model, job);
  return { value: undefined };
}

function remove(model, id) {
  const job = find(model, id);
  if (job?.phase === 'active') return REFUSED;
  if (job) drop(model, job, true);
  return { value: job !== undefined };
}

function cancel(model, id, reason = 'cancelled') {
  const job = find(model, id);
  if (!job || isFinished(job)) return { value: false };
  if (job.phase !== 'active') {
    job.cancelled = reason;
    failCancelled(model, job);
  } else if (job.cancelled === undefined) {
    job.cancelled = reason;
    job.run.abortedBy ??= 'ERR_JOB_CANCELLED';
  }
  return { value: true };
}

/** What the handler of a run says; only while the job is its own. */
function progress(model, run, value) {
  if (run.isOver) return { code: 'ERR_LEASE_LOST' };
  const job = find(model, run.id);
  job.progress = value;
  expect(model, 'progress', job, { progress: value });
  return { value: undefined };
}

function drain(model) {
  const waiting = inPhase(model, 'waiting').sort(by('since', 'number'));
  const jobs = [...waiting, ...inPhase(model, 'delayed').sort(by('runAt', 'ord'))];
  for (const job of jobs) drop(model, job, true);
  return { value: jobs.length };
}

/** All at once: no event tells of a job, those who wait for one hear that it is gone. A pause and limits stay. */
function obliterate(model) {
  for (const job of model.jobs) {
    if (job.phase === 'active') leave(model, job, 'lease-lost', 'ERR_LEASE_LOST');
    job.end ??= { code: 'ERR_NOT_FOUND' };
  }
  for (const all of [model.jobs, model.taken, model.schedulers, model.served]) all.clear();
  model.served.set('', model.turn);
  return { value: undefined };
}

function clean(model, state, olderThan, limit) {
  const isFinal = state === 'completed' || state === 'failed';
  const since = ({ at, since: other }) => (isFinal ? at : other);
  const old = inPhase(model, state).filter((job) => since(job) + olderThan <= model.now);
  const jobs = old.sort(isFinal ? by('at', 'ord') : by('since', 'number')).slice(0, limit);
  for (const job of jobs) drop(model, job, true);
  return { value: jobs.map(({ id }) => id) };
}

function retryFailed(model, limit) {
  const jobs = inPhase(model, 'failed').sort(by('at', 'ord')).slice(0, limit);
  for (const job of jobs) restart(model, job);
  return { value: jobs.length };
}

function setPaused(model, paused) {
  if (model.paused !== paused) expect(model, paused ? 'paused' : 'resumed', undefined);
  model.paused = paused;
}

/** What the former one has counted counts on. */
function setRate(model, rate) {
  if (model.rate === undefined || rate === undefined) model.begun = [];
  model.rate = rate;
}

module.exports = {
  retry,
  promote,
  remove,
  cancel,
  progress,
  drain,
  clean,
  retryFailed,
  obliterate,
  setPaused,
  setRate,
};
