'use strict';
/**
 * A limiter for rate-limiter-flexible: its contract in its words, over the public methods of Limiter.
 *
 * There, points that were refused count as consumed, and apps go by that: one that reads `consumedPoints > points` with
 * get() before it looks at a password must find it so after the first refusal. So points are counted under a limit that
 * nobody reaches, and compared here. A count is one step, so exactly one of many calls finds that it crossed the limit, and
 * blocks.
 */
const library = require('rate-limiter-flexible');
const { invalidArg } = require('./errors.js');
const { DURATION_MS_MAX } = require('./duration.js');
const { blockAnew, blockWhereRoom, maxKeysOption, nameOption, storeOption } = require('./hits.js');
const { UNITS_MAX } = require('./limits.js');
const check = require('./options.js');

/** @typedef {import('../index.js').LimitResult} LimitResult */

const { RateLimiterRes } = library;
/** Its types declare properties where it has accessors. */
const Compatible = /** @type {new () => object} */ (library.RateLimiterCompatibleAbstract);

const SECONDS_MAX = DURATION_MS_MAX / 1000;

const OPTIONS = {
  store: storeOption,
  keyPrefix: nameOption,
  points: check.required(check.integer({ min: 0, max: UNITS_MAX - 1 })),
  duration: check.required(check.number({ min: 0.001, max: SECONDS_MAX })),
  blockDuration: check.number({ min: 0, max: SECONDS_MAX }),
  maxKeys: maxKeysOption,
};

class RateLimiterRedstart extends Compatible {
  #limiter;
  #keyPrefix;
  #blockDuration;

  /** @param {unknown} options See rate-limiter-flexible.d.ts. */
  constructor(options) {
    super();
    const checked = check.checkOptions('RateLimiterRedstart', options, OPTIONS, RateLimiterRedstart);
    const { store, keyPrefix, points, duration, blockDuration, maxKeys } = checked;
    this.points = points;
    this.duration = duration;
    this.#keyPrefix = keyPrefix;
    this.#blockDuration = blockDuration ?? 0;
    const window = Math.ceil(duration * 1000);
    this.#limiter = store.limiter(keyPrefix, { limit: UNITS_MAX, window, algorithm: 'fixed-window', maxKeys });
  }

  get keyPrefix() {
    return this.#keyPrefix;
  }

  get blockDuration() {
    return this.#blockDuration;
  }

  /** Also set by a limiter whose insurance this one is. */
  set blockDuration(seconds) {
    this.#blockDuration = seconds;
  }

  get execEvenly() {
    return false;
  }

  set execEvenly(value) {
    if (value) throw unsupported('has no execEvenly: use limiter.wait() of redstart', RateLimiterRedstart);
  }

  /** @param {string | number} key @param {number} [pointsToConsume] @param {{ customDuration?: number }} [options] */
  async consume(key, pointsToConsume = 1, options) {
    refuseCustom(options);
    const result = await this.#limiter.consume(String(key), { cost: pointsToConsume });
    const answer = this.#answer(result, pointsToConsume);
    if (answer.consumedPoints <= this.points) return answer;
    const crossed = result.allowed && answer.consumedPoints - pointsToConsume <= this.points;
    const blockMs = this.#blockDuration * 1000;
    if (crossed && blockMs > 0 && (await blockWhereRoom(this.#limiter, String(key), blockMs))) {
      throw new RateLimiterRes(0, blockMs, answer.consumedPoints, answer.isFirstInDuration);
    }
    throw answer;
  }

  /** @param {string | number} key @param {number} [points] @param {{ customDuration?: number }} [options] */
  async penalty(key, points = 1, options) {
    refuseCustom(options);
    const result = await this.#limiter.penalty(String(key), points);
    // A key that is blocked starts anew afterwards: there is nothing to add to.
    if (result.reason === 'blocked') await this.#limiter.refund(String(key), points);
    return this.#answer(result, points);
  }

  /** @param {string | number} key @param {number} [points] @param {{ customDuration?: number }} [options] */
  async reward(key, points = 1, options) {
    refuseCustom(options);
    await this.#limiter.refund(String(key), points);
    return this.#answer(await this.#limiter.peek(String(key)));
  }

  /** @param {string | number} key */
  async get(key) {
    const answer = this.#answer(await this.#limiter.peek(String(key)));
    return answer.consumedPoints === 0 ? null : answer;
  }

  /** @param {string | number} key @param {number} secDuration */
  async block(key, secDuration) {
    await blockAnew(this.#limiter, String(key), secDuration * 1000);
    return new RateLimiterRes(0, secDuration * 1000, this.points + 1, false);
  }

  /** @returns {Promise<never>} */
  async set() {
    throw unsupported('has no set(): use penalty(), block() or delete()', this.set);
  }

  /** @param {string | number} key */
  async delete(key) {
    return this.#limiter.reset(String(key));
  }

  /** @param {LimitResult} result @param {number} [added] Points that the call has counted. */
  #answer({ limit, remaining, reason, resetAfterMs, retryAfterMs }, added) {
    const consumed = reason === undefined ? limit - remaining : this.points + 1;
    const waitMs = Math.ceil(reason === undefined ? resetAfterMs : retryAfterMs);
    return new RateLimiterRes(Math.max(0, this.points - consumed), waitMs, consumed, consumed === added);
  }
}

/** @param {{ customDuration?: number } | undefined} options */
function refuseCustom(options) {
  if (options?.customDuration === undefined) return;
  throw unsupported('has one duration for all its keys: make another one in place of customDuration', refuseCustom);
}

/** @param {string} what @param {Function} above */
function unsupported(what, above) {
  return invalidArg(`a RateLimiterRedstart ${what}`, above);
}

module.exports = { RateLimiterRedstart };
