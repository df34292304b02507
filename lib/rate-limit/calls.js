'use strict';
/** What one request asks of each limiter. The app is asked before anything is taken: its errors cost nobody units. */
const { invalidArg, show } = require('../errors.js');
const check = require('../options.js');
const { addressKey } = require('./address.js');
const { ask, askFor, isThenable } = require('./per-request.js');
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
 * What has to be known before a limiter is asked.
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

/** In place of an answer, for a limiter that the request costs nothing. */
const NOT_ASKED = Symbol('not asked');

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

/**
 * Without the limiters that this request costs nothing. Undefined where the client has left and nobody can tell who it was.
 * @param {Settings} settings
 * @param {Question[]} questions
 * @param {any} req
 * @param {any} res
 * @returns {Call[] | undefined | Promise<Call[] | undefined>}
 */
function callsOf(settings, questions, req, res) {
  return askOn(settings, questions, [], req, res);
}

/**
 * From the first question that has no answer yet on, as far as they come without waiting.
 * @param {Settings} settings
 * @param {Question[]} questions
 * @param {any[]} answers
 * @param {any} req
 * @param {any} res
 * @returns {Call[] | undefined | Promise<Call[] | undefined>}
 */
function askOn(settings, questions, answers, req, res) {
  while (answers.length < questions.length) {
    const answer = answerTo(questions[answers.length], answers, req, res);
    if (isThenable(answer)) {
      return answer.then((later) => {
        answers.push(later);
        return hasLeft(questions, answers) ? undefined : askOn(settings, questions, answers, req, res);
      });
    }
    answers.push(answer);
  }
  return callsFrom(settings, answers);
}

/** @param {Question} question @param {any[]} answers @param {any} req @param {any} res */
function answerTo({ ask: askApp, costAt, sameAt }, answers, req, res) {
  if (answers[costAt] === 0) return NOT_ASKED;
  for (const at of sameAt) {
    if (answers[at] !== NOT_ASKED) return answers[at];
  }
  return askApp(req, res);
}

/** Whether the last answer was that nobody can tell the key any more. @param {Question[]} questions @param {any[]} answers */
function hasLeft(questions, answers) {
  const at = answers.length - 1;
  return questions[at].isKey && answers[at] === undefined;
}

/** @param {Settings} settings @param {any[]} answers */
function callsFrom({ parts }, answers) {
  /** @type {Call[]} */
  const calls = [];
  for (let at = 0; at < parts.length; at++) {
    const from = at * PER_PART;
    const cost = answers[from + COST_AT];
    if (cost === 0) continue;
    const rule = ruleOf(answers[from + LIMIT_AT], answers[from + WINDOW_AT]);
    calls.push({ part: parts[at], key: answers[from + KEY_AT], cost, rule });
  }
  return calls;
}

/** @param {number | undefined} limit @param {number | undefined} window */
function ruleOf(limit, window) {
  if (window === undefined) return limit === undefined ? undefined : { limit };
  return limit === undefined ? { window } : { limit, window };
}

module.exports = { questionsOf, callsOf };
