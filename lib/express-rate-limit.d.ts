import type { Store } from '../index.js';

export interface RateLimitStoreOptions {
  /** `open('memory:app')`. Every worker thread that opens it shares the counters. */
  store: Store;
  /**
   * The name of the limiter that counts, and so which counters are shared: middlewares with one prefix, in any thread,
   * count together. Give each middleware its own. A limiter of that name with other options is ERR_OPTIONS_CONFLICT.
   */
  prefix: string;
  /**
   * 'fixed-window' (default): from the first hit of a key to windowMs later, as the MemoryStore of express-rate-limit; up
   * to 2 * limit - 1 hits pass in the worst window. 'sliding-window': never more than limit in any window. Both count the
   * hits that are denied, so that under 'sliding-window' a client has to slow down to get through. 'sliding-log': never more
   * than limit in any window, to the millisecond, and what is denied does not count; 8 bytes for each hit that passes,
   * and the limit has to be a number of at most 1,000,000, without skipFailedRequests and skipSuccessfulRequests.
   */
  algorithm?: 'fixed-window' | 'sliding-window' | 'sliding-log';
  /** Distinct keys at most, default 1_000_000. Further new keys share one counter; no key is forgotten before its time. */
  maxKeys?: number;
}

/** Hits of a key, and when it is as new: or, denied for sure, when it may try again. */
export interface RateLimitInfo {
  totalHits: number;
  /** By Date, in whole milliseconds. */
  resetTime: Date | undefined;
}

/**
 * A store for express-rate-limit 8: `rateLimit({ windowMs, limit, store: new RateLimitStore({ store, prefix: 'api' }) })`.
 * One for each middleware. Hits over the limit count, under the default algorithm exactly as in its MemoryStore.
 *
 * What express-rate-limit hands to init() may not fit (windowMs over 100 years, a conflict with another limiter, what
 * 'sliding-log' does not take): it logs that, and every request then fails with the same error, or passes where it is told
 * passOnStoreError. Before init() the methods reject with ERR_INVALID_STATE.
 *
 * A key that `store.limiter(prefix).block(key, '1h')` blocks is denied.
 */
export class RateLimitStore {
  constructor(options: RateLimitStoreOptions);
  readonly prefix: string;
  /** false: the counters are those of the store, by prefix and key. */
  localKeys: boolean;
  /** Called by express-rate-limit. */
  init(options: {
    windowMs: number;
    limit: number | ((...args: any[]) => unknown);
    skipFailedRequests: boolean;
    skipSuccessfulRequests: boolean;
  }): void;
  /** undefined for a key without hits. */
  get(key: string): Promise<RateLimitInfo | undefined>;
  increment(key: string): Promise<RateLimitInfo>;
  /** Takes back the last hit that still counts. */
  decrement(key: string): Promise<void>;
  resetKey(key: string): Promise<void>;
  resetAll(): Promise<void>;
  /** Nothing: whoever opened the store closes it. */
  shutdown(): void;
}
