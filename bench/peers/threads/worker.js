/** One thread: waits at the gate, then reads and writes until its time is over, and tells how many calls a second it made. */
const { performance } = require('node:perf_hooks');
const { parentPort, workerData } = require('node:worker_threads');
const { stableKeys, uniform, VALUES } = require('../draws.js');
const { CACHES } = require('./caches.js');

/** One call in so many is a set. */
const SET_EVERY = 10;
/** Calls between two looks at the clock. */
const BATCH = 2_000;
const WARM_UP_MS = 150;
const VALUES_TO_SET = 1_024;

async function main() {
  const { contender, keys, ms, gate, seed } = workerData;
  const { get, set } = await CACHES[contender]();
  const names = stableKeys(keys);
  for (let number = 0; number < keys; number++) set(names[number], VALUES.string100(number));
  const values = Array.from({ length: VALUES_TO_SET }, (_, number) => VALUES.string100(number));
  const order = uniform(keys, undefined, seed);
  const mask = order.length - 1;
  let at = 0;

  const batch = () => {
    let characters = 0;
    for (const end = at + BATCH; at < end; at++) {
      const key = names[order[at & mask]];
      if (at % SET_EVERY === 0) set(key, values[at & (VALUES_TO_SET - 1)]);
      else characters += get(key).length;
    }
    return characters;
  };
  const during = (/** @type {number} */ time) => {
    const from = at;
    const start = performance.now();
    let now = start;
    let characters = 0;
    for (; now - start < time; now = performance.now()) characters += batch();
    return { calls: at - from, seconds: (now - start) / 1_000, characters };
  };

  during(WARM_UP_MS);
  parentPort?.postMessage('ready');
  Atomics.wait(gate, 0, 0);
  const { calls, seconds, characters } = during(ms);
  const reads = calls - calls / SET_EVERY;
  if (characters !== reads * VALUES.string100(0).length) throw new Error('not every read was a hit');
  parentPort?.postMessage(calls / seconds);
}

main();
