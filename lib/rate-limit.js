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
const { ask, tooLarge } = require('./rate-limit/per-request.js');
const { refundAtEnd } = require('./rate-limit/refund.js');
const { mostOf, readSettings } = require('./rate-limit/settings.js');
const { RedstartError } = require('./errors.js');

/** @typedef {import('./rate-limit/settings.js').Settings} Settings */
/** @typedef {import('./rate-limit/decide.js').Decision} Decision */
/** @typedef {(error?: unknown) => void} Next */

/** @param {unknown} options See express.d.ts. */
function rateLimit(options) {
  const settings = readSettings(options, rateLimit);

  /** @param {any} req @param {any} res @param {Next} next */
  return function rateLimitMiddleware(req, res, next) {
    // Two handlers, not then().catch(): what next() throws is the app's error and must not bring a second next().
    judge(settings, req, res, next).then((passes) => passes && next(), next);
  };
}

/**
 * Whether the request goes on; one that does not has been answered, or there is nobody to answer.
 * @param {Settings} settings
 * @param {any} req
 * @param {any} res
 * @param {Next} next
 * @returns {Promise<boolean>}
 */
async function judge(settings, req, res, next) {
  const { skip } = settings;
  if (skip !== undefined && (await ask('skip', () => skip(req, res)))) return true;
  const calls = await callsOf(settings, req, res);
  // No error, which whoever resets his connections could have the app log without end.
  if (calls === undefined) return false;
  if (calls.length === 0) return true;
  const decision = await decideOrPass(settings, calls);
  if (decision === undefined) return true;
  req[settings.requestPropertyName] = decision.info;
  if (decision.allowed) refundAtEnd(settings, decision, req, res);
  await setHeaders(settings, decision, req, res);
  if (decision.allowed) return true;
  await deny(settings, req, res, next);
  return false;
}

/**
 * Undefined where the limiters are out of order and requests are to pass then. A wrong argument is the app's mistake,
 * which would let every request pass unseen.
 * @param {Settings} settings
 * @param {import('./rate-limit/calls.js').Call[]} calls
 * @returns {Promise<Decision | undefined>}
 */
async function decideOrPass(settings, calls) {
  try {
    return await ask(settings.several ? 'limiters' : 'limiter', () => decide(settings, calls));
  } catch (/** @type {any} */ error) {
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

/** @param {Settings} settings @param {any} req @param {any} res @param {Next} next */
async function deny(settings, req, res, next) {
  const { statusCode, message } = settings;
  const text = typeof message === 'function' ? await ask('message', () => message(req, res)) : message;
  const denial = { statusCode, message: text };
  const { handler } = settings;
  if (handler === undefined) {
    answer(res, denial);
    return;
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
}

module.exports = { rateLimit };
