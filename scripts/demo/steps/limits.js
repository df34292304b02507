'use strict';

const { performance } = require('node:perf_hooks');
const { expect } = require('../expect.js');
const { Visitor } = require('../visitor.js');
const { logIn } = require('./accounts.js');
const { stats } = require('./pages.js');

const LIMIT = 100;
const MEMBER_LIMIT = 300;
const LOOK_AFTER = 40;
// The window of 60 s and one sixteenth: a sliding window counts its oldest part in full.
const WAIT_SECONDS_MAX = 64;
const HEADERS = [
  'RateLimit',
  'RateLimit-Policy',
  'X-RateLimit-Limit',
  'X-RateLimit-Remaining',
  'X-RateLimit-Reset',
  'Retry-After',
];

/** A hundred calls pass, the next one is told to wait, and how long. */
async function limitHolds(demo) {
  const caller = new Visitor(demo.app.base);
  const startedAt = performance.now();
  for (let call = 1; call <= LIMIT; call += 1) {
    const { status, headers } = await caller.get('/api/posts');
    expect(status === 200, `status 200 for call ${call}`, `status ${status}`);
    const remaining = headers.get('x-ratelimit-remaining') ?? 'no X-RateLimit-Remaining';
    expect(remaining === String(LIMIT - call), `${LIMIT - call} calls left after call ${call}`, remaining);
    if (call === LOOK_AFTER) {
      demo.halfway = await stats(caller);
    }
  }
  const ms = (performance.now() - startedAt).toFixed(0);
  const denied = await caller.get('/api/posts');
  expect(denied.status === 429, `status 429 for call ${LIMIT + 1}`, `status ${denied.status}`);
  const lines = HEADERS.map((name) => `${name}: ${header(denied, name)}`);
  const retryAfter = Number(header(denied, 'Retry-After'));
  const bounded = retryAfter >= 1 && retryAfter <= WAIT_SECONDS_MAX;
  expect(bounded, `Retry-After between 1 and ${WAIT_SECONDS_MAX} s`, retryAfter);
  return [`${LIMIT} calls in ${ms} ms, call ${LIMIT + 1} got 429 with`, ...lines];
}

/** The worker thread has opened the same store: it must see what the main thread counted, and the other way round. */
async function threadShares(demo) {
  const { halfway } = demo;
  const now = await stats(new Visitor(demo.app.base));
  for (const { stats: seen, left } of [
    { stats: halfway, left: LIMIT - LOOK_AFTER },
    { stats: now, left: 0 },
  ]) {
    expect(!seen.thread.problem, 'an answer of the second thread', seen.thread.problem);
    const { apiCallsLeft, content } = seen.thread;
    expect(apiCallsLeft === left, `${left} calls left in the second thread's eyes`, apiCallsLeft);
    const { hits } = seen.store.caches.content;
    expect(content.hits === hits, `${hits} cache hits in the second thread's eyes`, content.hits);
  }
  expect(now.thread.threadId > 0, 'another thread than the main one', `thread ${now.thread.threadId}`);
  const { countedByThread, words } = now.facts ?? {};
  const written = countedByThread === now.thread.threadId && words > 0;
  expect(written, 'a value the second thread wrote, read by the main one', JSON.stringify(now.facts));
  return [
    `after ${LOOK_AFTER} calls thread ${now.thread.threadId} saw ${halfway.thread.apiCallsLeft} left, now ${now.thread.apiCallsLeft};`,
    `${now.thread.content.hits} cache hits in both threads' eyes; the main one reads what it wrote: ${words} words`,
  ];
}

/** The visitors of this address have used up theirs; a member's calls count for the member, under the plan's limit. */
async function planAllowsMore(demo) {
  const member = new Visitor(demo.app.base);
  await logIn(member, demo.account);
  const { text } = await member.post('/account/api-key', {});
  const [, apiKey] = /id="api-key">([\w-]+)</.exec(text) ?? [];
  expect(apiKey, 'an API key on the account page', 'none');
  const caller = new Visitor(demo.app.base, undefined, { authorization: `Bearer ${apiKey}` });
  const { status, headers } = await caller.get('/api/posts');
  expect(status === 200, 'status 200 for a member at an address that is over the limit', `status ${status}`);
  const [limit, left] = [headers.get('x-ratelimit-limit'), headers.get('x-ratelimit-remaining')];
  const planned = limit === String(MEMBER_LIMIT) && left === String(MEMBER_LIMIT - 1);
  expect(planned, `${MEMBER_LIMIT - 1} of ${MEMBER_LIMIT} calls left`, `${left} of ${limit}`);
  const visitor = await new Visitor(demo.app.base).get('/api/posts');
  expect(visitor.status === 429, 'status 429 for visitors as before', `status ${visitor.status}`);
  const madeUp = { authorization: 'Bearer made-up', 'x-forwarded-for': '198.51.100.7' };
  const stranger = await new Visitor(demo.app.base, undefined, madeUp).get('/api/posts');
  expect(stranger.status === 401, 'status 401 for a key that nobody has', `status ${stranger.status}`);
  return `${left} of ${limit} calls left with an API key, while visitors at the same address get 429`;
}

function header(response, name) {
  const value = response.headers.get(name);
  expect(value !== null, `the header ${name} with status ${response.status}`, 'none');
  return value;
}

module.exports = { limitHolds, planAllowsMore, threadShares };
