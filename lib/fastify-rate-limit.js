'use strict';
/**
 * A store for @fastify/rate-limit: its contract in its words, over the public methods of Limiter.
 *
 * The plugin makes the store itself, from a class, and has it make a child for each route with limits of its own. All of
 * them count in one limiter: a scope before the key keeps them apart. The scope of a route is its method, URL and
 * constraints, so that it is the same in every thread; that of a group is the group, so that its routes count together.
 * Limiters that are no route's (fastify.rateLimit() as a hook of one's own) are told apart by their order.
 *
 * The plugin appends the group of the request's route to the key, with nothing between. In the scope of a route or of a
 * group that does no harm, as the group is the same there. A limiter that is no route's may meet routes of several groups:
 * there the groups count apart, and 'one' of 'otp' is 'oneo' of 'tp', as with the plugin's own store.
 */
const { invalidArg } = require('./errors.js');
const { hitsOf, maxKeysOption, nameOption, storeOption, waitMs, windowOf } = require('./hits.js');
const { UNITS_MAX } = require('./limits.js');
const check = require('./options.js');

/** The plugin's own default. Each call names its window; this only has to be the same in all threads. */
const WINDOW_MS = 60_000;

const OPTIONS = {
  store: storeOption,
  prefix: nameOption,
  algorithm: check.oneOf(['fixed-window', 'sliding-window']),
  maxKeys: maxKeysOption,
};

/** @typedef {(error: unknown, result?: { current: number, ttl: number }) => void} Callback */

class ScopedStore {
  #limiter;
  #scope;
  /** Children that are no route's. */
  #unnamed = 0;

  /** @param {import('../index.js').Limiter} limiter @param {any} params As the plugin merged them. @param {string} scope */
  constructor(limiter, params, scope) {
    for (const option of ['continueExceeding', 'exponentialBackoff']) {
      if (params?.[option]) {
        throw invalidArg(
          `a store of fastifyRateLimitStore() has no ${option}; use 'ban', or algorithm 'sliding-window', which a client passes only by slowing down`,
          ScopedStore,
        );
      }
    }
    this.#limiter = limiter;
    // Its length first: no scope and key read as another's.
    this.#scope = `${scope.length}:${scope}`;
  }

  /** @param {string} key @param {Callback} callback @param {number} timeWindow */
  incr(key, callback, timeWindow) {
    this.#limiter
      .consume(this.#scope + key, { window: windowOf(timeWindow) })
      .then((result) => callback(null, { current: hitsOf(result), ttl: waitMs(result) }), callback);
  }

  /** @param {string} key @param {Callback} callback @param {number} timeWindow */
  read(key, callback, timeWindow) {
    this.#limiter
      .peek(this.#scope + key, { window: windowOf(timeWindow) })
      .then(
        ({ limit, remaining, resetAfterMs }) =>
          callback(null, { current: limit - remaining, ttl: Math.ceil(resetAfterMs) }),
        callback,
      );
  }

  /** @param {any} params */
  child(params) {
    return new ScopedStore(this.#limiter, params, this.#scopeOf(params));
  }

  /** @param {any} params */
  #scopeOf({ groupId, routeInfo }) {
    if (groupId) return `group ${groupId}`;
    if (routeInfo?.url === undefined) return `limiter ${++this.#unnamed}`;
    const { method, url, constraints = {} } = routeInfo;
    const conditions = Object.entries(constraints).map(([name, value]) => [name, String(value)]);
    return `route ${JSON.stringify([method, url, conditions])}`;
  }
}

/** @param {unknown} options See fastify-rate-limit.d.ts. */
function fastifyRateLimitStore(options) {
  const { store, prefix, algorithm, maxKeys } = check.checkOptions(
    'fastifyRateLimitStore()',
    options,
    OPTIONS,
    fastifyRateLimitStore,
  );
  const limiter = store.limiter(prefix, {
    limit: UNITS_MAX,
    window: WINDOW_MS,
    algorithm: algorithm ?? 'fixed-window',
    maxKeys,
  });
  return class FastifyRateLimitStore extends ScopedStore {
    /** @param {unknown} params Those of the plugin. */
    constructor(params) {
      super(limiter, params, '');
    }
  };
}

module.exports = { fastifyRateLimitStore };
