'use strict';

const { expect } = require('../expect.js');
const { Visitor } = require('../visitor.js');
const { isLoggedIn, logIn } = require('./accounts.js');
const { page, POST, renders } = require('./pages.js');
const { dominantColour, picturesOf, solid, uploadPicture } = require('./pictures.js');

const UPLOADS = 6;

/** SIGTERM ends the app by itself: nothing of redstart holds the process. Jobs that wait are done before. */
async function endsCleanly(demo) {
  // Logged in once more, to have something to lose.
  demo.member = new Visitor(demo.app.base);
  await logIn(demo.member, demo.account);
  expect(await isLoggedIn(demo.member), 'to be logged in before the restart', 'the login page');
  // More than two threads can have begun by the time the signal comes. The last one is blue.
  for (let upload = 1; upload <= UPLOADS; upload += 1) {
    await uploadPicture(demo, await solid(demo, upload === UPLOADS ? 'blue' : 'red'));
  }
  const { code, ms } = await demo.app.stop();
  expect(code === 0, 'exit code 0', code);
  const lost = demo.app.log.filter((line) => line.startsWith('Unfinished jobs'));
  expect(lost.length === 0, 'no job to be lost', lost.join('; '));
  return `exit code 0 after ${ms.toFixed(0)} ms, with ${UPLOADS} uploads made into pictures on the way`;
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
  const [{ file }] = await picturesOf(member);
  const colour = await dominantColour(demo, file);
  expect(colour === 'blue', 'the picture that was uploaded last before the end', `a ${colour} one`);
  expect(await isLoggedIn(member), 'the account to have survived, in its file', 'the login page');
  return [
    'lost: the login session, the cached pages, the counts of the limits',
    'kept, because they are files: the account, the edited post, the picture that was still a job at SIGTERM',
  ];
}

module.exports = { endsCleanly, restartForgets, startsAgain };
