import { EventEmitter } from 'node:events';
import type { Cache } from '../index.js';

export interface KeyvStoreOptions {
  /**
   * `store.cache('http', { ttl: '5m' })`. Its ttl holds for what Keyv sets without one; a ttl from Keyv (of the call or of
   * the Keyv) holds instead of it, longer or shorter, as with `cache.set(key, value, { ttl })`. With `ttl: null` entries
   * without a ttl live until they are evicted, as Keyv has it by itself. Any codec does that takes what Keyv stores:
   * strings by default, objects when its serialization is off.
   */
  cache: Cache<any>;
  /**
   * Keeps the keys of this store apart; clear() and iterator() keep to it. A namespace that Keyv names takes its place: Keyv 5
   * always names one ('keyv') unless it is given `namespace: undefined`; Keyv 6 and NestJS do only when told to. Default:
   * none, so that keys stand in the cache as they are and clear() clears all of it.
   */
  namespace?: string;
}
/**
 * A storage adapter for Keyv 5 and Keyv 6, and through them for cache-manager 7 and NestJS:
 * `new Keyv({ store: new KeyvStore({ cache }) })`. Every worker thread that opens the same store shares the entries.
 *
 * One Keyv each: several may share a cache, with a KeyvStore and a namespace of their own. Keyv 5 and Keyv 6 at one
 * KeyvStore are ERR_INVALID_STATE, because they mean different times by the same call. Called without a Keyv it answers as
 * to Keyv 5.
 *
 * A key stands in the cache behind its namespace and a colon (`users:42`; a colon or a percent sign within the namespace
 * is escaped, so that no namespace holds another); Keyv 5 adds a prefix of its own (`users:users:42`) unless it has
 * `useKeyPrefix: false`. Keys may hold any character. The iterator of Keyv 5 takes off what stands before the first colon of
 * a key, over any store, though it put nothing there (`namespace: undefined`) or more than that (`'a:b'`): with
 * `useKeyPrefix: false` it gives the keys as they are.
 *
 * What is refused (a key over 64 KiB, a value that cannot be encoded) rejects with the cache's error. Of set and delete
 * Keyv then makes false, and an 'error' of its own.
 */
export class KeyvStore extends EventEmitter {
  constructor(options: KeyvStoreOptions);
  /** The one that holds. To Keyv 5 the one it has set: it passes over keys that lack what is named here. */
  namespace: string | undefined;
  /** For Keyv 5. */
  readonly opts: Record<string, unknown>;
  /** For Keyv 6. */
  readonly capabilities: {
    compatible: boolean;
    store: 'keyvStorage';
    methods: Record<
      | 'get'
      | 'getMany'
      | 'has'
      | 'hasMany'
      | 'set'
      | 'setMany'
      | 'delete'
      | 'deleteMany'
      | 'clear'
      | 'disconnect'
      | 'iterator',
      { exists: boolean; methodType: 'sync' | 'async' }
    >;
    expires: boolean;
  };
  get(key: string): Promise<any>;
  /** One crossing. Positional; undefined where there is none. */
  getMany(keys: readonly string[]): Promise<any[]>;
  has(key: string): Promise<boolean>;
  hasMany(keys: readonly string[]): Promise<boolean[]>;
  /**
   * The third argument is what the Keyv at hand means: milliseconds from now with Keyv 5, an instant in milliseconds since
   * the epoch with Keyv 6. None, one that is not finite, and 0 milliseconds: the cache's ttl. One that is over, negative
   * milliseconds included: the entry is not there. Over 100 years: 100 years.
   *
   * Whether it was stored. false for a value larger than the cache's maxEntrySize: the old value is gone, stats().rejections
   * counts it, and no 'error' is emitted.
   */
  set(key: string, value: unknown, ttlOrExpires?: number): Promise<boolean>;
  /**
   * As set, entry by entry: `ttl` as Keyv 5 gives it, `expires` as Keyv 6 does. Positional: for one that is refused false,
   * and an 'error' once all others are stored, which Keyv passes on to its listeners. With no listener at all, or when every
   * entry is refused, it rejects.
   */
  setMany(entries: readonly { key: string; value: unknown; ttl?: number; expires?: number }[]): Promise<any>;
  delete(key: string): Promise<boolean>;
  /** To Keyv 6 one boolean a key, to Keyv 5 whether any was there. A key that is refused is as with setMany. */
  deleteMany(keys: readonly string[]): Promise<any>;
  /** Those of the namespace; without one, all that the cache holds. */
  clear(): Promise<void>;
  /** Keys as they were given, without the namespace. A key comes once; after many removals meanwhile it may come twice. */
  iterator(namespace?: string): AsyncGenerator<[string, any], void>;
  /** Nothing: whoever opened the store closes it. */
  disconnect(): Promise<void>;
  listeners(eventName: string | symbol): Array<(...args: any[]) => void>;
  rawListeners(eventName: string | symbol): Array<(...args: any[]) => void>;
}
