'use strict';

const http = require('node:http');
const { createApp } = require('./app.js');
const { Background } = require('./background.js');
const { readConfig } = require('./config.js');
const { createContent } = require('./content.js');
const { startJobs } = require('./jobs.js');
const { createRenderer } = require('./markdown.js');
const { Posts } = require('./posts.js');
const { openState } = require('./state.js');
const { Users } = require('./users.js');

// A container is killed ten seconds after SIGTERM. What is not done by then is said to be lost, not lost silently.
const SHUTDOWN_MS = 9_000;
const REQUESTS_MS = 2_000;
const JOBS_MS = 4_000;

async function start() {
  const config = readConfig();
  const posts = await Posts.open(config.dataDir);
  const users = await Users.open(config.dataDir);
  const state = openState(config.storeUrl);
  const renderer = createRenderer();
  const content = createContent({ cache: state.content, posts, renderer });
  const background = new Background({ storeUrl: config.storeUrl, postsDir: posts.dir });
  await background.recount();
  startJobs(state, config);

  const server = http.createServer(createApp({ background, config, content, posts, renderer, state, users }));
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(config.port, config.host, resolve);
  });
  console.log(`Ephemera is at http://${config.host}:${server.address().port} (process ${process.pid})`);

  let stopping = false;
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => {
      // A second Ctrl-C changes nothing: the way down has a time limit of its own.
      if (stopping) {
        return;
      }
      stopping = true;
      stop({ server, background, state }).catch((error) => {
        console.error('The shutdown failed:', error);
        process.exitCode = 1;
      });
    });
  }
}

/** New work is refused first, running work finishes, and only then is the state it needs let go. */
async function stop({ server, background, state }) {
  const deadline = setTimeout(() => {
    console.error(`Not down after ${SHUTDOWN_MS} ms, giving up.`);
    process.exit(1);
  }, SHUTDOWN_MS);
  deadline.unref();

  await closeServer(server);
  await background.close();
  const { dropped } = await state.store.close({ timeout: JOBS_MS });
  for (const [queue, jobs] of Object.entries(dropped).filter(([, count]) => count > 0)) {
    console.warn(`Unfinished jobs of the queue "${queue}" that end with this process: ${jobs}`);
  }
  console.log('Ephemera is down.');
  // No process.exit(): with everything closed nothing keeps the process alive, and it ends with code 0.
}

async function closeServer(server) {
  const closed = new Promise((resolve) => server.close(resolve));
  // A browser keeps its connection open between requests; one that falls idle is closed.
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  // Browsers also open connections ahead of need. Those never fall idle, for nothing was ever asked on them.
  const patience = setTimeout(() => server.closeAllConnections(), REQUESTS_MS);
  await closed;
  clearInterval(idle);
  clearTimeout(patience);
}

start().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
