'use strict';
/**
 * A worker pulls: it takes as many jobs as it has free places and otherwise leaves its name with the queue, which says
 * `ready` once when there is something. So nothing is pushed at a busy thread, and an idle one costs nothing.
 */
const { AsyncResource } = require('node:async_hooks');
const { EventEmitter } = require('node:events');
const timers = require('node:timers');
const options = require('./options.js');
const { encodeJson } = require('./codec.js');
const { emit } = require('./emit.js');
const { RedstartError, isUnrecoverable, toFailure } = require('./errors.js');
const { ActiveJob } = require('./job.js');
const { listen, unlisten, keepAlive, ready, rethrowLater } = require('./lane.js');

// Taken before Jest's fake timers replace the global ones: closing is bounded in real time.
const { setImmediate, setTimeout, clearTimeout } = timers;

const CLOSE_TIMEOUT_MS_DEFAULT = 8_000;
const LEASE_MS_DEFAULT = 30_000;
const LEASE_MS_MIN = 1_000;
const MAX_STALLED_DEFAULT = 1;
const CONCURRENCY_MAX = 10_000;
/** Jobs run in a row before the event loop gets a turn, so that a long queue of quick jobs does not starve I/O. */
const JOBS_A_TURN = 256;

// What a finish came to.
const COMPLETED = 0;
const RETRYING = 1;
const FAILED = 2;
const LEASE_LOST = 4;

/** @type {import('./options.js').Checker<number>} */
const LEASE = {
  expected: "a duration of at least '1s'",
  read: (value) => {
    const ms = options.duration.read(value);
    return ms !== undefined && ms >= LEASE_MS_MIN ? ms : undefined;
  },
};
const WORKER_OPTIONS = {
  concurrency: options.integer({ min: 1, max: CONCURRENCY_MAX }),
  leaseDuration: LEASE,
  maxStalledCount: options.integer({ min: 0, max: 1_000_000 }),
};
const CLOSE_OPTIONS = { timeout: options.durationOrZero };

/** @typedef {{ job: number, epoch: number, nonce: number }} Token */
/** @typedef {{ token: Token, job: InstanceType<typeof ActiveJob>, abort: AbortController }} Run */

class Worker extends EventEmitter {
  /** @type {import('../native.js').QueueFunctions} */
  #native;
  /** @type {(job: InstanceType<typeof ActiveJob>) => unknown} */
  #handler;
  /** @type {AsyncResource} */
  #context;
  #concurrency;
  #number;
  #line;
  #alive = true;
  /** @type {Map<number, Run>} Running jobs by their number in the queue. */
  #running = new Map();
  #pulling = false;
  #startedThisTurn = 0;
  /** @type {Promise<void> | undefined} */
  #closing;
  /** @type {(() => void) | undefined} */
  #onIdle;
  /** @type {() => void} */
  #onClosed;

  /**
   * @param {import('../native.js').QueueFunctions} native
   * @param {(job: any) => unknown} handler
   * @param {unknown} given
   * @param {(worker: Worker) => void} onClosed
   */
  constructor(native, handler, given, onClosed) {
    super();
    const checked = options.checkOptions('process()', given, WORKER_OPTIONS);
    const leaseMs = checked.leaseDuration ?? LEASE_MS_DEFAULT;
    this.#native = native;
    this.#handler = handler;
    this.#concurrency = checked.concurrency ?? 1;
    this.#onClosed = () => onClosed(this);
    const open = () => ready(native.openWorker(leaseMs, checked.maxStalledCount ?? MAX_STALLED_DEFAULT));
    const { started, number } = listen(true, open, {
      ready: () => this.#tryPull(),
      leaseLost: (job, epoch) => this.#loseLease(job, epoch),
    });
    this.#number = started;
    this.#line = number;
    // Ended by close() and not by the garbage collector: until then it is an open handle to Jest.
    this.#context = new AsyncResource('redstart.Worker', { requireManualDestroy: true });
    // After the caller has had the chance to add its listeners.
    this.#pullSoon();
  }

  get running() {
    return this.#closing === undefined;
  }

