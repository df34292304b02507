import type { LimiterAlgorithm, Store } from '../index.js';

export interface ThrottlerStorageOptions {
  /** `open('memory:app')`. Every worker thread that opens it shares the counters. */
  store: Store;
  /**
   * The name of the limiter that counts. Storages with one prefix, in any thread, count together; applications that share
   * a store each need their own. A limiter of that name with other options is ERR_OPTIONS_CONFLICT.
   */
  prefix: string;
  /**
   * How hits are counted, with the limit and ttl of each throttler: default 'sliding-window', never more than limit in any
   * ttl, and a key as new after up to 17/16 of it. 'sliding-log' is to the millisecond, as Nest's own storage; it takes limits
   * of at most 1,000,000.
   */
  algorithm?: LimiterAlgorithm;
  /**
   * Distinct keys and blocks at most, default 1_000_000. Further new keys share one counter, and a key without room for its
   * block is denied by its limit alone; no key is forgotten before its time.
   */
  maxKeys?: number;
}

export interface ThrottlerRecord {
  /** Hits that count, this one included; limit + 1 when it is denied. */
  totalHits: number;
  /** Whole seconds, rounded up, until the key is as new. */
  timeToExpire: number;
  isBlocked: boolean;
  /** Whole seconds, rounded up, until the next request may pass; 0 when this one does. */
  timeToBlockExpire: number;
}

/**
 * A storage for @nestjs/throttler 6:
 * `ThrottlerModule.forRoot({ throttlers: [{ ttl: 60_000, limit: 100 }], storage: new ThrottlerStorage({ store, prefix }) })`.
 *
 * What is denied does not count. The first denial of a key blocks it for blockDuration (Nest's default: ttl), which
 * further requests do not prolong; then it starts anew, also where blockDuration is shorter than ttl. With a blockDuration of 0
 * a key passes as soon as its limit lets it. A limit below 1 denies everything. A new key that shares a counter, because
 * there are maxKeys already, is denied by that counter and never blocked.
 */
export class ThrottlerStorage {
  constructor(options: ThrottlerStorageOptions);
  /** ttl and blockDuration in milliseconds, the answer in seconds, as Nest has it. */
  increment(
    key: string,
    ttl: number,
    limit: number,
    blockDuration: number,
    throttlerName: string,
  ): Promise<ThrottlerRecord>;
}
