'use strict';
// Waits when it is told to, and tells when it was served. With `block` it then hears nothing any more, events included.
const { parentPort, workerData } = require('node:worker_threads');
const { open } = require('redstart');

const limiter = open(workerData.url).limiter('l');

parentPort.on('message', ({ wait, block, end }) => {
  if (end) {
    parentPort.close();
    return;
  }
  limiter.wait('k').then(({ allowed }) => parentPort.postMessage({ served: wait, allowed }));
  parentPort.postMessage({ called: wait });
  if (block) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});
