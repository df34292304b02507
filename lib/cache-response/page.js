'use strict';
/** A kept response: what of it is kept, and how it answers a request. */
const { headerText, namesIn } = require('./directives.js');
const { isNotModified } = require('./validators.js');

/** Of one connection (RFC 9110, 7.6.1), or set anew for each answer. */
const NOT_KEPT = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'set-cookie',
  'content-length',
  'age',
]);
/** What a 304 must not say of a body it does not have. */
const OF_THE_BODY = ['content-type', 'content-length', 'content-encoding', 'content-language', 'content-range'];
const WITHOUT_BODY = [204, 304];

/**
 * @typedef {object} Page
 * @property {'page'} redstart
 * @property {number} status
 * @property {string | undefined} message Of the status, where the handler has words of its own.
 * @property {[name: string, value: string | string[]][]} headers
 * @property {string[]} removed Headers that stood there before the handler ran, and that it took away.
 * @property {Buffer} body
 * @property {number} at Milliseconds since the epoch, when its headers were made.
 * @property {number} made The same by the machine's clock, to tell what came before a request from what it waited for.
 * @property {import('./storable.js').Terms} terms
 */

/**
 * What the handler says, without what stood there before it ran: that was said to one request (its limits, its id), and the
 * next one passes the same middleware.
 * @param {Record<string, any>} headers
 * @param {Record<string, any>} before
 * @returns {Page['headers']}
 */
function headersToKeep(headers, before) {
  const named = namesIn(headers.connection);
  return Object.entries(headers)
    .filter(([name]) => !NOT_KEPT.has(name) && !named.includes(name))
    .filter(([name, value]) => before[name] === undefined || headerText(before[name]) !== headerText(value))
    .map(([name, value]) => [name, Array.isArray(value) ? value.map(String) : String(value)]);
}

/** The names that the handler took away. @param {Record<string, any>} headers @param {Record<string, any>} before */
function headersRemoved(headers, before) {
  return Object.keys(before).filter((name) => headers[name] === undefined && !NOT_KEPT.has(name));
}

/** @param {any} value */
function isPage(value) {
  return value?.redstart === 'page' && value.body instanceof Uint8Array;
}

/** Seconds. @param {Page} page @param {number} nowMs */
function ageOf(page, nowMs) {
  return page.terms.age + Math.max(0, nowMs - page.at) / 1000;
}

/** @param {any} res @param {Page} page @param {number} nowMs */
function setPageHeaders(res, page, nowMs) {
  for (const name of page.removed) res.removeHeader(name);
  for (const [name, value] of page.headers) res.setHeader(name, value);
  if (!res.hasHeader('date')) res.setHeader('Date', new Date(page.at).toUTCString());
  res.setHeader('Age', String(Math.floor(ageOf(page, nowMs))));
}

/**
 * With the headers set, makes them an answer to these conditions.
 * @param {any} conditions Headers of the request.
 * @param {any} res
 * @param {Page} page
 * @returns {Uint8Array | undefined} What is to be sent, undefined for a 304.
 */
function bodyFor(conditions, res, page) {
  const notModified = turnsNotModified(conditions, res, page.status);
  res.statusCode = notModified ? 304 : page.status;
  // Undefined: Node's.
  res.statusMessage = notModified ? undefined : page.message;
  if (notModified) return undefined;
  if (!WITHOUT_BODY.includes(page.status)) res.setHeader('Content-Length', page.body.length);
  return page.body;
}

/**
 * Whether a 304 will do for these conditions; the headers are those of one then.
 * @param {any} conditions Headers of the request.
 * @param {any} res
 * @param {number} status
 */
function turnsNotModified(conditions, res, status) {
  const etag = headerText(res.getHeader('etag'));
  if (status !== 200 || !isNotModified(conditions, etag, headerText(res.getHeader('last-modified')))) return false;
  for (const name of OF_THE_BODY) res.removeHeader(name);
  return true;
}

module.exports = { headersToKeep, headersRemoved, isPage, ageOf, setPageHeaders, bodyFor, turnsNotModified };