  ref() {
    if (!this.#alive && this.running) keepAlive(true);
    this.#alive ||= this.running;
    return this;
  }

  unref() {
    if (this.#alive && this.running) keepAlive(false);
    this.#alive &&= !this.running;
    return this;
  }

  /** @param {{ timeout?: import('../index.js').Duration }} [given] @returns {Promise<void>} */
  async close(given) {
    const { timeout } = options.checkOptions('close()', given, CLOSE_OPTIONS);
    this.#closing ??= this.#close(timeout ?? CLOSE_TIMEOUT_MS_DEFAULT);
    return this.#closing;
  }

  [Symbol.asyncDispose]() {
    return this.close();
  }

  #pull() {
    this.#pulling = false;
    const free = this.#concurrency - this.#running.size;
    if (!this.running || free <= 0) return;
    const text = ready(this.#native.take(this.#number, free));
    if (text === undefined) return;
    for (const [view, token] of JSON.parse(text)) this.#start(view, token);
  }

  #tryPull() {
    try {
      this.#pull();
    } catch (error) {
      this.#report(error);
    }
  }

  /** Once for all places that get free in this turn of the microtasks; every JOBS_A_TURN jobs the loop has a turn. */
  #pullSoon() {
    if (this.#pulling) return;
    this.#pulling = true;
    if (this.#startedThisTurn < JOBS_A_TURN) {
      // Not queueMicrotask, which Jest's fake timers stop.
      Promise.resolve().then(() => this.#tryPull());
      return;
    }
    setImmediate(() => {
      this.#startedThisTurn = 0;
      this.#tryPull();
    });
  }

  /** @param {import('./job.js').JobView} view @param {Token} token */
  #start(view, token) {
    const abort = new AbortController();
    const run = { token, job: new ActiveJob(this.#native, view, abort.signal), abort };
    this.#running.set(token.job, run);
    this.#startedThisTurn += 1;
    emit(this, 'active', run.job);
    this.#run(run).catch((error) => this.#report(error));
  }

  /** @param {Run} run */
  async #run(run) {
    let result;
    let text;
    try {
      result = await this.#context.runInAsyncScope(this.#handler, undefined, run.job);
      text = encodeJson(result ?? null, `what the handler of job ${run.job.id} returned`);
    } catch (error) {
      this.#fail(run, error);
      return;
    }
    if (!this.#isMine(run)) return;
    const { job, epoch, nonce } = run.token;
    let cameTo;
    try {
      cameTo = ready(this.#native.complete(job, epoch, nonce, text));
    } catch (error) {
      this.#fail(run, error);
      return;
    }
    this.#finish(run);
    if (cameTo === COMPLETED) emit(this, 'completed', run.job, result);
    else if (cameTo === LEASE_LOST) emit(this, 'lease-lost', run.job);
  }

  /** @param {Run} run @param {unknown} error */
  #fail(run, error) {
    if (!this.#isMine(run)) return;
    const { job, epoch, nonce } = run.token;
    const failure = JSON.stringify(toFailure(error));
    // A handler that stops because its signal says so ends here as well; its token is refused.
    const cameTo = ready(this.#native.fail(job, epoch, nonce, failure, isUnrecoverable(error)));
    this.#finish(run);
    if (cameTo === FAILED) emit(this, 'failed', run.job, error);
    else if (cameTo === RETRYING) emit(this, 'retrying', run.job, error);
    else if (cameTo === LEASE_LOST) emit(this, 'lease-lost', run.job);
  }

  /** @param {Run} run */
  #isMine(run) {
    return this.#running.get(run.token.job) === run;
  }

  /** @param {Run} run */
  #finish(run) {
    this.#running.delete(run.token.job);
    if (this.running) this.#pullSoon();
    else if (this.#running.size === 0) this.#onIdle?.();
  }

  /** @param {number} job @param {number} epoch */
  #loseLease(job, epoch) {
    const run = this.#running.get(job);
    if (run === undefined || run.token.epoch !== epoch) return;
    this.#finish(run);
    run.abort.abort(
      new RedstartError(`job ${run.job.id} is no longer this worker's: it runs elsewhere or is gone`, {
        code: 'ERR_INVALID_STATE',
      }),
    );
    emit(this, 'lease-lost', run.job);
  }

  /** @param {number} timeoutMs */
  async #close(timeoutMs) {
    // Wanting nothing any more, so that a job it was told of goes to another worker now and not after the timeout.
    this.#native.take(this.#number, 0);
    if (this.#running.size > 0) {
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, Math.min(timeoutMs, 2 ** 31 - 1));
        this.#onIdle = () => {
          clearTimeout(timer);
          resolve(undefined);
        };
      });
    }
    const left = [...this.#running.values()];
    this.#running.clear();
    try {
      for (const { token } of left) ready(this.#native.release(token.job, token.epoch, token.nonce));
      ready(this.#native.closeWorker(this.#number, this.#line, true));
    } finally {
      unlisten(this.#line, this.#alive);
      this.#context.emitDestroy();
      this.#onClosed();
    }
    for (const { job, abort } of left) {
      const message = `job ${job.id} was released: its worker closed before it had finished`;
      abort.abort(new RedstartError(message, { code: 'ERR_CLOSED' }));
    }
  }

  /** @param {unknown} error */
  #report(error) {
    if (RedstartError.is(error, 'ERR_CLOSED')) return;
    if (!emit(this, 'error', error)) rethrowLater(error);
  }
}

module.exports = { Worker, CLOSE_OPTIONS, CLOSE_TIMEOUT_MS_DEFAULT };
