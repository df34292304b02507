'use strict';
/**
 * What crosses between a worker's threads and the thread that called process(): the events of WorkerEvents.
 *
 * A bit for each event that has a listener lies in memory that all threads of the worker see, so that a listener hears of
 * the next job, whichever thread runs it, and jobs that nobody listens to cost no message.
 *
 * Data and results cross as JSON, which they are in the store as well: what a handler put into its job may be nothing that
 * can be cloned. Errors are built anew on the other side, with name, message, stack and code.
 */
const { RedstartError, UnrecoverableError, fromNative, isUnrecoverable, toFailure } = require('./errors.js');
const { Job } = require('./job.js');
const { EVENTS } = require('./worker-emitter.js');

/** @typedef {import('./errors.js').Failure} Failure */
/** @typedef {{ failure: Failure, kind: 'plain' | 'unrecoverable' | 'redstart', retryable: boolean }} SentError */
/** @typedef {{ event: string, job?: object, data?: string, result?: string, error?: SentError }} SentEvent */

// Numbers in the memory that the threads of a worker share.
const HEARD = 0;
const FINISHED = 1;
const SHARED_BYTES = 2 * Int32Array.BYTES_PER_ELEMENT;

/** Of a job as Job's constructor reads it; its data crosses beside them. */
const VIEW_FIELDS = [
  'id',
  'name',
  'priority',
  'attemptsMade',
  'attempt',
  'progress',
  'failedReason',
  'finishKind',
  'timestamp',
  'processedOn',
  'finishedOn',
  'deadLetter',
];

/** @param {string} event */
function bitOf(event) {
  return 1 << EVENTS.indexOf(event);
}

/**
 * Sets the bits of `state` as the listeners of `emitter` are.
 * @param {import('node:events').EventEmitter} emitter
 * @param {Int32Array} state
 */
function tellWhatIsHeard(emitter, state) {
  const heard = EVENTS.filter((event) => emitter.listenerCount(event) > 0);
  Atomics.store(
    state,
    HEARD,
    heard.reduce((bits, event) => bits | bitOf(event), 0),
  );
}

/**
 * Sends what a thread's worker emits and somebody hears.
 * @param {any} worker
 * @param {Int32Array} state
 * @param {(sent: SentEvent) => void} send
 */
function forwardEvents(worker, state, send) {
  for (const event of EVENTS) {
    const bit = bitOf(event);
    worker.on(event, (/** @type {any} */ job, /** @type {unknown} */ outcome) => {
      if ((Atomics.load(state, HEARD) & bit) !== 0) send(toSent(event, job, outcome));
    });
  }
  worker.on('error', (/** @type {unknown} */ error) => send({ event: 'error', error: sendError(error) }));
}

/**
 * @param {string} event
 * @param {any} job
 * @param {unknown} outcome
 * @returns {SentEvent}
 */
function toSent(event, job, outcome) {
  if (job === undefined) return { event };
  const view = Object.fromEntries(VIEW_FIELDS.map((field) => [field, job[field]]));
  /** @type {SentEvent} */
  const sent = { event, job: { ...view, progress: toText(view.progress) }, data: toText(job.data) };
  if (event === 'completed') sent.result = toText(outcome ?? null);
  else if (event === 'failed' || event === 'retrying') sent.error = sendError(outcome);
  return sent;
}

/**
 * The arguments for the listeners on this side.
 * @param {any} native The queue's functions, for what the job is asked later.
 * @param {SentEvent} sent
 */
function fromSent(native, { event, job, data, result, error }) {
  if (job === undefined) return error === undefined ? [] : [receiveError(error)];
  /** @type {any} */
  const view = { ...job };
  const snapshot = new Job(native, { ...view, data: fromText(data), progress: fromText(view.progress) }, true);
  const args = [Object.assign(snapshot, { attempt: view.attempt })];
  if (event === 'completed') return [...args, fromText(result)];
  return error === undefined ? args : [...args, receiveError(error)];
}

/** @param {unknown} value What a handler did to its job may be no JSON any more. */
function toText(value) {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

/** @param {string | undefined} text */
function fromText(text) {
  return text === undefined ? undefined : JSON.parse(text);
}

/** @param {unknown} error @returns {SentError} */
function sendError(error) {
  const kind = isUnrecoverable(error) ? 'unrecoverable' : RedstartError.is(error) ? 'redstart' : 'plain';
  return { failure: toFailure(error), kind, retryable: RedstartError.is(error) && error.retryable };
}

/** @param {SentError} sent @returns {Error} */
function receiveError({ failure, kind, retryable }) {
  const { message, stack } = failure;
  const code = /** @type {import('./errors.js').ErrorCode} */ (failure.code);
  const plain = /** @type {Error} */ (fromNative({ code: 'ERR_JOB_FAILED', message, failure }).cause);
  if (kind === 'plain') return plain;
  const error = kind === 'redstart' ? new RedstartError(message, { code, retryable }) : new UnrecoverableError(message);
  return Object.defineProperty(error, 'stack', { value: stack, writable: true, configurable: true });
}

module.exports = { FINISHED, SHARED_BYTES, tellWhatIsHeard, forwardEvents, fromSent, sendError, receiveError };
