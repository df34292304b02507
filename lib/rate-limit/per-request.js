'use strict';
/**
 * What rateLimit() asks the app for each request: options that are functions. An answer that is there is taken at once,
 * as promises on the way of every request cost more than the decision of its limiter.
 */
const { asError } = require('../ask.js');
const { invalidArg, show } = require('../errors.js');
const { UNITS_MAX } = require('../limits.js');
const { COST } = require('./settings.js');

const STATUS_TOO_LARGE = 413;

/**
 * What the app, or a limiter, answers: a promise only where that is one.
 * @param {string} option
 * @param {(req?: any, res?: any) => any} asked
 * @param {any} [req]
 * @param {any} [res]
 */
function ask(option, asked, req, res) {
  try {
    const given = asked(req, res);
    return isThenable(given) ? settled(option, given) : given;
  } catch (cause) {
    throw failure(option, cause);
  }
}

/** @param {string} option @param {PromiseLike<any>} given */
async function settled(option, given) {
  try {
    return await given;
  } catch (cause) {
    throw failure(option, cause);
  }
}

/** @param {string} option @param {unknown} cause */
function failure(option, cause) {
  return asError(cause, 'rateLimit()', option, ", or return true from 'skip' to let a request pass");
}

/** Whether it is to be waited for, as `await` sees it. @param {any} value @returns {value is Promise<any>} */
function isThenable(value) {
  const canBe = (typeof value === 'object' && value !== null) || typeof value === 'function';
  return canBe && typeof value.then === 'function';
}

/**
 * The value of an option that is either one for all requests, checked already, or a function that says it for each, or
 * promises it; undefined, also from the function: the default.
 * @template T
 * @param {string} option As the message calls it.
 * @param {T | Function | undefined} value
 * @param {import('../options.js').Checker<T>} checker
 * @param {any} req
 * @param {any} res
 * @returns {T | undefined | Promise<T | undefined>}
 */
function askFor(option, value, checker, req, res) {
  if (typeof value !== 'function') return value;
  const given = ask(option, /** @type {any} */ (value), req, res);
  return isThenable(given)
    ? given.then((later) => readGiven(option, later, checker))
    : readGiven(option, given, checker);
}

/**
 * @template T
 * @param {string} option
 * @param {any} given
 * @param {import('../options.js').Checker<T>} checker
 * @returns {T | undefined}
 */
function readGiven(option, given, checker) {
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

module.exports = { ask, askFor, failure, isThenable, tooLarge };
