/// <reference types="node" />
/**
 * redstart keeps a Node.js app's fast temporary state in process: caches, sessions, rate limits and job queues,
 * shared by all worker threads, bounded in bytes and counted.
 *
 * Keys are strings, any string: empty, NUL, any Unicode, lone surrogates included (two different strings never alias),
 * up to 64 KiB as stored (one byte a character when all are below U+0100, two bytes a UTF-16 unit otherwise); anything
 * else is ERR_INVALID_ARG.
 *
 * Async methods never throw synchronously: they reject. Only open(), manualClock(), its advance(), the factories (cache,
 * sessions, limiter, queue), process(), on/once/off of queues and workers, consumeSync and the other *Sync methods,
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
   * ERR_STORE_FULL. A limiter never rejects for it: further new keys share its overflow bucket (reason 'overflow').
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
   * takes it. Leases of live threads count as renewed.
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
  cache<T = unknown>(name: string, options?: CacheOptions): Cache<T>;
  sessions<T extends object = Record<string, unknown>>(name: string, options?: SessionsOptions): Sessions<T>;
  limiter(name: string, options?: LimiterOptions): Limiter;
  /** The options of a queue are all optional, so `store.queue('mail')` is enough. */
  queue<Data = unknown, Result = unknown>(name: string, options?: QueueOptions): Queue<Data, Result>;
  /** Everything worth watching; its cost does not grow with the number of entries. */
  stats(): Promise<StoreStats>;
  /**
   * Stops this handle's workers (waits for running jobs up to `timeout`, default '8s': containers are killed at 10),
   * then releases the handle. Idempotent. Every later call through it is ERR_CLOSED. What was asked for before (a job's
   * result) is still answered, and keeps the process alive until then. The last handle of a memory store takes the state
   * with it: `dropped` tells the unfinished jobs lost per queue, and a process warning (code REDSTART_JOBS_DROPPED) is
   * emitted when there are any. Handles of threads that ended without closing stay counted: nothing is dropped then, and
   * the state stays. Do not await it in a handler of one of this handle's workers: it waits for that handler, up to
   * `timeout`.
   */
  close(options?: { timeout?: Duration }): Promise<{ dropped: Record<string, number> }>;
}

export interface StoreStats {
  /** Bytes held by all features of the store, caches included. */
  bytes: number;
  /** Bytes that count against maxMemory: sessions, jobs (finished ones too, while retained), limiter keys. */
  budget: { used: number; limit: number };
  caches: Record<string, CacheStats>;
  sessions: Record<string, { live: number; bytes: number }>;
  limiters: Record<string, LimiterStats>;
  queues: Record<string, QueueStats>;
}
export interface QueueStats {
  counts: Record<JobState, number>;
  bytes: number;
  /** Milliseconds the first waiting job has been waiting; 0 when none waits. */
  oldestWaitingAgeMs: number;
}

/* ------------------------------------------------------------------ cache */

export interface CacheOptions {
  /**
   * Required: how long an entry may live, or null to keep it until it is evicted. Never forgotten by accident. Entries
   * may be served up to 20 ms longer (reads use a coarse clock); under a manual clock it is exact.
   */
  ttl: Duration | null;
  /** Bytes at most, keys and bookkeeping included, measured by redstart. Default '64mb'; at least '1kb'. */
  maxSize?: Bytes;
  /**
   * set of a larger entry rejects with ERR_TOO_LARGE (key, size, limit) and removes the old value; getOrSet returns the
   * value unstored and counts a rejection: a read never fails for it. Default '1mb', or maxSize when that is smaller.
   */
  maxEntrySize?: Bytes;
}

export interface SetOptions {
  /** For this entry, instead of the cache's ttl. */
  ttl?: Duration | null;
}

export interface Cache<T> {
  readonly name: string;
  /**
   * The value, a copy of its own for every caller, or undefined when absent or expired.
   * Kept: strings, numbers, booleans, null, plain objects and arrays, Date, Map, Set, BigInt, Buffer, typed arrays,
   * undefined inside objects, cycles. A class instance with toJSON is stored as its result.
   */
  get(key: string): Promise<T | undefined>;
  /** undefined, functions, symbols and other class instances are ERR_INVALID_ARG, naming the path and the remedy. */
  set(key: string, value: T, options?: SetOptions): Promise<void>;
  has(key: string): Promise<boolean>;
  /** Whether there was a live entry. */
  delete(key: string): Promise<boolean>;
  clear(): Promise<void>;
  /**
   * The value, or what `loader` returns, stored. Every caller, the first included, gets its own decoded copy: types
   * never differ between miss and hit. Any number of callers in this thread that miss together share one loader call.
   * A loader that throws rejects every waiter with that same error, and nothing is cached. undefined is returned and not
   * cached; null, 0, false and '' are values. A key set, deleted or cleared while its loader runs keeps that outcome: the
   * loaded value is returned to who was waiting but not stored, and callers who come later and find nothing start a new
   * load. A loader that starts or waits for a load of its own key, also through others, rejects with ERR_INVALID_STATE.
   */
  getOrSet<V extends T | null | undefined = T>(
    key: string,
    loader: (context: LoaderContext) => V | Promise<V>,
    options?: SetOptions,
  ): Promise<V>;
  stats(): Promise<CacheStats>;
  getSync(key: string): T | undefined;
  setSync(key: string, value: T, options?: SetOptions): void;
  hasSync(key: string): boolean;
  deleteSync(key: string): boolean;
}
export interface LoaderContext {
  readonly key: string;
}
export interface CacheStats {
  hits: number;
  misses: number;
  /** hits / (hits + misses), 0 before the first read. */
  hitRate: number;
  entries: number;
  bytes: number;
  evictions: number;
  expirations: number;
  /** Entries refused because they were larger than maxEntrySize. */
  rejections: number;
}

