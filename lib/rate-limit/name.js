'use strict';
/** What a policy is called in a header. */

const NAME_CHARS_MAX = 256;

/** Whether a header can hold it as it is. @param {unknown} text @returns {text is string} */
function isHeaderName(text) {
  return typeof text === 'string' && text.length <= NAME_CHARS_MAX && /^[\x20-\x7e]+$/.test(text);
}

/** A limiter's name may be any string; what a header cannot hold is percent-encoded. @param {string} name */
function limiterName(name) {
  return name.replace(/[^\x20-\x7e]+/g, (found) => encodeURIComponent(Buffer.from(found).toString()));
}

/**
 * What a function returned may be made of what a client sent: it is made to fit, so that nobody can make it fail.
 * @param {string} name
 */
function functionName(name) {
  // Before, for the work that a long one makes; after, as one character may become twelve.
  return limiterName(name.slice(0, NAME_CHARS_MAX)).slice(0, NAME_CHARS_MAX);
}

/** A structured-field string (RFC 9651, 3.3.3). @param {string} text */
function headerString(text) {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

module.exports = { isHeaderName, limiterName, functionName, headerString };
