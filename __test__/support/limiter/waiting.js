'use strict';
const { once } = require('node:events');
const path = require('node:path');
const { Worker } = require('node:worker_threads');

/**
 * A thread that waits for units of the key 'k' of limiter 'l' when it is told to; `heard` is told of those served.
 * @param {string} url
 * @param {(message: { served: number, allowed: boolean }) => void} [heard]
 */
function waitingThread(url, heard = () => {}) {
  const worker = new Worker(path.join(__dirname, 'wait-thread.js'), { workerData: { url } });
  const called = new Map();
  worker.on('error', (error) => {
    throw error;
  });
  worker.on('message', (message) => {
    if (message.called === undefined) heard(message);
    else called.get(message.called)();
  });
  return {
    /** Resolves when the call stands in line. @param {number} number @param {{ block?: boolean }} [options] */
    wait(number, options) {
      return new Promise((resolve) => {
        called.set(number, resolve);
        worker.postMessage({ wait: number, ...options });
      });
    },
    terminate: () => worker.terminate(),
    async end() {
      const exit = once(worker, 'exit');
      worker.postMessage({ end: true });
      const [code] = await exit;
      return code;
    },
  };
}

module.exports = { waitingThread };
