'use strict';
/**
 * When the event loop is to have a turn. Jobs follow each other in microtasks, which is what makes short ones cheap; but
 * timers and sockets wait meanwhile. So after many jobs, or some time of them, the next one waits until the loop has
 * turned. One count for all workers of a thread, as they share its loop.
 *
 * It also says how many jobs to claim at a time. Those that wait for a turn are claimed already: their timeout runs, and no
 * other worker has them. So the claims begin with one, double while the jobs that were claimed begin within a turn, and go back
 * to as many as began when its time was used up.
 */
const { performance } = require('node:perf_hooks');
const timers = require('node:timers');

// Taken before Jest's fake timers replace them: loops turn in real time.
const { setImmediate } = timers;
const now = performance.now.bind(performance);

const JOBS_A_TURN = 256;
/** As long as a frame of 100 a second: an app notices more, and a turn costs a few µs. */
const MS_A_TURN = 10;
/** At more of them a job costs no less, and with them it is over soon that all of a claim turn out to be long. */
const CLAIM_MAX = 32;

let jobs = 0;
/** When the first job since the last turn began. */
let since = 0;
/** Jobs to claim at a time. */
let claim = 1;
/** Claimed jobs that have not begun. */
let waiting = 0;
/** @type {Promise<void> | undefined} */
let next;

/** How many jobs to claim now; none while so many wait to begin. */
function roomToClaim() {
  return Math.max(0, claim - waiting);
}

/** @param {number} count @param {number} room What there was for them. */
function countClaimed(count, room) {
  waiting += count;
  if (count >= room) claim = Math.min(claim * 2, CLAIM_MAX);
}

/** A job begins, unless it `isOver` before it could. @param {boolean} isOver */
function countBegun(isOver) {
  waiting -= 1;
  if (isOver) return;
  if (jobs === 0) since = now();
  jobs += 1;
}

function isTurnDue() {
  if (jobs === 0) return false;
  const isLate = now() - since >= MS_A_TURN;
  if (isLate) claim = Math.min(claim, jobs);
  return isLate || jobs >= JOBS_A_TURN;
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

module.exports = { roomToClaim, countClaimed, countBegun, isTurnDue, turnOfTheLoop };
