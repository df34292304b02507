'use strict';
/**
 * What touches many jobs goes in steps: core does at most STEP jobs a call, under the queue's lock, and says in scratch[1]
 * whether there is more; in between the event loop has a turn, and so have the other threads.
 */
const { scratch, ready } = require('./lane.js');
const { turnOfTheLoop } = require('./worker-turn.js');

/** @typedef {import('../native.js').QueueFunctions} QueueFunctions */

const STEP = 1_000;
const MORE = 1;

/**
 * How many in all.
 * @param {() => number | undefined} step How many in this step.
 */
async function countInSteps(step) {
  for (let count = 0; ; await turnOfTheLoop()) {
    count += ready(step());
    if (scratch[1] !== MORE) return count;
  }
}

/** @param {QueueFunctions} native */
function drain(native) {
  return countInSteps(() => native.drain());
}

/**
 * Whether jobs are active is asked once: those that begin between two steps go with the rest.
 * @param {QueueFunctions} native
 * @param {boolean} force
 */
async function obliterate(native, force) {
  let goesOn = force;
  await countInSteps(() => {
    const removed = native.obliterate(goesOn);
    goesOn = true;
    return removed;
  });
}

/**
 * @param {QueueFunctions} native
 * @param {string} state
 * @param {number} olderThanMs
 * @param {number} limit
 */
async function clean(native, state, olderThanMs, limit) {
  /** @type {string[]} */
  const ids = [];
  for (; ; await turnOfTheLoop()) {
    for (const id of JSON.parse(ready(native.clean(state, olderThanMs, limit - ids.length)))) ids.push(id);
    if (scratch[1] !== MORE || ids.length >= limit) return ids;
  }
}

/**
 * At most as many as have failed now: those that fail again meanwhile are not retried for ever.
 * @param {QueueFunctions} native
 * @param {number} [limit]
 */
async function retryFailed(native, limit = Number.MAX_SAFE_INTEGER) {
  const most = Math.min(limit, JSON.parse(ready(native.counts())).failed);
  for (let count = 0; ; await turnOfTheLoop()) {
    if (count >= most) return count;
    const retried = ready(native.retryFailed(most - count));
    count += retried;
    if (scratch[1] !== MORE || retried === 0) return count;
  }
}

/**
 * Views of the jobs from `start` to `end`, both included. More than a step are several looks: what moved from one part to
 * another in between is there once.
 * @param {QueueFunctions} native
 * @param {{ states: string, start: number, end: number, asc: boolean }} wanted `states`: JSON.
 */
async function viewsBetween(native, { states, start, end, asc }) {
  /** @type {Map<string, import('./job.js').JobView>} */
  const views = new Map();
  for (let from = start; from <= end; from += STEP) {
    if (from > start) await turnOfTheLoop();
    const to = Math.min(end, from + STEP - 1);
    /** @type {import('./job.js').JobView[]} */
    const part = JSON.parse(ready(native.getJobs(states, from, to, asc)));
    for (const view of part) if (!views.has(view.id)) views.set(view.id, view);
    if (part.length < to - from + 1) break;
  }
  return [...views.values()];
}

module.exports = { drain, clean, retryFailed, obliterate, viewsBetween };
