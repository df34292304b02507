'use strict';

const { expect } = require('../expect.js');
const { Visitor } = require('../visitor.js');
const { isLoggedIn, logIn } = require('./accounts.js');

const GUESSES = 5;
const GUESSES_IN_ALL = 12;
// The block of 15 minutes, or until the units are back: those of a sliding window a sixteenth after its end at most.
const WAIT_SECONDS_MIN = 14 * 60;
const WAIT_SECONDS_MAX = 957;
const OWNER = { name: 'Grace', email: 'grace@reader.example', password: 'another long password' };
const NOBODY = 'nobody@reader.example';
const GUESSER = '203.0.113.66';
const HOME = '203.0.113.1';

/**
 * Somebody guesses, first once and then all at once: a few passwords are looked at and no more, whether there is such an
 * account or not. Then not even the right one helps him, while the owner gets in from elsewhere.
 */
async function guessingIsSlowed({ app }) {
  const from = (address) => new Visitor(app.base, undefined, { 'x-forwarded-for': address });
  const signedUp = await from(HOME).post('/signup', OWNER);
  expect(signedUp.status === 303, 'a redirect after the sign-up', `status ${signedUp.status}`);

  const answers = {};
  for (const email of [OWNER.email, NOBODY]) {
    const guess = async () => (await from(GUESSER).post('/login', { email, password: 'a wild guess' })).status;
    const statuses = [await guess(), ...(await Promise.all(Array.from({ length: GUESSES_IN_ALL - 1 }, guess)))];
    const wrong = statuses.filter((status) => status === 401).length;
    const denied = statuses.filter((status) => status === 429).length;
    expect(
      wrong === GUESSES && denied === GUESSES_IN_ALL - GUESSES,
      `${GUESSES} times 401 and then 429 for ${email}`,
      statuses.join(', '),
    );
    answers[email] = await from(GUESSER).post('/login', { email, password: OWNER.password });
  }
  const [existing, absent] = [answers[OWNER.email], answers[NOBODY]];
  expect(existing.status === 429, 'status 429 even for the right password', `status ${existing.status}`);
  const retryAfter = Number(existing.headers.get('retry-after'));
  const bounded = retryAfter >= WAIT_SECONDS_MIN && retryAfter <= WAIT_SECONDS_MAX;
  expect(bounded, `Retry-After between ${WAIT_SECONDS_MIN} and ${WAIT_SECONDS_MAX} s`, retryAfter);
  // But for the name in the form, and for a minute that has passed in between.
  const shown = ({ text }) => text.replaceAll(NOBODY, OWNER.email).replace(/in \d+ minutes/, 'in some minutes');
  const same = absent.status === 429 && shown(absent) === shown(existing);
  expect(same, 'the same page for an account that does not exist', 'another one');

  const owner = from(HOME);
  // Oftener than anyone may guess: what was right does not count.
  for (let login = 0; login <= GUESSES; login += 1) {
    await logIn(owner, OWNER);
  }
  expect(await isLoggedIn(owner), 'the owner to get in from another address', 'the login page');
  return [
    `of ${GUESSES_IN_ALL} guesses ${GUESSES} were looked at, the others got 429, as does the right password now, with`,
    `Retry-After: ${retryAfter}; no difference for an account that does not exist; the owner gets in from elsewhere`,
  ];
}

module.exports = { guessingIsSlowed };
