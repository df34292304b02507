import type { Store } from '../index.js';

export interface FastifyRateLimitStoreOptions {
  /** `open('memory:app')`. Every worker thread that opens it shares the counters. */
  store: Store;
  /**
   * The name of the limiter that counts. Registrations of the plugin with one prefix, in any thread, count together; give
   * each its own. A limiter of that name with other options is ERR_OPTIONS_CONFLICT.
   */
  prefix: string;
  /**
   * 'fixed-window' (default): from the first hit of a key to timeWindow later, as the plugin's own store; up to 2 * max - 1
   * requests pass in the worst window. 'sliding-window': never more than max in any window. Both count the requests that are
   * denied, so that under 'sliding-window' a client has to slow down to get through.
   */
  algorithm?: 'fixed-window' | 'sliding-window';
  /** Distinct keys at most, default 1_000_000. Further new keys share one counter; no key is forgotten before its time. */
  maxKeys?: number;
}

export interface FastifyRateLimitStore {
  incr(
    key: string,
    callback: (error: Error | null, result?: { current: number; ttl: number }) => void,
    timeWindow: number,
    max: number,
  ): void;
  /** What incr would count on, without counting: `{ current: 0, ttl: 0 }` for a key without requests. */
  read(
    key: string,
    callback: (error: Error | null, result?: { current: number; ttl: number }) => void,
    timeWindow: number,
    max: number,
  ): void;
  child(routeOptions: any): FastifyRateLimitStore;
}

/**
 * A store class for @fastify/rate-limit 11:
 * `fastify.register(rateLimit, { max: 100, timeWindow: '1m', store: fastifyRateLimitStore({ store, prefix: 'api' }) })`.
 *
 * Routes without limits of their own count together, as always with the plugin. A route with `config.rateLimit` has its own
 * counters, by method, URL and constraints, unless a `groupId` puts it together with others. So has each
 * `fastify.rateLimit(options)` and `fastify.createRateLimit(options)`, by the order of these calls. A timeWindow that is
 * another than before (it may be a function) is another counter of the key.
 *
 * `ban` counts what is denied. `continueExceeding` and `exponentialBackoff` are ERR_INVALID_ARG when the plugin or the
 * route is registered. What fails later (a closed store) is the request's error, or passes with `skipOnError`.
 */
export function fastifyRateLimitStore(
  options: FastifyRateLimitStoreOptions,
): new (
  params: object,
) => FastifyRateLimitStore;
