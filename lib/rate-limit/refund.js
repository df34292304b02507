'use strict';
/**
 * skipSuccessfulRequests and skipFailedRequests: whether a request counts is known when its response has ended, so it is
 * counted when it comes and its units are given back then.
 */
const { kGiveBack } = require('../limiter.js');
const { onEnd } = require('./response-end.js');

/** @typedef {import('./settings.js').Settings} Settings */
/** @typedef {import('./decide.js').Verdict} Verdict */

/**
 * @param {Settings} settings
 * @param {import('./decide.js').Decision} decision One that took units.
 * @param {any} req
 * @param {any} res
 */
function refundAtEnd(settings, { verdicts, takenUs }, req, res) {
  if (!settings.refundsSuccess && !settings.refundsFailure) return;
  onEnd(res, async (hasAnswer) => {
    try {
      // A response that the app had not answered in full has failed.
      const isSuccess = hasAnswer && Boolean(await settings.requestWasSuccessful(req, res));
      if (isSuccess ? settings.refundsSuccess : settings.refundsFailure) await refund(verdicts, takenUs);
    } catch (/** @type {any} */ error) {
      settings.warn('REDSTART_RATE_LIMIT_REFUND', `rateLimit() could not give units back: ${error?.message ?? error}`);
    }
  });
}

/**
 * Of the units taken then, those that still count: were later ones given back in their place, whoever breaks off old
 * requests would be let in beyond the limit.
 * @param {Verdict[]} verdicts
 * @param {number} takenUs
 */
async function refund(verdicts, takenUs) {
  const refunds = verdicts.map(({ call: { part, key, cost, rule } }) => {
    const limiter = /** @type {any} */ (part.limiter);
    return limiter[kGiveBack](key, cost, rule, takenUs);
  });
  await Promise.all(refunds);
}

module.exports = { refundAtEnd };
