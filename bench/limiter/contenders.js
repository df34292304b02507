/**
 * The limiters that are compared, each as its users call it. `consume` takes one unit of a key: it returns the answer, or
 * a promise of it where a user would have to await one.
 */
const path = require('node:path');
const { ROOT } = require('../../scripts/run.js');

const ALGORITHMS = /** @type {const} */ ([
  'sliding-window',
  'sliding-log',
  'sliding-counter',
  'fixed-window',
  'token-bucket',
  'gcra',
]);
const WINDOW_MS = 3_600_000;
/** Nobody reaches it here: a denial of rate-limiter-flexible is a rejection, which costs more than the limiter. */
const LIMIT = 60_000;
const MAX_KEYS = 2_000_000;

/**
 * @typedef {object} Contender
 * @property {(key: string) => unknown} consume
 * @property {boolean} awaited Whether `consume` returns a promise.
 * @property {() => Promise<{ bytes: number, keys: number }>} [stats] What it says of itself.
 */

/** @param {string} algorithm @param {boolean} awaited @returns {() => Contender} */
function redstart(algorithm, awaited) {
  return () => {
    const { open } = require(ROOT);
    const store = open('memory:', { maxMemory: '1gb' });
    const limiter = store.limiter('bench', { limit: LIMIT, window: WINDOW_MS, algorithm, maxKeys: MAX_KEYS });
    const consume = awaited
      ? (/** @type {string} */ key) => limiter.consume(key)
      : (/** @type {string} */ key) => limiter.consumeSync(key);
    return { consume, awaited, stats: () => limiter.stats() };
  };
}

/** What the middleware awaits for each request. @returns {Contender} */
function expressRateLimit() {
  const { MemoryStore } = require('express-rate-limit');
  const store = new MemoryStore();
  store.init({ windowMs: WINDOW_MS });
  return { consume: (key) => store.increment(key), awaited: true };
}

/** @returns {Contender} */
function rateLimiterFlexible() {
  const { RateLimiterMemory } = require('rate-limiter-flexible');
  const limiter = new RateLimiterMemory({ points: LIMIT, duration: WINDOW_MS / 1_000 });
  return { consume: (key) => limiter.consume(key), awaited: true };
}

const RIVALS = {
  'express-rate-limit, MemoryStore': expressRateLimit,
  'rate-limiter-flexible, RateLimiterMemory': rateLimiterFlexible,
};

/** @type {Record<string, () => Contender>} */
const CONTENDERS = { ...RIVALS };
for (const algorithm of ALGORITHMS) {
  CONTENDERS[algorithm] = redstart(algorithm, false);
  CONTENDERS[`${algorithm}, awaited`] = redstart(algorithm, true);
}

/** The rivals' versions, as installed. */
function versions() {
  return ['express-rate-limit', 'rate-limiter-flexible'].map((name) => {
    // Not by its name: a package need not export its package.json.
    const { version } = require(path.join(__dirname, 'node_modules', name, 'package.json'));
    return `${name} ${version}`;
  });
}

/** Keys of one length, made anew for each call as for each request: V8 has not hashed them yet. @param {number} number */
const keyOf = (number) => `user:${1_000_000 + number}`;

module.exports = { ALGORITHMS, CONTENDERS, RIVALS: Object.keys(RIVALS), keyOf, versions };
