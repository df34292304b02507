'use strict';

const path = require('node:path');
const { ROOT, Stop } = require('../run.js');
const { AppProcess } = require('./app-process.js');
const { startMailServer, startWebhookReceiver } = require('./receivers.js');
const { walk } = require('./walk.js');

const APP_DIR = path.join(ROOT, 'examples', 'express-app');
// What a run takes at most where everything was installed and built before.
const ONCE_MS_MAX = 45_000;
const LOG_LINES_SHOWN = 20;

function readArguments(args) {
  const unknown = args.find((arg) => arg !== '--once');
  if (unknown !== undefined) {
    throw new Stop(`npm run demo takes one argument, --once, and not "${unknown}".`);
  }
  return args.includes('--once');
}

/**
 * Plays the world around the app: its visitors, its mail server, the receiver of its webhooks. All it knows of the app is
 * what comes over HTTP and SMTP.
 */
async function run({ once, prepared, startedAt }) {
  let quiet = false;
  const print = (line) => quiet || console.log(line);
  let watching = false;
  const mail = await startMailServer(APP_DIR, ({ to, subject }) => watching && print(`mail to ${to}: ${subject}`));
  const hooks = await startWebhookReceiver(
    ({ status, body }) => watching && print(`webhook, answered ${status}: ${body}`),
  );
  const app = await AppProcess.create({ dir: APP_DIR, smtpUrl: mail.url });
  const account = { name: 'Ada', email: 'ada@reader.example', password: 'a long enough password' };
  const interrupted = new Promise((resolve) => {
    process.once('SIGINT', () => resolve(130));
    process.once('SIGTERM', () => resolve(143));
  });

  try {
    const outcome = await Promise.race([walk({ account, app, hooks, mail }, print), interrupted]);
    if (outcome === false) {
      showLog(app, print);
      process.exitCode = 1;
      return;
    }
    if (outcome !== true) {
      // Ctrl-C in the middle: the step that now fails is nobody's fault.
      quiet = true;
      process.exitCode = outcome;
      return;
    }
    const ms = Date.now() - startedAt;
    print(`All steps hold, ${(ms / 1000).toFixed(1)} s in all${prepared ? ', installing and building included' : ''}.`);
    if (once) {
      if (!prepared && ms > ONCE_MS_MAX) {
        print(`✗ wall time: expected at most ${ONCE_MS_MAX / 1000} s where nothing is installed or built`);
        process.exitCode = 1;
      }
      return;
    }
    print(`\nThe app is at ${app.base} (live figures: ${app.base}/stats).`);
    print(`Log in as ${account.email} with "${account.password}". Ctrl-C ends it.\n`);
    watching = true;
    app.onLine = (line) => print(`app: ${line}`);
    await Promise.race([interrupted, app.exit]);
    if (app.exited !== undefined && app.exited !== 0) {
      throw new Stop(`The app ended by itself, with ${app.exited}.`);
    }
  } finally {
    // In this order: the app is done with its mail before the mail server goes.
    await app.remove();
    await Promise.all([mail.close(), hooks.close()]);
  }
}

function showLog({ log }, print) {
  if (log.length > 0) {
    print('The app said last:');
    for (const line of log.slice(-LOG_LINES_SHOWN)) {
      print(`    ${line}`);
    }
  }
}

module.exports = { readArguments, run };
