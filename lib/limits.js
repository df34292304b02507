'use strict';
/** What a limiter is at most, and what it is called: the same for Limiter, its middleware and its doors. */

/** Units that a limit, a burst or a cost can be: core counts them in 32 bits. */
const UNITS_MAX = 2 ** 32 - 1;
/** Distinct keys that a limiter can hold. */
const KEYS_MAX = 2 ** 32 - 1;
/** Limiters that one decision can be of. */
const PARTS_MAX = 64;

const ALGORITHMS = /** @type {const} */ ([
  'sliding-window',
  'sliding-log',
  'sliding-counter',
  'fixed-window',
  'token-bucket',
  'gcra',
]);

/** Where to get one, as messages say it. */
const LIMITER_EXPECTED = "a limiter: store.limiter('api', { limit: 100, window: '1m' })";

module.exports = { UNITS_MAX, KEYS_MAX, PARTS_MAX, ALGORITHMS, LIMITER_EXPECTED };
