/// <reference types="node" />
/**
 * redstart keeps a Node.js app's fast temporary state in process: caches, sessions, rate limits and job queues,
 * shared by all worker threads, bounded in bytes and counted.
 *
 * Keys are strings, any string: empty, NUL, any Unicode, lone surrogates included (two different strings never alias),
 * up to 64 KiB as stored (one byte a character when all are below U+0100, two bytes a UTF-16 unit otherwise), for limiters,
 * which keep a hash only, of any length; anything else is ERR_INVALID_ARG.
 *
 * Async methods never throw synchronously: they reject. Only open(), manualClock(), its advance(), the factories (cache,
 * sessions, limiter, queue), memoize(), process(), on/once/off of caches, queues and workers, consumeSync and the other *Sync methods,
 * ipKey() and rateLimit() throw.
 *
 * Every options object is checked: an unknown name or a value of the wrong kind is ERR_INVALID_ARG, which says what was
 * wrong, what is allowed and, for a misspelt name, the nearest one that exists.
 */

/**
 * Milliseconds, or '250ms', '30s', '5m', '2h', '7d', '1.5h'. Zero, negatives, NaN and unknown units are
 * ERR_INVALID_ARG, as is anything over 100 years. Where null means "never", Infinity means the same.
 */
export type Duration = number | string;
/** Bytes, or '64kb', '10mb', '1gb' (powers of 1024, case-insensitive). */
export type Bytes = number | string;

/**
 * Opens a store.
 *
 *   open()                 the same as open('memory:default'): one store for the process, whoever asks
 *   open('memory:app')     memory, shared by every module and worker thread of this process that opens the same name
 *   open('memory:')        memory, private to this call: for tests
 *
 * Each call is a handle of its own; a named store lives until its last handle closes. A thread that ends without closing
 * gives back the jobs it was running and never takes the store with it (a pool of threads may shrink to zero).
 * 'file:' and 'redis:' are not in this version; they, and unknown schemes, throw ERR_INVALID_ARG naming those that exist.
 * In a process forked by cluster or PM2 a memory store warns once (code REDSTART_MULTI_PROCESS): each process has its own.
 */
export function open(url?: string, options?: StoreOptions): Store;

export interface StoreOptions {
  /**
   * Time for tests: nothing expires, refills or falls due until the clock advances. It belongs to the store: other
   * threads leave it out and share it; a different clock is ERR_OPTIONS_CONFLICT.
   */
  clock?: ManualClock;
  /**
   * Cap on all state that may not be evicted (sessions, jobs, limiter keys), in bytes as measured by redstart.
   * Default: a quarter of the memory this process may use, at most 1 GiB. When it is reached, retained finished jobs
   * yield first; then create and set of sessions and add of queues reject with
   * ERR_STORE_FULL. A limiter decides all the same: further new keys share its overflow bucket (reason 'overflow'); only its
   * block() and wait() reject.
   */
  maxMemory?: Bytes;
  /**
   * What happens when a name is asked for again with other options: 'throw' (default) ERR_OPTIONS_CONFLICT, which names
   * both values and where the first was given; 'keep' goes on with the first. Normalised values are compared ('1m'
   * equals 60000).
   */
  onOptionsConflict?: 'throw' | 'keep';
}

/**
 * A clock that stands still until it is told to move. The start defaults to Date.now(), in milliseconds since the epoch.
 *
 *   const clock = manualClock();
 *   const store = open('memory:', { clock });
 *   clock.advance('5m');
 */
export function manualClock(startMs?: number): ManualClock;
/** Jest's fake timers neither freeze nor move it. */
export interface ManualClock {
  readonly nowMs: number;
  /** Steps through every due instant in order (expiries, delayed jobs, retries) and returns. Throws ERR_INVALID_ARG for a bad duration. */
  advance(by: Duration): void;
  /**
   * As advance, and at each instant waits until every job that fell due has run, as far as a worker of this process
   * takes it. Leases of live threads count as renewed. A handler that waits for this clock to move (its job's timeout is to
   * end it) holds it up: advance() then.
   */
  advanceAsync(by: Duration): Promise<void>;
}

export interface Store extends AsyncDisposable {
  readonly url: string;
  readonly engine: 'memory';
  readonly closed: boolean;
  /**
   * A cache by name. A name is one namespace. The first call for a name needs its options (ERR_NOT_DEFINED otherwise);
   * a later one may leave them out and gets the same cache, from any module or thread. The same holds for sessions,
   * limiter and queue.
   */
  cache<T = unknown>(name: string, options?: CacheOptions<T>): Cache<T>;
  sessions<T extends object = Record<string, unknown>>(name: string, options?: SessionsOptions<T>): Sessions<T>;
  limiter(name: string, options?: LimiterOptions): Limiter;
  /** The options of a queue are all optional, so `store.queue('mail')` is enough. */
  queue<Data = unknown, Result = unknown>(name: string, options?: QueueOptions): Queue<Data, Result>;
  /** Everything worth watching; its cost does not grow with the number of entries. */
  stats(): Promise<StoreStats>;
  /**
   * Stops this handle's workers (waits for running jobs up to `timeout`, default '8s': containers are killed at 10),
   * then releases the handle. Idempotent: the first call decides. Every later call through it is ERR_CLOSED. What was asked for before
   * (a job's result) is still answered, and keeps the process alive until then. The last handle of a memory store takes the state
   * with it: `dropped` tells the unfinished jobs lost per queue, and a process warning (code REDSTART_JOBS_DROPPED) is
   * emitted when there are any. Handles of threads that ended without closing stay counted: nothing is dropped then, and
   * the state stays. Do not await it in a handler of one of this handle's workers: it waits for that handler, up to
   * `timeout`.
   *
   * `drain: true` (default false) lets the workers go on first, until no job of their queues waits or is active, or `timeout` is over,
   * which bounds both together, in real time. Delayed jobs are not waited for, those that wait for a retry either, nor the queues
   * that are paused or have no worker here that takes jobs.
   */
  close(options?: { timeout?: Duration | 0; drain?: boolean }): Promise<{ dropped: Record<string, number> }>;
}

export interface StoreStats {
  /** Bytes held by all features of the store, caches included. */
  bytes: number;
  /** Bytes that count against maxMemory: sessions, jobs (finished ones too, while retained), limiter keys. */
  budget: { used: number; limit: number };
  caches: Record<string, CacheStats>;
  sessions: Record<string, SessionsStats>;
  limiters: Record<string, LimiterStats>;
  queues: Record<string, QueueStats>;
}
export interface SessionsStats {
  /** Sessions that are not over. */
  live: number;
  /** Visitors' sessions held. */
  anonymous: number;
  /** Users with sessions. */
  users: number;
  /** Sessions that had to make room for others of their kind. */
  evicted: number;
  bytes: number;
}
export interface QueueStats {
  counts: Record<JobState, number>;
  bytes: number;
  /** Milliseconds the first waiting job has been waiting; 0 when none waits. */
  oldestWaitingAgeMs: number;
}

/* ------------------------------------------------------------------ cache */

