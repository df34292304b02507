'use strict';
/**
 * When the event loop is to have a turn. Jobs follow each other in microtasks, which is what makes short ones cheap; but
 * timers and sockets wait meanwhile. So after many jobs, or some time of them, the next one waits until the loop has
 * turned. One count for all workers of a thread, as they share its loop.
 */
const { performance } = require('node:perf_hooks');
const timers = require('node:timers');

// Taken before Jest's fake timers replace them: loops turn in real time.
const { setImmediate } = timers;
const now = performance.now.bind(performance);

const JOBS_A_TURN = 256;
/** As long as a frame of 100 a second: an app notices more, and a turn costs a few µs. */
const MS_A_TURN = 10;

let jobs = 0;
/** When the first job since the last turn began. */
let since = 0;
/** @type {Promise<void> | undefined} */
let next;

/** A job begins. */
function countJob() {
  if (jobs === 0) since = now();
  jobs += 1;
}

function isTurnDue() {
  return jobs >= JOBS_A_TURN || (jobs > 0 && now() - since >= MS_A_TURN);
}

/** @returns {Promise<void>} When the loop has turned. */
function turnOfTheLoop() {
  next ??= new Promise((resolve) => {
    setImmediate(() => {
      next = undefined;
      jobs = 0;
      resolve();
    });
  });
  return next;
}

module.exports = { JOBS_A_TURN, countJob, isTurnDue, turnOfTheLoop };
