'use strict';
// A thread of leftovers.js.
const { parentPort, workerData } = require('node:worker_threads');
const { open } = require('redstart');

async function main() {
  for (let n = 0; n < workerData.listeners; n++)
    open('memory:app')
      .queue('mail')
      .on('added', () => {});
  const job = await open('memory:app').queue('idle').getJob('never');
  for (let n = 0; n < workerData.waits; n++) job.result();
  parentPort.postMessage('ready');
  // Alive until it is terminated.
  parentPort.on('message', () => {});
}

main();