export interface CacheOptions<T = unknown> {
  /**
   * Required: how long an entry may live, or null to keep it until it is evicted. Never forgotten by accident. Entries
   * may be served up to 20 ms longer (reads use a coarse clock); under a manual clock it is exact. The memory of an
   * expired entry comes back within 100 ms, read or not.
   */
  ttl: Duration | null;
  /** 0 to 1: each entry's TTL is shortened by a random share up to this, so that entries written together do not expire together. Default 0. */
  ttlJitter?: number;
  /** A read (get, getMany, getOrSet) starts the entry's TTL anew: sliding expiry. Default false. */
  updateAgeOnGet?: boolean;
  /** Entries at most. Default: no cap but maxSize. Exact below 16,384; above, the cache is split and may hold a little less. */
  max?: number;
  /**
   * Bytes at most, keys, tags and bookkeeping included, measured by redstart. Default '64mb'; at least '1kb'. A large cache
   * is split into up to 16 parts, each of which holds whole entries: with very large ones it holds a little less.
   */
  maxSize?: Bytes;
  /**
   * set of a larger entry rejects with ERR_TOO_LARGE (key, size, limit) and removes the old value; getOrSet and the doors
   * return the value unstored and count a rejection: a read never fails for it. Default '1mb', or maxSize when that is
   * smaller.
   */
  maxEntrySize?: Bytes;
  /**
   * Who goes first when the cache is full. 's3-fifo' (default): entries that were used again outlive those that were not,
   * and a scan does not flush the cache (Yang et al., SOSP 2023). 'lru': the least recently used. A key that was just
   * set is always there.
   */
  eviction?: 's3-fifo' | 'lru';
  /** After the TTL, getOrSet serves the old value this long while one caller reloads in the background. */
  staleWhileRevalidate?: Duration;
  /** After the TTL, getOrSet serves the old value this long when the loader fails. */
  staleIfError?: Duration;
  /**
   * Keeps what a loader found to be missing: its undefined or null is cached this long. Without it undefined is not
   * cached and null is a value like any other. get of a cached undefined is undefined, has is true.
   */
  negativeTtl?: Duration;
  /**
   * How values become bytes. 'structured' (default) keeps Date, Map, Set, BigInt, Buffer, typed arrays, RegExp, undefined
   * inside objects, cycles; a class instance with toJSON is stored as its result, any other instance and any function is
   * ERR_INVALID_ARG naming the path and the remedy. 'json': as JSON.stringify, dates become strings. 'raw': string or
   * Uint8Array only (a Uint8Array comes back as a Buffer). Or a pair of functions of your own. The codec belongs to this
   * handle: other threads that leave the options out get the first one's, except for functions, which each thread must
   * give (ERR_NOT_DEFINED).
   */
  codec?: 'structured' | 'json' | 'raw' | { encode(value: T): Uint8Array; decode(bytes: Uint8Array): T };
  /**
   * Entries that each thread keeps decoded close at hand, coherent with the cache: once a write, deletion, expiry or
   * eviction has returned anywhere, no thread reads the old value. Strings, numbers, booleans, null and bigints qualify, and
   * plain objects and arrays, of which every call gets a copy of its own. With `objects: true` these are deeply frozen
   * instead, on a miss as on a hit, and shared from the second read on. (Values that JSON does not carry exactly, such as
   * those holding Date, Map, Set, bytes, BigInt or undefined, are decoded for each call and not frozen.) Once it is full,
   * a key is taken in at its second read in a while, and what was not read lately goes for it. A number is `max`. Default:
   * 1,000 entries, maxSize '4mb' (of keys and values as encoded); false: off. Off with updateAgeOnGet and with eviction
   * 'lru', whose order every read changes, and where the host does not let JavaScript share memory with addons (Electron).
   */
  near?: number | false | { max?: number; maxSize?: Bytes; objects?: boolean };
  /**
   * The shape of the values, raised when a deploy changes it: entries written under another version are misses. It belongs
   * to this handle.
   */
  version?: string | number;
}

export interface SetOptions {
  /** For this entry, instead of the cache's ttl. */
  ttl?: Duration | null;
  /** Names under which deleteByTag and expireByTag find the entry: up to 64 strings of up to 1,024 bytes as stored. They count as bytes of the entry. */
  tags?: readonly string[];
}
export interface GetOrSetOptions extends SetOptions {
  /** This caller leaves when it aborts (rejecting with signal.reason); the load goes on for the others. */
  signal?: AbortSignal;
  /** Loads anew whatever is cached or under way. Default false. */
  forceFresh?: boolean;
  /** How long the loader may take, by the store's clock. Default '30s'. */
  timeout?: Duration;
}

