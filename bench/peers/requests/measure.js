/** One contender under load: the app in a process of its own, the load in this one. */
const { fork } = require('node:child_process');
const { once } = require('node:events');
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { load } = require('./load.js');
const { logAllIn } = require('./logins.js');
const { members } = require('./members.js');

/** @param {string} url @param {string} page */
async function pageRequests(url, page) {
  return (await logAllIn(url)).map((cookie) => ({ path: page, headers: { cookie } }));
}

/** @param {string} url */
async function apiRequests(url) {
  const requests = members().map(({ key }) => ({ path: '/api/posts', headers: { authorization: `Bearer ${key}` } }));
  // Counted at all, each on a member's own limit.
  for (const [number, remaining] of [
    [0, 299],
    [0, 298],
    [1, 299],
  ]) {
    const { path: page, headers } = requests[number];
    const answer = await fetch(url + page, { headers });
    const said = answer.headers.get('x-ratelimit-remaining');
    if (!answer.ok || said !== String(remaining)) throw new Error(`${answer.status}, ${said} left, not ${remaining}`);
  }
  return requests;
}

/** What the cases ask, and what is in every right answer. */
const CASES = {
  login: { requests: (url) => pageRequests(url, '/login'), sign: 'Log out' },
  account: { requests: (url) => pageRequests(url, '/account'), sign: 'You are logged in as' },
  api: { requests: apiRequests, sign: '{"posts":[{"slug":' },
};

/**
 * The app's process: what it answers, and its end.
 * @param {object} options
 */
function startApp(options) {
  // As apps are run; Express and express-session look at it.
  const env = { ...process.env, NODE_ENV: 'production' };
  const app = fork(path.join(__dirname, 'app.js'), [JSON.stringify(options)], { env });
  const end = once(app, 'exit').then(([code, signal]) => {
    throw new Error(`the app ended with ${signal ?? code}`);
  });
  end.catch(() => {});
  const message = async () => (await Promise.race([once(app, 'message'), end]))[0];
  return {
    ready: message,
    async cpuUs() {
      app.send('cpu');
      return (await message()).cpuUs;
    },
    async stop() {
      if (app.connected) app.disconnect();
      await end.catch(() => {});
    },
  };
}

/** @param {string} contender @param {{ what: keyof CASES, warmUpS: number, seconds: number, redisUrl: string }} options */
async function measure(contender, { what, warmUpS, seconds, redisUrl }) {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'redstart-requests-'));
  const app = startApp({ contender, redisUrl, dataDir });
  try {
    const { url } = await app.ready();
    const { requests, sign } = CASES[what];
    const all = await requests(url);
    await load(url, all, sign, warmUpS);
    const before = await app.cpuUs();
    const { answers, ...figures } = await load(url, all, sign, seconds);
    return { ...figures, cpuUs: ((await app.cpuUs()) - before) / answers };
  } finally {
    await app.stop();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

module.exports = { measure };
