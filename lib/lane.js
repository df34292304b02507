'use strict';
/**
 * This load of lib/ and the addon: one lane between them.
 *
 * A bound call answers with a value, and a status in scratch[0]. Answers that come later, jobs for a worker and events
 * collect in the lane's ring; the addon wakes this thread once and `drain` empties the ring. The handle through which it
 * wakes us exists only while something here waits (a promise, a worker, a listener), so that an idle thread has
 * nothing open, and it keeps the process alive only for those who should: pending promises and running workers.
 */
const { AsyncResource } = require('node:async_hooks');
const timers = require('node:timers');
const native = require('./native.js');
const { RedstartError, fromNative } = require('./errors.js');

const STATUS_OK = 0;
const STATUS_PENDING = 2;

// What drain finds in scratch[1].
const FOUND_NOTHING = 0;
const FOUND_PROMISE = 1;
const FOUND_READY = 2;
const FOUND_LEASE_LOST = 3;
const FOUND_EVENT = 4;
const FOUND_LAPSE = 5;

/** Completions delivered before the event loop gets a turn. */
const DRAINED_A_TURN = 256;

const WAKE_CLOSED = 0;
const WAKE_UNREF = 1;
const WAKE_REF = 2;

// Taken before Jest's fake timers replace the global one.
const { setImmediate } = timers;

/** Pinned by the addon. An ArrayBuffer of its own: the backing store of a small typed array could move. */
const scratch = new Float64Array(new ArrayBuffer(1024 * Float64Array.BYTES_PER_ELEMENT));
/** The same memory, for pairs of counts: small integers of V8's, where a double would be an object. */
const counts = new Uint32Array(scratch.buffer);
const lane = new native.NativeLane(/** @type {any} */ (scratch));
const ring = lane.functions();

/**
 * In whose AsyncLocalStorage context the wake comes: that in which this module was loaded. Otherwise it would be that of
 * whoever was the first to wait here, a request as a rule: listeners would take it for theirs, and it would stay in memory
 * for as long as anything waits. Promises and workers go on in their own.
 */
const root = new AsyncResource('redstart.Lane', { requireManualDestroy: true });
// Nothing of it is open, which Jest would look for; it can be run in all the same.
root.emitDestroy();
const wakeUp = root.runInAsyncScope.bind(root, onWake);
/** @param {number} mode */
const setWake = (mode) => root.runInAsyncScope(lane.setWake, lane, mode, onWake);

/** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
const promises = new Map();
/**
 * @typedef {{ ready?(): void, leaseLost?(job: number, epoch: number, why: number): void, event?(json: string): void,
 *   lapsed?(reason: number): void }} Line
 */
/** @type {Map<number, Line>} Workers, subscriptions and loads by their number in the lane. */
const lines = new Map();

let holders = 0;
let holdersAlive = 0;

/**
 * Something here waits for other threads; `keepsAlive`: the process should not end before it has come.
 * @param {boolean} keepsAlive
 */
function hold(keepsAlive) {
  holders += 1;
  if (keepsAlive) holdersAlive += 1;
  if (holders === 1) setWake(keepsAlive ? WAKE_REF : WAKE_UNREF);
  else if (keepsAlive && holdersAlive === 1) lane.keepAlive(true);
}

/**
 * The counterpart of hold.
 * @param {boolean} keptAlive
 */
function release(keptAlive) {
  holders -= 1;
  if (keptAlive) holdersAlive -= 1;
  if (holders === 0) setWake(WAKE_CLOSED);
  else if (keptAlive && holdersAlive === 0) lane.keepAlive(false);
}

/**
 * Tells the addon of something here that waits, and takes what comes for it. The wake exists before `start` makes the
 * call, so nothing that comes at once is missed, and a thread that ends in between gives everything back.
 * @template T
 * @param {boolean} keepsAlive
 * @param {() => T} start The call, which leaves the number of the line in scratch[1].
 * @param {Line} line
 * @returns {{ started: T, number: number }}
 */
function listen(keepsAlive, start, line) {
  hold(keepsAlive);
  try {
    const started = start();
    const number = scratch[1];
    lines.set(number, line);
    return { started, number };
  } catch (error) {
    release(keepsAlive);
    throw error;
  }
}

/**
 * Takes what comes for a line that the addon knows of, whenever something wakes this thread: see beWoken.
 * @param {number} number
 * @param {Line} line
 */
function expect(number, line) {
  lines.set(number, line);
}

/**
 * From now on this thread is woken for the lines that it expects; what came meanwhile is delivered now.
 * @param {boolean} keepsAlive
 */
function beWoken(keepsAlive) {
  hold(keepsAlive);
  if (holders === 1) wakeUp();
}

/**
 * The counterpart of expect and, where it was called, of beWoken.
 * @param {number} number
 * @param {boolean} wasWoken
 * @param {boolean} keptAlive
 */
