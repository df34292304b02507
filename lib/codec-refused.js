'use strict';
/** What codecs say of a value that they cannot take: where the culprit is, and why. */
const { RedstartError, show } = require('./errors.js');

const PLACE_CHARS_MAX = 120;

/**
 * The ERR_INVALID_ARG for a value that a codec could not take because of an error, which is kept as the cause.
 * @param {string} message
 * @param {unknown} cause
 * @param {Function} above The function whose caller the stack should start at; it must be running synchronously.
 */
function refused(message, cause, above) {
  const error = new RedstartError(message, { code: 'ERR_INVALID_ARG', cause });
  Error.captureStackTrace(error, above);
  return error;
}

/** What an error says, as a part of another's message. @param {any} error */
function firstLine(error) {
  return String(error?.message ?? error).split('\n', 1)[0];
}

/** How a place goes on to a property. @param {string} key */
function stepTo(key) {
  return /^[\w$]+$/.test(key) ? `.${key}` : `[${show(key)}]`;
}

/**
 * A place with one more step before it; what is far inside is cut.
 * @param {string} place
 * @param {string} step
 */
function inFrontOf(place, step) {
  const whole = step + place;
  return whole.length <= PLACE_CHARS_MAX ? whole : `${whole.slice(0, PLACE_CHARS_MAX)}…`;
}

module.exports = { refused, firstLine, stepTo, inFrontOf };
