'use strict';
// A thread that begins sessions of a user until it is told to stop, and says how many. [whether to stop, how many by now]
const { parentPort, workerData } = require('node:worker_threads');
const { open } = require('redstart');

const { url, user, stop } = workerData;

async function run() {
  const store = open(url);
  const sessions = store.sessions('web', { ttl: '1h', userId: (data) => data.user, maxSessionSize: '2mb' });
  let begun = 0;
  while (Atomics.load(stop, 0) === 0) {
    await sessions.create({ user, n: begun });
    begun += 1;
    Atomics.store(stop, 1, begun);
    Atomics.notify(stop, 1);
  }
  parentPort.postMessage(begun);
  await store.close();
}
run();