function expectNoMore(number, wasWoken, keptAlive) {
  lines.delete(number);
  if (wasWoken) release(keptAlive);
}

/**
 * The counterpart of listen.
 * @param {number} number
 * @param {boolean} keptAlive
 */
function unlisten(number, keptAlive) {
  lines.delete(number);
  release(keptAlive);
}

/**
 * A holder that went on waiting changes its mind about the process.
 * @param {boolean} keepsAlive
 */
function keepAlive(keepsAlive) {
  holdersAlive += keepsAlive ? 1 : -1;
  if (keepsAlive ? holdersAlive === 1 : holdersAlive === 0) lane.keepAlive(keepsAlive);
}

/** Never throws: the addon would swallow it. A bounded batch, so that a busy thread elsewhere does not hold up this one. */
function onWake() {
  for (let count = 0; count < DRAINED_A_TURN; count++) {
    const value = ring.drain();
    const found = scratch[1];
    if (found === FOUND_NOTHING) return;
    const failed = scratch[0] !== STATUS_OK;
    try {
      deliver(found, scratch[2], value, failed);
    } catch (error) {
      rethrowLater(error);
    }
  }
  setImmediate(onWake);
}

/**
 * @param {number} found
 * @param {number} number
 * @param {any} value
 * @param {boolean} failed
 */
function deliver(found, number, value, failed) {
  if (found === FOUND_PROMISE) {
    const error = failed ? takeError(deliver) : undefined;
    const waiter = promises.get(number);
    // Cancelled while it was on its way.
    if (waiter === undefined) return;
    promises.delete(number);
    release(true);
    if (error === undefined) waiter.resolve(value);
    else waiter.reject(error);
    return;
  }
  const line = lines.get(number);
  if (found === FOUND_READY) line?.ready?.();
  else if (found === FOUND_LEASE_LOST) line?.leaseLost?.(scratch[3], scratch[4], scratch[5]);
  else if (found === FOUND_EVENT) line?.event?.(value);
  else if (found === FOUND_LAPSE) line?.lapsed?.(scratch[3]);
}

/**
 * An error of a listener or handler reaches the process as an uncaught exception, as EventEmitter's do, but does not
 * stop what else there is to deliver.
 * @param {unknown} error
 */
function rethrowLater(error) {
  setImmediate(() => {
    throw error;
  });
}

/**
 * The answer of a bound call that is always ready; throws what failed.
 * @template T
 * @param {T | undefined} value
 * @param {Function} [above]
 * @returns {T}
 */
function ready(value, above = ready) {
  if (scratch[0] !== STATUS_OK) throw takeError(above);
  return /** @type {T} */ (value);
}

/**
 * The answer of a bound call that may be pending.
 * @template T
 * @param {T | undefined} value
 * @param {Function} [above]
 * @returns {T | Promise<T>}
 */
function reply(value, above = reply) {
  return scratch[0] === STATUS_PENDING ? pending(scratch[1]) : ready(value, above);
}

/**
 * The answer of a bound call that is pending.
 * @param {number} number
 * @returns {Promise<any>}
 */
function pending(number) {
  const promise = new Promise((resolve, reject) => promises.set(number, { resolve, reject }));
  hold(true);
  // It may have come before there was a handle to wake us by.
  if (holders === 1) wakeUp();
  return promise;
}

/**
 * Nobody waits for this answer any more: its promise stays as it is. Whether it had not come yet.
 * @param {number} number
 */
function cancel(number) {
  if (!promises.delete(number)) return false;
  release(true);
  ring.cancel(number);
  return true;
}

/** @type {ArrayBuffer | undefined} */
let sharedBoard;
let askedForBoard = false;

/** The memory that near caches of all threads share, where the host allows that. */
function board() {
  if (!askedForBoard) sharedBoard = ring.board();
  askedForBoard = true;
  return sharedBoard;
}

/**
 * The error of the last failed call.
 * @param {Function} [above]
 */
function takeError(above = takeError) {
  const json = lane.takeError();
  if (json === null) {
    return new RedstartError('a call failed and left no error; please report it', { code: 'ERR_INTERNAL' });
  }
  return fromNative(JSON.parse(json), above);
}

/**
 * Runs a call of the generated bindings: null means failed, and a panic there is an ERR_INTERNAL here.
 * @template T
 * @param {() => T | null} call
 * @param {Function} above
 * @returns {T}
 */
function cold(call, above) {
  let result;
  try {
    result = call();
  } catch (cause) {
    throw new RedstartError('redstart broke one of its own rules, please report it', { code: 'ERR_INTERNAL', cause });
  }
  if (result === null) throw takeError(above);
  return result;
}

module.exports = {
  native,
  lane,
  scratch,
  counts,
  STATUS_OK,
  STATUS_PENDING,
  listen,
  expect,
  beWoken,
  expectNoMore,
  unlisten,
  keepAlive,
  ready,
  reply,
  pending,
  cancel,
  board,
  takeError,
  cold,
  rethrowLater,
};
