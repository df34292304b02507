'use strict';
/**
 * The headers of express-rate-limit 8, with two differences. `t`, `reset` and Retry-After of a denial name the moment at
 * which this same request would pass, which with a sliding window comes long before the key is as new. And the partition
 * key of draft 8 is salted, as it may be made of an address or a user's name.
 *
 * Draft 8 has room for every policy. The older headers have room for one: the nearest to denying, or the one that did.
 */
const { invalidArg, show } = require('../errors.js');
const { functionName, headerString } = require('./name.js');
const { partition } = require('./partition.js');
const { ask, isThenable } = require('./per-request.js');
const { inSeconds, policyOf } = require('./policy.js');

/** @typedef {import('./decide.js').Decision} Decision */
/** @typedef {import('./decide.js').Verdict} Verdict */

/**
 * @param {import('./settings.js').Settings} settings
 * @param {Decision} decision
 * @param {any} req
 * @param {any} res
 * @returns {undefined | Promise<undefined>}
 */
function setHeaders(settings, decision, req, res) {
  const names = settings.standardHeaders === 'draft-8' ? namesOf(decision.verdicts, [], req, res) : [];
  return isThenable(names)
    ? names.then((later) => setNamed(settings, decision, later, res))
    : setNamed(settings, decision, names, res);
}

/**
 * @param {import('./settings.js').Settings} settings
 * @param {Decision} decision
 * @param {string[]} names For draft 8, of each verdict's policy.
 * @param {any} res
 * @returns {undefined}
 */
function setNamed({ standardHeaders, legacyHeaders }, { verdicts, nearest, allowed, retryAfterMs }, names, res) {
  // Whoever has answered by now (a timeout, say) cannot be told in headers any more.
  if (res.headersSent) return;
  if (legacyHeaders) setLegacy(res, nearest);
  if (standardHeaders === 'draft-8') {
    for (let at = 0; at < verdicts.length; at++) addDraft8(res, verdicts[at], names[at]);
  }
  if (standardHeaders === 'draft-7') setDraft7(res, nearest);
  if (standardHeaders === 'draft-6') setDraft6(res, nearest);
  if (!allowed) res.setHeader('Retry-After', String(inSeconds(retryAfterMs)));
}

/**
 * From the first verdict that has no name yet on.
 * @param {Verdict[]} verdicts
 * @param {string[]} names
 * @param {any} req
 * @param {any} res
 * @returns {string[] | Promise<string[]>}
 */
function namesOf(verdicts, names, req, res) {
  while (names.length < verdicts.length) {
    const name = nameOf(verdicts[names.length].call.part, req, res);
    if (isThenable(name)) {
      return name.then((later) => {
        names.push(later);
        return namesOf(verdicts, names, req, res);
      });
    }
    names.push(name);
  }
  return names;
}

/** @param {import('./settings.js').Part} part @param {any} req @param {any} res @returns {string | Promise<string>} */
function nameOf({ name, optionName }, req, res) {
  if (typeof name === 'string') return name;
  const option = optionName('identifier');
  const given = ask(option, /** @type {any} */ (name), req, res);
  return isThenable(given) ? given.then((later) => nameFrom(option, later)) : nameFrom(option, given);
}

/** @param {string} option @param {unknown} given */
function nameFrom(option, given) {
  if (typeof given === 'string') return headerString(functionName(given));
  throw invalidArg(`option '${option}' of rateLimit() must return a string; got ${show(given)}`);
}

/** @param {any} res @param {Verdict} verdict @param {string} name */
function addDraft8(res, { call, result, waitMs }, name) {
  const { terms } = policyOf(call, result);
  add(res, 'RateLimit', `${name}; r=${result.remaining}; t=${inSeconds(waitMs)}`);
  add(res, 'RateLimit-Policy', `${name}; ${terms}; pk=:${partition(call.key)}:`);
}

/**
 * Every limiter that a request passes adds its own policy. The first sets it: appendHeader() checks all that setHeader() does
 * and then calls it.
 * @param {any} res
 * @param {string} header
 * @param {string} text
 */
function add(res, header, text) {
  if (res.hasHeader(header)) res.appendHeader(header, text);
  else res.setHeader(header, text);
}

/** @param {any} res @param {Verdict} verdict */
function setDraft7(res, { call, result, waitMs }) {
  const { quotaText, seconds } = policyOf(call, result);
  res.setHeader('RateLimit-Policy', `${quotaText};w=${seconds}`);
  const state = `limit=${quotaText}, remaining=${result.remaining}, reset=${inSeconds(waitMs)}`;
  res.setHeader('RateLimit', state);
}

/** @param {any} res @param {Verdict} verdict */
function setDraft6(res, { call, result, waitMs }) {
  const { quotaText, seconds } = policyOf(call, result);
  res.setHeader('RateLimit-Policy', `${quotaText};w=${seconds}`);
  res.setHeader('RateLimit-Limit', quotaText);
  res.setHeader('RateLimit-Remaining', String(result.remaining));
  res.setHeader('RateLimit-Reset', String(inSeconds(waitMs)));
}

/** @param {any} res @param {Verdict} verdict */
function setLegacy(res, { call, result, waitMs }) {
  const nowMs = Date.now();
  res.setHeader('X-RateLimit-Limit', policyOf(call, result).quotaText);
  res.setHeader('X-RateLimit-Remaining', String(result.remaining));
  // A moment by the server's clock means something only beside that clock; Node sends it unless it was told not to.
  if (res.sendDate === false) res.setHeader('Date', new Date(nowMs).toUTCString());
  res.setHeader('X-RateLimit-Reset', String(inSeconds(nowMs + waitMs)));
}

module.exports = { setHeaders };