/** The in-process engines answer at once; each call costs well under a microsecond plus the decoding of the value. */
export interface Cache<T> {
  readonly name: string;
  /** The value, a copy of its own for every caller (near objects aside), or undefined when absent or expired. */
  get(key: string): Promise<T | undefined>;
  /** undefined, functions, symbols and class instances without toJSON are ERR_INVALID_ARG, naming the path and the remedy. */
  set(key: string, value: T, options?: SetOptions): Promise<void>;
  has(key: string): Promise<boolean>;
  /** Whether there was a live entry. */
  delete(key: string): Promise<boolean>;
  /** Positional: result[i] belongs to keys[i]. One crossing; counts a hit or a miss a key. */
  getMany(keys: readonly string[]): Promise<(T | undefined)[]>;
  /**
   * One crossing. Bad input (a key, a value, an option) stores nothing. Entries over maxEntrySize are left out and their
   * old values removed; the others are stored, then it rejects with ERR_TOO_LARGE naming the first.
   */
  setMany(entries: Iterable<readonly [string, T]>, options?: SetOptions): Promise<void>;
  /** How many were live. */
  deleteMany(keys: readonly string[]): Promise<number>;
  /** Get and delete at once: of several callers, in any thread, one gets it. */
  take(key: string): Promise<T | undefined>;
  /** Get without counting as a use, a hit or a miss, and without starting the TTL anew. */
  peek(key: string): Promise<T | undefined>;
  /** Starts the TTL anew: with `ttl`, which is the entry's from then on, or with the one it has. Whether there was a live entry. */
  touch(key: string, ttl?: Duration | null): Promise<boolean>;
  /** Milliseconds left; Infinity for an entry that does not expire; undefined when absent. */
  getRemainingTTL(key: string): Promise<number | undefined>;
  /**
   * The value, or what `loader` returns, stored. Every caller, the first included, gets decode(encode(value)), its own
   * copy (near objects aside): types never differ between miss and hit. Any number of callers, in any thread, that miss
   * together share one loader call.
   *
   * A loader that throws rejects every waiter with that same error and nothing is cached (staleIfError aside); in another
   * thread that error has the same name, message, code, stack and cause. undefined is returned and not cached
   * (negativeTtl aside); null, 0, false and '' are values.
   *
   * A key set, deleted or cleared, or a tag of the value invalidated, while its loader runs keeps that outcome: the loaded
   * value is returned to who was waiting but not stored, and callers who come later start a new load.
   *
   * A load lasts at most `timeout`. Then context.signal aborts, the caller whose loader it was rejects with ERR_TIMEOUT
   * (staleIfError aside), and one of the other waiters takes over with its own loader; so it does at once when the
   * loading thread ends. A loader that starts or waits for a load of its own key, also through others, rejects with
   * ERR_INVALID_STATE; through another thread it is ended by the timeout.
   *
   * Only getOrSet and memoize serve stale values. A background reload that fails is an 'error' event and counts in
   * stats().loadErrors. A process with nothing else to do waits for its loads.
   */
  getOrSet<V extends T | null | undefined = T>(
    key: string,
    loader: (context: LoaderContext<V>) => V | Promise<V>,
    options?: GetOrSetOptions,
  ): Promise<V>;
  /**
   * A memoized twin of fn: its results live in this cache under `${prefix}:${key(...args)}`. Without `key` only string,
   * number, boolean and bigint arguments are accepted (ERR_INVALID_ARG otherwise), and no two argument lists share a key.
   */
  memoize<A extends unknown[], R extends T | null | undefined>(
    prefix: string,
    fn: (...args: A) => Promise<R> | R,
    options?: SetOptions & { key?: (...args: NoInfer<A>) => string },
  ): (...args: A) => Promise<R>;
  /**
   * Removes every entry that was set with one of the tags. Gone for every reader once resolved, in time that grows with
   * those entries only; their bytes are freed in the background. Up to 64 tags a call.
   */
  deleteByTag(tags: string | readonly string[]): Promise<void>;
  /**
   * Ends the entry's TTL now: absent for get and has; getOrSet serves it under staleWhileRevalidate while it reloads.
   * Whether there was a live entry.
   */
  expire(key: string): Promise<boolean>;
  /** expire() for every entry that was set with one of the tags, up to 64 a call. */
  expireByTag(tags: string | readonly string[]): Promise<void>;
  /** Removes every key that starts with `prefix`, character by character, and says how many were live. Looks at every entry, in steps that let the event loop turn. */
  deleteByPrefix(prefix: string): Promise<number>;
  /** Its cost does not grow with the number of entries; their bytes are freed in the background. */
  clear(): Promise<void>;
  /**
   * Streams in bounded chunks while others read and write. A key that is there from start to end comes at least once; one
   * that is set or removed meanwhile may or may not come, and after many removals some may come twice. Counts no use.
   */
  keys(options?: { prefix?: string }): AsyncIterableIterator<string>;
  /** As keys, with the values. */
  entries(options?: { prefix?: string }): AsyncIterableIterator<[string, T]>;
  stats(): Promise<CacheStats>;
  /**
   * Entries that went, from any thread, in batches and at most 100 ms late while this thread's event loop turns; costs
   * nothing while nobody listens. `set`: overwritten. A listener too slow for 100,000 waiting removals gets an 'error' that
   * says how many it missed. Does not keep the process alive.
   */
  on(event: 'removed', listener: (batch: CacheRemoval[]) => void): this;
  /** A background reload of this handle failed. Without a listener it is a process warning, never a crash. */
  on(event: 'error', listener: (error: Error) => void): this;
  once(event: 'removed', listener: (batch: CacheRemoval[]) => void): this;
  once(event: 'error', listener: (error: Error) => void): this;
  off(event: 'removed', listener: (batch: CacheRemoval[]) => void): this;
  off(event: 'error', listener: (error: Error) => void): this;
  getSync(key: string): T | undefined;
  setSync(key: string, value: T, options?: SetOptions): void;
  hasSync(key: string): boolean;
  deleteSync(key: string): boolean;
}
export interface CacheRemoval {
  key: string;
  reason: 'evict' | 'expire' | 'delete' | 'set' | 'clear';
}
export interface LoaderContext<V = unknown> {
  readonly key: string;
  /** Aborts when every waiter has left, in whatever thread, and when the load has lasted `timeout`. */
  readonly signal: AbortSignal;
  /** The old value, within staleWhileRevalidate or staleIfError of its TTL. */
  readonly stale: V | undefined;
  /** For the entry about to be stored, over what the caller and the cache say. */
  setOptions(options: SetOptions): void;
  /** return context.skip(value): hand it back, do not store it. */
  skip(value: V): V;
}
export interface CacheStats {
  /** Reads (get, getMany, getOrSet, take) that found a live entry, near hits included. */
  hits: number;
  misses: number;
  /** Values that getOrSet served past their TTL. */
  stale: number;
  /** hits / (hits + misses), 0 before the first read. */
  hitRate: number;
  /** Entries held, stale ones included. */
  entries: number;
  bytes: number;
  /** Entries that went to make room. */
  evictions: number;
  expirations: number;
  /** Entries refused because they were larger than maxEntrySize. */
  rejections: number;
  /** Loader calls. */
  loads: number;
  /** Loader calls that failed. */
  loadErrors: number;
}

/* --------------------------------------------------------------- sessions */

export interface SessionsOptions<T extends object = any> {
  /** Idle time after which a session is gone. Required. A number under 60,000 warns once: it is milliseconds. */
  ttl: Duration;
  /** Age after which a session is gone whatever its use; regenerate() does not make it younger. Default: none. */
  absoluteTtl?: Duration;
  /**
   * A touch() within this time of the last use of a session costs no write and moves nothing, so a session may be over this
   * much earlier than `ttl` after its last touch. Shorter than ttl. Default 0.
   */
  touchAfter?: Duration | 0;
  /**
   * Whose a session is, told from its data: a string of 1 to 256 characters or a number (7 and '7' are one user); null or
   * undefined: a visitor's. Makes listUser and destroyUser work. Asked at every create, set and update of this handle;
   * a handle without it leaves sessions whose they were, and creates visitors' ones, all of which count for maxAnonymous.
   * It belongs to the handle: give the same to each (others of one open() warn, code REDSTART_SESSIONS_USER_ID). Default: none.
   */
  userId?: (session: T) => string | number | null | undefined;
  /** A user's live sessions at most. Default: no cap. */
  maxPerUser?: number;
  /**
   * What a user's session beyond that does: 'evict-oldest' (default) ends the user's oldest ('evicted'); 'reject' makes create
   * and set ERR_INVALID_STATE.
   */
  onMaxPerUser?: 'evict-oldest' | 'reject';
  /**
   * Visitors' sessions at most, the one unseen for longest out first ('evicted'), so that visitors without cookies cannot
   * fill the store. Without the option userId every session is a visitor's. Default 100_000.
   */
  maxAnonymous?: number;
  /**
   * What happens where a change was made on a version (see getEntry) and the session has changed since: 'merge' (default)
   * keeps both where they touched different top-level keys, the later one where the same; 'overwrite' lets the later one
   * stand; 'error' rejects it with ERR_CONFLICT.
   */
  conflict?: 'merge' | 'overwrite' | 'error';
  /** 64 bytes to '64mb'; default '64kb'. A larger session is refused with ERR_TOO_LARGE. */
  maxSessionSize?: Bytes;
}
export interface SessionInfo<T> {
  /** Names the session and opens none: for destroyHandle(). regenerate() changes it. */
  handle: string;
  userId: string | undefined;
  data: T;
  createdAt: Date;
  /** When it was last written or touched. */
  lastSeenAt: Date;
  expiresAt: Date;
}
export interface SessionEvent {
  userId: string | undefined;
  handle: string;
}
/**
 * Sessions hold plain JSON data: a plain object, or one whose toJSON returns one; anything else (a Map, an instance of a
 * class) is ERR_INVALID_ARG. Ids are credentials: only their SHA-256 is kept. Users' sessions are never evicted but by
 * maxPerUser. Past the store's maxMemory visitors' sessions of this name, those unseen for longest and 1,000 of them at once at most,
 * make room for users' ones ('evicted');
 * where that does not do, and for visitors' ones, create and set reject with ERR_STORE_FULL.
 */
