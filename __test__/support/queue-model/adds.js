'use strict';
/** Jobs come in. */
const { comeIn, expect, find, isPending } = require('./state.js');
const { termsOf } = require('./terms.js');

/** The job that an add is, and whether it is new. `newId`: what a new one has that names none. */
function add(model, { name, data, opts }, newId) {
  const found = opts.jobId === undefined ? undefined : find(model, opts.jobId);
  if (found) return { id: found.id, added: false };
  const { deduplication: dedup } = opts;
  const until = dedup?.ttl === undefined ? undefined : model.now + dedup.ttl;
  const holder = model.taken.get(dedup?.id);
  if (holder) {
    const { job } = holder;
    if (dedup.replace && model.jobs.has(job) && isPending(job) && job.epoch === 0)
      replace(model, job, { name, data, opts });
    // One that lasts until the end of its job has no time to begin anew.
    if (dedup.extend && holder.until !== undefined) holder.until = until;
    expect(model, 'deduplicated', job, { deduplicationId: dedup.id });
    return { id: job.id, added: false };
  }
  const job = insert(model, { name, data, opts }, opts.jobId ?? newId);
  if (dedup) model.taken.set(dedup.id, { job, until });
  return { id: job.id, added: true, job };
}

/** Where the id is not known yet, the event tells it. */
function insert(model, { name, data, opts }, id) {
  const job = {
    ...{ id, name, data, terms: termsOf(opts), dedup: opts.deduplication?.id, expires: expiry(model, opts) },
    ...{ number: ++model.lastNumber, addedAt: model.now, epoch: 0, attemptsMade: 0 },
  };
  model.jobs.add(job);
  const learnId = (told) => {
    job.id = told;
  };
  expect(model, 'added', job, { name }, id === undefined ? { jobId: learnId } : {});
  comeIn(model, job, { runAt: model.now + (opts.delay ?? 0) });
  return job;
}

function replace(model, job, { name, data, opts }) {
  // It leaves its group where it gets another one.
  if (job.terms.group !== opts.group?.id) job.phase = undefined;
  Object.assign(job, { name, data, terms: termsOf(opts), expires: expiry(model, opts) });
  comeIn(model, job, { runAt: model.now + (opts.delay ?? 0) });
}

function expiry(model, { expiresIn }) {
  return expiresIn === undefined ? undefined : model.now + expiresIn;
}

module.exports = { add, insert };
