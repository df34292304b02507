'use strict';

const { expect } = require('../expect.js');
const { Visitor } = require('../visitor.js');
const { isLoggedIn, logIn } = require('./accounts.js');
const { page, POST, renders } = require('./pages.js');

/** SIGTERM ends the app by itself: nothing of redstart holds the process. */
async function endsCleanly(demo) {
  // Logged in once more, to have something to lose.
  demo.member = new Visitor(demo.app.base);
  await logIn(demo.member, demo.account);
  expect(await isLoggedIn(demo.member), 'to be logged in before the restart', 'the login page');
  const { code, ms } = await demo.app.stop();
  expect(code === 0, 'exit code 0', code);
  return `exit code 0 after ${ms.toFixed(0)} ms`;
}

async function startsAgain(demo) {
  const ms = await demo.app.start();
  return `answers after ${ms.toFixed(0)} ms at the same address`;
}

/** What memory means: temporary state is gone, permanent state is not. */
async function restartForgets(demo) {
  const { app, member } = demo;
  const reader = new Visitor(app.base);
  const before = await renders(reader);
  const first = await page(reader, POST);
  expect(
    before === 0 && first.count === 1,
    'a cold cache: the page rendered anew (0 → 1)',
    `${before} → ${first.count}`,
  );
  expect(first.text.includes('Edited by the demo at'), 'the edit to have survived, in its file', 'the old text');

  expect(!(await isLoggedIn(member)), 'the session to be gone', 'the account page');
  const call = await reader.get('/api/posts');
  const remaining = call.headers.get('x-ratelimit-remaining');
  expect(
    call.status === 200 && remaining === '99',
    'a fresh limit, 99 calls left',
    `${call.status}, ${remaining} left`,
  );

  await logIn(member, demo.account);
  expect(await isLoggedIn(member), 'the account to have survived, in its file', 'the login page');
  return [
    'lost: the login session, the cached pages, the counts of the limits, the jobs',
    'kept, because they are files: the account, the edited post',
  ];
}

module.exports = { endsCleanly, restartForgets, startsAgain };
