'use strict';

const crypto = require('node:crypto');
const { expect, waitFor } = require('../expect.js');
const { Visitor } = require('../visitor.js');
const { logIn } = require('./accounts.js');
const { page } = require('./pages.js');

const WEBHOOK_TIMEOUT_MS = 15_000;
const TRIES = 3;
const RETRY_AFTER_MS = 3_000;
const AGE_SECONDS_MAX = 60;
const NOT_PUBLIC = [
  'http://169.254.169.254/latest/meta-data',
  'http://10.0.0.1/',
  'http://[::ffff:10.0.0.1]/',
  'file:///etc/passwd',
];

/** A member names an address and gets a secret; an address that only the server can reach is refused. */
async function webhooksAreRegistered(demo) {
  const { hooks, member } = demo;
  for (const url of NOT_PUBLIC) {
    const { status } = await member.post('/account/webhooks', { url });
    expect(status === 422, `status 422 for a webhook to ${url}`, `status ${status}`);
  }
  for (const url of [`${hooks.url}/hooks`, `${hooks.url}/gone`]) {
    const { status } = await member.post('/account/webhooks', { url });
    expect(status === 303, 'a redirect after registering a webhook', `status ${status}`);
  }
  const listed = await receivers(member);
  expect(listed.length === 2, 'two receivers on the page', listed.length);
  demo.secret = listed[0].secret;
  return `two receivers; refused: ${NOT_PUBLIC.join(', ')}`;
}

/** The edit was announced to both; the one that answered 410 is no longer on the page, and was asked once. */
async function goneIsUnregistered({ member }) {
  const left = await waitFor(async () => ((await receivers(member)).length === 1 ? receivers(member) : undefined), {
    timeoutMs: WEBHOOK_TIMEOUT_MS,
    expected: 'one receiver left',
    seen: () => 'two',
  });
  expect(left[0].url.endsWith('/hooks'), 'the one that did not answer 410', left[0].url);
  return 'it answered 410 once and is off the list';
}

/** Answered 500 the queue comes back by its backoff, answered 503 with Retry-After when the receiver said. */
async function webhookArrives({ hooks, secret }) {
  await waitFor(() => hooks.tries.length >= TRIES, {
    timeoutMs: WEBHOOK_TIMEOUT_MS,
    expected: `${TRIES} tries of the webhook`,
    seen: () => hooks.tries.length,
  });
  const tries = hooks.tries.slice(0, TRIES);
  const statuses = tries.map((delivery) => delivery.status).join(', ');
  expect(statuses === '500, 503, 200', 'the answers 500, 503, 200', statuses);
  const ids = new Set(tries.map((delivery) => delivery.id));
  expect(ids.size === 1 && !ids.has(undefined), 'one webhook-id for all tries', [...ids].join(', '));
  for (const delivery of tries) {
    expectSigned(delivery, secret);
  }
  const { type } = JSON.parse(tries[0].body);
  expect(type === 'post.updated', 'the event post.updated', type);
  const [first, second] = [tries[1].at - tries[0].at, tries[2].at - tries[1].at];
  expect(first < RETRY_AFTER_MS, 'a first wait of about a second', `${first.toFixed(0)} ms`);
  expect(second >= RETRY_AFTER_MS, 'a second wait of the 3 s asked for, or more', `${second.toFixed(0)} ms`);
  return `answered ${statuses}; waits of ${first.toFixed(0)} ms and, as Retry-After said, ${second.toFixed(0)} ms; all signed`;
}

/** A new post is a page, and a webhook to the receiver that is left. */
async function postIsAnnounced({ account, app, hooks, secret }) {
  const author = new Visitor(app.base);
  await logIn(author, account);
  const title = 'Written by the demo';
  const answer = await author.post('/write', { title, body: 'Hello.' });
  expect(answer.location === '/posts/written-by-the-demo', 'to be sent to the new post', answer.location);
  const { text } = await page(author, answer.location);
  expect(text.includes(title), 'the new post on its page', 'something else');
  const delivery = await waitFor(() => hooks.tries[TRIES], {
    timeoutMs: WEBHOOK_TIMEOUT_MS,
    expected: 'a webhook for the new post',
    seen: () => 'none',
  });
  expectSigned(delivery, secret);
  const { type, data } = JSON.parse(delivery.body);
  expect(type === 'post.published' && data.title === title, `post.published "${title}"`, delivery.body);
  return `${answer.location}, and a signed ${type}`;
}

/** As a receiver checks it, who knows the secret and Standard Webhooks and nothing of the app. */
function expectSigned({ body, headers, id }, secret) {
  const timestamp = headers['webhook-timestamp'];
  const age = Math.abs(Date.now() / 1000 - Number(timestamp));
  expect(age <= AGE_SECONDS_MAX, 'a timestamp of just now', timestamp);
  const hmac = crypto.createHmac('sha256', Buffer.from(secret, 'base64'));
  const signature = `v1,${hmac.update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  const sent = headers['webhook-signature'];
  expect(sent === signature, `the signature ${signature}`, sent);
}

/** The receivers on the member's page. */
async function receivers(member) {
  const { status, text } = await member.get('/account/webhooks');
  expect(status === 200, 'the page "your webhooks"', `status ${status}`);
  return Array.from(text.matchAll(/<td>(http[^<]*)<\/td>\s*<td><code>whsec_([^<]*)</g), ([, url, secret]) => {
    return { url, secret };
  });
}

module.exports = { goneIsUnregistered, postIsAnnounced, webhookArrives, webhooksAreRegistered };
