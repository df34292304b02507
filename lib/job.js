'use strict';
const { toUSVString } = require('node:util');
const options = require('./options.js');
const { invalidArg, invalidState, show, startingAt } = require('./errors.js');
const { reply } = require('./lane.js');
const { NO_TIMEOUT } = require('./queue-options.js');

/**
 * A job as the addon shows it.
 * @typedef {{ id: string, name: string, data: unknown, state: string, priority: number, attemptsMade: number,
 *   attempt: number, progress?: unknown, failedReason?: string, finishKind?: import('../index.js').FinishKind,
 *   timestamp: number, processedOn?: number, finishedOn?: number,
 *   deadLetter?: import('../index.js').Job['deadLetter'] }} JobView
 */
/** @typedef {import('../native.js').QueueFunctions} QueueFunctions */

const RESULT_OPTIONS = { timeout: options.duration };
/** With the most bytes that a character takes it is still less than core keeps. */
const REASON_CHARS_MAX = 2_000;

/** What a change came to that was made. */
const DONE = 1;
const NOT_NOW = -1;

/** What to do instead, by the state that a job is in. */
const ADD_AGAIN = 'it was removed or is no longer retained; add it again';
/** @type {Record<string, string>} */
const INSTEAD_OF_RETRY = {
  waiting: 'it will run without that',
  prioritized: 'it will run without that',
  delayed: 'promote() lets it run now',
  active: 'wait until it has finished, or cancel() it first',
  unknown: ADD_AGAIN,
};
/** @type {Record<string, string>} */
const INSTEAD_OF_PROMOTE = {
  waiting: 'it waits for its turn already',
  prioritized: 'it waits for its turn already',
  active: 'it is running already',
  completed: 'retry() lets it run once more',
  failed: 'retry() lets it run once more',
  unknown: ADD_AGAIN,
};
/** @type {Record<string, string>} */
const INSTEAD_OF_REMOVE = { active: 'cancel() it, and remove() it when it has ended' };
/** It left the state that it was refused for while this was looked up. */
const ASK_AGAIN = 'it was in another state a moment ago; ask again';

/**
 * A job that has just been added.
 * @param {string} id
 * @param {string} name
 * @param {string} data JSON
 * @param {number} priority
 * @param {number} timestamp
 * @returns {JobView}
 */
function newView(id, name, data, priority, timestamp) {
  return { id, name, data: JSON.parse(data), state: '', priority, attemptsMade: 0, attempt: 0, timestamp };
}

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
    this.priority = view.priority;
    this.attemptsMade = view.attemptsMade;
    this.progress = view.progress;
    this.failedReason = view.failedReason ?? undefined;
    this.finishKind = view.finishKind ?? undefined;
    this.timestamp = view.timestamp;
    this.processedOn = view.processedOn ?? undefined;
    this.finishedOn = view.finishedOn ?? undefined;
    this.deadLetter = view.deadLetter ?? undefined;
  }

  /** Through which it was made. @param {Job} job */
  static nativeOf(job) {
    return job.#native;
  }

  async getState() {
    return stateOf(this.#native, this.id, this.getState);
  }

  /** @param {{ timeout?: import('../index.js').Duration }} [given] */
  async result(given) {
    const { timeout = NO_TIMEOUT } = options.checkOptions('result()', given, RESULT_OPTIONS, this.result);
    try {
      return JSON.parse(await reply(this.#native.result(this.id, timeout)));
    } catch (error) {
      throw startingAt(this.result, error);
    }
  }

  async retry() {
    const cameTo = await reply(this.#native.retryJob(this.id), this.retry);
    if (cameTo === DONE) return;
    const state = await stateOf(this.#native, this.id, this.retry);
    const message = refusal('retry() takes a completed or failed job', this.id, state, INSTEAD_OF_RETRY);
    throw invalidState(message, this.retry);
  }

  async promote() {
    const cameTo = await reply(this.#native.promote(this.id), this.promote);
    if (cameTo === DONE) return;
    const state = await stateOf(this.#native, this.id, this.promote);
    const message = refusal('promote() takes a delayed job', this.id, state, INSTEAD_OF_PROMOTE);
    throw invalidState(message, this.promote);
  }

  async remove() {
    const cameTo = await reply(this.#native.removeJob(this.id), this.remove);
    if (cameTo !== NOT_NOW) return cameTo === DONE;
    const state = await stateOf(this.#native, this.id, this.remove);
    const message = refusal('remove() takes a job that is not active', this.id, state, INSTEAD_OF_REMOVE);
    throw invalidState(message, this.remove);
  }

  /** @param {string} [reason] */
  async cancel(reason) {
    return (await reply(this.#native.cancel(this.id, reasonText(reason, this.cancel)), this.cancel)) === DONE;
  }
}

/** @param {QueueFunctions} native @param {string} id @param {Function} above @returns {Promise<string>} */
async function stateOf(native, id, above) {
  return (await reply(native.getState(id), above)) ?? 'unknown';
}

/**
 * @param {string} takes
 * @param {string} id
 * @param {string} state
 * @param {Record<string, string>} instead
 */
function refusal(takes, id, state, instead) {
  const is = state === 'unknown' ? 'is not there' : `is ${state}`;
  return `${takes}; job ${show(id)} ${is}: ${instead[state] ?? ASK_AGAIN}`;
}

/**
 * Without half pairs, which have no UTF-8; empty for none, for which core has a word.
 * @param {unknown} reason
 * @param {Function} above
 */
function reasonText(reason, above) {
  if (reason === undefined) return '';
  if (typeof reason === 'string' && reason.length <= REASON_CHARS_MAX) return toUSVString(reason);
  const got = typeof reason === 'string' ? `${reason.length}; shorten it` : show(reason);
  throw invalidArg(`the reason of cancel() is a string of at most ${REASON_CHARS_MAX} characters; got ${got}`, above);
}

module.exports = { Job, newView };
