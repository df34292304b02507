'use strict';
/**
 * A worker whose handler is a module, run in threads. Each thread is a worker of its own on the same store
 * (lib/thread-runner.js) and pulls its jobs through the addon: this thread only starts them, replaces those that end,
 * and hears events that somebody listens to.
 *
 * A place is what a thread has in the pool. When its thread ends by itself the place is filled anew, after a wait that grows
 * with the failures in a row. A thread that is to be recycled says so ahead of time: the one that follows it is started
 * and waits, and takes jobs when the former has finished its own, so that no more of them run than were asked for.
 */
const { EventEmitter } = require('node:events');
const timers = require('node:timers');
const options = require('./options.js');
const { RedstartError, show } = require('./errors.js');
const { rethrowLater } = require('./lane.js');
const { CLOSE_OPTIONS, CLOSE_TIMEOUT_MS_DEFAULT } = require('./worker-options.js');
const { tell, tellError } = require('./worker-tell.js');
const { FINISHED, SHARED_BYTES, fromSent, tellWhatIsHeard } = require('./worker-threads-events.js');
const { moduleUrl, readThreadedOptions } = require('./worker-threads-options.js');
const { PoolThread } = require('./worker-threads-thread.js');

// Taken before Jest's fake timers replace the global ones: a thread that failed waits in real time.
const { setTimeout, clearTimeout } = timers;

const FAILURES_MAX = 5;
const WAIT_MS_FIRST = 100;
const WAIT_MS_MAX = 5_000;

/**
 * @typedef {{ thread?: InstanceType<typeof PoolThread>, spare?: InstanceType<typeof PoolThread>, timer?: NodeJS.Timeout }} Place
 */

class ThreadedWorker extends EventEmitter {
  /** @type {import('../native.js').QueueFunctions} */
  #native;
  #queueName;
  /** What every thread starts with. */
  #data;
  /** @type {Place[]} */
  #places = [];
  #state = new Int32Array(new SharedArrayBuffer(SHARED_BYTES));
  #started = false;
  #paused = false;
  #alive = true;
  #failures = 0;
  #finishedAtFailure = 0;
  /** @type {Promise<void> | undefined} */
  #closing;
  /** @type {() => void} */
  #onClosed;

