'use strict';
/**
 * What touches many jobs goes in steps: core does at most 1,000 jobs a call, under the queue's lock, and says in scratch[1]
 * whether there is more; in between the event loop has a turn, and so have the other threads. `above` is the method that is
 * called, as in invalidArg.
 */
const { scratch, ready } = require('./lane.js');
const { turnOfTheLoop } = require('./worker-turn.js');

/** @typedef {import('../native.js').QueueFunctions} QueueFunctions */

const MORE = 1;

/**
 * As many steps as those that wait or are delayed now take: who adds meanwhile does not keep it going for ever.
 * @param {QueueFunctions} native
 * @param {Function} above
 */
async function drain(native, above) {
  const { waiting, prioritized, delayed } = JSON.parse(ready(native.counts(), above));
  for (let count = 0; ; await turnOfTheLoop()) {
    count += ready(native.drain(), above);
    if (scratch[1] !== MORE || count >= waiting + prioritized + delayed) return count;
  }
}

/**
 * @param {QueueFunctions} native
 * @param {string} state
 * @param {number} olderThanMs
 * @param {number} limit
 * @param {Function} above
 */
async function clean(native, state, olderThanMs, limit, above) {
  /** @type {string[]} */
  const ids = [];
  for (; ; await turnOfTheLoop()) {
    for (const id of JSON.parse(ready(native.clean(state, olderThanMs, limit - ids.length), above))) {
      ids.push(id);
    }
    if (scratch[1] !== MORE || ids.length >= limit) return ids;
  }
}

/**
 * At most as many as have failed now: those that fail again meanwhile are not retried for ever.
 * @param {QueueFunctions} native
 * @param {number | undefined} limit
 * @param {Function} above
 */
async function retryFailed(native, limit = Number.MAX_SAFE_INTEGER, above) {
  const most = Math.min(limit, JSON.parse(ready(native.counts(), above)).failed);
  for (let count = 0; ; await turnOfTheLoop()) {
    if (count >= most) return count;
    const retried = ready(native.retryFailed(most - count), above);
    count += retried;
    if (scratch[1] !== MORE || retried === 0) return count;
  }
}

module.exports = { drain, clean, retryFailed };
