'use strict';
/**
 * Whether a response may be kept, and for how long: the rules of a shared cache (RFC 9111, 3 and 4.2). The rules are
 * http-cache-semantics'; it is handed directives that were read here, and no times but the store's.
 */
const CachePolicy = require('http-cache-semantics');
const { DURATION_MS_MAX } = require('../duration.js');
const { headerText, parseCacheControl, secondsOf, namesIn } = require('./directives.js');

/** Directives that http-cache-semantics judges by; the rest is not its business or is decided here. */
const FLAGS = ['no-store', 'private', 'no-cache', 'public', 'must-revalidate'];
const FRESHNESS = ['s-maxage', 'max-age'];

let judgedAtMs = 0;

class Policy extends CachePolicy {
  /** @override Asked by the constructor already. */
  now() {
    return judgedAtMs;
  }
}

/**
 * What a kept response may be used for.
 * @typedef {object} Terms
 * @property {number | undefined} lifetimeMs undefined: as long as the cache keeps entries.
 * @property {number} age Seconds it had when it came.
 * @property {boolean} shareable Requests with Authorization may have it too.
 * @property {boolean} mustRevalidate Never served stale.
 * @property {number | undefined} staleWhileRevalidate Seconds, as the response says.
 * @property {number | undefined} staleIfError
 */

/**
 * @param {{ statusCodes: readonly number[], ttlMs: number | undefined, maxTtlMs: number | undefined }} settings
 * @param {{ url: string, headers: any }} asked The request as it came.
 * @param {number} status
 * @param {Record<string, any>} headers Of the response, names in lower case.
 * @param {number} nowMs
 * @returns {Terms | undefined} undefined: not to be kept.
 */
function termsOf(settings, asked, status, headers, nowMs) {
  if (status === 206 || status === 304 || status >= 500 || headers['set-cookie'] !== undefined || isEndless(headers))
    return undefined;
  if (namesIn(headers.vary).includes('*')) return undefined;
  const directives = parseCacheControl(headers['cache-control']);
  if (directives.has('no-cache')) return undefined;
  if (directives.size === 0 && namesIn(headers.pragma).includes('no-cache')) return undefined;

  const explicit = FRESHNESS.some((name) => directives.has(name)) || headers.expires !== undefined;
  const listed = settings.statusCodes.includes(status);
  if (!explicit && !listed) return undefined;

  const policy = policyOf(asked, listed ? 200 : status, headers, directives, nowMs);
  if (!policy.storable()) return undefined;
  const age = policy.age();
  let lifetimeMs = explicit ? (policy.maxAge() - age) * 1000 : settings.ttlMs;
  if (lifetimeMs !== undefined) {
    const most = explicit ? settings.maxTtlMs : undefined;
    lifetimeMs = Math.floor(Math.min(lifetimeMs, most ?? DURATION_MS_MAX, DURATION_MS_MAX));
    if (!(lifetimeMs > 0)) return undefined;
  }
  const shared = directives.has('s-maxage');
  return {
    lifetimeMs,
    age,
    shareable: shared || directives.has('public') || directives.has('must-revalidate'),
    mustRevalidate: directives.has('must-revalidate') || directives.has('proxy-revalidate'),
    // s-maxage alone says "ask again when it is over" (RFC 9111, 5.2.2.10); the directives of RFC 5861 say otherwise.
    staleWhileRevalidate: secondsOf(directives, 'stale-while-revalidate') ?? (shared ? 0 : undefined),
    staleIfError: secondsOf(directives, 'stale-if-error') ?? (shared ? 0 : undefined),
  };
}

/** A stream of events goes on for ever: whoever waited for its end would too. @param {Record<string, any>} headers */
function isEndless(headers) {
  return headerText(headers['content-type']).toLowerCase().startsWith('text/event-stream');
}

/**
 * @param {{ url: string, headers: any }} asked
 * @param {number} status
 * @param {Record<string, any>} headers
 * @param {Map<string, string | true>} directives
 * @param {number} nowMs
 */
function policyOf(asked, status, headers, directives, nowMs) {
  judgedAtMs = nowMs;
  const cacheControl = FLAGS.filter((name) => directives.has(name));
  for (const name of FRESHNESS) if (directives.has(name)) cacheControl.push(`${name}=${secondsOf(directives, name)}`);
  /** @type {Record<string, string>} */
  const judged = { 'cache-control': cacheControl.join(', ') };
  for (const name of ['expires', 'date', 'age']) {
    if (headers[name] !== undefined) judged[name] = headerText(headers[name]);
  }
  const { authorization } = asked.headers;
  return new Policy(
    { method: 'GET', url: asked.url, headers: authorization === undefined ? {} : { authorization } },
    { status, headers: judged },
    { shared: true, cacheHeuristic: 0 },
  );
}

module.exports = { termsOf };
