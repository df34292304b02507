'use strict';
const { types } = require('node:util');
const { RedstartError, show } = require('./errors.js');

/**
 * What an option's function returns.
 * @param {string} what Whose option it is, as the message calls it: 'rateLimit()'.
 * @param {string} option
 * @param {() => any} call
 * @returns {Promise<any>}
 */
async function ask(what, option, call) {
  try {
    return await call();
  } catch (cause) {
    throw asError(cause, what, option);
  }
}

/**
 * What an option's function has thrown reaches next(), to which nothing and 'route' mean "go on" and not "error": so it
 * becomes an Error.
 * @param {unknown} cause
 * @param {string} what
 * @param {string} option
 * @param {string} [remedy] What to do instead, beside throwing an Error.
 * @returns {Error}
 */
function asError(cause, what, option, remedy = '') {
  // By kind and not by class: in Jest an Error may be one of another realm.
  if (types.isNativeError(cause) || cause instanceof Error) return cause;
  return new RedstartError(
    `option '${option}' of ${what} threw ${show(cause)}, which is no Error; throw an Error${remedy}`,
    { code: 'ERR_INVALID_STATE', cause },
  );
}

module.exports = { ask, asError };
