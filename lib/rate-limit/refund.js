'use strict';
/**
 * skipSuccessfulRequests and skipFailedRequests: whether a request counts is known when its response has ended, so it is
 * counted when it comes and its units are given back then.
 */
const { errorMonitor } = require('node:events');
const { performance } = require('node:perf_hooks');

/** @typedef {import('./settings.js').Settings} Settings */
/** @typedef {import('./decide.js').Verdict} Verdict */

/**
 * @param {Settings} settings
 * @param {import('./decide.js').Decision} decision One that took units.
 * @param {any} req
 * @param {any} res
 */
function refundAtEnd(settings, { verdicts, askedAtMs }, req, res) {
  if (!settings.refundsSuccess && !settings.refundsFailure) return;
  let isOver = false;
  /** @param {boolean} hasAnswer Whether the app had answered in full; if not, the request has failed. */
  const over = async (hasAnswer) => {
    if (isOver) return;
    isOver = true;
    try {
      const isSuccess = hasAnswer && Boolean(await settings.requestWasSuccessful(req, res));
      if (isSuccess ? settings.refundsSuccess : settings.refundsFailure) await refund(verdicts, askedAtMs);
    } catch (/** @type {any} */ error) {
      settings.warn('REDSTART_RATE_LIMIT_REFUND', `rateLimit() could not give units back: ${error?.message ?? error}`);
    }
  };
  // By the monitor, so that an error that nobody listens to stays one.
  res.once(errorMonitor, () => over(false));
  res.once('finish', () => over(true));
  res.once('close', () => over(res.writableEnded));
  // The events of a response that ended while the limiter was asked have been.
  if (res.writableFinished || res.closed || res.destroyed) over(res.writableEnded);
}

/** @param {Verdict[]} verdicts @param {number} askedAtMs */
async function refund(verdicts, askedAtMs) {
  const elapsedMs = performance.now() - askedAtMs;
  // Units that have come back by themselves are not given back again: those would be another request's. What is left of
  // the time is in whole milliseconds, rounded up.
  const counting = verdicts.filter(({ result }) => elapsedMs + 1 < result.resetAfterMs);
  await Promise.all(counting.map(({ call }) => call.part.limiter.refund(call.key, call.cost, call.rule)));
}

module.exports = { refundAtEnd };
