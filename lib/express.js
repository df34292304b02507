'use strict';
/**
 * Rate limits as middleware for Express, Connect and plain node:http: of the response only what node:http has is used,
 * and Express's send() where there is one.
 *
 * The headers are those of express-rate-limit 8, with two differences. `t` and Retry-After of a denial name the moment
 * at which this same request would pass, which with a sliding window comes long before the key is as new. And the
 * partition key is salted, as it may be made of an address or a user's name.
 */
const { createHash, randomBytes } = require('node:crypto');
const { cacheResponse } = require('./cache-response.js');
const { ask: askOption } = require('./ask.js');
const { RedstartError, invalidArg, show } = require('./errors.js');
const { ipKey } = require('./ip.js');
const check = require('./options.js');

/** @typedef {import('../index.js').Limiter & { policy: { windowMs: number } }} Limiter */
/** @typedef {import('../index.js').LimitResult} LimitResult */
/** @typedef {(error?: unknown) => void} Next */

const PARTITION_SALT = randomBytes(16);
const PARTITION_BYTES = 9;

const OPTIONS = {
  // By what it can do, not by class: Jest may hand over a limiter of another copy of this package.
  limiter: check.required({
    expected: "a limiter: store.limiter('api', { limit: 100, window: '1m' })",
    read: (/** @type {any} */ value) =>
      typeof value?.consume === 'function' && value.policy ? /** @type {Limiter} */ (value) : undefined,
  }),
  key: check.func,
  skip: check.func,
  standardHeaders: check.oneOf(['draft-8', false]),
  legacyHeaders: check.boolean,
  identifier: {
    expected: 'printable ASCII of 1 to 256 characters, as it stands in a header',
    read: (/** @type {unknown} */ value) =>
      typeof value === 'string' && /^[\x20-\x7e]{1,256}$/.test(value) ? value : undefined,
  },
  statusCode: check.integer({ min: 200, max: 599 }),
  message: check.anything,
  handler: check.func,
  requestPropertyName: check.string({ min: 1 }),
};

/** @param {unknown} options See express.d.ts. */
function rateLimit(options) {
  const checked = check.checkOptions('rateLimit()', options, OPTIONS, rateLimit);
  const { limiter } = checked;
  const policy = {
    limiter,
    keyOf: checked.key ?? addressKey,
    skip: checked.skip,
    standardHeaders: checked.standardHeaders !== false,
    legacyHeaders: checked.legacyHeaders !== false,
    name: headerString(checked.identifier ?? asciiName(limiter.name)),
    windowSeconds: Math.max(1, Math.ceil(limiter.policy.windowMs / 1000)),
    statusCode: checked.statusCode ?? 429,
    // null is a message of its own: the body "null".
    message: checked.message === undefined ? 'Too many requests, please try again later.' : checked.message,
    handler: checked.handler ?? answer,
    requestPropertyName: checked.requestPropertyName ?? 'rateLimit',
  };

  /** @param {any} req @param {any} res @param {Next} next */
  return function rateLimitMiddleware(req, res, next) {
    // Two handlers, not then().catch(): what next() throws is the app's error and must not bring a second next().
    judge(policy, req, res, next).then((passes) => passes && next(), next);
  };
}

/** @param {string} option @param {() => any} call */
function ask(option, call) {
  return askOption('rateLimit()', option, call, ", or return true from 'skip' to let a request pass");
}

/** @typedef {{ limiter: Limiter, keyOf: Function, skip: Function | undefined, standardHeaders: boolean,
 *   legacyHeaders: boolean, name: string, windowSeconds: number, statusCode: number, message: unknown,
 *   handler: Function, requestPropertyName: string }} Policy */

/**
 * Whether the request goes on; one that does not has been answered.
 * @param {Policy} policy
 * @param {any} req
 * @param {any} res
 * @param {Next} next
 * @returns {Promise<boolean>}
 */
