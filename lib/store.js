'use strict';
/** @type {import('node:cluster').Cluster} */
const cluster = /** @type {any} */ (require('node:cluster'));
const os = require('node:os');
const path = require('node:path');
const timers = require('node:timers/promises');
const { allSettled } = require('./all-settled.js');
const options = require('./options.js');
const { Cache } = require('./cache.js');
const { CODEC_PAIR, readCacheOptions } = require('./cache-options.js');
const { ManualClock } = require('./clock.js');
const { closed, invalidArg, show } = require('./errors.js');
const { lane, cold, ready } = require('./lane.js');
const { Limiter, readLimiterOptions } = require('./limiter.js');
const { Facades } = require('./facades.js');
const { NAME_EXPECTED, isName } = require('./names.js');
const { readQueueOptions } = require('./queue-options.js');
const { Queue } = require('./queue.js');
const { Sessions, USER_ID, readSessionsOptions } = require('./sessions.js');
const { CLOSE_OPTIONS, CLOSE_TIMEOUT_MS_DEFAULT } = require('./worker-options.js');

// Taken before Jest's fake timers stand them still: closing is bounded in real time.
const { setTimeout: sleep } = timers;
const now = performance.now.bind(performance);

const GB = 1024 ** 3;
/** How often close({ drain: true }) looks whether there is anything left. */
const DRAIN_POLL_MS = 5;
const DEFAULT_URL = 'memory:default';

const STORE_OPTIONS = {
  clock: options.instance(ManualClock, 'a clock made by manualClock()'),
  maxMemory: options.bytes({ min: 1024 }),
  onOptionsConflict: options.oneOf(['throw', 'keep']),
};

const STORE_CLOSE_OPTIONS = { ...CLOSE_OPTIONS, drain: options.boolean };

let warnedOfProcesses = false;
let privateStores = 0;

class Store {
  /** @type {import('../native.js').NativeStore} */
  #native;
  /** @type {import('../native.js').StoreFunctions} */
  #functions;
  /** Made through this handle. */
  #facades = new Facades();
  /** @type {Promise<{ dropped: Record<string, number> }> | undefined} */
  #closing;
  /** What queues have from this handle. */
  #ofQueues;
  /**
   * The text of the function userId that sessions were first asked for with, by name; undefined once it was warned of others.
   * @type {Map<string, string | undefined>}
   */
  #userIds = new Map();
  #released = false;
  /** Of which store the loads of a cache are: handles of one named store share them, a private store has its own. */
  #identity;

  /** @param {string} url @param {import('../native.js').NativeStore} native */
  constructor(url, native) {
    this.url = url;
    this.engine = 'memory';
    this.#identity = url === 'memory:' ? `${++privateStores}` : url;
    this.#native = native;
    this.#functions = cold(() => native.functions(), Store);
    const share = () => cold(() => native.share(), share);
    this.#ofQueues = { closing: false, identity: this.#identity, url, share };
  }

  get closed() {
    return this.#released;
  }

