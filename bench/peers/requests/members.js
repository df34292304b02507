/** The members whose requests are the load: known to the app and to the load, in two processes. */
const { createHash } = require('node:crypto');

/** Each has one session and calls the API 300 times a minute at most: more than any of these runs takes to reach that. */
const MEMBERS = 1_000;

/** @param {string} text 43 characters, as users.js keeps keys, and makes them. */
const digest = (text) => createHash('sha256').update(text).digest('base64url');

/** @param {number} number */
function member(number) {
  // One length for all: so are their pages.
  const name = `member-${String(number).padStart(4, '0')}`;
  return {
    id: digest(`id of ${name}`).slice(0, 36),
    name,
    email: `${name}@reader.example`,
    key: digest(`key of ${name}`),
  };
}

const members = () => Array.from({ length: MEMBERS }, (_, number) => member(number));

/** As the file of accounts holds them. */
function accounts() {
  return members().map(({ key, ...account }) => ({ ...account, password: '', apiKey: digest(key) }));
}

module.exports = { accounts, members };
