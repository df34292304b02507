'use strict';

const { performance } = require('node:perf_hooks');
const { expect, waitFor } = require('../expect.js');
const { Visitor } = require('../visitor.js');
const { stats } = require('./pages.js');

const MAIL_TIMEOUT_MS = 10_000;
const GREY = { name: 'Grey', email: 'grey@reader.example', password: 'a long enough password' };
const BOUNCED = { name: 'Bo', email: 'bounced@reader.example', password: 'a long enough password' };
// The queue waits 2 s, less up to a fifth.
const WAIT_MS_MIN = 1_600;

/** The sign-up queued a letter; it comes over SMTP, to the right person. */
async function mailArrives(demo) {
  const startedAt = performance.now();
  const { letters } = demo.mail;
  const letter = await waitFor(() => letters[0], {
    timeoutMs: MAIL_TIMEOUT_MS,
    expected: 'the welcome mail over SMTP',
    seen: () => 'no mail',
  });
  const { email, name } = demo.account;
  expect(letter.to === email, `a mail to ${email}`, `one to ${letter.to}`);
  const subject = `Welcome to Ephemera, ${name}`;
  expect(letter.subject === subject, `the subject "${subject}"`, `"${letter.subject}"`);
  const ms = (performance.now() - startedAt).toFixed(0);
  return `"${letter.subject}" to ${letter.to}, here ${ms} ms after the sign-up's answer`;
}

/** 451 is "not now": the letter comes with the second try, after the backoff. */
async function mailIsTriedAgain({ app, mail }) {
  mail.refusals.set(GREY.email, [451]);
  const signedUpAt = await signUp(app, GREY);
  const letter = await arrival(mail, GREY.email);
  const ms = letter.at - signedUpAt;
  expect(ms >= WAIT_MS_MIN, `a second try after ${WAIT_MS_MIN} ms or more`, `${ms.toFixed(0)} ms`);
  return `refused with 451 once, here ${ms.toFixed(0)} ms after the sign-up`;
}

/** 550 is "never": the letter is with the dead ones, where a member sees why and sends it again. */
async function deadLetterIsSentAgain({ app, mail }) {
  mail.refusals.set(BOUNCED.email, [550]);
  const member = new Visitor(app.base);
  await signUp(app, BOUNCED, member);
  const letter = await waitFor(async () => (await stats(member)).deadLetters[0], {
    timeoutMs: MAIL_TIMEOUT_MS,
    expected: 'a dead letter on /stats',
    seen: () => 'none',
  });
  const known = letter.to === BOUNCED.email && letter.reason.includes('550') && letter.log.length === 1;
  expect(known, 'whose letter it is, why and what its only attempt noted', JSON.stringify(letter));
  const seen = (await stats(new Visitor(app.base))).deadLetters;
  expect(seen === undefined, 'visitors to see no dead letters', JSON.stringify(seen));
  const page = await member.get('/stats');
  expect(page.text.includes('550 not this one'), 'the reason on the page /stats', 'nothing of it');

  const form = { id: letter.id };
  const forged = await member.post('/stats/dead-letters/retry', form, 'http://elsewhere.example');
  expect(forged.status === 403, 'status 403 for a POST from another site', `status ${forged.status}`);
  const clicks = await Promise.all([1, 2].map(() => member.post('/stats/dead-letters/retry', form)));
  const statuses = clicks.map((answer) => answer.status).join(', ');
  expect(statuses === '303, 303', 'a redirect for both clicks', statuses);
  await arrival(mail, BOUNCED.email);
  const { deadLetters, store } = await stats(member);
  expect(deadLetters.length === 0, 'no dead letter any more', JSON.stringify(deadLetters));
  const { completed, failed } = store.queues.mail.counts;
  expect(failed === 0, 'no failed letter any more', `${failed} failed, ${completed} sent`);
  const letters = mail.letters.filter(({ to }) => to === BOUNCED.email).length;
  expect(letters === 1, 'one letter for two clicks', letters);
  return `"${letter.reason}" is on /stats for members; sent again by a click (two at once: one letter)`;
}

/** Resolves with when the answer came, as performance.now() says. */
async function signUp(app, account, visitor = new Visitor(app.base)) {
  const answer = await visitor.post('/signup', account);
  expect(answer.status === 303, 'a redirect after the sign-up', `status ${answer.status}`);
  return performance.now();
}

function arrival(mail, address) {
  return waitFor(() => mail.letters.find(({ to }) => to === address), {
    timeoutMs: MAIL_TIMEOUT_MS,
    expected: `the letter to ${address} over SMTP`,
    seen: () => 'no such letter',
  });
}

module.exports = { deadLetterIsSentAgain, mailArrives, mailIsTriedAgain };
