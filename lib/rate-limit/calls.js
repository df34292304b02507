'use strict';
/** What one request asks of each limiter. The app is asked before anything is taken: its errors cost nobody units. */
const { isThenable } = require('./per-request.js');
const { PER_PART, COST_AT, LIMIT_AT, WINDOW_AT, KEY_AT } = require('./questions.js');

/** @typedef {import('./settings.js').Settings} Settings */
/** @typedef {import('./settings.js').Part} Part */
/** @typedef {import('./questions.js').Question} Question */
/**
 * What a limiter is asked. `rule` is what differs from its own limit and window; undefined: nothing.
 * @typedef {object} Call
 * @property {Part} part
 * @property {string} key
 * @property {number} cost
 * @property {{ limit?: number, window?: number } | undefined} rule
 */

/** In place of an answer, for a limiter that the request costs nothing. */
const NOT_ASKED = Symbol('not asked');

/**
 * Without the limiters that this request costs nothing. Undefined where the client has left and nobody can tell who it was.
 * Goes on from the first question that has no answer yet, as far as answers come without waiting.
 * @param {Settings} settings
 * @param {Question[]} questions
 * @param {any} req
 * @param {any} res
 * @param {any[]} [answers]
 * @returns {Call[] | undefined | Promise<Call[] | undefined>}
 */
function callsOf(settings, questions, req, res, answers = []) {
  while (answers.length < questions.length) {
    const answer = answerTo(questions[answers.length], answers, req, res);
    if (isThenable(answer)) {
      return answer.then((later) => {
        answers.push(later);
        return isGone(questions, answers) ? undefined : callsOf(settings, questions, req, res, answers);
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
function isGone(questions, answers) {
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

module.exports = { callsOf };