export interface Sessions<T extends object> {
  readonly name: string;
  /** 24 bytes from the operating system's generator, base64url: 32 characters. `ttl`: its idle time from now on. */
  create(data: T, options?: { ttl?: Duration }): Promise<{ id: string; data: T }>;
  /** The data, a copy of its own, or undefined for an unknown or expired id. Reading does not renew the idle time. */
  get(id: string): Promise<T | undefined>;
  /**
   * The same with the version that set() needs to notice a change made in between, and the handle by which lists and events
   * name it.
   */
  getEntry(id: string): Promise<{ data: T; version: number; expiresAt: Date; handle: string } | undefined>;
  /**
   * Replaces the data and renews the idle time. false for an unknown id: only the adapters of web frameworks may adopt ids.
   * With `version`, `conflict` decides when the session has changed since; without, it replaces whatever is there. The last
   * 1,000 entries that this handle has read are remembered for 'merge', as far as they are 4 million characters together;
   * older versions that have changed are ERR_CONFLICT, and so is the version of another session ('overwrite' aside).
   */
  set(id: string, data: T, options?: { version?: number; ttl?: Duration }): Promise<boolean>;
  /**
   * Changes the data and renews the idle time in one step that no other change comes between: `change` gets a copy and returns
   * the new data, or changes the copy. It is synchronous (a promise is ERR_INVALID_ARG) and is called again where
   * another thread was quicker. What the data is then, or undefined for an unknown id.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: a function that changes its copy in place returns nothing.
  update(id: string, change: (data: T) => T | void): Promise<T | undefined>;
  /** Renews the idle time and leaves the data alone. */
  touch(id: string, options?: { ttl?: Duration }): Promise<boolean>;
  /** Same data and age, new id, old id dead: after login, against fixation. The new id, or undefined for an unknown one. */
  regenerate(id: string): Promise<string | undefined>;
  destroy(id: string): Promise<boolean>;
  /** A user's sessions, oldest first: for a "your devices" page. More than 256 or 1 MB of them are read in several steps. */
  listUser(userId: string | number): Promise<SessionInfo<T>[]>;
  /** Ends the session that a list has shown; whether there was one. */
  destroyHandle(handle: string): Promise<boolean>;
  /**
   * Ends all sessions that a user has at this moment, but that of the id `except`; how many. 1,000 at a time, other threads
   * getting in between: about half a microsecond each.
   */
  destroyUser(userId: string | number, options?: { except?: string }): Promise<number>;
  count(): Promise<number>;
  /** All sessions, a few hundred at a time; one that is there throughout comes once. */
  iterate(): AsyncGenerator<SessionInfo<T>, void, void>;
  /** Ends all sessions; no event tells of each. */
  clear(): Promise<void>;
  /**
   * What happened to sessions, in any thread, in batches while this thread's event loop turns; costs nothing while nobody
   * listens, and does not keep the process alive. `destroyed`: by destroy, destroyHandle or destroyUser. `conflict`: a change
   * met another one, whatever became of it. A listener too slow for 100,000 waiting events gets an 'error' that says how
   * many it missed.
   */
  on(event: 'expired' | 'destroyed' | 'evicted' | 'conflict', listener: (batch: SessionEvent[]) => void): this;
  on(event: 'error', listener: (error: Error) => void): this;
  once(event: 'expired' | 'destroyed' | 'evicted' | 'conflict', listener: (batch: SessionEvent[]) => void): this;
  once(event: 'error', listener: (error: Error) => void): this;
  off(event: 'expired' | 'destroyed' | 'evicted' | 'conflict', listener: (batch: SessionEvent[]) => void): this;
  off(event: 'error', listener: (error: Error) => void): this;
}

/* ----------------------------------------------------------------- limits */

/** docs/limits.md has a table of what each guarantees, its worst case and its bytes a key. */
export type LimiterAlgorithm =
  | 'sliding-window'
  | 'sliding-log'
  | 'sliding-counter'
  | 'fixed-window'
  | 'token-bucket'
  | 'gcra';

