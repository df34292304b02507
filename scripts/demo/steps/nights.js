'use strict';

const fs = require('node:fs/promises');
const path = require('node:path');
const { expect, waitFor } = require('../expect.js');
const { Visitor } = require('../visitor.js');
const { logIn } = require('./accounts.js');
const { stats } = require('./pages.js');

const SWEEP_TIMEOUT_MS = 10_000;
const TWO_DAYS_MS = 2 * 24 * 60 * 60 * 1000;
const DAY_MS = TWO_DAYS_MS / 2;

/** A cron job: the app says when it is due next, and nobody waits for the night to see that it works. */
async function sweepRuns({ account, app }) {
  const member = new Visitor(app.base);
  await logIn(member, account);
  const { schedulers } = (await stats(member)).nights;
  expect(schedulers.length === 1, 'one scheduler', schedulers.length);
  const [{ next, pattern, tz }] = schedulers;
  const hour = new Intl.DateTimeFormat('en-GB', { timeZone: tz, timeStyle: 'short' }).format(new Date(next));
  const ahead = Date.parse(next) - Date.now();
  const soon = hour === '03:00' && ahead > 0 && ahead <= DAY_MS + 60 * 60 * 1000;
  expect(soon, `the next 03:00 in ${tz}`, `${hour} on ${next}`);

  // What a process leaves behind that died while it wrote, the day before yesterday; and one that writes right now.
  const [left, young] = ['old', 'young'].map((name) => path.join(app.dataDir, 'posts', `${name}.md.1.0.1.draft`));
  await Promise.all([fs.writeFile(left, ''), fs.writeFile(young, '')]);
  const then = new Date(Date.now() - TWO_DAYS_MS);
  await fs.utimes(left, then, then);
  const answer = await member.post('/stats/sweep', {});
  expect(answer.status === 303, 'a redirect after the click', `status ${answer.status}`);
  const last = await waitFor(async () => (await stats(member)).nights.last, {
    timeoutMs: SWEEP_TIMEOUT_MS,
    expected: 'the sweep to have run',
    seen: () => 'no sweep',
  });
  const files = await fs.readdir(path.dirname(left));
  const right = !files.includes(path.basename(left)) && files.includes(path.basename(young)) && last.removed === 1;
  expect(right, 'the old draft gone and the young one there', `${last.removed} removed of ${files.join(', ')}`);
  return `"${pattern}" in ${tz} is next due at ${next}; by hand it removed ${last.removed} leftover, and left a young one`;
}

module.exports = { sweepRuns };
