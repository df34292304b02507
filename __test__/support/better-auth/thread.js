'use strict';
// A thread with a storage of its own over the same sessions: begins with the others and tells what it got.
const { parentPort, workerData } = require('node:worker_threads');
const { open } = require('redstart');
const { secondaryStorage } = require('redstart/better-auth');
const { Barrier } = require('../barrier.js');

const { url, options, call, keys, times, args, barrier, count, waiting = count } = workerData;
const store = open(url);
const storage = secondaryStorage({ sessions: store.sessions('auth', options) });

async function run() {
  const got = [];
  new Barrier(barrier, waiting).wait();
  for (let n = 0; n < times; n++) {
    for (const key of keys) got.push(await storage[call](key, ...args));
  }
  parentPort.postMessage(got);
  await store.close();
}
run();
