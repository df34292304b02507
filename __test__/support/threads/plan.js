'use strict';
// What the threads of the hammer do, so that main and threads agree on it.

const THREADS = 8;
const ROUNDS = 30;

const CACHE_KEYS = Array.from({ length: 64 }, (_, n) => `key-${n}`);

const LIMIT = 200;
/** Both algorithms; the threads ask each key for more than twice the limit. */
const LIMITERS = {
  sliding: { limit: LIMIT, window: '1h', algorithm: 'sliding-window' },
  fixed: { limit: LIMIT, window: '1h', algorithm: 'fixed-window' },
};
const LIMITER_KEYS = ['a', 'b', 'c', 'd', 'costs'];

/** Together fewer than the 1,000 completed jobs that a queue retains. */
const JOBS_A_ROUND = 4;
const JOBS = THREADS * ROUNDS * JOBS_A_ROUND;
const ATTEMPTS = 3;

/** What becomes of a job: the attempts that fail before it succeeds, or how it fails for good. */
function fateOf(job) {
  if (job % 20 === 7) return { kind: 'exhausted', attempts: ATTEMPTS };
  if (job % 20 === 13) return { kind: 'unrecoverable', attempts: 1 };
  const failures = job % 3 === 0 ? 1 + (job % 2) : 0;
  return { kind: 'completed', attempts: failures + 1 };
}

const SESSION_ID_CHARS = 32;

module.exports = {
  THREADS,
  ROUNDS,
  CACHE_KEYS,
  LIMIT,
  LIMITERS,
  LIMITER_KEYS,
  JOBS_A_ROUND,
  JOBS,
  ATTEMPTS,
  fateOf,
  SESSION_ID_CHARS,
};
