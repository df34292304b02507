'use strict';
const options = require('./options.js');
const { reply } = require('./lane.js');

/**
 * A job as the addon shows it.
 * @typedef {{ id: string, name: string, data: unknown, state: string, attemptsMade: number, attempt: number,
 *   failedReason?: string, timestamp: number, processedOn?: number, finishedOn?: number }} JobView
 */
/** @typedef {import('../native.js').QueueFunctions} QueueFunctions */

const RESULT_OPTIONS = { timeout: options.duration };
/** What the addon takes for no timeout. */
const NO_TIMEOUT = -1;

class Job {
  /** @type {QueueFunctions} */
  #native;

  /** @param {QueueFunctions} native @param {JobView} view @param {boolean} added */
  constructor(native, view, added) {
    this.#native = native;
    this.id = view.id;
    this.name = view.name;
    this.data = view.data;
    this.added = added;
    this.attemptsMade = view.attemptsMade;
    this.failedReason = view.failedReason ?? undefined;
    this.timestamp = view.timestamp;
    this.processedOn = view.processedOn ?? undefined;
    this.finishedOn = view.finishedOn ?? undefined;
  }

  async getState() {
    const text = await reply(this.#native.getJob(this.id));
    return text === undefined ? 'unknown' : JSON.parse(text).state;
  }

  /** @param {{ timeout?: import('../index.js').Duration }} [given] */
  async result(given) {
    const { timeout } = options.checkOptions('result()', given, RESULT_OPTIONS);
    try {
      return JSON.parse(await reply(this.#native.result(this.id, timeout ?? NO_TIMEOUT)));
    } catch (error) {
      // What was pending failed in the drain, far from here: the stack is to lead to who waits.
      if (error instanceof Error) Error.captureStackTrace(error, this.result);
      throw error;
    }
  }
}

/** A job in the hands of a handler. */
class ActiveJob extends Job {
  /** @param {QueueFunctions} native @param {JobView} view @param {AbortSignal} signal */
  constructor(native, view, signal) {
    super(native, view, true);
    this.attempt = view.attempt;
    this.signal = signal;
  }
}

module.exports = { Job, ActiveJob };
