'use strict';
/** What a policy is in a header. Most requests stand under the same as the one before, so its text is kept. */

/**
 * `quotaText`: units of which `remaining` is a part; `seconds` in which so many come; `terms`: both, as draft 8 has them.
 * @typedef {object} Policy
 * @property {number} limit
 * @property {number} windowMs
 * @property {string} quotaText
 * @property {number} seconds
 * @property {string} terms
 */

/**
 * @param {import('./calls.js').Call} call
 * @param {import('../../index.js').LimitResult} result
 * @returns {Policy}
 */
function policyOf({ part, rule }, { limit }) {
  const windowMs = rule?.window ?? part.limiter.policy.windowMs;
  const { told } = part;
  if (told !== undefined && told.limit === limit && told.windowMs === windowMs) return told;
  // A bucket may hold more than its limit.
  const quota = Math.max(limit, part.limiter.policy.burst ?? 0);
  const seconds = Math.max(1, inSeconds((windowMs * quota) / limit));
  part.told = { limit, windowMs, quotaText: String(quota), seconds, terms: `q=${quota}; w=${seconds}` };
  return part.told;
}

/** @param {number} ms */
function inSeconds(ms) {
  return Math.ceil(ms / 1000);
}

module.exports = { policyOf, inSeconds };
