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
 * Objects that JSON carries are handed out as copies of one that is kept (copies.js), or, where a cache says so, as that one,
 * frozen.
 *
 * Bounded by entries and by bytes as encoded. Who goes is found as by the CLOCK algorithm (Corbato, 1968): a hand goes round
 * and takes whoever was not used since it last came by.
 */
const { Copied } = require('./copies.js');
const { counts, scratch, board, ready } = require('./lane.js');

const GENERATIONS = 65_536;
const EPOCHS = 1_024;
const CLOCKS = 256;
const HITS = 4_096;
const EPOCHS_AT = GENERATIONS * Uint32Array.BYTES_PER_ELEMENT;
const CLOCKS_AT = EPOCHS_AT + EPOCHS * Uint32Array.BYTES_PER_ELEMENT;
const HITS_AT = CLOCKS_AT + CLOCKS * Float64Array.BYTES_PER_ELEMENT;
const USED_AT = HITS_AT + HITS * Float64Array.BYTES_PER_ELEMENT;
/** Hashes that a near cache writes down before it tells of them; their number stands before them. */
const USES = 63;

/**
 * Eviction must spare what is read here. A cache counts uses up to three, so it is told of the first three hits of each
 * value that is kept, and then of one in so many, as it takes uses off again while the value lives on. Of the first at once;
 * the others are written down on the board, and the addon reads them before the next write through this handle, or when the
 * list is full.
 */
const TOLD_AT_FIRST = 3;
const TOLD_ONE_IN = 4;
/** Keys turned away that are remembered, as far as no other took their place. */
const TURNED_AWAY = 4_096;
/** What a number, boolean or null counts as. */
const PRIMITIVE_BYTES = 8;

/** @typedef {{ key: string, at: number, value: any, copied: InstanceType<typeof Copied> | undefined, low: number, high: number,
 *   slot: number, generation: number, expiry: number, size: number, used: boolean, untilTold: number, told: number }} Kept */

