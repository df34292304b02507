'use strict';
/** What a response says of the cache: X-Cache, and Cache-Status as in RFC 9211. */

/** @typedef {'HIT' | 'MISS' | 'STALE' | 'BYPASS'} Outcome */

/**
 * @param {{ legacyHeaders: boolean, standardHeaders: boolean | 'with-key' }} settings
 * @param {any} res
 * @param {Outcome} outcome
 * @param {string[]} parameters Of Cache-Status: 'hit', 'fwd=uri-miss', 'ttl=30'.
 * @param {string} [key]
 */
function tell({ legacyHeaders, standardHeaders }, res, outcome, parameters, key) {
  if (legacyHeaders) res.setHeader('X-Cache', outcome);
  if (standardHeaders === false) return;
  const all = ['redstart', ...parameters];
  if (standardHeaders === 'with-key' && key !== undefined) all.push(`key=${sfString(key)}`);
  // A list: caches behind this one stand before it.
  const before = res.getHeader('Cache-Status');
  const own = all.join('; ');
  res.setHeader('Cache-Status', before === undefined ? own : [before].flat().concat(own).join(', '));
}

/** A structured-field string; what it cannot hold is percent-encoded. @param {string} text */
function sfString(text) {
  const ascii = Buffer.from(text)
    .toString('latin1')
    .replace(/[^\x20-\x7e]/g, (byte) => `%${byte.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}`);
  return `"${ascii.replace(/["\\]/g, '\\$&')}"`;
}

module.exports = { tell };