export interface LimiterOptions {
  /** Units a window: a whole number from 1 to 2^32 - 1; at most 1_000_000 for 'sliding-log'. */
  limit: number;
  window: Duration;
  /**
   * 'sliding-window' (default): 16 sub-buckets, the oldest counted in full: never more than `limit` admitted in ANY
   * window; about 75 bytes a key. 'sliding-log': exact, and 8 bytes an admitted call (16 with a cost).
   * 'sliding-counter': two counters, the estimate of Cloudflare and Upstash; under 2 * limit in the worst window.
   * 'fixed-window': anchored at the first hit, as express-rate-limit; up to 2 * limit - 1 in the worst window.
   * 'token-bucket' and 'gcra': a steady refill of `limit` a window with `burst` at once; burst + limit in the worst
   * window. These two decide alike as long as a limit stays as it is; when one call's limit differs from another's,
   * gcra keeps the share of the bucket, and a token bucket the units taken: missing units come back at the limit of the
   * call that took last. Where one key is called under several limits, take 'sliding-window' or 'gcra'.
   */
  algorithm?: LimiterAlgorithm;
  /** token-bucket and gcra alone: units at once, 1 to 2^32 - 1. Default: limit, also that of a call. */
  burst?: number;
  /**
   * Once denied, a key stays denied this long, however its units come back; denials meanwhile (reason 'blocked') do not
   * prolong it. The overflow bucket is never blocked. Default: no block.
   */
  block?: Duration;
  /**
   * Counters and blocks at most: one a key, one more for each further window of it, one more while it is blocked.
   * Default 1_000_000, at most 2^32 - 1. When full, keys that equal an absent key go first; no limited or blocked key
   * is ever forgotten; further new keys share one overflow bucket (reason 'overflow'). That counts under the limiter's
   * own window, and gives at most the limiter's own limit, whatever a call asks for: a cost above it is denied there
   * until there is room for its key.
   */
  maxKeys?: number;
}
export interface LimitOptions {
  /**
   * Another limit for this call: a plan's, say. What other calls of the key have taken counts against it. Default: the
   * limiter's.
   */
  limit?: number;
  /**
   * Another window for this call. Each window of a key is a counter of its own; `block` is common to them. Default: the
   * limiter's.
   */
  window?: Duration;
}
export interface ConsumeOptions extends LimitOptions {
  /** Units, 1 to limit (or burst). Default 1. */
  cost?: number;
}
export interface WaitOptions extends ConsumeOptions {
  /** Then it resolves with the denial. Default: none. */
  timeout?: Duration;
  /** Rejects with the signal's reason; nothing is taken. */
  signal?: AbortSignal;
}
export interface Limiter {
  readonly name: string;
  /**
   * Takes units if they are there. Resolves also when denied: a denial is an answer, not an error, and takes no units
   * (it may start `block`). A cost above limit (or burst) rejects with ERR_INVALID_ARG: it can never pass. Keys are
   * kept as 128-bit seeded hashes, so long keys cost no more.
   */
  consume(key: string, options?: ConsumeOptions): Promise<LimitResult>;
  /** As consume, without a promise. Throws what that rejects with. */
  consumeSync(key: string, options?: ConsumeOptions): LimitResult;
  /**
   * What consume would answer, `remaining` as it is now, but without the block that consume would start; takes nothing,
   * counts nothing.
   */
  peek(key: string, options?: ConsumeOptions): Promise<LimitResult>;
  /**
   * Gives units back, those taken last first, at most what was taken and still counts. Default 1. Lifts no block. A key
   * that shares the overflow bucket gets nothing back. (rateLimit() of redstart/express gives a request's own units
   * back, whatever others took since; no option here does.)
   */
  refund(key: string, cost?: number, options?: LimitOptions): Promise<void>;
  /**
   * Takes up to `cost` units (default 1) whether or not so many are there, and tells how that leaves the key: `allowed`
   * says whether consume would pass now. Use block() to punish beyond the limit.
   */
  penalty(key: string, cost?: number, options?: LimitOptions): Promise<LimitResult>;
  /**
   * Denies the key until then (reason 'blocked'), in place of an earlier block, also a longer one. ERR_STORE_FULL where
   * maxKeys or the store's maxMemory leave no room for one more.
   */
  block(key: string, duration: Duration): Promise<void>;
  /** Forgets the key, its other windows and its block; whether there was anything to forget. */
  reset(key: string): Promise<boolean>;
  /** Forgets all keys and the overflow bucket. Counters stay. */
  resetAll(): Promise<void>;
  /**
   * Waits for room instead of denying, in the order of the calls for one key and window; across all threads. consume()
   * does not queue: it takes what is there. Resolves with allowed: false when the timeout passes first. ERR_CLOSED when
   * the store closes, ERR_STORE_FULL with more than 100,000 waiting calls of one limiter or past the store's maxMemory.
   * A waiting call keeps the process alive.
   */
  wait(key: string, options?: WaitOptions): Promise<LimitResult>;
  stats(): Promise<LimiterStats>;
}
export interface LimiterStats {
  /** Calls of consume, wait and parts of consumeAll that took their units. */
  allowed: number;
  /** Calls of consume and parts of consumeAll that were denied. A wait that times out is not counted. */
  denied: number;
  /** Counters held: one a key, and one more for each further window of it. */
  keys: number;
  /** Blocks held. */
  blocked: number;
  /** Calls of wait that wait now. */
  waiting: number;
  /** Of all this, as it counts against the store's maxMemory. */
  bytes: number;
  /** What one more key takes, without what a sliding log grows by. */
  bytesPerKey: number;
}
export interface LimitResult {
  allowed: boolean;
  /** Units a window, as this call had it. */
  limit: number;
  /** Whole units left now. */
  remaining: number;
  /** Milliseconds until the key is as new. */
  resetAfterMs: number;
  /**
   * Milliseconds until this same call would pass: 0 when allowed; denied one ms earlier, allowed then. With
   * 'sliding-window' up to 17/16 of the window, as the oldest sub-bucket counts in full. With reason 'overflow' at the
   * latest: sooner when a key leaves.
   */
  retryAfterMs: number;
  reason?: 'limit' | 'blocked' | 'overflow';
}
export interface ConsumeAllPart extends ConsumeOptions {
  limiter: Limiter;
  key: string;
}
export interface ConsumeAllResult {
  /** Whether every part had room; only then anything was taken. */
  allowed: boolean;
  /** Milliseconds until the same call would pass: the longest of its parts. */
  retryAfterMs: number;
  /**
   * Each part's own answer, in order: where the whole is denied, `allowed` tells which parts had room, and `remaining`
   * that nothing was taken.
   */
  results: LimitResult[];
  /** Indexes of the parts that had none. */
  deniedBy: number[];
}
/**
 * Takes the units of every part or of none, in one step that no other call sees halves of. The limiters must be of one
 * store (ERR_INVALID_ARG); 1 to 64 parts. Parts of one key and window of a limiter add up, and must agree in their
 * limit (ERR_INVALID_ARG).
 */
export function consumeAll(parts: readonly ConsumeAllPart[]): Promise<ConsumeAllResult>;
/**
 * An address as a limiter key: IPv6 cut to its subnet (default 56 bits, 32 to 64), ::ffff:a.b.c.d as IPv4.
 * Throws ERR_INVALID_ARG for anything that is no address.
 */
export function ipKey(address: string, subnet?: number): string;

/* ------------------------------------------------------------------ queue */

export interface Backoff {
  type: 'fixed' | 'exponential';
  /** Before the second try; doubled for each further one when exponential. */
  delay: Duration;
  /** Default '1d'. */
  maxDelay?: Duration;
  /** 0..1: each wait is shortened by a random share up to this. Default 0. */
  jitter?: number;
}
/**
 * How long a finished job is retained: true: it goes at once (who waits for its result still gets it); false: it stays until it
 * is removed by hand; a number: as many jobs of its outcome at most, the oldest out first; age: that long, as a string such
 * as '1h' (BullMQ counts seconds there, redstart would count milliseconds, so a number is refused); count: as the number; {}: as
 * long as there is room. Retained jobs, but those of `false`, yield earlier when the store has no room for others.
 */
