'use strict';
const options = require('./options.js');
const { scratch, STATUS_OK, ready, takeError } = require('./lane.js');

/** Also the most that a limit can be. */
const COST_MAX = 2 ** 32 - 1;
const KEYS_MAX = 2 ** 32 - 1;

const LIMITER_OPTIONS = {
  limit: options.required(options.integer({ min: 1, max: COST_MAX })),
  window: options.required(options.duration),
  algorithm: options.oneOf(['sliding-window', 'fixed-window']),
  maxKeys: options.integer({ min: 1, max: KEYS_MAX }),
};
const CONSUME_OPTIONS = { cost: options.integer({ min: 1, max: COST_MAX }) };

/** What the addon's answer in scratch[5] means. */
const REASON_OVERFLOW = 2;

class Limiter {
  /** @type {import('../native.js').LimiterFunctions} */
  #native;
  /** @type {(key: string, cost: number) => boolean | undefined} */
  #consume;

  /** @param {string} name @param {import('../native.js').LimiterFunctions} native */
  constructor(name, native) {
    this.name = name;
    this.#native = native;
    this.#consume = native.consume;
    const { limit, window } = JSON.parse(native.options);
    /** For doors that put the policy into headers. @internal */
    this.policy = Object.freeze({ limit, windowMs: window });
    Object.defineProperty(this, 'policy', { enumerable: false });
  }

  /**
   * @param {string} key
   * @param {{ cost?: number }} [given]
   * @returns {import('../index.js').LimitResult}
   */
  consumeSync(key, given) {
    const allowed = this.#consume(key, given === undefined ? 1 : costOf(given));
    if (scratch[0] !== STATUS_OK) throw takeError(this.consumeSync);
    return answer(allowed);
  }

  /** @param {string} key @param {{ cost?: number }} [given] */
  async consume(key, given) {
    return this.consumeSync(key, given);
  }

  /** @param {string} key */
  async peek(key) {
    return answer(ready(this.#native.peek(key)));
  }

  /** @param {string} key */
  async reset(key) {
    return ready(this.#native.reset(key));
  }

  async stats() {
    return JSON.parse(ready(this.#native.stats()));
  }
}

/** @param {{ cost?: number }} given */
function costOf(given) {
  const cost = given?.cost;
  // Every consume comes by here: the usual object is told without walking a schema.
  if (typeof given !== 'object' || given === null || Object.keys(given).length > 1 || !isCost(cost)) {
    return options.checkOptions('consume()', given, CONSUME_OPTIONS, Limiter.prototype.consumeSync).cost ?? 1;
  }
  return cost;
}

/** @param {unknown} cost @returns {cost is number} */
function isCost(cost) {
  return typeof cost === 'number' && Number.isInteger(cost) && cost >= 1 && cost <= COST_MAX;
}

/**
 * The answer in the scratch array as an object; one shape for allowed, one for denied.
 * @param {boolean | undefined} allowed
 * @returns {import('../index.js').LimitResult}
 */
function answer(allowed) {
  if (allowed) {
    return { allowed: true, limit: scratch[1], remaining: scratch[2], resetAfterMs: scratch[3], retryAfterMs: 0 };
  }
  return {
    allowed: false,
    limit: scratch[1],
    remaining: scratch[2],
    resetAfterMs: scratch[3],
    retryAfterMs: scratch[4],
    reason: scratch[5] === REASON_OVERFLOW ? 'overflow' : 'limit',
  };
}

/**
 * Options as core reads them.
 * @param {unknown} given
 * @param {Function} above
 */
function readLimiterOptions(given, above) {
  const checked = options.checkOptions('limiter()', given, LIMITER_OPTIONS, above);
  return { ...checked };
}

module.exports = { Limiter, readLimiterOptions };
