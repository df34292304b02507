'use strict';
/** Jobs end, or their attempts. */
const { comeIn, drop, expect, inPhase, by } = require('./state.js');
const { waitMs } = require('./terms.js');

/** The handler has ended, as `ending` says. */
function settle(model, job, { how, value }) {
  if (job.cancelled !== undefined) {
    leave(model, job, 'failed');
    failCancelled(model, job);
  } else if (how === 'complete') {
    leave(model, job, 'completed');
    job.attemptsMade += 1;
    job.failedReason = undefined;
    finish(model, job, 'completed', { result: value }, { value });
  } else if (how === 'snooze') {
    leave(model, job);
    comeIn(model, job, { runAt: model.now + value });
  } else {
    const { backoff } = model.workers.get(job.worker);
    const never = how === 'unrecoverable' || backoff === false;
    leave(model, job);
    const again = attemptFailed(model, job, value, never ? 'unrecoverable' : 'exhausted', backoff);
    job.run.expectedTells.push(again ? 'retrying' : 'failed');
  }
}

/** Another attempt follows, or the job has failed; which. `reason`: a text, or a pattern of what is told. */
function attemptFailed(model, job, reason, kind, wait) {
  if (kind === 'unrecoverable' || job.attemptsMade + 1 >= job.terms.attempts) {
    fail(model, job, kind, reason);
    return false;
  }
  job.attemptsMade += 1;
  const runAt = model.now + (wait ?? waitMs(job.terms.backoff, job.attemptsMade));
  say(model, 'retrying', job, 'error', reason, { nextAttemptAt: runAt });
  comeIn(model, job, { runAt });
  return true;
}

function fail(model, job, kind, reason) {
  if (job.phase === 'active') job.attemptsMade += 1;
  finish(model, job, 'failed', { finishKind: kind, reason }, { code: 'ERR_JOB_FAILED', finishKind: kind });
}

function failCancelled(model, job) {
  fail(model, job, 'cancelled', job.cancelled);
}

/** An event with a reason, which becomes the job's. */
function say(model, event, job, field, reason, fields) {
  if (typeof reason === 'string') {
    job.failedReason = reason;
    expect(model, event, job, { ...fields, [field]: reason });
    return;
  }
  const learn = (told) => {
    if (!reason.test(told)) throw new Error(`${event} tells ${told}, which is not like ${reason}`);
    job.failedReason = told;
  };
  expect(model, event, job, fields, { [field]: learn });
}

function finish(model, job, phase, { reason, finishKind, ...fields }, end) {
  job.ord = ++model.lastOrd;
  Object.assign(job, { phase, finishKind, at: model.now });
  job.end ??= end;
  if (phase === 'failed') say(model, phase, job, 'failedReason', reason, { finishKind });
  else expect(model, phase, job, fields);
  const held = model.taken.get(job.dedup);
  if (held?.job === job && held.until === undefined) model.taken.delete(job.dedup);
  retain(model, job);
}

/** Those of its outcome that are too many go, the oldest first; where none is to stay, itself. */
function retain(model, job) {
  const { count } = job.terms[job.phase];
  if (count === undefined) return;
  if (count === 0) {
    drop(model, job, false);
    return;
  }
  const passing = inPhase(model, job.phase).filter(({ terms }) => !terms[job.phase].forever);
  for (const old of passing.sort(by('at', 'ord')).slice(0, -count)) drop(model, old, false);
}

/** It is no longer its worker's, which hears so, and its signal says why. */
function leave(model, job, tell, abortedBy) {
  const { run } = job;
  model.workers.get(run.worker).running.delete(job);
  Object.assign(run, { isOver: true, abortedBy: run.abortedBy ?? abortedBy });
  if (tell) run.expectedTells.push(tell);
}

const TIMED_OUT = /^job '.*' ran for \d+ ms/;
const EXPIRED = /^job '.*' had not begun in time/;

function timeOut(model, job) {
  const { run } = job;
  leave(model, job, 'lease-lost', 'ERR_JOB_TIMEOUT');
  const again = job.cancelled === undefined && attemptFailed(model, job, TIMED_OUT, 'timeout');
  if (job.phase === 'active') failCancelled(model, job);
  run.expectedTells.push(again ? 'retrying' : 'failed');
}

/** It had to begin by now. */
function expire(model, job) {
  fail(model, job, 'expired', EXPIRED);
}

/** Its worker closes and gives it back. */
function release(model, job) {
  const isCancelled = job.cancelled !== undefined;
  leave(model, job, isCancelled ? 'failed' : undefined, 'ERR_CLOSED');
  if (isCancelled) failCancelled(model, job);
  else comeIn(model, job, { front: true });
}

module.exports = { settle, timeOut, expire, release, leave, failCancelled };
