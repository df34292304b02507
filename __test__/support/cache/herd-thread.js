'use strict';
// One of the threads of herd.js: asks for every key many times over before any loader anywhere may return.
const { parentPort, workerData } = require('node:worker_threads');
const { open } = require('redstart');
const { Barrier } = require('../barrier.js');

const { number, count, keys, callers } = workerData;
const barrier = new Barrier(workerData.barrier, count);
const calls = new Int32Array(workerData.calls);
const cache = open('memory:herd').cache('pages', { ttl: '1h' });

async function main() {
  let release;
  const allHaveAsked = new Promise((resolve) => {
    release = resolve;
  });
  const asked = [];
  for (let key = 0; key < keys; key++) {
    const loader = async () => {
      Atomics.add(calls, key, 1);
      await allHaveAsked;
      return { key, by: number };
    };
    for (let caller = 0; caller < callers; caller++) asked.push(cache.getOrSet(`key-${key}`, loader));
  }
  barrier.wait();
  release();
  const values = await Promise.all(asked);
  const seen = new Set(values);
  const by = values.map((value, at) => (value.key === Math.floor(at / callers) ? value.by : -1));
  parentPort.postMessage({ own: seen.size, by: by.filter((_, at) => at % callers === 0), wrong: by.includes(-1) });
}

main();