/* --------------------------------------------------------------- sessions */

export interface SessionsOptions {
  /** Idle time after which a session is gone. Required. A number under 60,000 warns once: it is milliseconds. */
  ttl: Duration;
  /** Default '64kb'; a larger session is refused with ERR_TOO_LARGE. */
  maxSessionSize?: Bytes;
}
/**
 * Sessions hold plain JSON data: a plain object, or one whose toJSON returns one; anything else (a Map, an instance of a
 * class) is ERR_INVALID_ARG. Ids are credentials: only their SHA-256 is kept. Sessions are never evicted; past the
 * store's maxMemory create and set reject with ERR_STORE_FULL.
 */
export interface Sessions<T extends object> {
  readonly name: string;
  /** 24 bytes from the operating system's generator, base64url: 32 characters. */
  create(data: T, options?: { ttl?: Duration }): Promise<{ id: string; data: T }>;
  /** The data, a copy of its own, or undefined for an unknown or expired id. Reading does not renew the idle time. */
  get(id: string): Promise<T | undefined>;
  /** Replaces the data and renews the idle time. false for an unknown id: only the adapters of web frameworks may adopt ids. */
  set(id: string, data: T, options?: { ttl?: Duration }): Promise<boolean>;
  /** Renews the idle time and leaves the data alone. */
  touch(id: string, options?: { ttl?: Duration }): Promise<boolean>;
  /** Same data, new id, old id dead: after login, against fixation. The new id, or undefined for an unknown one. */
  regenerate(id: string): Promise<string | undefined>;
  destroy(id: string): Promise<boolean>;
  count(): Promise<number>;
}

/* ----------------------------------------------------------------- limits */

export interface LimiterOptions {
  /** Units admitted in a window: a whole number from 1 to 2^32 - 1. */
  limit: number;
  window: Duration;
  /**
   * 'sliding-window' (default): 16 sub-buckets, the oldest counted in full: never more than `limit` admitted in ANY
   * window. 'fixed-window': anchored at the first hit, as express-rate-limit; up to 2 * limit - 1 in the worst window.
   */
  algorithm?: 'sliding-window' | 'fixed-window';
  /**
   * Distinct keys at most, default 1_000_000. When full, keys that equal an absent key go first; no limited key is ever
   * forgotten; further new keys share one overflow bucket (reason 'overflow').
   */
  maxKeys?: number;
}
export interface Limiter {
  readonly name: string;
  /**
   * Resolves also when denied: a denial is an answer, not an error. A cost above limit rejects with ERR_INVALID_ARG: it
   * can never pass. A denial takes no units. Keys are kept as 128-bit seeded hashes, so long keys cost no more.
   */
  consume(key: string, options?: { cost?: number }): Promise<LimitResult>;
  consumeSync(key: string, options?: { cost?: number }): LimitResult;
  /** Whether consume with cost 1 would pass, and what is left now; takes nothing. */
  peek(key: string): Promise<LimitResult>;
  /** Forgets the key; whether there was anything to forget. */
  reset(key: string): Promise<boolean>;
  stats(): Promise<LimiterStats>;
}
export interface LimiterStats {
  allowed: number;
  denied: number;
  keys: number;
  bytes: number;
}
export interface LimitResult {
  allowed: boolean;
  limit: number;
  /** Whole units left now. */
  remaining: number;
  /** Milliseconds until the key is as new. */
  resetAfterMs: number;
  /**
   * Milliseconds until this same call would pass: 0 when allowed; denied one ms earlier, allowed then. With
   * 'sliding-window' up to 17/16 of the window, as the oldest sub-bucket counts in full.
   */
  retryAfterMs: number;
  reason?: 'limit' | 'overflow';
}
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
export interface JobOptions {
  /** Idempotency while that job is retained: a second add with this id returns the first job, with added === false. 1 to 256 characters. */
  jobId?: string;
  /** 0 (default) or a Duration; 0 runs at once. */
  delay?: Duration;
  /** Tries in all. Default 3. */
  attempts?: number;
  /** Default exponential from '1s', jitter 0.5. */
  backoff?: Backoff;
}
export interface QueueOptions {
  /** For every job that does not say otherwise. */
  defaultJobOptions?: Omit<JobOptions, 'jobId'>;
  /** Default '1mb'; larger data or results are refused with ERR_TOO_LARGE. */
  maxDataSize?: Bytes;
}
/**
 * An at-least-once queue. Data and results are JSON. Finished jobs are retained: the last 1,000 completed for up to an
 * hour, the last 10,000 failed for up to 7 days.
 */
