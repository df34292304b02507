'use strict';
/**
 * A worker pulls: it takes as many jobs as it has free places and otherwise leaves its name with the queue, which says
 * `ready` once when there is something. So nothing is pushed at a busy thread, and an idle one costs nothing.
 */
const { AsyncResource } = require('node:async_hooks');
const { EventEmitter } = require('node:events');
const timers = require('node:timers');
const options = require('./options.js');
const { RedstartError } = require('./errors.js');
const { JobRun } = require('./job-run.js');
const { listen, unlisten, keepAlive, ready } = require('./lane.js');
const { CLOSE_OPTIONS, CLOSE_TIMEOUT_MS_DEFAULT } = require('./worker-options.js');
const { tell, tellError } = require('./worker-tell.js');
const { roomToClaim, countClaimed, isTurnDue, turnOfTheLoop } = require('./worker-turn.js');

// Taken before Jest's fake timers replace the global ones: closing is bounded in real time.
const { setTimeout, clearTimeout } = timers;

const TIMER_MS_MAX = 2 ** 31 - 1;
/** Why a lease was lost, where core has not said so yet. */
const RUNS_ELSEWHERE = 0;

class Worker extends EventEmitter {
  /** @type {import('../native.js').QueueFunctions} */
  #native;
  /** @type {import('./job-run.js').Hands} */
  #hands;
  /** Of process(): handlers and listeners run in it. */
  #context;
  #concurrency;
  #number;
  #line;
  #alive = true;
  #open = true;
  #paused = false;
  #started;
  /** @type {Map<number, InstanceType<typeof JobRun>>} Jobs here by their number in the queue. */
  #running = new Map();
  #pulling = false;
  /** Something has ended since it was last told that there is nothing more. */
  #toDrain = false;
  /** @type {Promise<void> | undefined} */
  #closing;
  /** @type {(() => void) | undefined} */
  #onIdle;
  /** @type {(worker: Worker) => void} */
  #onClosed;

