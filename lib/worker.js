'use strict';
/**
 * A worker pulls: it takes as many jobs as it has free places and otherwise leaves its name with the queue, which says
 * `ready` once when there is something. So nothing is pushed at a busy thread, and an idle one costs nothing.
 */
const { AsyncResource } = require('node:async_hooks');
const options = require('./options.js');
const { BoundedWait } = require('./bounded-wait.js');
const { RedstartError } = require('./errors.js');
const { JobReturns } = require('./job-returns.js');
const { JobRun, LeaseEnd } = require('./job-run.js');
const { listen, unlisten, keepAlive, ready } = require('./lane.js');
const { CLOSE_OPTIONS, CLOSE_TIMEOUT_MS_DEFAULT } = require('./worker-options.js');
const { WorkerEmitter } = require('./worker-emitter.js');
const { countRows, startRows } = require('./worker-claims.js');
const { tell, tellError } = require('./worker-tell.js');
const { roomToClaim, countClaimed, isTurnDue, turnOfTheLoop } = require('./worker-turn.js');

class Worker extends WorkerEmitter {
  /** @type {import('../native.js').QueueFunctions} */
  #native;
  /** @type {import('./job-run.js').Hands} */
  #hands;
  /** Of process(): handlers and listeners run in it. */
  #context;
  #concurrency;
  /** Jobs that it may still take. */
  #left;
  #number;
  #line;
  #alive = true;
  #open = true;
  #paused = false;
  #started;
  /** @type {Map<number, InstanceType<typeof JobRun>>} Jobs here by their number in the queue. */
  #running = new Map();
  /** @type {Map<number, InstanceType<typeof JobRun>>} Those that core has said it took back, but not why. */
  #lost = new Map();
  #pulling = false;
  /** @type {InstanceType<typeof JobReturns>} */
  #returns;
  /** Something has ended since it was last told that there is nothing more. */
  #toDrain = false;
  /** @type {Promise<void> | undefined} */
  #closing;
  /** For the jobs that run when it closes. */
  #lastJobs = new BoundedWait();
  #hooks;

  /**
   * @param {import('../native.js').QueueFunctions} native
   * @param {(job: any) => unknown} handler
   * @param {import('./worker-options.js').WorkerRead} read
   * @param {{ onClosed?(worker: Worker): void, onSpent?(running: number): void }} hooks `onSpent`: it has taken as many jobs as it
   *   may; how many of them it still has, and whenever that changes.
   */
  constructor(native, handler, read, hooks) {
    super();
    this.#native = native;
    this.#concurrency = read.concurrency;
    this.#left = read.jobsMax ?? Infinity;
    this.#started = read.autorun;
    this.#hooks = hooks;
    this.#returns = new JobReturns(native, () => this.#settleSoon());
    this.#hands = {
      native,
      handler,
      backoff: read.backoff,
      returns: this.#returns,
      hears: (event) => this.listenerCount(event) > 0,
      tell: (event, ...args) => this.#tell(event, ...args),
      tellError: (error) => this.#context.runInAsyncScope(tellError, undefined, this, error),
      over: (run) => this.#freePlace(run),
      lost: (run) => this.#lost.set(run.token.job, run),
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
    if (this.#closing === undefined || timeout !== undefined) {
      this.#lastJobs.atMost(timeout ?? CLOSE_TIMEOUT_MS_DEFAULT);
    }
    // What has returned has ended by itself, and not with its worker.
    this.#returns.go();
    this.#closing ??= this.#close();
    return this.#closing;
  }

  [Symbol.asyncDispose]() {
    return this.close();
  }

  /** Its number in the queue. @param {Worker} worker */
  static numberOf(worker) {
    return worker.#number;
  }

  /** @param {Worker} worker @param {number} concurrency */
  static setConcurrency(worker, concurrency) {
    worker.#concurrency = concurrency;
    worker.#pullSoon();
  }

  get #takes() {
    return this.#open && this.#started && !this.#paused && this.#left > 0;
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
    const free = Math.min(places, room, this.#left);
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
    const rows = JSON.parse(text);
    const taken = countRows(rows);
    countClaimed(taken, room);
    startRows(rows, (view, token) => this.#start(view, token));
    this.#left -= taken;
    if (this.#left === 0) this.#hooks.onSpent?.(this.#running.size);
    else if (taken === free) this.#pullSoon();
  }

  /** With this turn of the microtasks: what has returned, and the next jobs. */
  #settleSoon() {
    Promise.resolve().then(() => this.#context.runInAsyncScope(this.#settle, this));
  }

  #settle() {
    // Once, for all places that get free.
    const pulling = this.#pulling;
    this.#pulling = true;
    try {
      this.#returns.go();
    } finally {
      this.#pulling = pulling;
    }
    if (isTurnDue()) this.#pullSoon();
    else if (!pulling) this.#pull();
  }

  /** Those that wait for a rate, a group or the end of a pause are there to be taken later. */
  #tellDrained() {
    if (!this.#toDrain || this.#running.size > 0 || this.listenerCount('drained') === 0) return;
    const { waiting, prioritized } = JSON.parse(ready(this.#native.counts()));
    if (waiting + prioritized > 0) return;
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
    this.#running.get(token.job)?.lose(LeaseEnd.RUNS_ELSEWHERE);
    const run = new JobRun(this.#hands, view, token);
    this.#running.set(token.job, run);
    run.run();
  }

  /** @param {InstanceType<typeof JobRun>} run */
  #freePlace(run) {
    const { job } = run.token;
    if (this.#running.get(job) === run) this.#running.delete(job);
    this.#toDrain = true;
    if (this.#left === 0) this.#hooks.onSpent?.(this.#running.size);
    if (this.#open) this.#pullSoon();
    else if (this.#running.size === 0) this.#lastJobs.end();
  }

  /** @param {number} job @param {number} epoch @param {number} why */
  #loseLease(job, epoch, why) {
    for (const runs of [this.#running, this.#lost]) {
      const run = runs.get(job);
      if (run?.token.epoch !== epoch) continue;
      this.#lost.delete(job);
      run.lose(why);
    }
  }

  /** What it was told of goes to another worker now. */
  #wantNothing() {
    this.#native.take(this.#number, 0);
  }

  async #close() {
    this.#open = false;
    this.#wantNothing();
    if (this.#running.size === 0) this.#lastJobs.end();
    // At once where nobody is to wait: a listener of 'active' may close it before the handler begins.
    if (!this.#lastJobs.isOver) await this.#lastJobs.over;
    const left = [...this.#running.values()];
    this.#running.clear();
    try {
      for (const run of left) run.release();
      ready(this.#native.closeWorker(this.#number, this.#line, true));
    } finally {
      unlisten(this.#line, this.#alive);
      this.#context.emitDestroy();
      this.#hooks.onClosed?.(this);
    }
    for (const run of left) run.abortReleased();
  }
}

module.exports = { Worker };
