'use strict';
/**
 * The headers of express-rate-limit 8, with two differences. `t`, `reset` and Retry-After of a denial name the moment at
 * which this same request would pass, which with a sliding window comes long before the key is as new. And the partition
 * key of draft 8 is salted, as it may be made of an address or a user's name.
 *
 * Draft 8 has room for every policy. The older headers have room for one: the nearest to denying, or the one that did.
 */
const { createHash } = require('node:crypto');
const { invalidArg, show } = require('../errors.js');
const { native } = require('../lane.js');
const { functionName, headerString } = require('./name.js');
const { ask } = require('./per-request.js');

/** @typedef {import('./decide.js').Decision} Decision */
/** @typedef {import('./decide.js').Verdict} Verdict */

/** Of the process, so that all threads show one key as one. */
const PARTITION_SALT = native.partitionSalt();
const PARTITION_BYTES = 9;

/**
 * @param {import('./settings.js').Settings} settings
 * @param {Decision} decision
 * @param {any} req
 * @param {any} res
 */
async function setHeaders(settings, decision, req, res) {
  const { standardHeaders, legacyHeaders } = settings;
  const names = standardHeaders === 'draft-8' ? await namesOf(decision.verdicts, req, res) : [];
  // Whoever has answered by now (a timeout, say) cannot be told in headers any more.
  if (res.headersSent) return;
  if (legacyHeaders) setLegacy(res, decision.nearest);
  if (standardHeaders === 'draft-8') {
    for (const [at, verdict] of decision.verdicts.entries()) addDraft8(res, verdict, names[at]);
  }
  if (standardHeaders === 'draft-7') setDraft7(res, decision.nearest);
  if (standardHeaders === 'draft-6') setDraft6(res, decision.nearest);
  if (!decision.allowed) res.setHeader('Retry-After', String(inSeconds(decision.retryAfterMs)));
}

/** @param {Verdict[]} verdicts @param {any} req @param {any} res @returns {Promise<string[]>} */
async function namesOf(verdicts, req, res) {
  const names = [];
  for (const { call } of verdicts) {
    const { name, optionName } = call.part;
    if (typeof name === 'string') {
      names.push(name);
      continue;
    }
    const option = optionName('identifier');
    const given = await ask(option, () => name(req, res));
    if (typeof given !== 'string') {
      throw invalidArg(`option '${option}' of rateLimit() must return a string; got ${show(given)}`);
    }
    names.push(headerString(functionName(given)));
  }
  return names;
}

/** @param {any} res @param {Verdict} verdict @param {string} name */
function addDraft8(res, { call, result, waitMs }, name) {
  const { quota, seconds } = quotaOf(call, result);
  // Appended: every limiter a request passes adds its own policy.
  res.appendHeader('RateLimit', `${name}; r=${result.remaining}; t=${inSeconds(waitMs)}`);
  const policy = `q=${quota}; w=${seconds}; pk=:${partition(call.key)}:`;
  res.appendHeader('RateLimit-Policy', `${name}; ${policy}`);
}

/** @param {any} res @param {Verdict} verdict */
function setDraft7(res, { call, result, waitMs }) {
  const { quota, seconds } = quotaOf(call, result);
  res.setHeader('RateLimit-Policy', `${quota};w=${seconds}`);
  const state = `limit=${quota}, remaining=${result.remaining}, reset=${inSeconds(waitMs)}`;
  res.setHeader('RateLimit', state);
}

/** @param {any} res @param {Verdict} verdict */
function setDraft6(res, { call, result, waitMs }) {
  const { quota, seconds } = quotaOf(call, result);
  res.setHeader('RateLimit-Policy', `${quota};w=${seconds}`);
  res.setHeader('RateLimit-Limit', String(quota));
  res.setHeader('RateLimit-Remaining', String(result.remaining));
  res.setHeader('RateLimit-Reset', String(inSeconds(waitMs)));
}

/** @param {any} res @param {Verdict} verdict */
function setLegacy(res, { call, result, waitMs }) {
  const nowMs = Date.now();
  res.setHeader('X-RateLimit-Limit', String(quotaOf(call, result).quota));
  res.setHeader('X-RateLimit-Remaining', String(result.remaining));
  // A moment by the server's clock means something only beside that clock; Node sends it unless it was told not to.
  if (res.sendDate === false) res.setHeader('Date', new Date(nowMs).toUTCString());
  res.setHeader('X-RateLimit-Reset', String(inSeconds(nowMs + waitMs)));
}

/** @param {number} ms */
function inSeconds(ms) {
  return Math.ceil(ms / 1000);
}

/**
 * Units of which `remaining` is a part, and the seconds in which so many come: a bucket may hold more than its limit.
 * @param {import('./calls.js').Call} call
 * @param {import('../../index.js').LimitResult} result
 */
function quotaOf({ part, rule }, { limit }) {
  const { burst = 0, windowMs } = part.limiter.policy;
  const quota = Math.max(limit, burst);
  return { quota, seconds: Math.max(1, inSeconds(((rule?.window ?? windowMs) * quota) / limit)) };
}

/** Which of the limiter's keys this is, without saying it. @param {string} key */
function partition(key) {
  const digest = createHash('sha256').update(PARTITION_SALT).update(key).digest();
  return digest.subarray(0, PARTITION_BYTES).toString('base64');
}

module.exports = { setHeaders };
