'use strict';
// One of the threads of coherence.js: the first changes the caches, the others read them.
const { parentPort, workerData } = require('node:worker_threads');
const { manualClock, open } = require('redstart');
const { Barrier } = require('../barrier.js');
const { KEYS, READERS, READS, SMALL_MAX, keyOf } = require('./coherence-plan.js');

const { number, count } = workerData;
const isWriter = number === 0;
const barrier = new Barrier(workerData.barrier, count);
/** For each key of the large cache, then of the small one: the last change of it that has returned. */
const floors = new Int32Array(workerData.floors);
const ended = new Int32Array(workerData.ended);

const clock = isWriter ? manualClock() : undefined;
let store = isWriter ? open('memory:coherence', { clock }) : undefined;
if (isWriter) makeCaches();
barrier.wait();
store ??= open('memory:coherence');
const large = store.cache('large');
const small = store.cache('small');

function makeCaches() {
  store.cache('large', { ttl: null });
  store.cache('small', { ttl: null, max: SMALL_MAX, eviction: 'lru' });
}

let change = 0;
const done = { set: 0, delete: 0, expire: 0, evict: 0, clear: 0, tag: 0, prefix: 0 };

/** Changes one key of the large cache. */
function changeOne(key) {
  change += 1;
  const way = change % 7;
  if (way === 0) {
    large.deleteSync(keyOf(key));
    done.delete += 1;
  } else if (way === 1) {
    large.setSync(keyOf(key), change, { ttl: 10 });
    clock.advance(10);
    change += 1;
    done.expire += 1;
  } else {
    large.setSync(keyOf(key), change, way === 2 ? { tags: ['tag'] } : undefined);
    done.set += 1;
  }
  Atomics.store(floors, key, change);
}

/** Changes many keys of the large cache at once, in one of three ways. */
async function changeMany(way) {
  change += 1;
  if (way === 0) {
    await large.clear();
    done.clear += 1;
  } else if (way === 1) {
    await large.deleteByPrefix('even:');
    done.prefix += 1;
  } else {
    for (let key = 0; key < KEYS; key += 3) large.setSync(keyOf(key), change, { tags: ['tag'] });
    await large.deleteByTag('tag');
    change += 1;
    done.tag += 1;
  }
  for (let key = 0; key < KEYS; key++) {
    const isMeant = way === 0 || (way === 1 ? key % 2 === 0 : key % 3 === 0);
    if (isMeant) Atomics.store(floors, key, change);
  }
}

/** Sets one key of the small cache; what is no longer there has been evicted. */
function putOut(key) {
  change += 1;
  small.setSync(keyOf(key), change);
  Atomics.store(floors, KEYS + key, change);
  for (let other = 0; other < KEYS; other++) {
    if (small.hasSync(keyOf(other))) continue;
    Atomics.store(floors, KEYS + other, change);
    done.evict += 1;
  }
}

async function write() {
  let turns = 0;
  while (Atomics.load(ended, 0) < READERS) {
    turns += 1;
    const key = (turns * 31) % KEYS;
    changeOne(key);
    if (turns % 16 === 0) putOut((turns / 16) % KEYS);
    if (turns % 256 === 0) await changeMany((turns / 256) % 3);
    // Readers should find things as they were, too, most of the time.
    for (let rest = 0; rest < 200; rest++) Atomics.load(ended, 0);
  }
  return { changes: change, done };
}

function read() {
  const seen = { reads: 0, found: 0, stale: 0, first: undefined };
  for (let turn = number; seen.reads < READS / READERS; turn++) {
    const key = turn % KEYS;
    const name = keyOf(key);
    for (let half = 0; half < 2; half++) {
      const cache = half === 0 ? large : small;
      const floor = Atomics.load(floors, half * KEYS + key);
      const value = cache.getSync(name);
      seen.reads += 1;
      if (value === undefined) continue;
      seen.found += 1;
      if (value < floor) {
        seen.stale += 1;
        seen.first ??= `${name} of ${cache.name} was ${value} after change ${floor}`;
      }
    }
  }
  Atomics.add(ended, 0, 1);
  return seen;
}

async function main() {
  barrier.wait();
  parentPort.postMessage(isWriter ? await write() : read());
}

main();