export type Retention = boolean | number | { age?: string; count?: number };
interface DeduplicationById {
  /** 1 to 256 characters. */
  id: string;
  /**
   * None: 'simple', until the job has finished or was removed; one that is retried by hand does not take the id again. With it:
   * this long after the add, whatever becomes of the job; where that is gone, an add answers its id with the name and data of the
   * add. Removing the job by hand frees the id.
   */
  ttl?: Duration;
  /**
   * A duplicate replaces name, data and options of the job that is there, but its id, and its delay begins anew, as long as it has
   * never begun: one that was claimed once is not replaced, also while it waits for a retry. One that waits goes to the back each
   * time. Default false. With ttl, extend and a delay this is debounce: the last one of a burst runs.
   */
  replace?: boolean;
}
interface DeduplicationFor {
  ttl: Duration;
  /** Each add that is a duplicate lets the ttl begin anew. Needs ttl. Default false. */
  extend?: boolean;
}
export type Deduplication = DeduplicationById & (DeduplicationFor | { ttl?: undefined; extend?: false });
interface JobOptionsOfAll {
  /**
   * Idempotency while that job is retained: a second add with this id returns the first job, with added === false. 1 to 256
   * characters. Default: a new one, which sorts by time.
   */
  jobId?: string;
  /** 0 (default) runs first, then 1, 2, … up to 2_097_151, as in BullMQ. */
  priority?: number;
  /** Before all waiting jobs of its priority, those aside that were given back; when it is retried too. Default false. */
  lifo?: boolean;
  /** Tries in all. Default 3. */
  attempts?: number;
  /** Default exponential from '1s', jitter 0.5. */
  backoff?: Backoff;
  /**
   * One attempt may run this long; then job.signal aborts, the attempt fails with ERR_JOB_TIMEOUT, and what the handler still
   * does changes nothing. Default: none.
   */
  timeout?: Duration;
  /**
   * Never begun by then, counted from the add: failed, finishKind 'expired'. What waits for a retry no longer expires. Longer than
   * delay (ERR_INVALID_ARG). Default: never.
   */
  expiresIn?: Duration;
  /** Adds with the same id are one job: see Deduplication. The earlier job is returned, with added === false. */
  deduplication?: Deduplication;
  /**
   * Jobs of a group run in their order; groups take turns, jobs without one being one group of their own. A worker's
   * `group.concurrency` bounds how many of each run at once. 1 to 256 characters.
   */
  group?: { id: string };
  /** Default { count: 1_000, age: '1h' }. */
  removeOnComplete?: Retention;
  /** Default { count: 10_000, age: '7d' }. */
  removeOnFail?: Retention;
}
interface Delayed {
  /** 0 (default) or a Duration; 0 runs at once. */
  delay?: Duration | 0;
  runAt?: never;
}
interface AtInstant {
  delay?: never;
  /** The instant instead of a delay; one in the past runs at once. ERR_INVALID_ARG together with delay. */
  runAt?: Date;
}
export type JobOptions = JobOptionsOfAll & (Delayed | AtInstant);
export interface QueueOptions {
  /** For every job that does not say otherwise, option by option. */
  defaultJobOptions?: Omit<JobOptions, 'jobId' | 'deduplication' | 'runAt'>;
  /** Default '1mb'; larger data, results or progress are refused with ERR_TOO_LARGE. */
  maxDataSize?: Bytes;
  /**
   * The name of a queue of this store to which a job that failed for good is also added, before anybody hears of that: its name
   * and data, and in `deadLetter` where it comes from and why; the options are that queue's. A cancelled or expired job is
   * added too, and none is refused for lack of room. Queues whose dead letters would go round in a circle are ERR_INVALID_ARG.
   * Default: none.
   */
  deadLetter?: string;
}
/** What add and addBulk take a job from. */
export interface NewJob<Data> {
  name: string;
  data: Data;
  opts?: JobOptions;
}
export type Repeat = (
  | {
      /** One iteration each. The instants are multiples of it since 1970 plus `offset`; at least '10ms'. */
      every: Duration;
      /** Default: the time of the upsert, so that the first comes after one interval. */
      offset?: Duration | 0;
      /** The first iteration comes at once. Default false. */
      immediately?: boolean;
      pattern?: never;
      tz?: never;
    }
  | {
      /** Cron, five fields or six with seconds first: '0 3 * * *'. */
      pattern: string;
      /**
       * An IANA time zone. Default 'UTC'. A pattern whose hours begin with '*' goes by elapsed time, any other by the clock on the
       * wall: an hour that comes twice counts once, what falls into one that is left out comes as much later.
       */
      tz?: string;
      every?: never;
      offset?: never;
      immediately?: never;
    }
) & {
  startDate?: Date;
  endDate?: Date;
  /** Iterations in all. */
  limit?: number;
  /**
   * What becomes of instants that are seen more than a minute late (the machine slept): 'skip' (default): none of
   * them; 'once': one iteration for all of them; 'all': one after the other.
   */
  missed?: 'skip' | 'once' | 'all';
};
/** A job of a scheduler has no id of its own and no other instant than that of its iteration. */
export interface JobTemplate<Data> extends Omit<NewJob<Data>, 'opts'> {
  opts?: Omit<JobOptions, 'jobId' | 'runAt'>;
}
export interface JobScheduler<Data = unknown> {
  id: string;
  repeat: Repeat;
  template: JobTemplate<Data>;
  /** The next iteration, in milliseconds since the epoch; undefined when there is none any more. */
  next: number | undefined;
  /** Iterations so far. */
  iterations: number;
}
export interface QueueMetrics {
  /** Attempts a second, over the last whole minute; failed ones that are tried again count too. */
  completedRate: number;
  failedRate: number;
  /** Milliseconds from when a job may run until it does, and that its attempts run; over the last one to two minutes. */
  wait: { p50: number; p95: number; p99: number };
  run: { p50: number; p95: number; p99: number };
  /** Milliseconds. 0: nothing waits. */
  oldestWaitingAge: number;
}
/**
 * An at-least-once queue. Data and results are JSON. docs/queue.md is the guide.
 *
 * Start order: by priority, then FIFO by arrival; retried and promoted jobs join at the back (lifo ones at the front), jobs that lost
 * or were given back by their worker at the front of their priority. Methods that touch many jobs work in steps of 1,000.
 */
