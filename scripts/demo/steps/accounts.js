'use strict';

const { expect } = require('../expect.js');
const { Visitor } = require('../visitor.js');
const { POST } = require('./pages.js');

/** Signing up opens an account and logs in. */
async function signUp(demo) {
  const newcomer = new Visitor(demo.app.base);
  const answer = await newcomer.post('/signup', demo.account);
  expect(answer.status === 303, 'a redirect after the sign-up', `status ${answer.status}`);
  expect(await isLoggedIn(newcomer), 'to be logged in after the sign-up', 'the login page');
  return `${demo.account.email} has an account (${answer.ms.toFixed(0)} ms, most of it scrypt)`;
}

/**
 * Against session fixation: the id from before the login, which somebody may have planted, must not be the one that is
 * logged in. A visitor gets an id by asking for a page that needs a login.
 */
async function loginChangesId(demo) {
  const member = new Visitor(demo.app.base);
  await member.get(`${POST}/edit`);
  const planted = member.cookie;
  expect(planted, 'a session id for a visitor who is sent to the login', 'none');
  const answer = await logIn(member, demo.account);
  expect(answer.location === `${POST}/edit`, 'to be sent on to the edit form', answer.location);
  expect(member.cookie !== planted, 'a new session id at login', 'the id from before the login');
  expect(await isLoggedIn(member), 'to be logged in under the new id', 'the login page');
  const intruder = new Visitor(demo.app.base, planted);
  expect(!(await isLoggedIn(intruder)), 'the id from before the login not to be logged in', 'the account page');
  const flags = /HttpOnly/i.test(member.cookieFlags) && /SameSite=Lax/i.test(member.cookieFlags);
  expect(flags, 'a cookie with HttpOnly and SameSite=Lax', `"${member.cookieFlags}"`);
  demo.member = member;
  return `${shortId(planted)} → ${shortId(member.cookie)}; the old id is not logged in (cookie: ${member.cookieFlags})`;
}

/** The session remembers who it is and what it counted. */
async function loginSurvives(demo) {
  const first = await visits(demo.member);
  const second = await visits(demo.member);
  expect(second === first + 1, `visit ${first + 1} in the second request`, `visit ${second}`);
  return `the session counts its visits: ${first}, then ${second}`;
}

/** Logged out is logged out: also for a copy of the cookie. And nobody else's page can do it for the member. */
async function logoutEndsSession(demo) {
  const { member } = demo;
  const forged = await member.post('/logout', {}, 'http://elsewhere.example');
  expect(forged.status === 403, 'status 403 for a POST from another site', `status ${forged.status}`);
  expect(await isLoggedIn(member), 'to be logged in after a forged logout', 'the login page');

  const copy = member.cookie;
  const answer = await member.post('/logout', {});
  expect(answer.status === 303, 'a redirect after the logout', `status ${answer.status}`);
  expect(!member.cookie, 'the cookie to be cleared', 'the cookie');
  const replay = new Visitor(demo.app.base, copy);
  expect(!(await isLoggedIn(replay)), 'a replayed cookie to be refused', 'the account page');
  return 'a copy of the old cookie is refused; a logout forged by another site got 403 before that';
}

async function logIn(visitor, { email, password }) {
  const answer = await visitor.post('/login', { email, password });
  expect(answer.status === 303, 'a redirect after the login', `status ${answer.status}`);
  return answer;
}

async function isLoggedIn(visitor) {
  const { status, location } = await visitor.get('/account');
  const known = status === 200 || (status === 303 && location === '/login');
  expect(known, 'the account page or the way to the login', `status ${status}`);
  return status === 200;
}

async function visits(visitor) {
  const { status, text } = await visitor.get('/account');
  expect(status === 200, 'the account page', `status ${status}`);
  const [, count] = /seen this page (\d+) time/.exec(text) ?? [];
  expect(count, 'the number of visits on the account page', 'none');
  return Number(count);
}

/** The id without its signature, and of that enough to tell two apart. */
function shortId(cookie) {
  return `${decodeURIComponent(cookie).replace(/^s:/, '').slice(0, 6)}…`;
}

module.exports = { isLoggedIn, logIn, loginChangesId, loginSurvives, logoutEndsSession, signUp };
