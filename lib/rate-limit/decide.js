'use strict';
/** One decision, of one limiter or of several together, in a shape that headers and refunds share. */
const { kTake, takeAll } = require('../limiter.js');

/** @typedef {import('../../index.js').LimitResult} LimitResult */
/** @typedef {import('./calls.js').Call} Call */
/**
 * What one limiter said. `waitMs`: until its key is as new or, on a denial, until the request would pass.
 * @typedef {{ call: Call, result: LimitResult, waitMs: number }} Verdict
 */
/**
 * `nearest` is the verdict that stands for all where only one can: the denial that lasts longest or, of none, the one
 * that fewest further requests fit under. `takenUs` is the instant, by the store's clock, that refunds name. `info` is what
 * the request keeps.
 * @typedef {object} Decision
 * @property {number} takenUs
 * @property {boolean} allowed
 * @property {number} retryAfterMs
 * @property {Verdict[]} verdicts
 * @property {Verdict} nearest
 * @property {object} info
 */

/** @param {import('./settings.js').Settings} settings @param {Call[]} calls @returns {Decision} */
function decide(settings, calls) {
  return settings.several ? decideAll(calls) : decideOne(calls[0]);
}

/** @param {Call} call @returns {Decision} */
function decideOne(call) {
  const limiter = /** @type {any} */ (call.part.limiter);
  const [result, takenUs] = limiter[kTake](call.key, optionsOf(call));
  const { allowed, retryAfterMs } = result;
  const verdict = { call, result, waitMs: allowed ? result.resetAfterMs : retryAfterMs };
  return { takenUs, allowed, retryAfterMs, verdicts: [verdict], nearest: verdict, info: infoOf(result, call.key) };
}

/**
 * Field by field: a spread takes as long as all the rest of a decision.
 * @param {LimitResult} result
 * @param {string} key
 * @returns {import('../express.js').RateLimitInfo}
 */
function infoOf({ allowed, limit, remaining, resetAfterMs, retryAfterMs, reason }, key) {
  if (allowed) return { allowed, limit, remaining, resetAfterMs, retryAfterMs, key };
  return { allowed, limit, remaining, resetAfterMs, retryAfterMs, reason, key };
}

/** Most requests cost one, which is said with no options at all. @param {Call} call */
function optionsOf({ cost, rule }) {
  if (cost === 1) return rule;
  if (rule === undefined) return { cost };
  return rule.window === undefined ? { cost, limit: rule.limit } : { cost, ...rule };
}

/** @param {Call[]} calls @returns {Decision} */
function decideAll(calls) {
  const parts = calls.map(({ part, key, cost, rule }) => ({ limiter: part.limiter, key, cost, ...rule }));
  const [{ allowed, retryAfterMs, results, deniedBy }, takenUs] = takeAll(parts, decideAll);
  const verdicts = calls.map((call, index) => {
    const result = results[index];
    return { call, result, waitMs: waitMsOf(result, allowed, retryAfterMs) };
  });
  const nearest = nearestOf(allowed ? verdicts : deniedBy.map((index) => verdicts[index]));
  const info = Object.assign(infoOf(nearest.result, nearest.call.key), {
    allowed,
    retryAfterMs,
    results: verdicts.map(({ call, result }) =>
      Object.assign(infoOf(result, call.key), { name: call.part.limiter.name }),
    ),
    deniedBy,
  });
  return { takenUs, allowed, retryAfterMs, verdicts, nearest, info };
}

/**
 * Where others deny, a limiter with room asks for no wait longer than theirs: Retry-After must not lie before it.
 * @param {LimitResult} result
 * @param {boolean} allAllowed
 * @param {number} retryAfterMs
 */
function waitMsOf(result, allAllowed, retryAfterMs) {
  if (allAllowed) return result.resetAfterMs;
  return result.allowed ? Math.min(result.resetAfterMs, retryAfterMs) : result.retryAfterMs;
}

/** @param {Verdict[]} verdicts At least one, all allowed or all denied. */
function nearestOf(verdicts) {
  return verdicts.reduce((nearest, verdict) => (isNearer(verdict, nearest) ? verdict : nearest));
}

/** @param {Verdict} one @param {Verdict} other */
function isNearer(one, other) {
  if (!one.result.allowed) return one.waitMs > other.waitMs;
  const [left, leftOfOther] = [one, other].map(({ result, call }) => Math.floor(result.remaining / call.cost));
  return left === leftOfOther ? one.waitMs > other.waitMs : left < leftOfOther;
}

module.exports = { decide };
