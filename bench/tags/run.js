'use strict';
/**
 * npm run bench:tags: what deleteByTag costs as the cache around the tagged entries grows. Two caches of the same options
 * take turns, one of 1,000 entries and one of 1,000,000; each call takes one tag off ten entries, and ten new ones
 * come in under a new tag, so that both keep their size and no tag comes twice. The call is timed as an app makes it,
 * awaited. Then: how soon the bytes of what went are free again.
 */
const os = require('node:os');
const { open } = require('../../index.js');

const SMALL = 1_000;
const LARGE = 1_000_000;
const PER_TAG = 10;
const TAGS = 1_000;
const RATIO_MAX = 5;
/** Entries of the one large tag with which the return of bytes is timed too. */
const LARGE_TAG = 100_000;
const BYTES_WAIT_MS_MAX = 10_000;
const OPTIONS = { ttl: null, maxSize: '2gb' };
const VALUE = 'v'.repeat(100);

const store = open('memory:');

/** A cache of `size` entries, ten a tag. */
class Tagged {
  /** @param {number} size */
  constructor(size) {
    this.size = size;
    this.cache = store.cache(`of-${size}`, OPTIONS);
    /** @type {number[]} Tags that are in use. */
    this.tags = [];
    this.next = 0;
    while (this.tags.length * PER_TAG < size) this.add();
  }

  add() {
    const tag = this.next++;
    for (let entry = 0; entry < PER_TAG; entry++) {
      this.cache.setSync(`key:${tag}:${entry}`, VALUE, { tags: [`tag:${tag}`] });
    }
    this.tags.push(tag);
  }

  /** Takes off a tag from anywhere in the cache; nanoseconds that the call took. */
  async takeOff() {
    const [tag] = this.tags.splice(Math.floor((this.tags.length * this.next * 0.618_034) % this.tags.length), 1);
    const start = process.hrtime.bigint();
    await this.cache.deleteByTag(`tag:${tag}`);
    const ns = Number(process.hrtime.bigint() - start);
    for (let entry = 0; entry < PER_TAG; entry++) {
      if (this.cache.hasSync(`key:${tag}:${entry}`)) throw new Error(`tag:${tag} went and its entry ${entry} is there`);
    }
    return ns;
  }
}

/** Milliseconds from the call until the bytes of the tag's entries are free, and what the call took. */
async function bytesBack(cache, tag, bytesFreed) {
  const before = (await cache.stats()).bytes;
  const start = performance.now();
  await cache.deleteByTag(tag);
  const callMs = performance.now() - start;
  let after = (await cache.stats()).bytes;
  while (before - after < bytesFreed && performance.now() - start < BYTES_WAIT_MS_MAX) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    after = (await cache.stats()).bytes;
  }
  return { before, after, callMs, backMs: performance.now() - start };
}

/** Sets `count` entries under one tag and times their going. @param {number} count */
async function timeBytes(cache, count) {
  const empty = (await cache.stats()).bytes;
  for (let entry = 0; entry < count; entry++) cache.setSync(`bulk:${entry}`, VALUE, { tags: ['bulk'] });
  // The table may have grown for them and keeps that size: only keys and values are awaited.
  const held = (await cache.stats()).bytes - empty;
  const { before, after, callMs, backMs } = await bytesBack(cache, 'bulk', Math.min(held, count * VALUE.length));
  const back = before - after >= Math.min(held, count * VALUE.length);
  const took = back ? `back after ${backMs.toFixed(1)} ms` : `NOT back after ${backMs.toFixed(0)} ms`;
  const bytes = `bytes ${before.toLocaleString('en')} -> ${after.toLocaleString('en')}`;
  console.log(
    `${count.toLocaleString('en').padStart(7)} entries of a tag: call ${callMs.toFixed(2)} ms, ${bytes}, ${took}`,
  );
  return back;
}

/** @param {number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

async function main() {
  const small = new Tagged(SMALL);
  const large = new Tagged(LARGE);
  // Unmeasured turns first, so that V8 has seen the calls.
  for (let turn = 0; turn < 100; turn++) for (const tagged of [small, large]) await turnOf(tagged);
  /** @type {{ small: number[], large: number[] }} */
  const times = { small: [], large: [] };
  for (let turn = 0; turn < TAGS; turn++) {
    times.small.push(await turnOf(small));
    times.large.push(await turnOf(large));
  }
  console.log(
    `Node ${process.versions.node}, ${os.cpus()[0].model}; median of ${TAGS} tags of ${PER_TAG} entries each\n`,
  );
  const [ofSmall, ofLarge] = [median(times.small), median(times.large)];
  console.log(`deleteByTag among ${SMALL.toLocaleString('en').padStart(9)}: ${(ofSmall / 1000).toFixed(2)} µs`);
  console.log(`deleteByTag among ${LARGE.toLocaleString('en').padStart(9)}: ${(ofLarge / 1000).toFixed(2)} µs\n`);
  let back = true;
  for (const count of [PER_TAG, LARGE_TAG]) back = (await timeBytes(large.cache, count)) && back;
  const ratio = ofLarge / ofSmall;
  const holds = ratio <= RATIO_MAX;
  console.log(
    `\n${holds ? 'holds' : 'BROKEN'}: the large cache to the small: ${ratio.toFixed(2)}, at most ${RATIO_MAX}`,
  );
  console.log(`${back ? 'holds' : 'BROKEN'}: the bytes of what a tag took off come back`);
  await store.close();
  process.exitCode = holds && back ? 0 : 1;
}

/** One tag goes, another comes. @param {Tagged} tagged */
async function turnOf(tagged) {
  const ns = await tagged.takeOff();
  tagged.add();
  return ns;
}

main().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
