'use strict';

const { boot } = require('./boot.js');
const { readConfig } = require('./config.js');

// A container is killed ten seconds after SIGTERM. What is not done by then is said to be lost, not lost silently.
const SHUTDOWN_MS = 9_000;

async function start() {
  const config = readConfig();
  const app = await boot(config);
  console.log(`Ephemera is at http://${config.host}:${app.port} (process ${process.pid})`);

  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => {
      // A second Ctrl-C changes nothing: the way down has a time limit of its own.
      if (stopping) {
        return;
      }
      stopping = true;
      stop(app).catch((error) => {
        console.error('The shutdown failed:', error);
        process.exitCode = 1;
      });
    });
  }
}

async function stop(app) {
  const deadline = setTimeout(() => {
    console.error(`Not down after ${SHUTDOWN_MS} ms, giving up.`);
    process.exit(1);
  }, SHUTDOWN_MS);
  deadline.unref();

  const { dropped } = await app.stop();
  for (const [queue, jobs] of Object.entries(dropped).filter(([, count]) => count > 0)) {
    console.warn(`Unfinished jobs of the queue "${queue}" that end with this process: ${jobs}`);
  }
  console.log('Ephemera is down.');
  // No process.exit(): with everything closed nothing keeps the process alive, and it ends with code 0.
}

start().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