export interface Queue<Data, Result> {
  readonly name: string;
  /** ERR_STORE_FULL when maxMemory is reached; jobs under way finish all the same. */
  add(name: string, data: Data, options?: JobOptions): Promise<Job<Data, Result>>;
  /** All or none, in order. At most 10,000, and what a string holds of their data together (ERR_TOO_LARGE). */
  addBulk(jobs: readonly NewJob<Data>[]): Promise<Job<Data, Result>[]>;
  /** add, then result; waitTimeout bounds the wait (ERR_TIMEOUT), not the job. */
  addAndWait(name: string, data: Data, options?: JobOptions & { waitTimeout?: Duration }): Promise<Result>;
  /**
   * Starts a worker in this thread. Throwing (or rejecting) fails the attempt; UnrecoverableError fails the job for good, and so does
   * a result that is no JSON or larger than maxDataSize, as another attempt would repeat the work and end the same.
   */
  process(
    handler: (job: ActiveJob<Data, Result>) => Result | Promise<Result>,
    options?: Omit<WorkerOptions, 'threads' | 'recycleAfter'>,
  ): Worker;
  /**
   * The default export of a module (a file URL or an absolute path), run in `threads` worker threads: CPU-bound work off this
   * thread. Each thread is a worker of its own with these options. A thread that crashes, or is not ready 30 s after its start, gives
   * its jobs back (a stall is counted) and another takes its place; five in a row without a finished job between them and the worker
   * closes. A thread whose job has timed out or stalled, and whose event loop does not turn for a second after that, is ended, with
   * what other jobs it has, and replaced. All of this is told as 'error', or without a listener as a warning of the process
   * (REDSTART_THREAD_CRASHED, REDSTART_THREAD_REPLACED); the end of the worker is always an 'error'.
   */
  process(module: URL | string, options?: Omit<WorkerOptions, 'backoff'>): Worker<JobAttempt<Data, Result>>;
  getJob(id: string): Promise<Job<Data, Result> | undefined>;
  /**
   * State by state as named; in each in the order in which they run, or finished. `asc: false`: all of it the other way round.
   * start to end, both included; default 0 to 99. One look, at 10,000 jobs at most (ERR_INVALID_ARG); those before start cost a step
   * each.
   */
  getJobs(
    states: JobState | readonly JobState[],
    options?: { start?: number; end?: number; asc?: boolean },
  ): Promise<Job<Data, Result>[]>;
  getJobCounts(): Promise<Record<JobState, number>>;
  getMetrics(): Promise<QueueMetrics>;
  /** No job begins any more, in any thread; those under way go on. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  isPaused(): Promise<boolean>;
  /** Removes waiting and delayed jobs; how many. About as many as there were when it was called. Schedulers go on. */
  drain(): Promise<number>;
  /** Removes jobs that have been in that state for so long; their ids. 'waiting' means prioritized ones too. `limit`: default 1,000. */
  clean(
    state: 'completed' | 'failed' | 'delayed' | 'waiting',
    options: { olderThan: Duration | 0; limit?: number },
  ): Promise<string[]>;
  /** retry() of failed jobs, the oldest first; how many. */
  retryFailed(options?: { limit?: number }): Promise<number>;
  /**
   * Removes everything, schedulers too, all at once; a pause and the queue's limits stay. No 'removed' is told of each, and who waits
   * for a result gets ERR_NOT_FOUND. ERR_INVALID_STATE while jobs are active, unless `force`: they go as well, their handlers'
   * signals abort with ERR_LEASE_LOST, and what these still do changes nothing.
   */
  obliterate(options?: { force?: boolean }): Promise<void>;
  /** Jobs active at once, over all workers: 1 to 1,000,000; null: no bound. */
  setGlobalConcurrency(limit: number | null): Promise<void>;
  /**
   * Jobs begun in any span of `duration`, over all workers: at most max, 1 to 100,000. null: no bound. Counted from when it is
   * set; one that is changed counts on.
   */
  setGlobalRateLimit(limit: { max: number; duration: Duration } | null): Promise<void>;
  /**
   * Adds a job at each instant of `repeat`. The same id again replaces it, and its iterations count anew; one that is equal changes
   * nothing. Never two of its jobs wait: an instant whose predecessor still waits is passed over ('all': comes after it); jobs
   * before that one which wait for a retry do not count.
   * ERR_STORE_FULL as for add.
   */
  upsertJobScheduler(id: string, repeat: Repeat, template: JobTemplate<Data>): Promise<void>;
  removeJobScheduler(id: string): Promise<boolean>;
  getJobSchedulers(): Promise<JobScheduler<Data>[]>;
  /** What job.log() kept, oldest first; nothing of a job that is not there. start to end, both included; default all. */
  getJobLogs(id: string, options?: { start?: number; end?: number }): Promise<string[]>;
  /**
   * Events of this queue from whichever thread they come. A listener keeps no process alive, and runs in no AsyncLocalStorage
   * context of whoever adds, waits or listens: in that in which redstart was loaded.
   */
  on<E extends keyof QueueEvents>(event: E, listener: (payload: QueueEvents[E]) => void): this;
  once<E extends keyof QueueEvents>(event: E, listener: (payload: QueueEvents[E]) => void): this;
  off<E extends keyof QueueEvents>(event: E, listener: (payload: QueueEvents[E]) => void): this;
}
/** 'prioritized' waits with a priority above 0. */
export type JobState = 'waiting' | 'prioritized' | 'delayed' | 'active' | 'completed' | 'failed';
export interface WorkerOptions {
  /**
   * A worker of the same name in the same thread and queue closes the former, which finishes the jobs it has: hot reload does not
   * double it. 1 to 256 characters.
   */
  name?: string;
  /** Jobs at once in this worker, 1 to 10,000. Default 1. */
  concurrency?: number;
  /**
   * A job whose worker is gone becomes waiting again after this long at the latest: at once when its thread ends. Never
   * renewed by a JavaScript timer, so a blocked event loop keeps its jobs. Default '30s'; at least '1s'.
   */
  leaseDuration?: Duration;
  /** Times a job may stall (lose its worker) before it fails. Default 1. */
  maxStalledCount?: number;
  /**
   * This worker takes a job only while the queue has begun fewer than max within the last `duration`, in all workers, since the
   * first worker with a limiter was opened. max: 1 to 100,000.
   */
  limiter?: { max: number; duration: Duration };
  /** This worker takes a job of a group only while fewer of that group are active, in all workers. */
  group?: { concurrency?: number };
  /**
   * Milliseconds to wait before the next attempt instead of what the job's backoff says; false: no further attempt; undefined: as
   * the job's backoff says. So too with what it throws and with any other answer, which are told as 'error'. Not asked about an attempt
   * that timed out: the job's backoff says. Not with a module: functions do not cross threads.
   */
  backoff?: (context: { attemptsMade: number; error: unknown; job: ActiveJob<any, any> }) => number | false | undefined;
  /**
   * A thread with active jobs whose event loop has not turned for this long loses them: they stall and run elsewhere, what it still
   * does with them changes nothing ('lease-lost'). Looked at every quarter of it. At least '1s'; null: never. Default '5m'.
   */
  stallAfter?: Duration | null;
  /** false: takes no jobs before run(). Default true. */
  autorun?: boolean;
  /** With a module: how many threads, 1 to 64. Default 1. */
  threads?: number;
  /**
   * With a module: a thread is replaced by a fresh one after so many jobs. While its last ones run, the fresh one takes as many at
   * once as `concurrency` leaves, unless there are three such threads already. Default: never.
   */
  recycleAfter?: number;
}
/**
 * The jobs of 'completed', 'retrying' and 'failed' are as after the attempt: attemptsMade, failedReason and finishKind are set,
 * finishedOn is not: getJob() tells. With a module they are snapshots from its thread, and 'drained' is told once a thread.
 * Listeners of any other event are ERR_INVALID_ARG.
 */
