'use strict';
/**
 * Two changes of one session, brought together by top-level key: what this change touched, over what the other left. Where
 * both touched a key the later one stands, and this is the later one.
 *
 * All three are JSON texts of objects, so keys are own properties whatever they are called ('__proto__' too), and two values
 * are the same when their texts are.
 */
const { RedstartError } = require('./errors.js');

/**
 * @param {string} base What both were made on.
 * @param {string} mine What this change makes of it.
 * @param {string} theirs What the other has made of it.
 * @param {readonly string[]} [unchanged] Keys that this change has not touched, whatever their text.
 */
function merge(base, mine, theirs, unchanged) {
  const [was, is, other] = [base, mine, theirs].map(fieldsOf);
  const merged = new Map(other);
  for (const key of new Set([...was.keys(), ...is.keys()])) {
    const text = is.get(key);
    if (text === was.get(key) || unchanged?.includes(key)) continue;
    if (text === undefined) merged.delete(key);
    else merged.set(key, text);
  }
  return `{${[...merged].map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(',')}}`;
}

/**
 * Whether a change leaves everything as it was.
 * @param {string} base
 * @param {string} mine
 * @param {readonly string[]} [unchanged]
 */
function changesNothing(base, mine, unchanged) {
  return merge(base, mine, base, unchanged) === merge(base, base, base);
}

/** @param {string} text */
function fieldsOf(text) {
  return new Map(Object.entries(JSON.parse(text)).map(([key, value]) => [key, JSON.stringify(value)]));
}

function changedMeanwhile() {
  return new RedstartError('the session has changed since it was read; read it again and make the change on that', {
    code: 'ERR_CONFLICT',
    retryable: true,
  });
}

function forgotten() {
  return new RedstartError(
    'the session has changed since that version, and what getEntry() read then is remembered no more; ' +
      'read it again and make the change on that',
    { code: 'ERR_CONFLICT', retryable: true },
  );
}

/** @param {number} times */
function tooManyChanges(times) {
  return new RedstartError(
    `the session was changed by others ${times} times while this change was made; make fewer at once`,
    { code: 'ERR_CONFLICT', retryable: true },
  );
}

module.exports = { merge, changesNothing, changedMeanwhile, forgotten, tooManyChanges };
