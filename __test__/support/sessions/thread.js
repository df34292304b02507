'use strict';
// A thread with a handle of its own on the sessions: does what it is told and answers; `updates` begin together.
const { parentPort, workerData } = require('node:worker_threads');
const { open } = require('redstart');
const { Barrier } = require('../barrier.js');

const store = open(workerData.url);
const sessions = store.sessions('web', { ttl: '1h', userId: ({ user }) => user });
const barrier = new Barrier(workerData.barrier, workerData.count);

/** @type {Record<string, (...args: any[]) => Promise<unknown>>} */
const calls = {
  async updates(id, times) {
    barrier.wait();
    for (let n = 0; n < times; n++) {
      await sessions.update(id, (data) => ({ ...data, n: data.n + 1, [`of${workerData.number}`]: n + 1 }));
    }
  },
  async changes(id, times) {
    barrier.wait();
    for (let n = 1; n <= times; n++) {
      const { data, version } = await sessions.getEntry(id);
      await sessions.set(id, { ...data, [`key${workerData.number}`]: n }, { version });
    }
  },
  async lists(user) {
    return (await sessions.listUser(user)).map(({ data }) => data.device);
  },
  async ends() {
    await store.close();
    parentPort.close();
  },
};

parentPort.on('message', async ({ call, args }) => {
  const answer = await (calls[call] ?? sessions[call].bind(sessions))(...args);
  parentPort.postMessage(answer);
});
