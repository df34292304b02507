'use strict';
// A thread that finishes whatever job it gets, as soon as it is let.
const { parentPort, workerData } = require('node:worker_threads');
const { open } = require('redstart');

const store = open('memory:app');
let gate = Promise.resolve();
let openGate = () => {};

const worker = store.queue('mail').process(
  async () => {
    await gate;
    return { by: workerData.number };
  },
  { leaseDuration: '10m', maxStalledCount: 1000 },
);

parentPort.on('message', async (message) => {
  if (message === 'shut') {
    gate = new Promise((resolve) => {
      openGate = resolve;
    });
  }
  if (message === 'open') openGate();
  if (message === 'close') {
    await worker.close();
    await store.close();
    parentPort.unref();
  }
  parentPort.postMessage(message);
});
parentPort.postMessage('ready');
