'use strict';
/**
 * A store for express-rate-limit: its contract in its words, over the public methods of Limiter.
 *
 * express-rate-limit holds the limit, which may differ from request to request, and asks its store only how many hits a
 * key has had. So hits over the limit count too, under a limit that nobody reaches. They cost no memory where a window is
 * a few counters. A log would grow by each of them: it takes the limit from express-rate-limit and records none beyond.
 * That makes two things impossible with a log. Its limit has to be a number. And a hit that express-rate-limit takes back
 * (skipFailedRequests) has to be known by more than its key: of a hit that was never recorded, the one given back
 * would be another request's. Both are refused; 'sliding-window' can do both.
 *
 * Times are told from now by Date, because express-rate-limit compares them with Date, whatever clock the store has.
 */
const { RedstartError, invalidArg } = require('./errors.js');
const { OVER, hitsOf, maxKeysOption, nameOption, storeOption, waitMs } = require('./hits.js');
const { UNITS_MAX } = require('./limits.js');
const check = require('./options.js');

const OPTIONS = {
  store: storeOption,
  prefix: nameOption,
  algorithm: check.oneOf(['fixed-window', 'sliding-window', 'sliding-log']),
  maxKeys: maxKeysOption,
};

class RateLimitStore {
  /** The same keys in another process or thread are the same counters. */
  localKeys = false;
  #options;
  /** @type {import('../index.js').Limiter | undefined} */
  #limiter;
  /** Why there is no limiter. @type {unknown} */
  #refused = new RedstartError(
    'this RateLimitStore knows no window yet: hand it to express-rate-limit, rateLimit({ windowMs, limit, store })',
    { code: 'ERR_INVALID_STATE' },
  );
  /** What a denied hit counts as. */
  #over = OVER;

  /** @param {unknown} options See express-rate-limit.d.ts. */
  constructor(options) {
    this.#options = check.checkOptions('RateLimitStore', options, OPTIONS, RateLimitStore);
    this.prefix = this.#options.prefix;
  }

  /** @param {any} options Those of the middleware. */
  init(options) {
    try {
      this.#limiter = this.#open(options);
    } catch (error) {
      // express-rate-limit logs what is thrown here and goes on; the requests must not pass for that.
      this.#refused = error;
      throw error;
    }
  }

  /** @param {string} key */
  async increment(key) {
    return this.#info(await this.#ready().consume(key));
  }

  /** @param {string} key */
  async get(key) {
    const { limit, remaining, resetAfterMs } = await this.#ready().peek(key);
    const totalHits = limit - remaining;
    return totalHits === 0 ? undefined : { totalHits, resetTime: inMs(resetAfterMs) };
  }

  /** @param {string} key */
  async decrement(key) {
    await this.#ready().refund(key);
  }

  /** @param {string} key */
  async resetKey(key) {
    await this.#ready().reset(key);
  }

  async resetAll() {
    await this.#ready().resetAll();
  }

  shutdown() {}

  /** @param {any} options */
  #open({ windowMs, limit, skipFailedRequests, skipSuccessfulRequests }) {
    const { store, prefix, algorithm = 'fixed-window', maxKeys } = this.#options;
    if (algorithm !== 'sliding-log') {
      return store.limiter(prefix, { limit: UNITS_MAX, window: windowMs, algorithm, maxKeys });
    }
    if (typeof limit !== 'number') {
      throw refuseLog('a limit that is a number, as it records no hit over the limit; got a function');
    }
    if (skipFailedRequests || skipSuccessfulRequests) {
      throw refuseLog('neither skipFailedRequests nor skipSuccessfulRequests, as a hit over the limit has no record');
    }
    this.#over = Math.floor(limit) + 1;
    return store.limiter(prefix, { limit: Math.max(1, Math.floor(limit)), window: windowMs, algorithm, maxKeys });
  }

  #ready() {
    if (this.#limiter === undefined) throw this.#refused;
    return this.#limiter;
  }

  /** @param {import('../index.js').LimitResult} result */
  #info(result) {
    return { totalHits: Math.min(hitsOf(result), this.#over), resetTime: inMs(waitMs(result)) };
  }
}

/** @param {string} what */
function refuseLog(what) {
  return invalidArg(`'sliding-log' of RateLimitStore takes ${what}: choose algorithm 'sliding-window'`, RateLimitStore);
}

/** @param {number} ms */
function inMs(ms) {
  return new Date(Date.now() + Math.ceil(ms));
}

module.exports = { RateLimitStore };