export interface WorkerEvents<J = ActiveJob<any, any>> {
  active: [job: J];
  completed: [job: J, result: unknown];
  /** For good. */
  failed: [job: J, error: unknown];
  /** An attempt failed and another follows. */
  retrying: [job: J, error: unknown];
  /**
   * The job runs elsewhere, has timed out or was removed; what this worker still does with it changes nothing. After a timeout
   * 'retrying' or 'failed' follows, with ERR_JOB_TIMEOUT, where the thread's event loop turns.
   */
  'lease-lost': [job: J];
  /** It has finished a job and there is no other to take, now or when a rate, a group's bound or a pause lets it. */
  drained: [];
  /** A listener or the function backoff threw, or a thread did not do. Without a listener it is thrown, but of threads as process() says. */
  error: [error: unknown];
}
export interface Worker<J = ActiveJob<any, any>> extends AsyncDisposable {
  /** false once close() was called. */
  readonly running: boolean;
  readonly paused: boolean;
  /** Begins to take jobs, with autorun: false. */
  run(): void;
  /** Takes no more jobs until resume(); those under way go on. */
  pause(): void;
  resume(): void;
  /**
   * Takes no more jobs, waits for the running ones up to `timeout` (default '8s'); what still runs then is aborted and
   * released to the front of the queue, no attempt lost. Called again it waits for the same end, which a shorter `timeout` brings
   * sooner. Do not await it in this worker's own handler: it waits for that handler, up to `timeout`.
   */
  close(options?: { timeout?: Duration | 0 }): Promise<void>;
  /** A running worker keeps the process alive, as a listening server does; unref() undoes that. */
  ref(): this;
  unref(): this;
  on<E extends keyof WorkerEvents>(event: E, listener: (...args: WorkerEvents<J>[E]) => void): this;
  once<E extends keyof WorkerEvents>(event: E, listener: (...args: WorkerEvents<J>[E]) => void): this;
  off<E extends keyof WorkerEvents>(event: E, listener: (...args: WorkerEvents<J>[E]) => void): this;
}
/** A snapshot of a job as it was when asked for; its methods ask again. */
export interface Job<Data = unknown, Result = unknown> {
  readonly id: string;
  readonly name: string;
  readonly data: Data;
  /** Of what an add answers: false when jobId or deduplication found an earlier job, which this one then is. Of one looked up: false. */
  readonly added: boolean;
  readonly priority: number;
  readonly attemptsMade: number;
  /** What updateProgress() said last. */
  readonly progress: unknown;
  readonly failedReason: string | undefined;
  readonly finishKind: FinishKind | undefined;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly processedOn: number | undefined;
  readonly finishedOn: number | undefined;
  /** In a dead-letter queue: the job it was. */
  readonly deadLetter: { queue: string; jobId: string; failedReason: string; finishKind: FinishKind } | undefined;
  getState(): Promise<JobState | 'unknown'>;
  /**
   * Resolves with the return value; rejects with ERR_JOB_FAILED (cause: the job's error with name, message, stack, code;
   * finishKind), the same in every thread; ERR_NOT_FOUND once the job is no longer retained or was removed; ERR_TIMEOUT after
   * `timeout` on the store's clock (a manual one must advance). Default: no timeout. From state, never from an event alone.
   */
  result(options?: { timeout?: Duration }): Promise<Result>;
  /** Failed or completed: waits again, at the back, with all its attempts. ERR_INVALID_STATE in another state, or when it is gone. */
  retry(): Promise<void>;
  /** Delayed: waits, at the back. ERR_INVALID_STATE in another state, or when it is gone. */
  promote(): Promise<void>;
  /** Whether it was there. An active one is ERR_INVALID_STATE: cancel() it. Who waits for its result gets ERR_NOT_FOUND. */
  remove(): Promise<boolean>;
  /**
   * Waiting or delayed: failed at once; active: its signal aborts, and however its handler ends it has failed. finishKind
   * 'cancelled', failedReason the reason (default 'cancelled'; at most 2,000 characters). Whether it was unfinished.
   */
  cancel(reason?: string): Promise<boolean>;
}
/** A job with the attempt that it is of. */
export interface JobAttempt<Data = unknown, Result = unknown> extends Job<Data, Result> {
  /** From 1. */
  readonly attempt: number;
}
export interface ActiveJob<Data = unknown, Result = unknown> extends JobAttempt<Data, Result> {
  /**
   * Aborted on timeout, cancel, lost lease and forced close; the code of its reason says which: ERR_JOB_TIMEOUT, ERR_JOB_CANCELLED,
   * ERR_LEASE_LOST, ERR_CLOSED.
   */
  readonly signal: AbortSignal;
  /**
   * Kept with the job and told to listeners. ERR_LEASE_LOST when the job is no longer this worker's; ERR_TOO_LARGE; ERR_STORE_FULL as
   * for add, and the attempt goes on where that is caught.
   */
  updateProgress(progress: unknown): Promise<void>;
  /** The last 1,000 lines of up to 8 KB are kept, as long as the job. ERR_LEASE_LOST and ERR_STORE_FULL as above. */
  log(line: string): Promise<void>;
  /** `throw job.snooze('10m')`: it runs again later, no attempt spent. */
  snooze(delay: Duration): Error;
}
/** Thrown by a handler: the job fails for good, whatever attempts are left. */
export class UnrecoverableError extends Error {}
/**
 * Every payload carries `seq`, without gaps over all events of a queue: who listens to one event alone sees gaps. What
 * tells of loss is `lagged`: a thread that lets 10,000 events or 16 MiB of them wait gets it, with how many it
 * missed. Names as BullMQ's QueueEvents; `failed` fires once per job, for good, `retrying` for every
 * failed attempt before it.
 */
export interface QueueEvents {
  added: { seq: number; jobId: string; name: string };
  waiting: { seq: number; jobId: string };
  delayed: { seq: number; jobId: string; runAt: number };
  active: { seq: number; jobId: string; attempt: number };
  progress: { seq: number; jobId: string; progress: unknown };
  completed: { seq: number; jobId: string; result: unknown };
  retrying: { seq: number; jobId: string; error: string; nextAttemptAt: number };
  failed: { seq: number; jobId: string; failedReason: string; finishKind: FinishKind };
  stalled: { seq: number; jobId: string };
  /** By hand; not by retention, nor by obliterate(). */
  removed: { seq: number; jobId: string };
  deduplicated: { seq: number; jobId: string; deduplicationId: string };
  paused: { seq: number };
  resumed: { seq: number };
  /** The last waiting job has been taken. */
  drained: { seq: number };
  lagged: { seq: number; missed: number };
}
export type FinishKind = 'exhausted' | 'unrecoverable' | 'stalled' | 'timeout' | 'cancelled' | 'expired';

/* ----------------------------------------------------------------- errors */

/** `code` is the API, the message is for people: what was wrong, the limit, the remedy. */
export class RedstartError extends Error {
  readonly code: ErrorCode;
  /** Whether the same call may succeed later without a change. */
  readonly retryable: boolean;
  /** With ERR_JOB_FAILED: how the job ended. */
  readonly finishKind?: FinishKind;
  /** Also true for errors of another realm (Jest) or another copy of the package. */
  static is(error: unknown, code?: ErrorCode): error is RedstartError;
}
export type ErrorCode =
  | 'ERR_INVALID_ARG'
  | 'ERR_NOT_DEFINED'
  | 'ERR_OPTIONS_CONFLICT'
  | 'ERR_CONFLICT'
  | 'ERR_NOT_FOUND'
  | 'ERR_INVALID_STATE'
  | 'ERR_JOB_FAILED'
  | 'ERR_JOB_TIMEOUT'
  | 'ERR_JOB_CANCELLED'
  | 'ERR_LEASE_LOST'
  | 'ERR_CLOSED'
  | 'ERR_TOO_LARGE'
  | 'ERR_STORE_FULL'
  | 'ERR_TIMEOUT'
  | 'ERR_INTERNAL';
