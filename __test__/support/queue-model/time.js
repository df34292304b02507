'use strict';
/** Time goes by, and what is due happens, instant after instant. Handlers and workers sleep meanwhile. */
const { expire, timeOut } = require('./ends.js');
const { nextScheduled, tickDue } = require('./schedulers.js');
const { by, comeIn, drop, inPhase, isFinished, isPending } = require('./state.js');

/** When the present attempt of a job has run for as long as it may. */
function deadline(job) {
  return job.phase === 'active' && job.terms.timeout !== undefined ? job.processedOn + job.terms.timeout : undefined;
}

/** When it fails unless it has begun. */
function expiry(job) {
  return isPending(job) && job.epoch === 0 ? job.expires : undefined;
}

/** When it has been retained for long enough. */
function oldAt(job) {
  if (!isFinished(job)) return undefined;
  const { forever, age } = job.terms[job.phase];
  return forever || age === undefined ? undefined : job.at + age;
}

/** Jobs for which that instant has come, the first one first. */
function due(model, instantOf) {
  const all = [...model.jobs].map((job) => ({ job, instant: instantOf(job), number: job.number }));
  return all
    .filter(({ instant }) => instant <= model.now)
    .sort(by('instant', 'number'))
    .map(({ job }) => job);
}

function nextInstant(model) {
  const ofJob = (job) => [job.phase === 'delayed' ? job.runAt : undefined, deadline(job), expiry(job), oldAt(job)];
  const all = [...model.jobs].flatMap(ofJob);
  for (const { until } of model.taken.values()) all.push(until);
  all.push(nextScheduled(model));
  return Math.min(...all.filter((instant) => instant !== undefined));
}

/** @param {any} model @param {number} target */
function advanceTo(model, target) {
  for (let next = nextInstant(model); next <= target; next = nextInstant(model)) {
    model.now = Math.max(model.now, next);
    happen(model);
  }
  model.now = target;
}

/** What is due at one instant. */
function happen(model) {
  for (const [id, { until }] of model.taken) if (until <= model.now) model.taken.delete(id);
  const delayed = inPhase(model, 'delayed').filter(({ runAt }) => runAt <= model.now);
  for (const job of delayed.sort(by('runAt', 'ord'))) comeIn(model, job);
  for (const job of due(model, expiry)) expire(model, job);
  for (const job of due(model, deadline)) timeOut(model, job);
  tickDue(model);
  for (const job of due(model, oldAt)) drop(model, job, false);
}

module.exports = { advanceTo };
