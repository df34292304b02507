'use strict';
/**
 * A queue as its documentation tells it, in plain data and linear searches: slow, and short enough to be read.
 *
 * Each change notes the events that must tell of it, in `expected`. What time and callers do is predicted; which worker takes
 * a job when, and when handlers end, is not, but judged as it happens (judge.js).
 */

/** @param {number} now */
function newModel(now) {
  return {
    now,
    /** Jobs that are there. */
    jobs: new Set(),
    /** Ids of deduplications that are taken: by which job, until when. */
    taken: new Map(),
    schedulers: new Map(),
    workers: new Map(),
    paused: false,
    concurrency: undefined,
    rate: undefined,
    /** Instants of claims: those that the queue's rate counts, and those that limiters of workers do. */
    begun: [],
    limited: [],
    hadLimiter: false,
    /** When each group was last served, in turns; '' are the jobs without one. */
    served: new Map([['', 0]]),
    turn: 0,
    lastOrd: 0,
    lastNumber: 0,
    /** How often a job of each id was begun. */
    begins: new Map(),
    /** Events that are to come, in order. */
    expected: [],
  };
}

/** `learn`: what to do with fields of the event that nobody can know before. */
function expect(model, event, job, fields = {}, learn = {}) {
  model.expected.push({ event, job, fields, learn });
}

function find(model, id) {
  return [...model.jobs].find((job) => job.id === id);
}

const isPending = ({ phase }) => phase === 'waiting' || phase === 'delayed';
const isFinished = ({ phase }) => phase === 'completed' || phase === 'failed';
const stateOf = ({ phase, terms }) => (phase === 'waiting' && terms.priority > 0 ? 'prioritized' : phase);

/** Sorts by these numbers, the first one first. */
function by(...keys) {
  return (one, other) => {
    const key = keys.find((each) => one[each] !== other[each]);
    return key === undefined ? 0 : one[key] - other[key];
  };
}

/** By priority, those that were given back first, then by arrival. */
function byPlace(one, other) {
  const place = ({ terms, front, ord }) => ({
    priority: terms.priority,
    back: front ? 0 : 1,
    at: terms.lifo ? -ord : ord,
  });
  return by('priority', 'back', 'at')(place(one), place(other));
}

function inPhase(model, phase) {
  return [...model.jobs].filter((job) => job.phase === phase);
}

/** Jobs of a state, in the order in which the queue tells them. */
function inState(model, state) {
  const all = [...model.jobs].filter((job) => stateOf(job) === state);
  if (state === 'waiting' || state === 'prioritized') return all.sort(byPlace);
  if (state === 'delayed') return all.sort(by('runAt', 'ord'));
  return all.sort(state === 'active' ? by('worker', 'number') : by('at', 'ord'));
}

/** A job waits, at the back, or before all others of its priority; or it is delayed. */
function comeIn(model, job, { runAt = model.now, front = false } = {}) {
  const phase = runAt > model.now ? 'delayed' : 'waiting';
  if (!front) job.ord = ++model.lastOrd;
  if (phase === 'waiting') noteGroup(model, job);
  Object.assign(job, { phase, since: model.now, runAt, front });
  expect(model, phase, job, phase === 'delayed' ? { runAt } : {});
}

/** A group that comes is served after those that are there; one whose only job comes back has its turn still. */
function noteGroup(model, { terms: { group } }) {
  const isThere = ({ phase, terms }) => terms.group === group && (phase === 'waiting' || phase === 'active');
  if (group !== undefined && ![...model.jobs].some(isThere)) model.served.set(group, model.turn);
}

/** It is gone. By hand: told, and other adds are no duplicates of it any more. */
function drop(model, job, byHand) {
  model.jobs.delete(job);
  if (model.taken.get(job.dedup)?.job === job && byHand) model.taken.delete(job.dedup);
  if (!byHand) return;
  job.end ??= { code: 'ERR_NOT_FOUND' };
  expect(model, 'removed', job);
}

module.exports = {
  newModel,
  expect,
  find,
  isPending,
  isFinished,
  stateOf,
  by,
  byPlace,
  inPhase,
  inState,
  comeIn,
  drop,
};