  /**
   * @param {{ store: { share(): string, readonly url: string }, queueName: string,
   *   native: import('../native.js').QueueFunctions, module: unknown, options?: unknown,
   *   onClosed: (worker: ThreadedWorker) => void }} parts
   * @param {Function} [above]
   */
  constructor({ store, queueName, native, module, options: given, onClosed }, above = ThreadedWorker) {
    super();
    const url = moduleUrl(module, above);
    const { checked, forThreads } = readThreadedOptions(given, above);
    this.#native = native;
    this.#queueName = queueName;
    this.#onClosed = () => onClosed(this);
    this.#data = {
      state: this.#state,
      shared: store.share(),
      url: store.url,
      queueName,
      module: url,
      options: forThreads,
      recycleAfter: checked.recycleAfter,
    };
    this.#started = checked.autorun;
    tellWhatIsHeard(this, this.#state);
    this.#places = Array.from({ length: checked.threads }, () => ({}));
    for (const place of this.#places) this.#fill(place);
  }

  get running() {
    return this.#closing === undefined;
  }

  get paused() {
    return this.#paused;
  }

  /** Whether it was told to take jobs, for who waits until a queue is drained. */
  get started() {
    return this.#started;
  }

  run() {
    if (this.#started || !this.running) return;
    this.#started = true;
    for (const { thread } of this.#places) thread?.say('go');
  }

  pause() {
    this.#setPaused(true);
  }

  resume() {
    this.#setPaused(false);
  }

  ref() {
    this.#keepAlive(true);
    return this;
  }

  unref() {
    this.#keepAlive(false);
    return this;
  }

  /** @param {{ timeout?: import('../index.js').Duration | 0 }} [given] @returns {Promise<void>} */
  async close(given) {
    const { timeout } = options.checkOptions('close()', given, CLOSE_OPTIONS);
    this.#closing ??= this.#close(timeout ?? CLOSE_TIMEOUT_MS_DEFAULT);
    return this.#closing;
  }

  [Symbol.asyncDispose]() {
    return this.close();
  }

  /** @param {boolean} paused */
  #setPaused(paused) {
    if (this.#paused === paused || !this.running) return;
    this.#paused = paused;
    for (const thread of this.#threads()) thread.say(paused ? 'pause' : 'resume');
  }

  /** @param {boolean} alive */
  #keepAlive(alive) {
    if (!this.running) return;
    this.#alive = alive;
    for (const thread of this.#threads()) thread.keepAlive(alive);
    for (const { timer } of this.#places) {
      if (alive) timer?.ref();
      else timer?.unref();
    }
  }

  #threads() {
    return this.#places.flatMap(({ thread, spare }) => [thread, spare]).filter((thread) => thread !== undefined);
  }

  /** @param {Place} place @param {boolean} [asSpare] */
  #start(place, asSpare = false) {
    const data = { ...this.#data, paused: this.#paused, standby: asSpare || !this.#started };
    const thread = new PoolThread(this.#native, data, {
      event: (sent) => this.#tell(sent),
      spare: () => {
        if (this.running) place.spare ??= this.#tryStart(place, true);
      },
      unfit: (error) => this.#giveUp(error),
      ended: (failure) => this.#ended(place, thread, failure),
    });
    thread.keepAlive(this.#alive);
    return thread;
  }

  /** @param {import('./worker-threads-events.js').SentEvent} sent */
  #tell(sent) {
    const args = fromSent(this.#native, sent);
    if (sent.event === 'error') tellError(this, args[0]);
    else tell(this, sent.event, ...args);
  }

  /** @param {Place} place @param {InstanceType<typeof PoolThread>} thread @param {Error | undefined} failure */
  #ended(place, thread, failure) {
    if (failure !== undefined) this.#count(failure);
    if (thread === place.spare) {
      place.spare = undefined;
      return;
    }
    place.thread = undefined;
    if (failure === undefined || place.spare !== undefined) this.#fill(place);
    else this.#fillLater(place);
  }

  /** @param {Place} place */
  #fill(place) {
    if (!this.running) return;
    place.timer = undefined;
    if (this.#started) place.spare?.say('go');
    place.thread = place.spare ?? this.#tryStart(place);
    place.spare = undefined;
    if (place.thread === undefined) this.#fillLater(place);
  }

  /** @param {Place} place */
  #fillLater(place) {
    if (!this.running) return;
    place.timer = setTimeout(() => this.#fill(place), waitMs(this.#failures));
    if (!this.#alive) place.timer.unref();
  }

  /** Nothing where the system has no thread to give. @param {Place} place @param {boolean} [asSpare] */
  #tryStart(place, asSpare) {
    try {
      return this.#start(place, asSpare);
    } catch (error) {
      this.#count(/** @type {Error} */ (error));
      return undefined;
    }
  }

  /** @param {Error} failure */
  #count(failure) {
    if (!this.running) return;
    const finished = Atomics.load(this.#state, FINISHED);
    this.#failures = finished === this.#finishedAtFailure ? this.#failures + 1 : 1;
    this.#finishedAtFailure = finished;
    if (this.#failures < FAILURES_MAX) return;
    const message =
      `threads of queue '${this.#queueName}' failed ${FAILURES_MAX} times in a row and finished no job in between, the last with ` +
      `${show(failure)}; this worker has closed: mend ${this.#data.module} and call process() again`;
    this.#giveUp(new RedstartError(message, { code: 'ERR_INVALID_STATE', cause: failure }));
  }

  /** @param {Error} error */
  #giveUp(error) {
    if (!this.running) return;
    this.close().catch(rethrowLater);
    tellError(this, error);
  }

  /** @param {number} timeoutMs */
  async #close(timeoutMs) {
    for (const { timer } of this.#places) clearTimeout(timer);
    try {
      await Promise.all(this.#threads().map((thread) => thread.close(timeoutMs)));
    } finally {
      this.#onClosed();
    }
  }
}

/** @param {number} failures In a row, this one included. */
function waitMs(failures) {
  return Math.min(WAIT_MS_FIRST * 2 ** (failures - 1), WAIT_MS_MAX);
}

module.exports = { ThreadedWorker };
