'use strict';
// A thread of poison.js.
const { parentPort, workerData } = require('node:worker_threads');
const { open } = require('redstart');

const kill = {
  exits: () => process.exit(0),
  crashes: () => {
    setImmediate(() => {
      throw new Error('nobody catches this');
    });
    return new Promise(() => {});
  },
  'is terminated': () => {
    parentPort.postMessage('terminate me');
    for (;;);
  },
};

open('memory:app')
  .queue('mail')
  .process(({ name }) => (name === 'poison' ? kill[workerData.kind]() : 'well'), {
    maxStalledCount: workerData.maxStalled,
    leaseDuration: '10m',
  });
