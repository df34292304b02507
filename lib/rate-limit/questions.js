'use strict';
/** What rateLimit() has to know of a request before a limiter is asked, set up once for all requests. */
const { invalidArg, show } = require('../errors.js');
const check = require('../options.js');
const { addressKey } = require('./address.js');
const { ask, askFor, isThenable } = require('./per-request.js');
const { COST, LIMIT } = require('./settings.js');

/** @typedef {import('./settings.js').Settings} Settings */
/** @typedef {import('./settings.js').Part} Part */
/**
 * One thing to be known.
 * @typedef {object} Question
 * @property {(req: any, res: any) => any} ask Its answer, or a promise of that.
 * @property {number} costAt Where the answer is that says whether its limiter counts the request at all.
 * @property {number[]} sameAt Where the same function, or the default, may have been asked for a limiter before.
 * @property {boolean} isKey
 */

/** Each limiter's questions, in their order. */
const COST_AT = 0;
const LIMIT_AT = 1;
const WINDOW_AT = 2;
const KEY_AT = 3;
const PER_PART = 4;

/** What is to be asked for every request: of each limiter four questions. @param {Settings} settings */
function questionsOf(settings) {
  const { parts } = settings;
  return parts.flatMap((part, at) => {
    /** @param {'cost' | 'key'} option @param {number} offset */
    const sameAt = (option, offset) =>
      parts.slice(0, at).flatMap((other, index) => (other[option] === part[option] ? [index * PER_PART + offset] : []));
    const common = { costAt: at * PER_PART + COST_AT, sameAt: /** @type {number[]} */ ([]), isKey: false };
    /** @type {Question[]} */
    const questions = [];
    questions[COST_AT] = { ...common, sameAt: sameAt('cost', COST_AT), ask: costQuestion(part) };
    questions[LIMIT_AT] = { ...common, ask: question(part, 'limit', LIMIT) };
    questions[WINDOW_AT] = { ...common, ask: question(part, 'window', check.duration) };
    questions[KEY_AT] = { ...common, sameAt: sameAt('key', KEY_AT), isKey: true, ask: keyQuestion(settings, part) };
    return questions;
  });
}

/**
 * @param {Part} part
 * @param {'cost' | 'limit' | 'window'} option
 * @param {import('../options.js').Checker<number>} checker
 * @returns {Question['ask']}
 */
function question(part, option, checker) {
  const value = part[option];
  if (typeof value !== 'function') return () => value;
  const name = part.optionName(option);
  return (req, res) => askFor(name, value, checker, req, res);
}

/** @param {Part} part @returns {Question['ask']} */
function costQuestion(part) {
  const ofPart = question(part, 'cost', COST);
  return (req, res) => {
    const cost = ofPart(req, res);
    return isThenable(cost) ? cost.then((later) => later ?? 1) : (cost ?? 1);
  };
}

/** @param {Settings} settings @param {Part} part @returns {Question['ask']} */
function keyQuestion(settings, part) {
  const name = part.optionName('key');
  const { key: keyFunction } = part;
  if (keyFunction === undefined) {
    // Express's req.ip asks the app too, where 'trust proxy' is a function.
    const ofAddress = (/** @type {any} */ req, /** @type {any} */ res) => addressKey(settings, req, res);
    return (req, res) => ask(name, ofAddress, req, res);
  }
  return (req, res) => {
    const key = ask(name, /** @type {any} */ (keyFunction), req, res);
    return isThenable(key) ? key.then((later) => checkKey(name, later)) : checkKey(name, key);
  };
}

/** @param {string} option @param {unknown} key */
function checkKey(option, key) {
  if (typeof key === 'string') return key;
  throw invalidArg(`option '${option}' of rateLimit() must return a string; got ${show(key)}`);
}

module.exports = { questionsOf, PER_PART, COST_AT, LIMIT_AT, WINDOW_AT, KEY_AT };
