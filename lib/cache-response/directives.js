'use strict';
/**
 * Cache-Control, as both sides write it. Names know no case and values may be quoted: a `Private` that went unnoticed would
 * be somebody's page shown to everybody, so nothing below this file sees the header as it came.
 */

/** name, and after '=' a quoted string or a token. */
const DIRECTIVE = /([^\s,;="]+)\s*(?:=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]*)))?/g;

/** A header's value as one text; lists may come as arrays. @param {unknown} value */
function headerText(value) {
  if (value === undefined || value === null) return '';
  return Array.isArray(value) ? value.join(', ') : String(value);
}

/** @param {unknown} value @returns {Map<string, string | true>} Of a name that stands there twice, the first. */
function parseCacheControl(value) {
  const directives = new Map();
  for (const [, name, quoted, token] of headerText(value).matchAll(DIRECTIVE)) {
    const key = name.toLowerCase();
    if (!directives.has(key)) directives.set(key, quoted ?? token ?? true);
  }
  return directives;
}

/**
 * Seconds; undefined where the directive is absent. What is no number of seconds counts as none left.
 * @param {Map<string, string | true>} directives
 * @param {string} name
 */
function secondsOf(directives, name) {
  const value = directives.get(name);
  if (value === undefined) return undefined;
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : 0;
}

/** @param {unknown} value A list of names, as in Vary or Connection. */
function namesIn(value) {
  const names = headerText(value).toLowerCase().split(',');
  return names.map((name) => name.trim()).filter((name) => name !== '');
}

/**
 * What the client asks of a cache.
 * @param {any} req
 * @param {boolean} respected false: all but only-if-cached is as if it were not there.
 */
function wishesOf(req, respected) {
  const directives = parseCacheControl(req.headers['cache-control']);
  const onlyIfCached = directives.has('only-if-cached');
  if (!respected) {
    return { noStore: false, refresh: false, onlyIfCached, maxAge: Number.POSITIVE_INFINITY, minFresh: 0 };
  }
  const pragma = directives.size === 0 && namesIn(req.headers.pragma).includes('no-cache');
  return {
    noStore: directives.has('no-store'),
    refresh: pragma || directives.has('no-cache'),
    onlyIfCached,
    maxAge: secondsOf(directives, 'max-age') ?? Number.POSITIVE_INFINITY,
    minFresh: secondsOf(directives, 'min-fresh') ?? 0,
  };
}

module.exports = { headerText, parseCacheControl, secondsOf, namesIn, wishesOf };
