'use strict';
/**
 * A worker whose handler is a module, run in threads. Each thread is a worker of its own on the same store
 * (lib/thread-runner.js) and pulls its jobs through the addon: this thread only starts them, replaces those that end,
 * and hears events that somebody listens to.
 *
 * A place is what a thread has in the pool. When its thread ends by itself the place is filled anew, after a wait that grows
 * with the failures in a row. A thread that is to be recycled says so ahead of time: the one that follows it is started
 * and waits, and takes as many jobs at once as those that retire have finished, so that no more of them run than were asked for
 * and a job that never ends holds up no more than in a thread that goes on.
 */
const timers = require('node:timers');
const options = require('./options.js');
const { RedstartError, show } = require('./errors.js');
const { rethrowLater } = require('./lane.js');
const { CLOSE_OPTIONS, CLOSE_TIMEOUT_MS_DEFAULT } = require('./worker-options.js');
const { WorkerEmitter } = require('./worker-emitter.js');
const { tell, tellError } = require('./worker-tell.js');
const { FINISHED, SHARED_BYTES, fromSent, tellWhatIsHeard } = require('./worker-threads-events.js');
const { PoolThread } = require('./worker-threads-thread.js');

// Taken before Jest's fake timers replace the global ones: a thread that failed waits in real time.
const { setTimeout, clearTimeout } = timers;

const FAILURES_MAX = 5;
const WAIT_MS_FIRST = 100;
const WAIT_MS_MAX = 5_000;
/** Threads of a place that only wait for their last jobs. With so many of them it waits as well. */
const RETIRING_MAX = 3;

/** @typedef {InstanceType<typeof PoolThread>} Thread */
/**
 * `retiring`: with how many jobs each still has.
 * @typedef {{ thread?: Thread, spare?: Thread, retiring: Map<Thread, number>, timer?: NodeJS.Timeout }} Place
 */

class ThreadedWorker extends WorkerEmitter {
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
   * @param {{ store: { share(): string }, queueName: string, native: import('../native.js').QueueFunctions, module: string,
   *   read: ReturnType<typeof import('./worker-options.js').readWorkerOptions>,
   *   onClosed: (worker: ThreadedWorker) => void }} parts
   */
  constructor({ store, queueName, native, module, read, onClosed }) {
    super(() => tellWhatIsHeard(this, this.#state));
    this.#native = native;
    this.#queueName = queueName;
    this.#onClosed = () => onClosed(this);
    this.#data = {
      state: this.#state,
      shared: store.share(),
      queueName,
      module,
      read: { concurrency: read.concurrency, autorun: read.autorun, native: read.native },
      recycleAfter: read.recycleAfter,
    };
    this.#started = read.autorun;
    this.#places = Array.from({ length: read.threads }, () => ({ retiring: new Map() }));
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
    for (const place of this.#places) place.thread?.go(this.#roomOf(place));
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
    if (this.#closing === undefined) this.#closing = this.#close(timeout ?? CLOSE_TIMEOUT_MS_DEFAULT);
    else if (timeout !== undefined) for (const thread of this.#threads()) thread.close(timeout).catch(() => {});
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
    return this.#places
      .flatMap(({ thread, spare, retiring }) => [thread, spare, ...retiring.keys()])
      .filter((thread) => thread !== undefined);
  }

  /** @param {Place} place @param {boolean} [asSpare] */
  #start(place, asSpare = false) {
    const read = { ...this.#data.read, concurrency: this.#roomOf(place) };
    const data = { ...this.#data, read, paused: this.#paused, standby: asSpare || !this.#started };
    const thread = new PoolThread(this.#native, data, {
      event: (sent) => this.#tell(sent),
      spare: () => {
        if (this.running) place.spare ??= this.#tryStart(place, true);
      },
      spent: (running) => this.#retire(place, thread, running),
      unfit: (error) => this.#giveUp(error),
      hung: (error) => this.#tellOf(error, 'was replaced', 'REDSTART_THREAD_REPLACED'),
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

  /** @param {Place} place @param {Thread} thread @param {number} running */
  #retire(place, thread, running) {
    if (place.thread === thread) place.thread = undefined;
    place.retiring.set(thread, running);
    this.#fill(place);
  }

  /** @param {Place} place @param {Thread} thread @param {Error | undefined} failure */
  #ended(place, thread, failure) {
    if (failure !== undefined) this.#count(failure);
    if (thread === place.spare) {
      place.spare = undefined;
      return;
    }
    if (thread === place.thread) place.thread = undefined;
    place.retiring.delete(thread);
    if (failure === undefined || place.thread !== undefined || place.spare !== undefined) this.#fill(place);
    else this.#fillLater(place);
  }

  /** How many jobs its thread may have at once. @param {Place} place */
  #roomOf(place) {
    let room = this.#data.read.concurrency;
    for (const running of place.retiring.values()) room -= running;
    return room;
  }

  /** A thread for a place that has room for its jobs. @param {Place} place */
  #fill(place) {
    const room = this.#roomOf(place);
    if (!this.running || room <= 0 || place.retiring.size >= RETIRING_MAX) return;
    clearTimeout(place.timer);
    place.timer = undefined;
    const former = place.thread ?? place.spare;
    place.thread = former ?? this.#tryStart(place);
    if (former === place.spare) place.spare = undefined;
    if (this.#started) former?.go(room);
    if (place.thread === undefined) this.#fillLater(place);
  }

  /** @param {Place} place */
  #fillLater(place) {
    if (!this.running) return;
    clearTimeout(place.timer);
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
    if (this.#failures < FAILURES_MAX) {
      this.#tellOf(failure, 'crashed', 'REDSTART_THREAD_CRASHED');
      return;
    }
    const message =
      `threads of queue '${this.#queueName}' failed ${FAILURES_MAX} times in a row and finished no job in between, the last with ` +
      `${show(failure)}; this worker has closed: mend ${this.#data.module} and call process() again`;
    this.#giveUp(new RedstartError(message, { code: 'ERR_INVALID_STATE', cause: failure }));
  }

  /**
   * What became of a thread and is no end of the worker: as 'error' where somebody listens, else as a warning.
   * @param {Error} failure
   * @param {string} what
   * @param {string} code Of the warning.
   */
  #tellOf(failure, what, code) {
    const message = `a thread of queue '${this.#queueName}' ${what}, another takes its place: ${failure.message}`;
    if (this.listenerCount('error') === 0) process.emitWarning(message, { code, detail: failure.stack });
    else tellError(this, new RedstartError(message, { code: 'ERR_INVALID_STATE', cause: failure }));
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
