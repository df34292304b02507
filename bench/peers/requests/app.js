/**
 * The example app in a process of its own, on what a contender has: tells its address, and the CPU it has used when asked;
 * ends with the process that started it. Argument: JSON ({ contender, redisUrl, dataDir }).
 *
 * It is put together as boot.js does, without what no measured request needs: the second thread and the jobs.
 */
const http = require('node:http');
const path = require('node:path');
const { APP_DIR, CONTENDERS } = require('./contenders.js');
const { accounts } = require('./members.js');

/** @param {string} name A module of the example app. */
const part = (name) => require(path.join(APP_DIR, name));
const { createApp } = part('app.js');
const { readConfig } = part('config.js');
const { createContent } = part('content.js');
const { createRenderer } = part('markdown.js');
const { Pictures } = part('pictures.js');
const { Posts } = part('posts.js');
const { Receivers } = part('receivers.js');
const { openState } = part('state.js');
const { Users } = part('users.js');

/** Accounts without their slow hash, which is no part of any measured request: a thousand logins would take a minute. */
class Members extends Users {
  async authenticate(email) {
    return this.byEmail.get(email);
  }
}

async function start({ contender, redisUrl, dataDir }) {
  const config = readConfig({ DATA_DIR: dataDir });
  const state = openState(config.storeUrl);
  const posts = await Posts.open(dataDir);
  const renderer = createRenderer();
  const app = createApp({
    ...(await CONTENDERS[contender]({ redisUrl })),
    config,
    content: createContent({ cache: state.content, posts, renderer }),
    pictures: await Pictures.open(dataDir, state.pictures),
    posts,
    receivers: await Receivers.open(dataDir),
    renderer,
    state,
    users: new Members(path.join(dataDir, 'users.json'), accounts()),
  });
  const server = http.createServer(app).listen(0, config.host, () => {
    process.send?.({ url: `http://${config.host}:${server.address().port}` });
  });
}

process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuUs: user + system });
});
process.on('disconnect', () => process.exit());

start(JSON.parse(process.argv[2]));
