'use strict';
/**
 * A response cache as middleware for Express, Connect and plain node:http. It is a shared cache (RFC 9111): what it keeps
 * may be shown to anybody, so it keeps only what may be. A request that may concern one person (it has a cookie or
 * credentials) and a response that does (Set-Cookie, private) pass by it.
 *
 * When the cache fails, requests go on without it: see `report`. What the functions among the options throw goes to
 * next(), except of `tags`, which are asked for when the response is on its way.
 */
const { ask } = require('./ask.js');
const { invalidArg, show } = require('./errors.js');
const { wishesOf } = require('./cache-response/directives.js');
const keys = require('./cache-response/keys.js');
const { readSettings } = require('./cache-response/settings.js');
const { tell } = require('./cache-response/status.js');
const { invalidateOnSuccess } = require('./cache-response/unsafe.js');
const { Visit } = require('./cache-response/visit.js');

/** @typedef {import('./cache-response/settings.js').Settings} Settings */
/** @typedef {(error?: unknown) => void} Next */

const LOOKED_UP = ['GET', 'HEAD'];
const SAFE = [...LOOKED_UP, 'OPTIONS', 'TRACE'];

/** Responses in the hands of a cache already: of two on one path, the outer one keeps the page. @type {WeakSet<object>} */
const inHand = new WeakSet();

/** @param {unknown} options See express.d.ts. */
function cacheResponse(options) {
  const settings = readSettings(options, cacheResponse);

  /** @param {any} req @param {any} res @param {Next} next */
  return function cacheResponseMiddleware(req, res, next) {
    // Two handlers, not then().catch(): what next() throws is the app's error and must not bring a second next().
    serve(settings, req, res, next).then((goesOn) => goesOn && next(), next);
  };
}

/**
 * Whether the request goes on past the cache.
 * @param {Settings} settings
 * @param {any} req
 * @param {any} res
 * @param {Next} next
 */
async function serve(settings, req, res, next) {
  if (inHand.has(res) || res.headersSent) return true;
  if (!LOOKED_UP.includes(req.method)) {
    tell(settings, res, 'BYPASS', ['fwd=method']);
    const key = SAFE.includes(req.method) ? undefined : await keyOf(settings, req, true);
    if (key !== undefined) invalidateOnSuccess(settings, res, key);
    return true;
  }
  const wishes = wishesOf(req, settings.respectCacheControl);
  const reason = (await isSkipped(settings, req, res)) ? 'bypass' : reasonToPass(settings, req, wishes);
  const key = reason === undefined ? await keyOf(settings, req, false) : undefined;
  if (key === undefined) {
    tell(settings, res, 'BYPASS', [`fwd=${reason ?? 'bypass'}`]);
    return true;
  }
  inHand.add(res);
  return new Visit(settings, req, res, next, key, wishes).serve();
}

/**
 * Why a request is nothing for the cache, in words of RFC 9211.
 * @param {Settings} settings
 * @param {any} req
 * @param {ReturnType<typeof wishesOf>} wishes
 */
function reasonToPass(settings, { headers }, wishes) {
  if (wishes.noStore) return 'request';
  if (headers.range !== undefined || headers['if-range'] !== undefined) return 'partial';
  if (headers.cookie !== undefined && !settings.ignoresCookies) return 'bypass';
  // Preconditions are the handler's to refuse.
  if (headers['if-match'] !== undefined || headers['if-unmodified-since'] !== undefined) return 'bypass';
  // A body is no part of the key: whoever sends one could have the answer to it kept for all.
  const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) !== 0;
  return hasBody ? 'bypass' : undefined;
}

/** @param {Settings} settings @param {any} req @param {any} res */
async function isSkipped({ skip }, req, res) {
  return skip !== undefined && (await ask('cacheResponse()', 'skip', () => skip(req, res)));
}

/** @param {Settings} settings @param {any} req @param {boolean} isChange @returns {Promise<string | undefined>} */
async function keyOf(settings, req, isChange) {
  if (settings.key === undefined) {
    const address = keys.addressKey(req, isChange);
    return address === undefined ? undefined : keys.bounded(address);
  }
  const key = await ask('cacheResponse()', 'key', () => settings.key?.(req));
  if (typeof key !== 'string') {
    throw invalidArg(`option 'key' of cacheResponse() must return a string; got ${show(key)}`);
  }
  return keys.bounded(key);
}

module.exports = { cacheResponse };
