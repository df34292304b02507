'use strict';
/**
 * Every error a user sees is built here, in JavaScript. The native side returns a status and details: errors made
 * natively are not `instanceof Error` inside Jest and have stacks of one line.
 *
 * Errors are recognised by a brand in the global symbol registry, because one process may hold several copies of these
 * classes: Jest loads this file once for each test file, and two dependencies may each bring a redstart of their own.
 */
const { inspect, toUSVString, types } = require('node:util');

/** @typedef {import('../index.js').ErrorCode} ErrorCode */
/** @typedef {import('../index.js').FinishKind} FinishKind */
/**
 * What is kept of a thrown value, strings only; an absent stack or code is ''.
 * @typedef {{ name: string, message: string, stack: string, code: string }} Failure
 */

const ERROR_BRAND = Symbol.for('redstart.error');
const UNRECOVERABLE_BRAND = Symbol.for('redstart.unrecoverable');

// A failure is stored with its job, 10,000 of which are retained: long enough to read, short enough to keep.
const NAME_CHARS_MAX = 128;
const MESSAGE_CHARS_MAX = 4096;
const STACK_CHARS_MAX = 16384;
const CAUSES_MAX = 5;
const SHOWN_CHARS_MAX = 60;

/**
 * Names and brands sit on the prototype, out of sight: console.log then shows own properties only, code among them.
 * @param {Function} Class
 * @param {symbol} brand
 */
function brandClass(Class, brand) {
  Object.defineProperty(Class.prototype, 'name', { value: Class.name, writable: true, configurable: true });
  Object.defineProperty(Class.prototype, brand, { value: true });
}

/**
 * A property of anything at all; undefined when reading it throws (hostile getters, revoked proxies).
 * @param {any} value
 * @param {string | symbol} key
 * @returns {unknown}
 */
function peek(value, key) {
  try {
    return value[key];
  } catch {
    return undefined;
  }
}

/** @param {unknown} value @param {symbol} brand */
function isBranded(value, brand) {
  return typeof value === 'object' && value !== null && peek(value, brand) === true;
}

class RedstartError extends Error {
  /**
   * @param {string} message
   * @param {{ code: ErrorCode, retryable?: boolean, cause?: unknown, finishKind?: FinishKind }} details
   */
  constructor(message, details) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    /** @readonly */
    this.code = details.code;
    /** @readonly */
    this.retryable = details.retryable === true;
    if (details.finishKind !== undefined) {
      /** @type {FinishKind | undefined} @readonly */
      this.finishKind = details.finishKind;
    }
  }

  /**
   * @param {unknown} error
   * @param {ErrorCode} [code]
   * @returns {error is RedstartError}
   */
  static is(error, code) {
    return isBranded(error, ERROR_BRAND) && (code === undefined || peek(error, 'code') === code);
  }
}
brandClass(RedstartError, ERROR_BRAND);

/** Thrown by a job handler: the job fails for good. */
class UnrecoverableError extends Error {}
brandClass(UnrecoverableError, UNRECOVERABLE_BRAND);

/** @param {unknown} error */
function isUnrecoverable(error) {
  return isBranded(error, UNRECOVERABLE_BRAND);
}

/**
 * The error for an argument that can never be right. `above` is the function whose caller the stack should start at: it
 * must be running now, in this synchronous call, or the stack comes out empty.
 * @param {string} message
 * @param {Function} [above]
 */
function invalidArg(message, above = invalidArg) {
  return startingAt(above, new RedstartError(message, { code: 'ERR_INVALID_ARG' }));
}

/**
 * The error for a call that comes too late. `above` as in invalidArg.
 * @param {string} message
 * @param {Function} above
 */
function closed(message, above) {
  return startingAt(above, new RedstartError(message, { code: 'ERR_CLOSED' }));
}

/**
 * The error for a call that whatever it is about is in no state for. `above` as in invalidArg.
 * @param {string} message
 * @param {Function} above
 */
function invalidState(message, above) {
  return startingAt(above, new RedstartError(message, { code: 'ERR_INVALID_STATE' }));
}

/**
 * The error for a status of the native side. With ERR_JOB_FAILED, `failure` is the job's own error and becomes the cause.
 * @param {{ code: ErrorCode, message: string, retryable?: boolean, failure?: Failure & { finishKind?: FinishKind } }} status
 * @param {Function} [above] As in invalidArg.
 */
