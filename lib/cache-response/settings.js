'use strict';
/** The options of cacheResponse(), checked, with their defaults. What they mean is in ../express.d.ts. */
const check = require('../options.js');

const KB = 1024;
const MAX_BODY_SIZE_DEFAULT = 512 * KB;
const MAX_VARIANTS_DEFAULT = 32;
const TIMEOUT_MS_DEFAULT = 30_000;
/** Those that say the same to whoever asks again (RFC 9110, 15.1), without the errors of a client. */
const STATUS_CODES_DEFAULT = [200, 203, 300, 301, 308, 410];
/** A header's name (RFC 9110, 5.6.2). */
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

const OPTIONS = {
  // By what it can do, not by class: Jest may hand over a cache of another copy of this package.
  cache: check.required({
    expected: "a cache of a store: store.cache('pages', { ttl: '1m' })",
    read: (/** @type {any} */ value) => (typeof value?.getOrSet === 'function' ? value : undefined),
  }),
  ttl: check.duration,
  maxTtl: check.duration,
  key: check.func,
  tags: {
    expected: 'an array of strings or a function that returns one',
    read: (/** @type {any} */ value) =>
      typeof value === 'function' || (Array.isArray(value) && value.every((tag) => typeof tag === 'string'))
        ? value
        : undefined,
  },
  vary: {
    expected: "an array of names of request headers: ['Accept-Language']",
    read: (/** @type {any} */ value) =>
      Array.isArray(value) && value.every((name) => typeof name === 'string' && TOKEN.test(name) && name !== '*')
        ? /** @type {string[]} */ (value)
        : undefined,
  },
  maxVariants: check.integer({ min: 1, max: 1000 }),
  maxBodySize: check.bytes({ min: 1 }),
  statusCodes: {
    expected: 'an array of statuses from 200 to 499, without 206 and 304',
    read: (/** @type {any} */ value) =>
      Array.isArray(value) && value.every(isStatus) ? /** @type {number[]} */ (value) : undefined,
  },
  cookies: check.oneOf(['bypass', 'ignore']),
  skip: check.func,
  respectCacheControl: check.boolean,
  timeout: check.duration,
  standardHeaders: check.oneOf([true, false, 'with-key']),
  legacyHeaders: check.boolean,
  onError: check.func,
  clock: {
    expected: 'a clock made by manualClock()',
    read: (/** @type {any} */ value) => (typeof value?.nowMs === 'number' ? value : undefined),
  },
};

/** @param {unknown} value */
function isStatus(value) {
  return Number.isInteger(value) && Number(value) >= 200 && Number(value) < 500 && value !== 206 && value !== 304;
}

/**
 * @typedef {object} Settings
 * @property {import('../../index.js').Cache<any>} cache
 * @property {number | undefined} ttlMs
 * @property {number | undefined} maxTtlMs
 * @property {Function | undefined} key
 * @property {string[] | Function | undefined} tags
 * @property {string[]} vary
 * @property {number} maxVariants
 * @property {number} maxBodySize
 * @property {number[]} statusCodes
 * @property {boolean} ignoresCookies
 * @property {Function | undefined} skip
 * @property {boolean} respectCacheControl
 * @property {number} timeout
 * @property {boolean | 'with-key'} standardHeaders
 * @property {boolean} legacyHeaders
 * @property {(error: unknown) => void} report
 * @property {() => number} now
 */

/** @param {unknown} given @param {Function} above @returns {Settings} */
function readSettings(given, above) {
  const checked = check.checkOptions('cacheResponse()', given, OPTIONS, above);
  const { cache, key, tags, skip, clock } = checked;
  return {
    cache,
    ttlMs: checked.ttl,
    maxTtlMs: checked.maxTtl,
    key,
    tags,
    vary: checked.vary ?? [],
    maxVariants: checked.maxVariants ?? MAX_VARIANTS_DEFAULT,
    maxBodySize: checked.maxBodySize ?? MAX_BODY_SIZE_DEFAULT,
    statusCodes: checked.statusCodes ?? STATUS_CODES_DEFAULT,
    ignoresCookies: checked.cookies === 'ignore',
    skip,
    respectCacheControl: checked.respectCacheControl ?? true,
    timeout: checked.timeout ?? TIMEOUT_MS_DEFAULT,
    standardHeaders: checked.standardHeaders ?? true,
    legacyHeaders: checked.legacyHeaders ?? true,
    report: reporter(cache.name, checked.onError ?? warner(cache.name)),
    now: clock === undefined ? Date.now : () => clock.nowMs,
  };
}

/** A listener that throws must not take a response with it. @param {string} name @param {Function} onError */
function reporter(name, onError) {
  return (/** @type {unknown} */ error) => {
    try {
      onError(error);
    } catch (thrown) {
      warner(name)(thrown);
    }
  };
}

/** Warns once: a cache that is down fails at every request. @param {string} name */
function warner(name) {
  let warned = false;
  return (/** @type {any} */ error) => {
    if (warned) return;
    warned = true;
    process.emitWarning(
      `cacheResponse() goes on without the cache '${name}': ${error?.message ?? error}; give it onError to hear of each failure`,
      { code: 'REDSTART_RESPONSE_CACHE' },
    );
  };
}

module.exports = { readSettings };
