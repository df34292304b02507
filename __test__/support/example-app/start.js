'use strict';
// The example app in this process, on a manual clock, with a real mail server and real visitors.
const { mkdtempSync, rmSync } = require('node:fs');
const http = require('node:http');
const { createRequire } = require('node:module');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { manualClock } = require('redstart');
const { startMailServer } = require('../../../scripts/demo/receivers.js');
const { Visitor } = require('../../../scripts/demo/visitor.js');

const APP_DIR = path.join(__dirname, '..', '..', '..', 'examples', 'express-app');
const { boot } = require(path.join(APP_DIR, 'boot.js'));
const { readConfig } = require(path.join(APP_DIR, 'config.js'));
const sharp = createRequire(path.join(APP_DIR, 'package.json'))('sharp');

// Nobody's lunch hour, nobody's midnight.
const START_MS = Date.UTC(2026, 0, 15, 10);
const WAIT_MS_MAX = 20_000;
let apps = 0;

/**
 * Starts the app and ends it with the test. `env` are further settings, as from outside.
 * @param {import('node:test').TestContext} t
 * @param {Record<string, string>} [env]
 */
async function startApp(t, env) {
  apps += 1;
  const dataDir = mkdtempSync(path.join(tmpdir(), 'redstart-example-'));
  const mail = await startMailServer(APP_DIR, () => {});
  const clock = manualClock(START_MS);
  const settings = { DATA_DIR: dataDir, PORT: '0', SMTP_URL: mail.url, WEBHOOKS_TO_LOOPBACK: '1', ...env };
  const config = readConfig({ ...settings, STORE_URL: `memory:example-${process.pid}-${apps}` });
  const said = silenceConsole(t);
  const app = await boot(config, { clock });
  t.after(async () => {
    await app.stop();
    await mail.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  const base = `http://127.0.0.1:${app.port}`;
  return { ...app, base, clock, config, dataDir, mail, said };
}

/** What the app tells its log about failing jobs is expected here. */
function silenceConsole(t) {
  const said = [];
  for (const name of ['warn', 'error']) {
    t.mock.method(console, name, (...args) => said.push(args.join(' ')));
  }
  return said;
}

/** A new member, logged in. */
async function member({ base }, name = 'ada') {
  const visitor = new Visitor(base);
  await visitor.post('/signup', { name, email: `${name}@reader.example`, password: 'a long enough password' });
  return visitor;
}

/**
 * A receiver of webhooks, or a server of anything: `answer(request, response, body)`. `requests` is what came.
 * @param {import('node:test').TestContext} t
 */
async function startReceiver(t, answer) {
  const requests = [];
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      requests.push({ headers: request.headers, body, response });
      answer(request, response, body);
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return { requests, url: `http://127.0.0.1:${server.address().port}/` };
}

/** Looks until there is something: for what another thread or process does in its own time. */
async function until(what, look) {
  const end = Date.now() + WAIT_MS_MAX;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`waited ${WAIT_MS_MAX} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function stats(visitor) {
  return JSON.parse((await visitor.get('/stats.json')).text);
}

module.exports = { APP_DIR, Visitor, member, sharp, startApp, startReceiver, stats, until };