function fromNative({ code, message, retryable, failure }, above = fromNative) {
  const details = failure === undefined ? {} : { cause: rebuild(failure), finishKind: failure.finishKind };
  return startingAt(above, new RedstartError(message, { code, retryable, ...details }));
}

/**
 * The error with a stack that starts at the caller of `above`. What was pending fails in the drain, far from who waits for it:
 * such an error is given a stack anew.
 * @template E
 * @param {Function} above As in invalidArg.
 * @param {E} error
 * @returns {E}
 */
function startingAt(above, error) {
  if (error instanceof Error) Error.captureStackTrace(error, above);
  return error;
}

/** @param {Partial<Failure>} failure As core tells it: what is empty is left out. */
function rebuild({ name = 'Error', message = '', stack = '', code = '' }) {
  const error = new Error(message);
  for (const [key, value] of [
    ['name', name],
    ['stack', stack],
  ]) {
    Object.defineProperty(error, key, { value, writable: true, configurable: true });
  }
  return code === '' ? error : Object.assign(error, { code });
}

/**
 * What is worth keeping of anything a handler may throw. Never throws itself. The stack carries the causes too: with
 * "fetch failed" the reason is nowhere else.
 * @param {unknown} thrown
 * @returns {Failure}
 */
function toFailure(thrown) {
  const message = peekString(thrown, 'message');
  const isErrorLike = typeof thrown === 'object' && thrown !== null && message !== undefined;
  if (!isErrorLike) {
    const text = typeof thrown === 'string' ? thrown : `${show(thrown)} was thrown, which is no Error`;
    return { name: 'Error', message: clip(text, MESSAGE_CHARS_MAX), stack: '', code: '' };
  }
  const code = peek(thrown, 'code');
  return {
    name: clip(peekString(thrown, 'name') || 'Error', NAME_CHARS_MAX),
    message: clip(message, MESSAGE_CHARS_MAX),
    stack: clip(stackWithCauses(thrown), STACK_CHARS_MAX),
    code: typeof code === 'string' || typeof code === 'number' ? clip(String(code), NAME_CHARS_MAX) : '',
  };
}

/** @param {object} thrown */
function stackWithCauses(thrown) {
  const seen = new Set();
  const stacks = [];
  /** @type {unknown} */
  let error = thrown;
  // Bounded by count as well as by identity: a getter may make a new cause each time it is read.
  while (typeof error === 'object' && error !== null && !seen.has(error) && stacks.length <= CAUSES_MAX) {
    seen.add(error);
    const stack = peekString(error, 'stack') ?? peekString(error, 'message');
    stacks.push(clip(stack ?? show(error), STACK_CHARS_MAX));
    error = peek(error, 'cause');
  }
  return stacks.join('\n[cause]: ');
}

/** @param {unknown} value @param {string} key @returns {string | undefined} */
function peekString(value, key) {
  if (value === null || value === undefined) return undefined;
  const found = peek(value, key);
  return typeof found === 'string' ? found : undefined;
}

/**
 * At most `charsMax` characters, none of them half a pair: texts that others have cut may end in one, and it has no
 * UTF-8, in which failures are kept.
 * @param {string} text
 * @param {number} charsMax
 */
function clip(text, charsMax) {
  if (text.length <= charsMax) return toUSVString(text);
  const end = text.charCodeAt(charsMax - 1) >>> 10 === 0x36 ? charsMax - 1 : charsMax;
  return toUSVString(text.slice(0, end));
}

/**
 * A value as an error message shows it: short, on one line, and safe whatever it is.
 * @param {unknown} value
 * @returns {string}
 */
function show(value) {
  try {
    // An error inspected would bring its stack along.
    const plain = types.isNativeError(value) ? `${value.name}: ${value.message}` : value;
    const text = typeof plain === 'string' ? plain.slice(0, SHOWN_CHARS_MAX * 2) : plain;
    const shown = inspect(text, { depth: 0, breakLength: Infinity, maxArrayLength: 3, customInspect: false });
    return shown.length <= SHOWN_CHARS_MAX ? shown : `${clip(shown, SHOWN_CHARS_MAX)}…`;
  } catch {
    return `a value of type ${typeof value}`;
  }
}

module.exports = {
  RedstartError,
  UnrecoverableError,
  isUnrecoverable,
  invalidArg,
  closed,
  invalidState,
  startingAt,
  fromNative,
  toFailure,
  show,
};
