'use strict';
/** The options of rateLimit(), checked, with their defaults. What they mean is in ../express.d.ts. */
const { IncomingMessage } = require('node:http');
const { invalidArg, show } = require('../errors.js');
const { LIMITER_EXPECTED, PARTS_MAX, UNITS_MAX } = require('../limits.js');
const check = require('../options.js');
const { isPlainObject } = require('../plain.js');
const { limiterName, isHeaderName, headerString } = require('./name.js');

/** @typedef {import('../../index.js').Limiter & { policy: { limit: number, burst?: number, windowMs: number } }} Limiter */

const SUBNET_BITS_MIN = 32;
const SUBNET_BITS_MAX = 64;

const COST = check.integer({ min: 0, max: UNITS_MAX });
const LIMIT = check.integer({ min: 1, max: UNITS_MAX });
const SUBNET = check.integer({ min: SUBNET_BITS_MIN, max: SUBNET_BITS_MAX });

/** A request as Node makes it, for what is there already. */
const BARE_REQUEST = new IncomingMessage(/** @type {any} */ (undefined));

/**
 * @template T
 * @param {import('../options.js').Checker<T>} checker
 * @returns {import('../options.js').Checker<T | Function>}
 */
function orFunction(checker) {
  return {
    expected: `${checker.expected}, or a function (req, res) that returns that`,
    read: (value) => (typeof value === 'function' ? value : checker.read(value)),
  };
}

// By what it can do, not by class: Jest may hand over a limiter of another copy of this package.
const LIMITER = {
  expected: LIMITER_EXPECTED,
  read: (/** @type {any} */ value) =>
    typeof value?.consume === 'function' && value.policy ? /** @type {Limiter} */ (value) : undefined,
};

const PART_OPTIONS = {
  limiter: check.required(LIMITER),
  key: check.func,
  cost: orFunction(COST),
  limit: orFunction(LIMIT),
  window: orFunction(check.duration),
  identifier: orFunction({
    expected: 'printable ASCII of 1 to 256 characters, as it stands in a header',
    read: (/** @type {unknown} */ value) => (isHeaderName(value) ? value : undefined),
  }),
};

const OPTIONS = {
  ...PART_OPTIONS,
  limiter: LIMITER,
  limiters: {
    expected: `an array of 1 to ${PARTS_MAX} limiters, or of { limiter, key, cost, limit, window, identifier }`,
    read: (/** @type {unknown} */ value) =>
      Array.isArray(value) && value.length > 0 && value.length <= PARTS_MAX ? value : undefined,
  },
  skip: check.func,
  skipSuccessfulRequests: check.boolean,
  skipFailedRequests: check.boolean,
  requestWasSuccessful: check.func,
  ipv6Subnet: orFunction(SUBNET),
  standardHeaders: check.oneOf(['draft-8', 'draft-7', 'draft-6', false]),
  legacyHeaders: check.boolean,
  statusCode: check.integer({ min: 200, max: 599 }),
  message: check.anything,
  handler: check.func,
  requestPropertyName: {
    expected: "a name that Node's own requests leave free, such as 'rateLimit'",
    read: (/** @type {unknown} */ value) =>
      typeof value === 'string' && value !== '' && !(value in BARE_REQUEST) ? value : undefined,
  },
  onError: check.oneOf(['closed', 'open']),
  validate: check.boolean,
};

/** Options of express-rate-limit that have another name here: their nearest names would mislead. */
const ELSEWHERE = new Map([
  [
    'windowMs',
    "the window is the limiter's: store.limiter('api', { limit: 100, window: '1m' }), or the option 'window'",
  ],
  ['max', "here it is 'limit', or the limiter's own: store.limiter('api', { limit: 100, window: '1m' })"],
  ['store', "what counts here is the option 'limiter': store.limiter('api', { limit: 100, window: '1m' })"],
  ['keyGenerator', "here it is 'key'"],
  ['passOnStoreError', "here it is onError: 'open'"],
  ['headers', "here it is 'legacyHeaders'"],
]);

/** What a part of `limiters` says for itself, as all of them would share it. */
const OF_ONE = /** @type {const} */ (['limit', 'window', 'identifier']);

/**
 * One limiter of a middleware. `optionName` is what a message calls an option of it: 'limiters[0].key'.
 * @typedef {object} Part
 * @property {Limiter} limiter
 * @property {(option: string) => string} optionName
 * @property {Function | undefined} key
 * @property {number | Function | undefined} cost
 * @property {number | Function | undefined} limit
 * @property {number | Function | undefined} window In milliseconds.
 * @property {string | Function} name For draft 8, quoted where it is a string.
 * @property {import('./policy.js').Policy | undefined} told What its headers said last.
 */
/**
 * @typedef {object} Settings
 * @property {Part[]} parts
 * @property {boolean} several Whether they were given as `limiters`.
 * @property {number | Function | undefined} ipv6Subnet
 * @property {Function | undefined} skip
 * @property {boolean} refundsSuccess
 * @property {boolean} refundsFailure
 * @property {(req: any, res: any) => unknown} requestWasSuccessful
 * @property {'draft-6' | 'draft-7' | 'draft-8' | false} standardHeaders
 * @property {boolean} legacyHeaders
 * @property {number} statusCode
 * @property {unknown} message
 * @property {Function | undefined} handler
 * @property {string} requestPropertyName
 * @property {boolean} passesOnError
 * @property {boolean} validates
 * @property {(code: string, message: string) => void} warn
 */

