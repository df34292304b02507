/**
 * Workloads that are made rather than recorded: the same keys in every run, from a fixed seed, so that a figure can be
 * compared with one of another day.
 */

const SEED = 20_231_023;

/** Draws of a workload: so many that the misses which fill the empty cache weigh next to nothing (counted they are). */
const DRAWS = 1_000_000;

/** mulberry32: 32 bits of state, good enough to draw keys. Numbers from 0 to 1. @param {number} seed */
function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Draws ranks: rank r with a probability in proportion to 1 / (r + 1). @param {number} keys */
function zipfRanks(keys) {
  const upTo = new Float64Array(keys);
  let total = 0;
  for (let rank = 0; rank < keys; rank++) {
    total += 1 / (rank + 1);
    upTo[rank] = total;
  }
  const random = randomFrom(SEED);
  return () => {
    const drawn = random() * total;
    let low = 0;
    let high = keys - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (upTo[middle] > drawn) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}

/** Zipf with exponent 1 over `keys` keys. @param {number} keys */
function zipf(keys) {
  return Array.from({ length: DRAWS }, zipfRanks(keys));
}

/** As zipf, and every third reference is the next key of a scan that never returns. @param {number} keys */
function zipfAndScan(keys) {
  const next = zipfRanks(keys);
  return Array.from({ length: DRAWS }, (_, index) => (index % 3 === 2 ? keys + index : next()));
}

/** 0, 1, … keys - 1, and again. @param {number} keys */
function loop(keys) {
  return Array.from({ length: DRAWS / 5 }, (_, index) => index % keys);
}

/** Uniform over a window of `keys` keys, which moves on by one key after as many draws. @param {number} keys */
function slidingWindow(keys) {
  const random = randomFrom(SEED);
  return Array.from({ length: DRAWS }, (_, index) => Math.floor(index / keys) + Math.floor(random() * keys));
}

module.exports = { SEED, DRAWS, randomFrom, zipf, zipfAndScan, loop, slidingWindow };
