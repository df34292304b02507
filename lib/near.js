'use strict';
/**
 * Decoded values kept at hand in this thread, so that a read that finds one here never enters the addon.
 *
 * Coherence comes from the board, memory that every thread sees and the addon alone writes. Each entry of a cache belongs
 * to one of 65,536 generations by its key's hash; a write, deletion, expiry or eviction raises that generation before it
 * returns, so a value kept here is good while the generation is the one it was read under. clear() raises the cache's epoch
 * instead. TTLs are judged by the clock word that the addon's own
 * reads go by. A generation shared by two keys costs a needless read of the addon, never a wrong value.
 *
 * The board is read plainly, not with Atomics.load, with which a hit takes 38 ns instead of 24. Whoever could know that a
 * write has returned has synchronised with the writer before the read begins, the addon raises the word before it returns,
 * and V8 loads elements of a typed array anew each time. __test__/cache-near.test.js would show it if it did not.
 *
 * Bounded by entries and by bytes as encoded. Who goes is found as a clock does: the oldest, unless it was used since it
 * was last looked at.
 */
const { scratch, board, ready } = require('./lane.js');

const GENERATIONS = 65_536;
const EPOCHS = 1_024;
const CLOCKS = 256;
const HITS = 4_096;
const EPOCHS_AT = GENERATIONS * Uint32Array.BYTES_PER_ELEMENT;
const CLOCKS_AT = EPOCHS_AT + EPOCHS * Uint32Array.BYTES_PER_ELEMENT;
const HITS_AT = CLOCKS_AT + CLOCKS * Float64Array.BYTES_PER_ELEMENT;

/**
 * Eviction must spare what is read here. A cache counts uses up to three, so it is told of the first three hits of each
 * value that is kept, and then of one in so many, as it takes uses off again while the value lives on.
 */
const TOLD_AT_FIRST = 3;
const TOLD_ONE_IN = 4;
/** What a number, boolean or null counts as. */
const PRIMITIVE_BYTES = 8;

/** @typedef {{ value: any, slot: number, generation: number, expiry: number, size: number, used: boolean,
 *   untilTold: number, told: number }} Kept */

class Near {
  /** @type {Map<string, Kept>} */
  #kept = new Map();
  #size = 0;
  #max;
  #maxSize;
  #native;
  #index;
  #epochAt;
  #clockAt;
  #epoch;
  /** @type {Uint32Array} */
  #generations;
  /** @type {Uint32Array} */
  #epochs;
  /** @type {Float64Array} */
  #clocks;
  /** @type {Float64Array} */
  #hits;

  /**
   * @param {import('../native.js').CacheFunctions} native
   * @param {{ max: number, maxSize: number }} limits
   * @param {ArrayBuffer} shared
   * @param {{ index: number, epochAt: number, clockAt: number }} places On the board.
   */
  constructor(native, { max, maxSize }, shared, { index, epochAt, clockAt }) {
    this.#native = native;
    this.#max = max;
    this.#maxSize = maxSize;
    this.#generations = new Uint32Array(shared, 0, GENERATIONS);
    this.#epochs = new Uint32Array(shared, EPOCHS_AT, EPOCHS);
    this.#clocks = new Float64Array(shared, CLOCKS_AT, CLOCKS);
    this.#hits = new Float64Array(shared, HITS_AT, HITS);
    this.#index = index;
    this.#epochAt = epochAt;
    this.#clockAt = clockAt;
    this.#epoch = this.#epochs[epochAt];
  }

  /**
   * undefined where the host shares no memory or all hit counters are taken.
   * @param {import('../native.js').CacheFunctions} native
   * @param {{ max: number, maxSize: number }} limits
   */
  static open(native, limits) {
    const shared = board();
    if (shared === undefined) return undefined;
    const index = ready(native.openNear());
    return index < 0
      ? undefined
      : new Near(native, limits, shared, { index, epochAt: scratch[1], clockAt: scratch[2] });
  }

  /**
   * The value, where it is here and still what the cache holds.
   * @param {string} key
   */
  get(key) {
    const kept = this.#kept.get(key);
    if (kept === undefined) return undefined;
    if (
      this.#generations[kept.slot] !== kept.generation ||
      this.#epochs[this.#epochAt] !== this.#epoch ||
      this.#clocks[this.#clockAt] >= kept.expiry
    ) {
      return undefined;
    }
    kept.used = true;
    this.#hits[this.#index] += 1;
    if (--kept.untilTold === 0) this.#tell(key, kept);
    return kept.value;
  }

  /**
   * To be called before the read of the addon whose value is then kept: what happens in between makes that value stale.
   */
  beforeRead() {
    const epoch = this.#epochs[this.#epochAt];
    if (epoch === this.#epoch) return;
    this.#kept.clear();
    this.#size = 0;
    this.#epoch = epoch;
  }

  /**
   * Keeps what the last read of the addon found; its place, generation and expiry are still in the scratch array.
   * @param {string} key
   * @param {any} value
   * @param {string | number | Uint8Array} payload
   */
  keep(key, value, payload) {
    const size = typeof payload === 'string' ? payload.length * 2 : PRIMITIVE_BYTES;
    const old = this.#kept.get(key);
    if (old !== undefined) this.#drop(key, old);
    if (size > this.#maxSize) return;
    while (this.#kept.size >= this.#max || this.#size + size > this.#maxSize) this.#makeRoom();
    this.#size += size;
    this.#kept.set(key, {
      value,
      slot: scratch[2],
      generation: scratch[3],
      // The clock stands at Infinity while it does not tick; no clock reaches NaN.
      expiry: scratch[4] === Infinity ? Number.NaN : scratch[4],
      size,
      used: false,
      untilTold: 1,
      told: 0,
    });
  }

  close() {
    this.#kept.clear();
    this.#native.closeNear(this.#index);
  }

  /** The oldest goes; one that was used stays once more, as the youngest. */
  #makeRoom() {
    for (const [key, kept] of this.#kept) {
      if (!kept.used) return this.#drop(key, kept);
      kept.used = false;
      this.#kept.delete(key);
      this.#kept.set(key, kept);
    }
  }

  /** @param {string} key @param {Kept} kept */
  #drop(key, kept) {
    this.#size -= kept.size;
    this.#kept.delete(key);
  }

  /** @param {string} key @param {Kept} kept */
  #tell(key, kept) {
    this.#native.used(key);
    kept.told += 1;
    kept.untilTold = kept.told < TOLD_AT_FIRST ? 1 : TOLD_ONE_IN;
  }
}

/**
 * What JSON.parse made, frozen to the last object. Not recursive: text may nest deeper than the stack is.
 * @param {any} value
 */
function freezeDeep(value) {
  const open = [Object.freeze(value)];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const inner of Object.values(next)) {
      if (typeof inner === 'object' && inner !== null) open.push(Object.freeze(inner));
    }
  }
  return value;
}

module.exports = { Near, freezeDeep };