class Near {
  /** @type {Map<string, Kept>} */
  #kept = new Map();
  /** The same, for the hand. @type {Kept[]} */
  #ring = [];
  #hand = 0;
  /** Half a hash each, in the place that the other half says; from when it is full. @type {Int32Array | undefined} */
  #turnedAway;
  #size = 0;
  #max;
  #maxSize;
  #native;
  #index;
  #epochAt;
  #clockAt;
  #epoch;
  /** Signed, as what is compared with them is kept as a small integer of V8's. @type {Int32Array} */
  #generations;
  /** @type {Int32Array} */
  #epochs;
  /** @type {Float64Array} */
  #clocks;
  /** @type {Float64Array} */
  #hits;
  /** How many are written down. @type {Float64Array} */
  #usedCount;
  /** Them, in two halves each. @type {Int32Array} */
  #used;

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
    this.#generations = new Int32Array(shared, 0, GENERATIONS);
    this.#epochs = new Int32Array(shared, EPOCHS_AT, EPOCHS);
    this.#clocks = new Float64Array(shared, CLOCKS_AT, CLOCKS);
    this.#hits = new Float64Array(shared, HITS_AT, HITS);
    const usedAt = USED_AT + index * (1 + USES) * Float64Array.BYTES_PER_ELEMENT;
    this.#usedCount = new Float64Array(shared, usedAt, 1);
    this.#used = new Int32Array(shared, usedAt, 2 * (1 + USES));
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
      : new Near(native, limits, shared, { index: index | 0, epochAt: scratch[1] | 0, clockAt: scratch[2] | 0 });
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
    if (--kept.untilTold === 0) this.#tell(kept);
    return kept.copied === undefined ? kept.value : kept.copied.next();
  }

  /**
   * To be called before the read of the addon whose value is then kept: what happens in between makes that value stale.
   */
  beforeRead() {
    const epoch = this.#epochs[this.#epochAt];
    if (epoch === this.#epoch) return;
    this.#clear();
    this.#epoch = epoch;
  }

  /**
   * Keeps what the last read of the addon found; its place, generation and expiry are still in the scratch array. Where
   * something would have to go for it, only if it was read before: what is read once must not drive out what is read often.
   * @param {string} key
   * @param {any} value Ignored where copies are to be handed out.
   * @param {string | number | Uint8Array} payload
   * @param {boolean} copies Of the JSON text that the payload is.
   */
  keep(key, value, payload, copies) {
    const size = key.length * 2 + (typeof payload === 'string' ? payload.length * 2 : PRIMITIVE_BYTES);
    // Not doubles, as which they would be objects of their own.
    const [low, high] = [counts[16] | 0, counts[17] | 0];
    const old = this.#kept.get(key);
    if (old !== undefined) this.#drop(old);
    if (size > this.#maxSize) return;
    if (this.#isFullFor(size) && old === undefined && !this.#isSecondRead(low, high)) return;
    while (this.#isFullFor(size)) this.#makeRoom();
    const kept = {
      key,
      at: this.#ring.length,
      value: copies ? undefined : value,
      copied: copies ? new Copied(/** @type {string} */ (payload)) : undefined,
      low,
      high,
      slot: scratch[2] | 0,
      generation: scratch[3] | 0,
      // The clock stands at Infinity while it does not tick; no clock reaches NaN.
      expiry: scratch[4] === Infinity ? Number.NaN : scratch[4],
      size,
      used: false,
      untilTold: 1,
      told: 0,
    };
    this.#size += size;
    this.#ring.push(kept);
    this.#kept.set(key, kept);
  }

  close() {
    this.#clear();
    this.#native.closeNear(this.#index);
  }

  #clear() {
    this.#kept.clear();
    this.#ring.length = 0;
    this.#hand = 0;
    this.#size = 0;
  }

  /** @param {number} size */
  #isFullFor(size) {
    return this.#kept.size >= this.#max || this.#size + size > this.#maxSize;
  }

  /**
   * Whether the key with this hash was turned away lately; it is remembered if not.
   * @param {number} low
   * @param {number} high
   */
  #isSecondRead(low, high) {
    this.#turnedAway ??= new Int32Array(TURNED_AWAY);
    const at = low & (TURNED_AWAY - 1);
    const isSecond = this.#turnedAway[at] === high;
    this.#turnedAway[at] = isSecond ? 0 : high;
    return isSecond;
  }

  /** The hand goes round until it meets one that was not used since it last came by. */
  #makeRoom() {
    for (;;) {
      if (this.#hand >= this.#ring.length) this.#hand = 0;
      const kept = this.#ring[this.#hand];
      this.#hand += 1;
      if (!kept.used) return this.#drop(kept);
      kept.used = false;
    }
  }

  /** The last one takes its place. @param {Kept} kept */
  #drop(kept) {
    this.#size -= kept.size;
    this.#kept.delete(kept.key);
    const last = /** @type {Kept} */ (this.#ring.pop());
    if (last === kept) return;
    this.#ring[kept.at] = last;
    last.at = kept.at;
  }

  /** @param {Kept} kept */
  #tell(kept) {
    kept.told += 1;
    kept.untilTold = kept.told < TOLD_AT_FIRST ? 1 : TOLD_ONE_IN;
    const count = this.#usedCount[0] + 1;
    this.#used[2 * count] = kept.low;
    this.#used[2 * count + 1] = kept.high;
    this.#usedCount[0] = count;
    // The first at once: with the read that brought the value it makes two uses, which is what eviction spares, whichever
    // thread writes next.
    if (count === USES || kept.told === 1) this.#native.tellUsed();
  }
}

/**
 * What JSON.parse made, frozen to the last object. Not recursive: text may nest deeper than the stack is.
 * @param {any} value
 */
function freezeDeep(value) {
  if (typeof value !== 'object' || value === null) return value;
  const open = [Object.freeze(value)];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const inner of Object.values(next)) {
      if (typeof inner === 'object' && inner !== null) open.push(Object.freeze(inner));
    }
  }
  return value;
}

module.exports = { Near, freezeDeep };
