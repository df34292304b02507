'use strict';
/**
 * A storage for @nestjs/throttler: its contract in its words, over the public methods of Limiter.
 *
 * The guard of Nest leaves the decision to its storage and hands it limit, window and block with every call. A key that
 * is over the limit is blocked; what it is blocked for is forgotten, so that it starts anew when the block ends, as
 * with Nest's own storage. The name of the throttler stands before the key, with its length, because keys of a custom
 * generateKey need not contain it.
 */
const { blockWhereRoom, maxKeysOption, nameOption, storeOption, windowOf } = require('./hits.js');
const { ALGORITHMS, UNITS_MAX } = require('./limits.js');
const check = require('./options.js');

/** The limiter's own: each call names its limit and window, and keys beyond maxKeys share a counter of these at most. */
const LIMIT = 65_535;
const WINDOW_MS = 60_000;

const OPTIONS = {
  store: storeOption,
  prefix: nameOption,
  algorithm: check.oneOf(ALGORITHMS),
  maxKeys: maxKeysOption,
};

class ThrottlerStorage {
  #limiter;

  /** @param {unknown} options See nest-throttler.d.ts. */
  constructor(options) {
    const { store, prefix, algorithm, maxKeys } = check.checkOptions(
      'ThrottlerStorage',
      options,
      OPTIONS,
      ThrottlerStorage,
    );
    this.#limiter = store.limiter(prefix, { limit: LIMIT, window: WINDOW_MS, algorithm, maxKeys });
  }

  /**
   * @param {string} key
   * @param {number} ttl Milliseconds, as blockDuration.
   * @param {number} limit
   * @param {number} blockDuration
   * @param {string} throttlerName
   */
  async increment(key, ttl, limit, blockDuration, throttlerName) {
    const window = windowOf(ttl);
    const blockMs = blockDuration > 0 ? windowOf(blockDuration) : 0;
    if (limit < 1) return denial(limit, window, blockMs || window);
    const policy = { limit: Math.min(Math.floor(limit), UNITS_MAX), window };
    const at = `${throttlerName.length}:${throttlerName}${key}`;
    const result = await this.#limiter.consume(at, policy);
    if (!result.allowed) {
      const blocks = result.reason === 'limit' && blockMs > 0;
      const blocked = blocks && (await blockWhereRoom(this.#limiter, at, blockMs, policy));
      return denial(policy.limit, result.resetAfterMs, blocked ? blockMs : result.retryAfterMs);
    }
    return {
      totalHits: policy.limit - result.remaining,
      timeToExpire: seconds(result.resetAfterMs),
      isBlocked: false,
      timeToBlockExpire: 0,
    };
  }
}

/** @param {number} limit @param {number} resetMs @param {number} blockedMs */
function denial(limit, resetMs, blockedMs) {
  return {
    totalHits: limit + 1,
    timeToExpire: seconds(resetMs),
    isBlocked: true,
    timeToBlockExpire: seconds(blockedMs),
  };
}

/** @param {number} ms */
function seconds(ms) {
  return Math.ceil(ms / 1000);
}

module.exports = { ThrottlerStorage };
