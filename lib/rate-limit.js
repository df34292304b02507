'use strict';
/**
 * Rate limits as middleware for Express, Connect and plain node:http: of the response only what node:http has is used,
 * and Express's send() where there is one.
 *
 * A request's way: skip, then whatever is to be asked of it (key, cost, limit, window), then one decision of the limiter
 * or of all limiters, then headers, and on it goes or is answered. What the app's own functions throw goes to next();
 * what the limiter throws too, unless onError is 'open'.
 */
const { answer } = require('./rate-limit/answer.js');
const { callsOf } = require('./rate-limit/calls.js');
const { decide } = require('./rate-limit/decide.js');
const { setHeaders } = require('./rate-limit/headers.js');
const { ask, failure, isThenable, tooLarge } = require('./rate-limit/per-request.js');
const { questionsOf } = require('./rate-limit/questions.js');
const { refundAtEnd } = require('./rate-limit/refund.js');
const { mostOf, readSettings } = require('./rate-limit/settings.js');
const { RedstartError } = require('./errors.js');

/** @typedef {import('./rate-limit/settings.js').Settings} Settings */
/** @typedef {import('./rate-limit/decide.js').Decision} Decision */
/** @typedef {(error?: unknown) => void} Next */

/** @param {unknown} options See express.d.ts. */
function rateLimit(options) {
  const settings = readSettings(options, rateLimit);
  const questions = questionsOf(settings);

  /** @param {any} req @param {any} res @param {Next} next */
  return function rateLimitMiddleware(req, res, next) {
    let passes;
    try {
      passes = judge({ settings, questions, req, res, next });
    } catch (error) {
      next(error);
      return;
    }
    // Neither in the try nor in then().catch(): what next() throws is the app's error and must not bring a second next().
    if (isThenable(passes)) passes.then((later) => later && next(), next);
    else if (passes) next();
  };
}

/**
 * A request and the limits it stands before.
 * @typedef {object} Visit
 * @property {Settings} settings
 * @property {import('./rate-limit/questions.js').Question[]} questions
 * @property {any} req
 * @property {any} res
 * @property {Next} next
 */

/**
 * Whether the request goes on; one that does not has been answered, or there is nobody to answer. This step and those
 * below go into each other at once, and after a promise only where an answer of the app is one.
 * @param {Visit} visit
 * @returns {boolean | Promise<boolean>}
 */
function judge(visit) {
  const { skip } = visit.settings;
  if (skip === undefined) return count(visit);
  const skips = ask('skip', /** @type {any} */ (skip), visit.req, visit.res);
  return isThenable(skips) ? skips.then((later) => Boolean(later) || count(visit)) : Boolean(skips) || count(visit);
}

/** @param {Visit} visit @returns {boolean | Promise<boolean>} */
function count(visit) {
  const calls = callsOf(visit.settings, visit.questions, visit.req, visit.res);
  return isThenable(calls) ? calls.then((later) => take(visit, later)) : take(visit, calls);
}

/**
 * @param {Visit} visit
 * @param {import('./rate-limit/calls.js').Call[] | undefined} calls
 * @returns {boolean | Promise<boolean>}
 */
function take(visit, calls) {
  const { settings, req, res } = visit;
  // No error, which whoever resets his connections could have the app log without end.
  if (calls === undefined) return false;
  if (calls.length === 0) return true;
  const decision = decideOrPass(settings, calls);
  if (decision === undefined) return true;
  req[settings.requestPropertyName] = decision.info;
  if (decision.allowed) refundAtEnd(settings, decision, req, res);
  const isTold = setHeaders(settings, decision, req, res);
  return isThenable(isTold) ? isTold.then(() => decision.allowed || deny(visit)) : decision.allowed || deny(visit);
}

/**
 * Undefined where the limiters are out of order and requests are to pass then. A wrong argument is the app's mistake,
 * which would let every request pass unseen.
 * @param {Settings} settings
 * @param {import('./rate-limit/calls.js').Call[]} calls
 * @returns {Decision | undefined}
 */
function decideOrPass(settings, calls) {
  try {
    return decide(settings, calls);
  } catch (cause) {
    const error = failure(settings.several ? 'limiters' : 'limiter', cause);
    if (RedstartError.is(error, 'ERR_INVALID_ARG')) throw calls.some(canNeverPass) ? tooLarge(error) : error;
    if (!settings.passesOnError) throw error;
    settings.warn('REDSTART_RATE_LIMIT_OPEN', `rateLimit() lets requests pass, as its limiter fails: ${error.message}`);
    return undefined;
  }
}

/** Whether it costs more than there can be, by what a function said. @param {import('./rate-limit/calls.js').Call} call */
function canNeverPass({ part, cost, rule }) {
  return typeof part.cost === 'function' && cost > mostOf(part.limiter, rule?.limit);
}

/** @param {Visit} visit @returns {boolean | Promise<boolean>} */
function deny(visit) {
  const { statusCode, message, handler } = visit.settings;
  if (handler !== undefined || typeof message === 'function') return denyByAsking(visit);
  answer(visit.res, { statusCode, message });
  return false;
}

/** @param {Visit} visit @returns {Promise<boolean>} */
async function denyByAsking({ settings, req, res, next }) {
  const { statusCode, message, handler } = settings;
  const text = typeof message === 'function' ? await ask('message', /** @type {any} */ (message), req, res) : message;
  const denial = { statusCode, message: text };
  if (handler === undefined) {
    answer(res, denial);
    return false;
  }
  let isPassedOn = false;
  /** @type {Next} */
  const passOn = (error) => {
    isPassedOn = true;
    next(error);
  };
  try {
    await ask('handler', () => handler(req, res, passOn, denial));
  } catch (/** @type {any} */ error) {
    // The request is somebody else's by now: a second next() would have it answered twice.
    if (!isPassedOn) throw error;
    settings.warn(
      'REDSTART_RATE_LIMIT_HANDLER',
      `option 'handler' of rateLimit() failed after next(): ${error.message}`,
    );
  }
  return false;
}

module.exports = { rateLimit };
