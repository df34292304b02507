'use strict';
/** Names of stores, features and jobs, and job ids. */

const NAME_CHARS_MAX = 256;

/** What is allowed, for messages. */
const NAME_EXPECTED = `a string of 1 to ${NAME_CHARS_MAX} characters without half a surrogate pair`;

/** @type {import('./options.js').Checker<string>} */
const NAME = { expected: NAME_EXPECTED, read: (value) => (isName(value) ? value : undefined) };

/**
 * The addon keeps names as UTF-8, in which two strings with lone surrogates would be one. (Keys are kept in another form
 * and may be any string.)
 * @param {unknown} value
 * @returns {value is string}
 */
function isName(value) {
  return typeof value === 'string' && value.length > 0 && value.length <= NAME_CHARS_MAX && isWellFormed(value);
}

/** @param {string} text */
function isWellFormed(text) {
  return !/[\ud800-\udfff]/u.test(text);
}

module.exports = { NAME_EXPECTED, NAME, isName };