/** @param {unknown} given @param {Function} above @returns {Settings} */
function readSettings(given, above) {
  refuseElsewhere(given, above);
  const checked = check.checkOptions('rateLimit()', given, OPTIONS, above);
  const { key, ipv6Subnet, limiter, limiters } = checked;
  if ((limiter === undefined) === (limiters === undefined)) {
    const problem = limiter === undefined ? "needs the option 'limiter'" : "takes 'limiter' or 'limiters', not both";
    throw invalidArg(`rateLimit() ${problem}: ${LIMITER.expected}`, above);
  }
  if (ipv6Subnet !== undefined && key !== undefined) {
    throw invalidArg(
      "option 'ipv6Subnet' of rateLimit() is for its own key alone; in the function 'key' use ipKey(req.ip, 48)",
      above,
    );
  }
  return {
    parts: limiters === undefined ? [partOf(checked, checked, '', above)] : partsOf(limiters, checked, above),
    several: limiters !== undefined,
    ipv6Subnet,
    skip: checked.skip,
    refundsSuccess: checked.skipSuccessfulRequests === true,
    refundsFailure: checked.skipFailedRequests === true,
    requestWasSuccessful: checked.requestWasSuccessful ?? ((_req, res) => res.statusCode < 400),
    standardHeaders: checked.standardHeaders ?? 'draft-8',
    legacyHeaders: checked.legacyHeaders !== false,
    statusCode: checked.statusCode ?? 429,
    // null is a message of its own: the body "null".
    message: checked.message === undefined ? 'Too many requests, please try again later.' : checked.message,
    handler: checked.handler,
    requestPropertyName: checked.requestPropertyName ?? 'rateLimit',
    passesOnError: checked.onError === 'open',
    validates: checked.validate !== false,
    warn: warner(),
  };
}

/** @param {unknown} given @param {Function} above */
function refuseElsewhere(given, above) {
  if (!isPlainObject(given)) return;
  for (const name of Object.keys(given)) {
    const hint = ELSEWHERE.get(name);
    if (hint !== undefined) throw invalidArg(`unknown option '${name}' for rateLimit(); ${hint}`, above);
  }
}

/**
 * @param {unknown[]} limiters
 * @param {{ [name: string]: any }} common
 * @param {Function} above
 */
function partsOf(limiters, common, above) {
  const misplaced = OF_ONE.find((name) => common[name] !== undefined);
  if (misplaced !== undefined) {
    throw invalidArg(
      `option '${misplaced}' of rateLimit() is for one limiter; with 'limiters' give it to each: ` +
        `limiters: [{ limiter, ${misplaced} }]`,
      above,
    );
  }
  // A copy has no holes, which map() would pass over.
  return [...limiters].map((given, index) => {
    const limiter = LIMITER.read(given);
    if (limiter === undefined && !isPlainObject(given)) {
      throw invalidArg(
        `option 'limiters' of rateLimit() must be ${OPTIONS.limiters.expected}; got ${show(given)} at ${index}`,
        above,
      );
    }
    const what = `'limiters[${index}]' of rateLimit()`;
    const own = check.checkOptions(what, limiter === undefined ? given : { limiter }, PART_OPTIONS, above);
    return partOf(own, common, `limiters[${index}].`, above);
  });
}

/**
 * @param {{ [name: string]: any }} own
 * @param {{ [name: string]: any }} common What counts where its own is not given.
 * @param {string} prefix
 * @param {Function} above
 * @returns {Part}
 */
function partOf(own, common, prefix, above) {
  const { limiter, limit, window, identifier } = own;
  const name = identifier ?? limiterName(limiter.name);
  const cost = own.cost ?? common.cost;
  const optionName = (/** @type {string} */ option) => (own[option] === undefined ? option : prefix + option);
  const most = mostOf(limiter, limit);
  if (typeof cost === 'number' && cost > most) {
    throw invalidArg(
      `option '${optionName('cost')}' of rateLimit() is ${cost}, and limiter '${limiter.name}' gives ${most} at once at ` +
        'most, so no request could pass; lower it, or raise the limit',
      above,
    );
  }
  return {
    limiter,
    optionName,
    key: own.key ?? common.key,
    cost,
    limit,
    window,
    name: typeof name === 'string' ? headerString(name) : name,
    told: undefined,
  };
}

/** Units that can pass at once. @param {Limiter} limiter @param {any} limit The request's own, if it has one. */
function mostOf({ policy }, limit) {
  return policy.burst ?? limit ?? policy.limit;
}

/** Each warning once: what is wrong with one request is wrong with the next. */
function warner() {
  const warned = new Set();
  return (/** @type {string} */ code, /** @type {string} */ message) => {
    if (warned.has(code)) return;
    warned.add(code);
    process.emitWarning(message, { code });
  };
}

module.exports = { readSettings, mostOf, COST, LIMIT, SUBNET };
