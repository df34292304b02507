'use strict';
/** What rateLimit() asks the app for each request: options that are functions. */
const { ask: askOption } = require('../ask.js');
const { invalidArg, show } = require('../errors.js');
const { UNITS_MAX } = require('../limits.js');
const { COST } = require('./settings.js');

const STATUS_TOO_LARGE = 413;

/**
 * What the app, or a limiter, answers.
 * @param {string} option
 * @param {() => any} call
 */
function ask(option, call) {
  return askOption('rateLimit()', option, call, ", or return true from 'skip' to let a request pass");
}

/**
 * The value of an option that is either one for all requests, checked already, or a function that says it for each;
 * undefined, also from the function: the default.
 * @template T
 * @param {string} option As the message calls it.
 * @param {T | Function | undefined} value
 * @param {import('../options.js').Checker<T>} checker
 * @param {any} req
 * @param {any} res
 * @returns {Promise<T | undefined>}
 */
async function askFor(option, value, checker, req, res) {
  if (typeof value !== 'function') return value;
  const given = await ask(option, () => /** @type {Function} */ (value)(req, res));
  if (given === undefined) return undefined;
  const read = checker.read(given);
  if (read === undefined) {
    const error = invalidArg(`option '${option}' of rateLimit() must return ${checker.expected}; got ${show(given)}`);
    throw /** @type {unknown} */ (checker) === COST && given > UNITS_MAX ? tooLarge(error) : error;
  }
  return read;
}

/**
 * For a cost that a function said and that can never pass: it may be the client's choice, as by the length of a body, and
 * no failure of the app. Express and others answer with this status.
 * @param {Error} error
 */
function tooLarge(error) {
  return Object.assign(error, { status: STATUS_TOO_LARGE, statusCode: STATUS_TOO_LARGE });
}

module.exports = { ask, askFor, tooLarge };
