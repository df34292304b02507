'use strict';
/** Jobs begin: which one is next, who may take it, and who must. */
const assert = require('node:assert/strict');
const { by, byPlace, expect, inPhase } = require('./state.js');

/** How many more may begin now by this rate. */
function room(model, { max, duration }, begun) {
  return max - begun.filter((at) => at + duration > model.now).length;
}

/** How many may begin now, groups and workers' own bounds aside. */
function claimable(model) {
  if (model.paused) return 0;
  const places = (model.concurrency ?? Infinity) - inPhase(model, 'active').length;
  const byRate = model.rate === undefined ? Infinity : room(model, model.rate, model.begun);
  return Math.min(inPhase(model, 'waiting').length, places, byRate);
}

const groupOf = ({ terms }) => terms.group ?? '';

/** The job that is next for a worker with this bound of its groups; several where their groups are equal. */
function next(model, groupLimit = Infinity) {
  const heads = new Map();
  for (const job of inPhase(model, 'waiting').sort(byPlace)) {
    const group = groupOf(job);
    const running = inPhase(model, 'active').filter((other) => groupOf(other) === group).length;
    if (!heads.has(group) && (group === '' || running < groupLimit)) heads.set(group, job);
  }
  const turns = [...heads].map(([group, job]) => {
    return { job, priority: job.terms.priority, served: model.served.get(group) };
  });
  const order = by('priority', 'served');
  const [first] = turns.sort(order);
  return turns.filter((turn) => order(turn, first) === 0).map(({ job }) => job);
}

/** Why a worker takes nothing now; undefined: it must. */
function idleReason(model, worker) {
  if (!worker.open || worker.paused) return 'does not take jobs';
  if (worker.running.size >= worker.concurrency) return 'has no free place';
  if (claimable(model) <= 0) return 'is of a queue that lets none begin';
  if (worker.limiter && room(model, worker.limiter, model.limited) <= 0) return 'has a limiter without room';
  return next(model, worker.groupLimit).length === 0 ? 'may not take of a busy group' : undefined;
}

/** A worker has taken the job, and its handler has begun. */
function claim(model, job, run) {
  const worker = model.workers.get(run.worker);
  const not = idleReason(model, worker);
  assert.equal(not, undefined, `worker ${run.worker}, which ${not}, took job ${job.id}`);
  const right = next(model, worker.groupLimit);
  assert.ok(right.includes(job), `job ${job.id} began, and next was ${right.map(({ id }) => id).join(' or ')}`);
  assert.deepEqual([run.attempt, run.data], [job.attemptsMade + 1, job.data]);
  model.begins.set(job.id, (model.begins.get(job.id) ?? 0) + 1);
  model.served.set(groupOf(job), ++model.turn);
  // As many as a rate needs to know of.
  if (model.rate) model.begun = [...model.begun, model.now].slice(-model.rate.max);
  if (model.hadLimiter) model.limited.push(model.now);
  Object.assign(job, { phase: 'active', epoch: job.epoch + 1, processedOn: model.now, run, worker: run.worker });
  worker.running.add(job);
  run.expectedTells = ['active'];
  expect(model, 'active', job, { attempt: run.attempt });
  if (inPhase(model, 'waiting').length === 0) expect(model, 'drained', undefined);
}

module.exports = { claim, idleReason };
