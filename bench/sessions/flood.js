/**
 * One flood of the sessions bench, `forged` or `visitors`: sends the requests to an app in another process. Prints JSON: how
 * long it took, what went wrong, what the app's store held before and after.
 */
const { fork } = require('node:child_process');
const { randomBytes } = require('node:crypto');
const { once } = require('node:events');
const path = require('node:path');
const { crowd, signedCookie } = require('../../__test__/support/sessions/crowd.js');

const SECRET = 'a secret that got out';
const USERS_BEFORE = 100;
/** Between two logins among the visitors, and between two visits of the one who comes back. */
const LOGIN_EVERY = 1_000;
const RETURN_EVERY = 500;

/** @param {{ saveUninitialized: boolean, maxAnonymous: number }} options */
async function serving(options) {
  const app = fork(path.join(__dirname, 'server.js'), [JSON.stringify({ secret: SECRET, ...options })]);
  const [{ url }] = await once(app, 'message');
  const held = async () => {
    app.send('look');
    return (await once(app, 'message'))[0];
  };
  return { ...crowd(url), held, stop: () => app.disconnect() };
}

/** Seconds that `call` takes. @param {() => Promise<void>} call */
async function timed(call) {
  const start = process.hrtime.bigint();
  await call();
  return Number(process.hrtime.bigint() - start) / 1e9;
}

/** Cookies with the right signature on ids that nobody was given. @param {number} requests */
async function forged(requests) {
  const { visit, each, held, leave, stop } = await serving({ saveUninitialized: false, maxAnonymous: 10_000 });
  /** @type {string[]} */
  const cookies = [];
  await each(USERS_BEFORE, async (number) => {
    cookies[number] = String((await visit(`/login?user=${number}`)).given);
  });
  // What is signed here is what the app signs: the id of a user, signed anew, opens that user's session.
  const sid = decodeURIComponent(cookies[7]).slice('connect.sid=s:'.length).split('.')[0];
  const opened = (await visit('/me', signedCookie(sid, SECRET))).body;

  const before = await held();
  let opening = 0;
  const seconds = await timed(() =>
    each(requests, async () => {
      const { status, body, given } = await visit('/me', signedCookie(randomBytes(24).toString('base64url'), SECRET));
      if (status !== 200 || body !== 'null' || given !== undefined) opening += 1;
    }),
  );
  const after = await held();
  leave();
  stop();
  return { seconds, opened, opening, before, after };
}

/** Visitors without cookies, each given a session, and logins among them. @param {number} requests @param {number} maxAnonymous */
async function visitors(requests, maxAnonymous) {
  const { visit, each, held, leave, stop } = await serving({ saveUninitialized: true, maxAnonymous });
  /** @type {{ user: string, cookie: string }[]} */
  const users = [];
  const regular = (await visit('/me')).given;
  let failures = 0;
  let returnsToNothing = 0;
  const seconds = await timed(() =>
    each(requests, async (number) => {
      if (number % LOGIN_EVERY === 0) {
        const user = `user-${number}`;
        const { status, given } = await visit(`/login?user=${user}`);
        if (status === 200 && given !== undefined) users.push({ user, cookie: given });
        else failures += 1;
        return;
      }
      const comesBack = number % RETURN_EVERY === 1;
      const { status, given } = await visit('/me', comesBack ? regular : undefined);
      if (status !== 200) failures += 1;
      if (comesBack && given !== undefined) returnsToNothing += 1;
    }),
  );
  const after = await held();
  let alive = 0;
  for (const { user, cookie } of users) {
    if ((await visit('/me', cookie)).body === JSON.stringify(user)) alive += 1;
  }
  leave();
  stop();
  return { seconds, failures, returnsToNothing, logins: users.length, alive, after };
}

async function main() {
  const [kind, requests, maxAnonymous] = process.argv.slice(2);
  const told =
    kind === 'forged' ? await forged(Number(requests)) : await visitors(Number(requests), Number(maxAnonymous));
  console.log(JSON.stringify(told));
}

main();
