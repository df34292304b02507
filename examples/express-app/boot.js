'use strict';

const http = require('node:http');
const { createApp } = require('./app.js');
const { Background } = require('./background.js');
const { createContent } = require('./content.js');
const { startJobs } = require('./jobs/start.js');
const { createRenderer } = require('./markdown.js');
const { Pictures } = require('./pictures.js');
const { Posts } = require('./posts.js');
const { Receivers } = require('./receivers.js');
const { openState } = require('./state.js');
const { Users } = require('./users.js');

const REQUESTS_MS = 2_000;
const JOBS_MS = 5_000;

/** Puts the parts together and listens; resolves with { port, state, stop() }. `storeOptions`: see openState(). */
async function boot(config, storeOptions) {
  const posts = await Posts.open(config.dataDir);
  const users = await Users.open(config.dataDir);
  const receivers = await Receivers.open(config.dataDir);
  const state = openState(config.storeUrl, storeOptions);
  const pictures = await Pictures.open(config.dataDir, state.pictures);
  const renderer = createRenderer();
  const content = createContent({ cache: state.content, posts, renderer });
  const background = new Background({ storeUrl: config.storeUrl, postsDir: posts.dir });
  await background.recount();
  await startJobs({ config, receivers, state });

  const app = createApp({ background, config, content, pictures, posts, receivers, renderer, state, users });
  const server = http.createServer(app);
  await new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(config.port, config.host, resolve);
  });
  return { port: server.address().port, state, stop: () => stop({ server, background, state }) };
}

/**
 * New work is refused first, running and waiting work finishes, and only then is the state it needs let go. Resolves with
 * the jobs that were not done in time, or were to be tried again later.
 */
async function stop({ server, background, state }) {
  await closeServer(server);
  await background.close();
  return state.store.close({ drain: true, timeout: JOBS_MS });
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

module.exports = { boot };
