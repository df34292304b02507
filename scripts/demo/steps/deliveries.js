'use strict';

const { performance } = require('node:perf_hooks');
const { expect, waitFor } = require('../expect.js');

const MAIL_TIMEOUT_MS = 10_000;
const WEBHOOK_TIMEOUT_MS = 15_000;
const TRIES = 3;

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

/** The edit queued a webhook; its receiver answered 500 twice, and the queue came back, each time a little later. */
async function webhookArrives(demo) {
  const { tries } = demo.hooks;
  await waitFor(() => tries.length >= TRIES, {
    timeoutMs: WEBHOOK_TIMEOUT_MS,
    expected: `${TRIES} tries of the webhook`,
    seen: () => `${tries.length}`,
  });
  const statuses = tries.map((delivery) => delivery.status).join(', ');
  expect(statuses === '500, 500, 200', 'the answers 500, 500, 200', statuses);
  const keys = new Set(tries.map((delivery) => delivery.key));
  expect(keys.size === 1 && !keys.has(undefined), 'one Idempotency-Key for all tries', [...keys].join(', '));
  const { event } = JSON.parse(tries[0].body);
  expect(event === 'post.updated', 'the event post.updated', event);
  const [first, second] = [tries[1].at - tries[0].at, tries[2].at - tries[1].at];
  expect(second > first, 'the second wait to be longer than the first', `${first} ms, then ${second} ms`);
  return `answered ${statuses}; waits of ${first.toFixed(0)} and ${second.toFixed(0)} ms; one Idempotency-Key`;
}

module.exports = { mailArrives, webhookArrives };
