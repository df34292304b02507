'use strict';
// What tests of limiters go over: every algorithm, and calls drawn from a seed, so that a failure can be repeated.

const ALGORITHMS = ['sliding-window', 'sliding-log', 'sliding-counter', 'fixed-window', 'token-bucket', 'gcra'];
const WINDOWS = ALGORITHMS.slice(0, 4);
const REFILLING = ALGORITHMS.slice(4);

/** Where test clocks start: a multiple of the windows that tests use, so that aligned algorithms start at an edge. */
const START_MS = 960_000_000;

/**
 * Whole numbers from 0 to `below` - 1, the same ones for a seed (mulberry32).
 * @param {number} seed
 */
function drawing(seed) {
  let state = seed;
  return (/** @type {number} */ below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

module.exports = { ALGORITHMS, WINDOWS, REFILLING, START_MS, drawing };
