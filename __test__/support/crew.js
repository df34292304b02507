'use strict';
const { Worker } = require('node:worker_threads');

/**
 * Starts `count` threads of `file` and resolves, when all of them have ended by themselves, with the last message of
 * each. A thread that fails rejects; the process then ends and takes with it those that still wait at a barrier.
 * @param {string} file
 * @param {number} count
 * @param {object} workerData Each thread gets `number` and `count` besides.
 * @param {(message: any, worker: Worker) => void} [onMessage]
 */
function crew(file, count, workerData, onMessage = () => {}) {
  const threads = Array.from({ length: count }, (_, number) => {
    return new Promise((resolve, reject) => {
      const worker = new Worker(file, { workerData: { ...workerData, number, count } });
      let last;
      worker.on('message', (message) => {
        last = message;
        onMessage(message, worker);
      });
      worker.on('error', reject);
      worker.on('exit', (code) => {
        if (code === 0) resolve(last);
        else reject(new Error(`thread ${number} of ${file} ended with code ${code}`));
      });
    });
  });
  return Promise.all(threads);
}

module.exports = { crew };