  /** @param {string} name @param {unknown} [given] */
  cache(name, given) {
    return this.#feature('cache', name, given, readCacheOptions, this.cache, (native, checked) => {
      // Lengths, because names may contain whatever would separate them.
      const prefix = `${this.#identity.length},${name.length}:${this.#identity}${name}`;
      return new Cache(name, native, prefix, checked?.[CODEC_PAIR], this.cache);
    });
  }

  /** @param {string} name @param {unknown} [given] */
  sessions(name, given) {
    return this.#feature('sessions', name, given, readSessionsOptions, this.sessions, (native, checked) => {
      const userId = checked?.[USER_ID];
      if (userId !== undefined) this.#noteUserId(name, String(userId));
      return new Sessions(name, native, userId);
    });
  }

  /** @param {string} name @param {unknown} [given] */
  limiter(name, given) {
    return this.#feature('limiter', name, given, readLimiterOptions, this.limiter, (native) => {
      return new Limiter(name, native, this.#functions);
    });
  }

  /** @param {string} name @param {unknown} [given] */
  queue(name, given) {
    return this.#feature('queue', name, given, readQueueOptions, this.queue, (native) => {
      return new Queue(name, native, this.#ofQueues);
    });
  }

  async stats() {
    return JSON.parse(ready(this.#functions.stats()));
  }

  /** @param {{ timeout?: import('../index.js').Duration | 0, drain?: boolean }} [given] */
  async close(given) {
    const { timeout, drain } = options.checkOptions('close()', given, STORE_CLOSE_OPTIONS);
    this.#ofQueues.closing = true;
    this.#closing ??= this.#close(timeout ?? CLOSE_TIMEOUT_MS_DEFAULT, drain === true);
    return this.#closing;
  }

  async [Symbol.asyncDispose]() {
    await this.close();
  }

  /** @param {number} timeout @param {boolean} drain */
  async #close(timeout, drain) {
    const end = now() + timeout;
    const queues = [...this.#facades].filter((facade) => facade instanceof Queue);
    try {
      while (drain && now() < end && queues.some(Queue.hasWork)) await sleep(DRAIN_POLL_MS);
      const left = drain ? Math.max(0, end - now()) : timeout;
      await allSettled(queues.map((queue) => Queue.close(queue, left)));
    } catch (error) {
      this.#release();
      throw error;
    }
    return { dropped: this.#release() };
  }

  /** @returns {Record<string, number>} Unfinished jobs that are lost, by queue. */
  #release() {
    for (const facade of this.#facades) {
      if (facade instanceof Cache) Cache.close(facade);
      else if (facade instanceof Limiter) Limiter.close(facade);
      else if (facade instanceof Sessions) Sessions.close(facade);
    }
    this.#released = true;
    const dropped = JSON.parse(ready(this.#functions.close()));
    const lost = Object.entries(dropped);
    if (lost.length > 0) {
      const jobs = lost.map(([queue, count]) => `${count} of queue '${queue}'`).join(', ');
      process.emitWarning(`the last handle of ${this.url} was closed with unfinished jobs: ${jobs}`, {
        code: 'REDSTART_JOBS_DROPPED',
      });
    }
    return dropped;
  }

  /**
   * The facade for a name: made by the first call through this handle, found by the others. Options, where given, go
   * down every time, so that a conflict is noticed whoever asks; what they say of the handle alone (how a cache encodes)
   * is no conflict and makes a facade of its own.
   * @param {'cache' | 'sessions' | 'limiter' | 'queue'} kind
   * @param {string} name
   * @param {unknown} given
   * @param {(given: unknown, above: Function) => object} read
   * @param {Function} above
   * @param {(native: any, checked: any) => any} make
   */
  #feature(kind, name, given, read, above, make) {
    if (this.#released) {
      throw closed(`this handle of ${this.url} is closed; open() another`, above);
    }
    if (!isName(name)) throw invalidArg(`a ${kind} name is ${NAME_EXPECTED}; got ${show(name)}`, above);
    const bare = given === undefined ? this.#facades.bare(`${kind}:${name}`) : undefined;
    if (bare !== undefined) return bare;
    const checked = given === undefined ? undefined : read(given, above);
    const text = checked === undefined ? undefined : JSON.stringify(checked);
    const native = cold(() => this.#native[kind](name, text, callSite(above)), above);
    const { handle } = JSON.parse(native.options);
    /** @type {any} What belongs to the handle and is no JSON. */
    const parts = checked ?? {};
    const own = (handle === undefined ? '' : JSON.stringify(handle)) + codecNumber(parts[CODEC_PAIR]);
    return this.#facades.get(`${kind}:${name}`, own, parts[USER_ID], () => make(native, checked));
  }

  /** @param {string} name @param {string} userId The function's text: an inline one is another at every call. */
  #noteUserId(name, userId) {
    if (!this.#userIds.has(name)) this.#userIds.set(name, userId);
    const first = this.#userIds.get(name);
    if (first === undefined || first === userId) return;
    this.#userIds.set(name, undefined);
    process.emitWarning(
      `sessions '${name}' are asked for with different functions userId; each handle uses its own, so that a user's sessions ` +
        'may be told by one and not by the other: give all the same',
      { code: 'REDSTART_SESSIONS_USER_ID' },
    );
  }
}

/** @type {WeakMap<object, number>} Codecs of the app: each makes another facade. */
const codecNumbers = new WeakMap();
let codecs = 0;

/** @param {object | undefined} codec */
function codecNumber(codec) {
  if (codec === undefined) return '';
  const known = codecNumbers.get(codec) ?? ++codecs;
  codecNumbers.set(codec, known);
  return String(known);
}

/** Frames of ours at most between a door that the app calls and the store. */
const DOOR_FRAMES_MAX = 5;
const OURS = __dirname + path.sep;

/**
 * Where the app called `above`, itself or through a door, for the message of a conflict: 'file.js:10:5'.
 * @param {Function} above
 */
function callSite(above) {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = DOOR_FRAMES_MAX + 1;
  const trace = { stack: '' };
  Error.captureStackTrace(trace, above);
  Error.stackTraceLimit = limit;
  const places = String(trace.stack).split('\n').slice(1).map(placeOf);
  return places.find((place) => !place?.startsWith(OURS)) ?? 'an unknown place';
}

/** @param {string} frame */
function placeOf(frame) {
  return /\(?((?:file:\/\/)?[^()\s][^()]*:\d+:\d+)\)?$/.exec(frame.replace(/^\s*at /, ''))?.[1];
}

/** A quarter of what this process may use, at most 1 GiB. */
function defaultMaxMemory() {
  const constrained = process.constrainedMemory?.() ?? 0;
  const usable = constrained > 0 ? Math.min(constrained, os.totalmem()) : os.totalmem();
  return Math.floor(Math.min(GB, usable / 4));
}

/** @param {unknown} url */
function nameOf(url) {
  const text = url === undefined ? DEFAULT_URL : url;
  if (typeof text !== 'string')
    throw invalidArg(`open() takes a URL string such as 'memory:app'; got ${show(url)}`, open);
  const scheme = /^([a-z]+):/.exec(text)?.[1];
  if (scheme === 'memory') {
    const name = text.slice('memory:'.length);
    if (name === '' || isName(name)) return { url: text, name };
    throw invalidArg(`a store name is ${NAME_EXPECTED}; got ${show(name)}`, open);
  }
  const known = "this version has 'memory:name' (shared by the threads of this process) and 'memory:' (private)";
  if (scheme !== undefined && ['file', 'redis', 'rediss', 'valkey'].includes(scheme)) {
    throw invalidArg(`${scheme}: stores are not in this version; ${known}`, open);
  }
  throw invalidArg(`open() does not know the URL ${show(text)}; ${known}`, open);
}

/** @param {string} name */
function warnOfProcesses(name) {
  const forked = cluster.isWorker || process.env.pm_id !== undefined;
  if (!forked || name === '' || warnedOfProcesses) return;
  warnedOfProcesses = true;
  process.emitWarning(
    `memory:${name} belongs to this process alone; the others that cluster or PM2 started have their own`,
    { code: 'REDSTART_MULTI_PROCESS' },
  );
}

/**
 * @param {string} [given]
 * @param {import('../index.js').StoreOptions} [storeOptions]
 * @returns {Store}
 */
function open(given, storeOptions) {
  const { url, name } = nameOf(given);
  const checked = options.checkOptions('open()', storeOptions, STORE_OPTIONS, open);
  const text = JSON.stringify({
    maxMemory: checked.maxMemory,
    defaultMaxMemory: defaultMaxMemory(),
    keepFirstOptions: checked.onOptionsConflict === 'keep',
  });
  const clock = checked.clock === undefined ? undefined : ManualClock.nativeOf(checked.clock);
  const native = cold(() => lane.openStore(name, text, callSite(open), clock), open);
  warnOfProcesses(name);
  return new Store(url, native);
}

module.exports = { Store, open };
