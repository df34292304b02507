'use strict';
/** Conditional requests (RFC 9110, 13.1): whether a client has this very response already. */
const { createHash } = require('node:crypto');
const { headerText } = require('./directives.js');

const ETAG_CHARS = 22;

/** Weak, as a compressing middleware in front may send the same body in another coding. @param {Buffer} body */
function etagOf(body) {
  const digest = createHash('sha256').update(body).digest('base64url').slice(0, ETAG_CHARS);
  return `W/"${body.length.toString(16)}-${digest}"`;
}

/**
 * @param {any} headers The request's.
 * @param {string} etag The response's, '' for none.
 * @param {string} lastModified
 */
function isNotModified(headers, etag, lastModified) {
  const noneMatch = headers['if-none-match'];
  if (noneMatch !== undefined) return etag !== '' && matches(headerText(noneMatch), etag);
  const since = Date.parse(headerText(headers['if-modified-since']));
  return Date.parse(lastModified) <= since;
}

/** By the weak comparison, which is the one for GET. @param {string} list @param {string} etag */
function matches(list, etag) {
  if (list.trim() === '*') return true;
  const opaque = etag.replace(/^W\//, '');
  return Array.from(list.matchAll(/"[^"]*"/g), ([tag]) => tag).includes(opaque);
}

module.exports = { etagOf, isNotModified };
