'use strict';
/**
 * What a loader threw, as JSON text for those who wait for the load in other threads, and back. An error keeps its name,
 * message, code, stack and cause; errors of redstart and of the language keep their class too. Any other value that was
 * thrown comes back as the value it was, where it can be stored at all.
 */
const { encode, encoded, encodeUndefined, decode } = require('./codec.js');
const { RedstartError, show } = require('./errors.js');

/** Causes of causes; also what ends a chain that leads round in a circle. */
const DEPTH_MAX = 8;
/** Of a message or a stack: what the others are told of one failure is bounded. */
const TEXT_CHARS_MAX = 65_536;
/** @type {Record<string, ErrorConstructor>} */
const CLASSES = { EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

/**
 * @typedef {{ name: string, message: string, stack: string, code?: string | number, retryable?: boolean, cause?: Told }} ToldError
 */
/**
 * An error, or a value by its codec: text, a number (as text: JSON has no NaN and no -0) or bytes.
 * @typedef {{ error: ToldError } | { codec: number, text: string } | { codec: number, number: string } |
 *   { codec: number, base64: string }} Told
 */

/**
 * Never throws.
 * @param {unknown} thrown
 * @returns {string}
 */
function tellFailure(thrown) {
  return JSON.stringify(tell(thrown, 0));
}

/**
 * @param {string} text
 * @returns {unknown}
 */
function rebuildFailure(text) {
  return rebuild(JSON.parse(text));
}

/** @param {unknown} thrown @param {number} depth @returns {Told} */
function tell(thrown, depth) {
  const message = clip(peek(thrown, 'message'));
  const stack = clip(peek(thrown, 'stack'));
  // By its looks: errors come from many realms, and those of the web platform are no native errors.
  if (message === undefined || stack === undefined) return tellValue(thrown);
  const code = peek(thrown, 'code');
  const cause = peek(thrown, 'cause');
  return {
    error: {
      name: clip(peek(thrown, 'name')) ?? 'Error',
      message,
      stack,
      code: typeof code === 'number' ? code : clip(code),
      retryable: RedstartError.is(thrown) ? thrown.retryable : undefined,
      cause: cause === undefined || depth === DEPTH_MAX ? undefined : tell(cause, depth + 1),
    },
  };
}

/** @param {unknown} thrown @returns {Told} */
function tellValue(thrown) {
  try {
    const codec = thrown === undefined ? encodeUndefined() : encode(thrown);
    const { payload } = encoded;
    if (typeof payload === 'string') return { codec, text: payload };
    if (typeof payload === 'number') return { codec, number: Object.is(payload, -0) ? '-0' : String(payload) };
    return { codec, base64: Buffer.from(payload).toString('base64') };
  } catch {
    const message = `${show(thrown)} was thrown, which is no Error`;
    return { error: { name: 'Error', message, stack: `Error: ${message}` } };
  }
}

/** @param {Told} told @returns {unknown} */
function rebuild(told) {
  if ('error' in told) return rebuildError(told.error);
  if ('text' in told) return decode(told.codec, told.text);
  return decode(told.codec, 'number' in told ? Number(told.number) : Buffer.from(told.base64, 'base64'));
}

/** @param {ToldError} told */
function rebuildError({ name, message, stack, code, retryable, cause }) {
  const details = cause === undefined ? {} : { cause: rebuild(cause) };
  const isOurs = retryable !== undefined;
  const ours = { ...details, code: /** @type {import('../index.js').ErrorCode} */ (code), retryable };
  const error = isOurs
    ? new RedstartError(message, ours)
    : new (Object.hasOwn(CLASSES, name) ? CLASSES[name] : Error)(message, details);
  if (error.name !== name) define(error, 'name', name);
  // Where it happened, which is in the other thread.
  define(error, 'stack', stack);
  return isOurs || code === undefined ? error : Object.assign(error, { code });
}

/** @param {Error} error @param {string} key @param {string} value */
function define(error, key, value) {
  Object.defineProperty(error, key, { value, writable: true, configurable: true });
}

/** @param {any} value @param {string} key @returns {unknown} */
function peek(value, key) {
  try {
    return value?.[key];
  } catch {
    return undefined;
  }
}

/** @param {unknown} text */
function clip(text) {
  return typeof text === 'string' ? text.slice(0, TEXT_CHARS_MAX) : undefined;
}

module.exports = { tellFailure, rebuildFailure };