async function judge(policy, req, res, next) {
  if (policy.skip !== undefined && (await ask('skip', () => policy.skip?.(req, res)))) return true;
  const key = await ask('key', () => policy.keyOf(req, res));
  if (typeof key !== 'string') throw invalidArg(`option 'key' of rateLimit() must return a string; got ${show(key)}`);
  const result = await ask('limiter', () => policy.limiter.consume(key));
  req[policy.requestPropertyName] = { ...result, key };
  // Whoever has answered by now (a timeout, say) cannot be told in headers any more.
  if (!res.headersSent) setHeaders(policy, res, result, key);
  if (result.allowed) return true;
  const { statusCode, message } = policy;
  const text = typeof message === 'function' ? await ask('message', () => message(req, res)) : message;
  await ask('handler', () => policy.handler(req, res, next, { statusCode, message: text }));
  return false;
}

/** @param {Policy} policy @param {any} res @param {LimitResult} result @param {string} key */
function setHeaders(policy, res, result, key) {
  const { allowed, limit, remaining, resetAfterMs, retryAfterMs } = result;
  const waitMs = allowed ? resetAfterMs : retryAfterMs;
  const waitSeconds = Math.ceil(waitMs / 1000);
  if (policy.legacyHeaders) {
    res.setHeader('X-RateLimit-Limit', String(limit));
    res.setHeader('X-RateLimit-Remaining', String(remaining));
    res.setHeader('X-RateLimit-Reset', String(Math.ceil((Date.now() + waitMs) / 1000)));
  }
  if (policy.standardHeaders) {
    // Appended: every limiter a request passes adds its own policy.
    const { name, windowSeconds } = policy;
    res.appendHeader('RateLimit', `${name}; r=${remaining}; t=${waitSeconds}`);
    res.appendHeader('RateLimit-Policy', `${name}; q=${limit}; w=${windowSeconds}; pk=:${partition(key)}:`);
  }
  if (!allowed) res.setHeader('Retry-After', String(waitSeconds));
}

/** Which of the limiter's keys this is, without saying it. @param {string} key */
function partition(key) {
  const digest = createHash('sha256').update(PARTITION_SALT).update(key).digest();
  return digest.subarray(0, PARTITION_BYTES).toString('base64');
}

/** @param {any} _req @param {any} res @param {Next} _next @param {{ statusCode: number, message: any }} denial */
function answer(_req, res, _next, { statusCode, message }) {
  if (res.headersSent || res.writableEnded) return;
  res.statusCode = statusCode;
  if (typeof res.send === 'function') {
    res.send(message);
  } else if (typeof message === 'string' || message instanceof Uint8Array) {
    if (typeof message === 'string') res.setHeader('Content-Type', 'text/plain; charset=utf-8');
    res.end(message);
  } else {
    res.setHeader('Content-Type', 'application/json; charset=utf-8');
    res.end(JSON.stringify(message));
  }
}

/** 'IPv4:port' and '[IPv6]:port' or '[IPv6]', as some proxies write them into X-Forwarded-For. */
const WITH_PORT = /^(?:([\d.]+):\d{1,5}|\[([^\]]*)\](?::\d{1,5})?)$/;

/** @param {any} address */
function withoutPort(address) {
  const match = typeof address === 'string' ? WITH_PORT.exec(address) : null;
  return match === null ? address : (match[1] ?? match[2]);
}

/** @param {any} req */
function addressKey(req) {
  // Express's req.ip heeds 'trust proxy'; a plain request has only its socket.
  const address = 'ip' in req ? req.ip : req.socket?.remoteAddress;
  if (address !== undefined) return ipKey(withoutPort(address));
  throw new RedstartError(
    'rateLimit() cannot tell whose request this is: it has no address, as the connection is closed or a local socket; ' +
      "set Express's 'trust proxy' or give rateLimit() a key function",
    { code: 'ERR_INVALID_STATE' },
  );
}

/** A limiter's name may be any string; what a header cannot hold is percent-encoded. @param {string} name */
function asciiName(name) {
  return name.replace(/[^\x20-\x7e]+/g, (text) => encodeURIComponent(Buffer.from(text).toString()));
}

/** A structured-field string (RFC 9651, 3.3.3). @param {string} text */
function headerString(text) {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

module.exports = { rateLimit, cacheResponse };