export interface Queue<Data, Result> {
  readonly name: string;
  add(name: string, data: Data, options?: JobOptions): Promise<Job<Data, Result>>;
  /** Starts a worker in this thread. Throwing (or rejecting) fails the attempt; UnrecoverableError fails the job for good. */
  process(handler: (job: ActiveJob<Data, Result>) => Result | Promise<Result>, options?: WorkerOptions): Worker;
  getJob(id: string): Promise<Job<Data, Result> | undefined>;
  getJobCounts(): Promise<Record<JobState, number>>;
  /** Events of this queue from whichever thread they come. A listener keeps no process alive. */
  on<E extends keyof QueueEvents>(event: E, listener: (payload: QueueEvents[E]) => void): this;
  once<E extends keyof QueueEvents>(event: E, listener: (payload: QueueEvents[E]) => void): this;
  off<E extends keyof QueueEvents>(event: E, listener: (payload: QueueEvents[E]) => void): this;
}
export type JobState = 'waiting' | 'delayed' | 'active' | 'completed' | 'failed';
export interface WorkerOptions {
  /** Jobs at once in this worker, 1 to 10,000. Default 1. */
  concurrency?: number;
  /**
   * A job whose worker is gone becomes waiting again after this long at the latest: at once when its thread ends. Never
   * renewed by a JavaScript timer, so a blocked event loop keeps its jobs. Default '30s'; at least '1s'.
   */
  leaseDuration?: Duration;
  /** Times a job may stall (lose its worker) before it fails. Default 1. */
  maxStalledCount?: number;
}
export interface WorkerEvents {
  active: [job: ActiveJob<any, any>];
  completed: [job: ActiveJob<any, any>, result: unknown];
  /** For good. */
  failed: [job: ActiveJob<any, any>, error: unknown];
  /** An attempt failed and another follows. */
  retrying: [job: ActiveJob<any, any>, error: unknown];
  /** The job runs elsewhere or was removed; what this worker still does with it changes nothing. */
  'lease-lost': [job: ActiveJob<any, any>];
  error: [error: unknown];
}
export interface Worker extends AsyncDisposable {
  readonly running: boolean;
  /**
   * Takes no more jobs, waits for the running ones up to `timeout` (default '8s'); what still runs then is aborted and
   * released to the front of the queue, no attempt lost. Idempotent. Do not await it in this worker's own handler: it
   * waits for that handler, up to `timeout`.
   */
  close(options?: { timeout?: Duration }): Promise<void>;
  /** A running worker keeps the process alive, as a listening server does; unref() undoes that. */
  ref(): this;
  unref(): this;
  on<E extends keyof WorkerEvents>(event: E, listener: (...args: WorkerEvents[E]) => void): this;
  once<E extends keyof WorkerEvents>(event: E, listener: (...args: WorkerEvents[E]) => void): this;
  off<E extends keyof WorkerEvents>(event: E, listener: (...args: WorkerEvents[E]) => void): this;
}
/** A snapshot of a job as it was when asked for; getState() and result() ask again. */
export interface Job<Data = unknown, Result = unknown> {
  readonly id: string;
  readonly name: string;
  readonly data: Data;
  /** false when jobId found an earlier job, which this one then is. */
  readonly added: boolean;
  readonly attemptsMade: number;
  readonly failedReason: string | undefined;
  /** Milliseconds since the epoch. */
  readonly timestamp: number;
  readonly processedOn: number | undefined;
  readonly finishedOn: number | undefined;
  getState(): Promise<JobState | 'unknown'>;
  /**
   * Resolves with the return value; rejects with ERR_JOB_FAILED (cause: the job's error with name, message, stack, code;
   * finishKind), the same in every thread; ERR_NOT_FOUND once the job is no longer retained; ERR_TIMEOUT after `timeout`
   * on the store's clock (a manual one must advance). Default: no timeout. From state, never from an event alone.
   */
  result(options?: { timeout?: Duration }): Promise<Result>;
}
export interface ActiveJob<Data = unknown, Result = unknown> extends Job<Data, Result> {
  /** From 1. */
  readonly attempt: number;
  /** Aborted on forced close and when the lease is lost. */
  readonly signal: AbortSignal;
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
  completed: { seq: number; jobId: string; result: unknown };
  retrying: { seq: number; jobId: string; error: string; nextAttemptAt: number };
  failed: { seq: number; jobId: string; failedReason: string; finishKind: FinishKind };
  stalled: { seq: number; jobId: string };
  lagged: { seq: number; missed: number };
}
export type FinishKind = 'exhausted' | 'unrecoverable' | 'stalled';

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
  | 'ERR_NOT_FOUND'
  | 'ERR_INVALID_STATE'
  | 'ERR_JOB_FAILED'
  | 'ERR_CLOSED'
  | 'ERR_TOO_LARGE'
  | 'ERR_STORE_FULL'
  | 'ERR_TIMEOUT'
  | 'ERR_INTERNAL';
