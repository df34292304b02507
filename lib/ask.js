'use strict';
const { types } = require('node:util');
const { RedstartError, show } = require('./errors.js');

/**
 * What an option's function returns. What it throws reaches next(), to which nothing and 'route' mean "go on" and not
 * "error": so it becomes an Error.
 * @param {string} what Whose option it is, as the message calls it: 'rateLimit()'.
 * @param {string} option
 * @param {() => any} call
 * @param {string} [remedy] What to do instead, beside throwing an Error.
 * @returns {Promise<any>}
 */
async function ask(what, option, call, remedy = '') {
  try {
    return await call();
  } catch (cause) {
    // By kind and not by class: in Jest an Error may be one of another realm.
    if (types.isNativeError(cause) || cause instanceof Error) throw cause;
    throw new RedstartError(
      `option '${option}' of ${what} threw ${show(cause)}, which is no Error; throw an Error${remedy}`,
      { code: 'ERR_INVALID_STATE', cause },
    );
  }
}

module.exports = { ask };
