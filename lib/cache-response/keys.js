'use strict';
/**
 * Under which keys a response lies.
 *
 * The page key stands for the address. What lies there is either the page itself or, where responses vary, an index: the
 * names of the request headers that matter and an id drawn at random. A variant lies under that id and the hash of
 * the values of those headers. So whoever deletes the page key has done away with all variants, also with those that are
 * still being made: they end up under an id that nothing names any more.
 */
const { createHash, randomBytes } = require('node:crypto');

/** Longer ones are kept as their hash: a key costs memory, and a client writes most of it. */
const KEY_CHARS_MAX = 1024;
const ID_BYTES = 15;

/** Letters, digits and what IPv6, ports and escapes need: a '/' would make two addresses share a key. */
const HOST = /^[\w.\-:[\]%]*$/;

/** @param {string} text */
function hash(text) {
  return createHash('sha256').update(text).digest('base64url');
}

/** A page's key. @param {string} text */
function bounded(text) {
  // What begins with NUL is ours; an option's key may be made of what a client wrote.
  return text.length > KEY_CHARS_MAX || text.startsWith('\0') ? `\0h:${hash(text)}` : text;
}

/**
 * 'GET http://host/path?query' with the parameters in order of their names, or undefined for a request whose address has no
 * one reading.
 * @param {any} req
 * @param {boolean} isChange A change is about a page however its target is written.
 * @returns {string | undefined}
 */
function addressKey(req, isChange) {
  const target = String(req.originalUrl ?? req.url);
  const url = isChange ? pathIn(target) : target;
  const host = String(req.headers.host ?? '').toLowerCase();
  // Express heeds 'trust proxy' in these, and so may the handler.
  const protocol = req.protocol ?? (req.socket?.encrypted ? 'https' : 'http');
  const seen = hostSeen(req).toLowerCase();
  const hostname = String(req.hostname ?? seen).toLowerCase();
  if (!url.startsWith('/') || url.includes('#') || ![host, seen, hostname].every((name) => HOST.test(name)))
    return undefined;
  if (!/^\w+$/.test(protocol)) return undefined;
  const forwarded = seen === host ? '' : `\n${seen}`;
  const named = hostname === seen || hostname === seen.replace(/:\d*$/, '') ? '' : `\n\n${hostname}`;
  const at = url.indexOf('?');
  const address = at === -1 ? url : url.slice(0, at);
  return `GET ${protocol}://${host}${address}${at === -1 ? '' : sortedQuery(url.slice(at + 1))}${forwarded}${named}`;
}

/**
 * The host as a handler may see it, with its port: X-Forwarded-Host where Express trusts the proxy. req.host says it in
 * Express 5, but in 4 it warns and leaves out the port.
 * @param {any} req
 */
function hostSeen(req) {
  const forwarded = req.headers['x-forwarded-host'];
  const trusts = req.app?.get?.('trust proxy fn');
  if (!forwarded || typeof trusts !== 'function' || !trusts(req.socket?.remoteAddress, 0))
    return req.headers.host ?? '';
  // Several proxies make a list of it. One that begins with nothing is no host.
  return String(forwarded).split(',', 1)[0].trim() || ',';
}

/** The path and query in a target that may be a whole URL, or have a fragment. @param {string} target */
function pathIn(target) {
  const [url] = target.split('#', 1);
  const path = url.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?]*/i, '');
  return path.startsWith('/') ? path : `/${path}`;
}

/** Stable: what a name's values mean may hang on their order. @param {string} query */
function sortedQuery(query) {
  const name = (/** @type {string} */ part) => part.split('=', 1)[0];
  const parts = query.split('&').map((part) => ({ part, name: name(part) }));
  // Two that are written differently may be one name: 'a' and '%61', 'b' and 'b[]'.
  if (parts.some((part) => /[%[]/.test(part.name))) return `?${query}`;
  parts.sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
  return `?${parts.map(({ part }) => part).join('&')}`;
}

function newId() {
  return randomBytes(ID_BYTES).toString('base64url');
}

/**
 * Which variant a request asks for: a hash, so that long headers make no long keys.
 * @param {readonly string[]} names Lower case, sorted.
 * @param {any} headers The request's.
 */
function variantOf(names, headers) {
  return hash(JSON.stringify(names.map((name) => variantValue(name, headers[name]))));
}

/** @param {string} name @param {unknown} value */
function variantValue(name, value) {
  if (value === undefined) return null;
  const items = String(value)
    .split(',')
    .map((item) => item.trim());
  // The order of codings means nothing, and browsers differ in it.
  if (name === 'accept-encoding') return items.map((item) => item.toLowerCase()).sort();
  return items;
}

/** @param {string} id @param {string} variant */
function variantKey(id, variant) {
  return `\0v:${id}:${variant}`;
}

/** Where the list of an index's variants lies. @param {string} id */
function listKey(id) {
  return `\0l:${id}`;
}

/** The tag of all variants of a page. @param {string} pageKey */
function variantsTag(pageKey) {
  return `\0p:${hash(pageKey)}`;
}

module.exports = { bounded, addressKey, newId, variantOf, variantKey, listKey, variantsTag };
