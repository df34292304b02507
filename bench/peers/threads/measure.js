/** So many threads, let go at one moment: the calls a second of all together. The thread that starts them sleeps meanwhile. */
const { once } = require('node:events');
const path = require('node:path');
const { Worker } = require('node:worker_threads');

/** @type {Record<string, number>} */
const THREADS = { 'one thread': 1, 'two threads': 2, 'one in each of two threads': 2 };

/** @param {string} name The cache, and after the last comma the threads. @param {{ keys: number, ms: number }} options */
async function measure(name, { keys, ms }) {
  const comma = name.lastIndexOf(', ');
  const contender = name.slice(0, comma);
  const gate = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const workers = Array.from({ length: THREADS[name.slice(comma + 2)] }, (_, number) => {
    const workerData = { contender, keys, ms, gate, seed: 1 + number };
    return new Worker(path.join(__dirname, 'worker.js'), { workerData });
  });
  // 'ready' of each; an error of one is thrown here.
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const rates = workers.map((worker) => once(worker, 'message'));
  Atomics.store(gate, 0, 1);
  Atomics.notify(gate, 0);
  let operations = 0;
  for (const [rate] of await Promise.all(rates)) operations += rate;
  return { operations };
}

module.exports = { measure };
