'use strict';
/** What comes in with the calls of sessions: ids, users, data. */
const { encodeJson } = require('./codec.js');
const { invalidArg, show } = require('./errors.js');
const { isPlainObject } = require('./plain.js');

const ID_CHARACTERS_MAX = 256;
const USER_CHARACTERS_MAX = 256;
/** Half a character, which no encoding can tell from another. */
const LONE_SURROGATE = /[\ud800-\udfff]/u;

/** An id or handle for the addon: '' stands for what is too long to be one. @param {unknown} id @returns {string} */
function checkId(id, what = 'a session id') {
  if (typeof id !== 'string') throw invalidArg(`${what} is a string; got ${show(id)}`);
  return id.length > ID_CHARACTERS_MAX ? '' : id;
}

/** A user as text: 7 and '7' are one. @param {unknown} userId @param {string} what @returns {string} */
function checkUser(userId, what) {
  if (
    typeof userId === 'string' &&
    userId.length > 0 &&
    userId.length <= USER_CHARACTERS_MAX &&
    !LONE_SURROGATE.test(userId)
  )
    return userId;
  if (typeof userId === 'number' && Number.isFinite(userId)) return String(userId);
  throw invalidArg(`${what}: a user is a string of 1 to 256 characters or a number; got ${show(userId)}`);
}

/** @param {any} data */
function encode(data) {
  const tellsItself = typeof data === 'object' && data !== null && typeof data.toJSON === 'function';
  if (!tellsItself && !isPlainObject(data)) {
    throw invalidArg(
      `session data must be a plain object, or one with a toJSON() that returns one; got ${show(data)}; ` +
        'store a Map as Object.fromEntries(map) and an instance of a class as { ...instance }',
    );
  }
  const text = encodeJson(data, 'session data');
  if (text.startsWith('{')) return text;
  throw invalidArg(`session data must be a plain object; its toJSON() makes it ${show(JSON.parse(text))}`);
}

module.exports = { checkId, checkUser, encode };
