import { RateLimiterCompatibleAbstract, type RateLimiterRes } from 'rate-limiter-flexible';
import type { Store } from '../index.js';

/** Durations are seconds, as everywhere in rate-limiter-flexible. */
export interface RateLimiterRedstartOptions {
  /** `open('memory:app')`. Every worker thread that opens it shares the points. */
  store: Store;
  /**
   * The name of the limiter that counts, and of this one within a RateLimiterUnion. Limiters with one keyPrefix, in any
   * thread, count together. A limiter of that name with other options is ERR_OPTIONS_CONFLICT.
   */
  keyPrefix: string;
  /** A whole number from 0, which refuses everything, to 2^32 - 2. */
  points: number;
  /** Seconds from the first point that a key consumes until its points are back: 0.001 to 100 years. */
  duration: number;
  /** Seconds that a key is refused from the moment it is over its points. Default 0: until its points are back. */
  blockDuration?: number;
  /**
   * Distinct keys and blocks at most, default 1_000_000. Further new keys share their points, and a key without room for its
   * block is refused until its points are back; no key is forgotten before its time.
   */
  maxKeys?: number;
}

/**
 * A limiter for rate-limiter-flexible, by itself or in its RateLimiterUnion, RateLimiterQueue, BurstyRateLimiter,
 * RLWrapperBlackAndWhite and as an insuranceLimiter: `new RateLimiterRedstart({ store, keyPrefix: 'login', points: 5, duration: 60 })`.
 *
 * As RateLimiterMemory: points from the first to `duration` later, refused points count too, and when a block ends the key
 * starts anew. Other than there, reward() gives back no more than was consumed, and what a block refuses is not
 * counted: consumedPoints is then points + 1. execEvenly, customDuration, set(), a duration of 0 (also that of block(), which
 * there is for ever) and points that are no whole number from 1 are ERR_INVALID_ARG.
 */
export class RateLimiterRedstart extends RateLimiterCompatibleAbstract {
  constructor(options: RateLimiterRedstartOptions);
  readonly points: number;
  /** Seconds. */
  readonly duration: number;
  readonly keyPrefix: string;
  blockDuration: number;
  /** false; true is ERR_INVALID_ARG. */
  execEvenly: boolean;
  /** Rejects with a RateLimiterRes when the key is over its points or blocked, with a RedstartError when it could not ask. */
  consume(key: string | number, pointsToConsume?: number, options?: { [key: string]: any }): Promise<RateLimiterRes>;
  /** Counts points, unless the key is blocked, and refuses nothing. */
  penalty(key: string | number, points?: number, options?: { [key: string]: any }): Promise<RateLimiterRes>;
  reward(key: string | number, points?: number, options?: { [key: string]: any }): Promise<RateLimiterRes>;
  /** null for a key without points. */
  get(key: string | number): Promise<RateLimiterRes | null>;
  /** In place of an earlier block. ERR_STORE_FULL when there is no room for one more. */
  block(key: string | number, secDuration: number): Promise<RateLimiterRes>;
  /** ERR_INVALID_ARG. */
  set(): Promise<never>;
  delete(key: string | number): Promise<boolean>;
}
