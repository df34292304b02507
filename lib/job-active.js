'use strict';
/** A job in the hands of a handler. */
const { encodeJson } = require('./codec.js');
const { durationMs } = require('./duration.js');
const { RedstartError, invalidArg, show } = require('./errors.js');
const { Job } = require('./job.js');
const { reply } = require('./lane.js');

/** @typedef {{ job: number, epoch: number, nonce: number }} Token What settles a job, once. */

/** What job.snooze() makes, to be thrown: its job runs again later, and no attempt has failed. */
class Snooze extends Error {
  #delayMs;

  /** @param {string} id @param {number} delayMs */
  constructor(id, delayMs) {
    super(`job ${id} is to run again in ${delayMs} ms: throw this error in its handler`);
    this.#delayMs = delayMs;
  }

  /** Undefined for any other value. @param {unknown} value @returns {number | undefined} */
  static delayOf(value) {
    return typeof value === 'object' && value !== null && #delayMs in value ? value.#delayMs : undefined;
  }
}
Object.defineProperty(Snooze.prototype, 'name', { value: 'Snooze', writable: true, configurable: true });

class ActiveJob extends Job {
  #token;
  /** Made when somebody asks for the signal, which few handlers do: it costs more than all else of a job. */
  /** @type {AbortController | undefined} */
  #controller;
  /** @type {Error | undefined} */
  #abortedBy;

  /** @param {import('../native.js').QueueFunctions} native @param {import('./job.js').JobView} view @param {Token} token */
  constructor(native, view, token) {
    super(native, view, true);
    this.#token = token;
    this.attempt = view.attempt;
  }

  get signal() {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#abortedBy !== undefined) this.#controller.abort(this.#abortedBy);
    }
    return this.#controller.signal;
  }

  /** @param {unknown} progress */
  async updateProgress(progress) {
    const text = encodeJson(progress, 'the progress of a job');
    const { job, epoch, nonce } = this.#token;
    this.#demand(await reply(Job.nativeOf(this).progress(job, epoch, nonce, text)));
    this.progress = progress;
  }

  /** @param {string} line */
  async log(line) {
    if (typeof line !== 'string') throw invalidArg(`log() takes a line of text; got ${show(line)}`);
    const { job, epoch, nonce } = this.#token;
    this.#demand(await reply(Job.nativeOf(this).log(job, epoch, nonce, line)));
  }

  /** @param {import('../index.js').Duration} delay */
  snooze(delay) {
    const snooze = new Snooze(this.id, durationMs(delay, 'the delay of snooze()'));
    Error.captureStackTrace(snooze, this.snooze);
    return snooze;
  }

  /** @param {boolean | undefined} isMine */
  #demand(isMine) {
    if (isMine !== true) throw leaseLost(this.id);
  }

  /**
   * For its worker: the attempt has ended so.
   * @param {ActiveJob} job
   * @param {string} [failedReason]
   * @param {import('../index.js').FinishKind} [finishKind]
   */
  static endAttempt(job, failedReason, finishKind) {
    job.attemptsMade += 1;
    job.failedReason = failedReason;
    job.finishKind = finishKind;
  }

  /**
   * For its worker: aborts the signal, the one asked for later as well. The first reason stays.
   * @param {ActiveJob} job
   * @param {Error} reason
   */
  static abort(job, reason) {
    if (job.#abortedBy !== undefined) return;
    job.#abortedBy = reason;
    job.#controller?.abort(reason);
  }
}

/** @param {string} id */
function leaseLost(id) {
  return new RedstartError(`job ${id} is no longer this worker's: it has ended, runs elsewhere or is gone`, {
    code: 'ERR_LEASE_LOST',
  });
}

module.exports = { ActiveJob, Snooze, leaseLost };
