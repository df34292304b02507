'use strict';
/** What one request asks of each limiter. The app is asked before anything is taken: its errors cost nobody units. */
const { invalidArg, show } = require('../errors.js');
const check = require('../options.js');
const { addressKey } = require('./address.js');
const { ask, askFor } = require('./per-request.js');
const { COST, LIMIT } = require('./settings.js');

/** @typedef {import('./settings.js').Settings} Settings */
/** @typedef {import('./settings.js').Part} Part */
/**
 * What a limiter is asked. `rule` is what differs from its own limit and window; undefined: nothing.
 * @typedef {object} Call
 * @property {Part} part
 * @property {string} key
 * @property {number} cost
 * @property {{ limit?: number, window?: number } | undefined} rule
 */

/**
 * Without the limiters that this request costs nothing. Undefined where the client has left and nobody can tell who it was.
 * @param {Settings} settings
 * @param {any} req
 * @param {any} res
 * @returns {Promise<Call[] | undefined>}
 */
async function callsOf(settings, req, res) {
  const costOf = once((part) => askFor(part.optionName('cost'), part.cost, COST, req, res));
  const keyOf = once((part) => readKey(settings, part, req, res));
  /** @type {Call[]} */
  const calls = [];
  for (const part of settings.parts) {
    const cost = (await costOf(part.cost, part)) ?? 1;
    if (cost === 0) continue;
    const limit = await askFor(part.optionName('limit'), part.limit, LIMIT, req, res);
    const window = await askFor(part.optionName('window'), part.window, check.duration, req, res);
    const key = await keyOf(part.key, part);
    if (key === undefined) return undefined;
    calls.push({ part, key, cost, rule: ruleOf(limit, window) });
  }
  return calls;
}

/**
 * Asks once for what several limiters share: the same function, or the default.
 * @template T
 * @param {(part: Part) => Promise<T>} read
 */
function once(read) {
  /** @type {Map<unknown, T>} */
  const answers = new Map();
  return async (/** @type {unknown} */ shared, /** @type {Part} */ part) => {
    if (!answers.has(shared)) answers.set(shared, await read(part));
    return /** @type {T} */ (answers.get(shared));
  };
}

/** @param {Settings} settings @param {Part} part @param {any} req @param {any} res @returns {Promise<string | undefined>} */
async function readKey(settings, part, req, res) {
  const { key: keyFunction } = part;
  const option = part.optionName('key');
  // Express's req.ip asks the app too, where 'trust proxy' is a function.
  if (keyFunction === undefined) return ask(option, () => addressKey(settings, req, res));
  const key = await ask(option, () => keyFunction(req, res));
  if (typeof key === 'string') return key;
  throw invalidArg(`option '${option}' of rateLimit() must return a string; got ${show(key)}`);
}

/** @param {number | undefined} limit @param {number | undefined} window */
function ruleOf(limit, window) {
  if (limit === undefined && window === undefined) return undefined;
  return { ...(limit === undefined ? {} : { limit }), ...(window === undefined ? {} : { window }) };
}

module.exports = { callsOf };