  /**
   * @param {import('../native.js').QueueFunctions} native
   * @param {(job: any) => unknown} handler
   * @param {import('./worker-options.js').WorkerRead} read
   * @param {{ onClosed(worker: Worker): void }} hooks
   */
  constructor(native, handler, read, { onClosed }) {
    super();
    this.#native = native;
    this.#concurrency = read.concurrency;
    this.#started = read.autorun;
    this.#onClosed = onClosed;
    this.#hands = {
      native,
      handler,
      backoff: read.backoff,
      tell: (event, ...args) => this.#tell(event, ...args),
      tellError: (error) => this.#context.runInAsyncScope(tellError, undefined, this, error),
      over: (run) => this.#freePlace(run),
    };
    const { started: worker, number: line } = listen(true, () => ready(native.openWorker(read.native)), {
      ready: () => this.#pullSoon(),
      leaseLost: (job, epoch, why) => this.#context.runInAsyncScope(this.#loseLease, this, job, epoch, why),
    });
    this.#number = worker;
    this.#line = line;
    // Ended by close() and not by the garbage collector: until then it is an open handle to Jest.
    this.#context = new AsyncResource('redstart.Worker', { requireManualDestroy: true });
    // A queue whose jobs nobody takes has settled, as the manual clock sees it.
    if (!read.autorun) this.#wantNothing();
    // After the caller has had the chance to add its listeners.
    this.#pullSoon();
  }

  get running() {
    return this.#open;
  }

  get paused() {
    return this.#paused;
  }

  /** Whether it was told to take jobs, for who waits until a queue is drained. */
  get started() {
    return this.#started;
  }

  run() {
    this.#started ||= this.#open;
    this.#pullSoon();
  }

  pause() {
    if (this.#paused || !this.#open) return;
    this.#paused = true;
    this.#wantNothing();
  }

  resume() {
    if (!this.#paused || !this.#open) return;
    this.#paused = false;
    this.#pullSoon();
  }

  ref() {
    if (!this.#alive && this.#open) keepAlive(true);
    this.#alive ||= this.#open;
    return this;
  }

  unref() {
    if (this.#alive && this.#open) keepAlive(false);
    this.#alive &&= !this.#open;
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

  get #takes() {
    return this.#open && this.#started && !this.#paused;
  }

  /** Once for all places that get free in this turn of the microtasks, and when the loop has had its turn. */
  #pullSoon() {
    if (this.#pulling || !this.#takes) return;
    this.#pulling = true;
    // Not queueMicrotask, which Jest's fake timers stop.
    const soon = isTurnDue() ? turnOfTheLoop() : Promise.resolve();
    soon.then(() => {
      this.#pulling = false;
      this.#context.runInAsyncScope(this.#pull, this);
    });
  }

  #pull() {
    const places = this.#concurrency - this.#running.size;
    if (!this.#takes || places <= 0) return;
    const room = roomToClaim();
    if (room === 0) {
      // Those that have been claimed begin before.
      this.#pullSoon();
      return;
    }
    const free = Math.min(places, room);
    let text;
    try {
      text = ready(this.#native.take(this.#number, free));
    } catch (error) {
      // A handle that was closed meanwhile closes its workers as well.
      if (!RedstartError.is(error, 'ERR_CLOSED')) this.#hands.tellError(error);
      return;
    }
    if (text === undefined) {
      this.#tellDrained();
      return;
    }
    const taken = JSON.parse(text);
    countClaimed(taken.length, room);
    for (const [view, token] of taken) this.#start(view, token);
    if (taken.length === free) this.#pullSoon();
  }

  #tellDrained() {
    if (!this.#toDrain || this.#running.size > 0) return;
    this.#toDrain = false;
    this.#tell('drained');
  }

  /** What a handler entered is not for listeners. @param {string} event @param {unknown[]} args */
  #tell(event, ...args) {
    if (this.listenerCount(event) > 0) this.#context.runInAsyncScope(tell, undefined, this, event, ...args);
  }

  /** @param {import('./job.js').JobView} view @param {import('./job-active.js').Token} token */
  #start(view, token) {
    // Core gave it up before its news of that has come.
    this.#running.get(token.job)?.lose(RUNS_ELSEWHERE);
    const run = new JobRun(this.#hands, view, token);
    this.#running.set(token.job, run);
    run.run();
  }

  /** @param {InstanceType<typeof JobRun>} run */
  #freePlace(run) {
    const { job } = run.token;
    if (this.#running.get(job) === run) this.#running.delete(job);
    this.#toDrain = true;
    if (this.#open) this.#pullSoon();
    else if (this.#running.size === 0) this.#onIdle?.();
  }

  /** @param {number} job @param {number} epoch @param {number} why */
  #loseLease(job, epoch, why) {
    const run = this.#running.get(job);
    if (run?.token.epoch === epoch) run.lose(why);
  }

  /** What it was told of goes to another worker now. */
  #wantNothing() {
    this.#native.take(this.#number, 0);
  }

  /** @param {number} timeoutMs */
  async #close(timeoutMs) {
    this.#open = false;
    this.#wantNothing();
    await this.#idle(timeoutMs);
    const left = [...this.#running.values()];
    this.#running.clear();
    try {
      for (const run of left) run.release();
      ready(this.#native.closeWorker(this.#number, this.#line, true));
    } finally {
      unlisten(this.#line, this.#alive);
      this.#context.emitDestroy();
      this.#onClosed(this);
    }
    for (const run of left) run.abortReleased();
  }

  /** @param {number} timeoutMs */
  #idle(timeoutMs) {
    if (this.#running.size === 0 || timeoutMs === 0) return undefined;
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, Math.min(timeoutMs, TIMER_MS_MAX));
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve(undefined);
      };
    });
  }
}

module.exports = { Worker };
