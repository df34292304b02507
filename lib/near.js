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
const { scratch, board, ready } = require('./lane.js');

const GENERATIONS = 65_536;
const EPOCHS = 1_024;
const CLOCKS = 256;
const HITS = 4_096;
const EPOCHS_AT = GENERATIONS * Uint32Array.BYTES_PER_ELEMENT;
const CLOCKS_AT = EPOCHS_AT + EPOCHS * Uint32Array.BYTES_PER_ELEMENT;
const HITS_AT = CLOCKS_AT + CLOCKS * Float64Array.BYTES_PER_ELEMENT;
const USED_AT = HITS_AT + HITS * Float64Array.BYTES_PER_ELEMENT;
/** Places that a near cache writes down before it tells of them; their number stands before them. */
const USES = 63;

/**
 * Eviction must spare what is read here. A cache counts uses up to three, so it is told of the first three hits of each
 * value that is kept, and then of one in so many, as it takes uses off again while the value lives on. They are written down
 * on the board, and the addon reads them before a write of this thread evicts anything, or when the list is full.
 */
const TOLD_AT_FIRST = 3;
const TOLD_ONE_IN = 4;
/** Keys turned away that are remembered: an eighth of the bits, so that few keys are taken for others. */
const TURNED_AWAY_MAX = GENERATIONS / 8;
/** What a number, boolean or null counts as. */
const PRIMITIVE_BYTES = 8;

/** @typedef {{ key: string, at: number, value: any, copied: InstanceType<typeof Copied> | undefined, place: number, slot: number, generation: number, expiry: number, size: number, used: boolean,
 *   untilTold: number, told: number }} Kept */

class Near {
  /** @type {Map<string, Kept>} */
  #kept = new Map();
  /** The same, for the hand; undefined where one has gone. @type {(Kept | undefined)[]} */
  #ring = [];
  /** Where that is. @type {number[]} */
  #free = [];
  #hand = 0;
  /** A bit a generation. */
  #turnedAway = new Uint8Array(GENERATIONS / 8);
  #turnedAwayCount = 0;
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
  /** @type {Float64Array} */
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
    this.#used = new Float64Array(shared, USED_AT + index * (1 + USES) * Float64Array.BYTES_PER_ELEMENT, 1 + USES);
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
    const size = typeof payload === 'string' ? payload.length * 2 : PRIMITIVE_BYTES;
    const old = this.#kept.get(key);
    if (old !== undefined) this.#drop(old);
    if (size > this.#maxSize) return;
    if (this.#isFullFor(size) && old === undefined && !this.#isSecondRead(scratch[2])) return;
    while (this.#isFullFor(size)) this.#makeRoom();
    const at = this.#free.pop() ?? this.#ring.length;
    const kept = {
      key,
      at,
      value: copies ? undefined : value,
      copied: copies ? new Copied(/** @type {string} */ (payload)) : undefined,
      place: scratch[8],
      // Not doubles, as which they would be objects of their own.
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
    this.#ring[at] = kept;
    this.#kept.set(key, kept);
  }

  close() {
    this.#clear();
    this.#native.closeNear(this.#index);
  }

  #clear() {
    this.#kept.clear();
    this.#ring.length = 0;
    this.#free.length = 0;
    this.#hand = 0;
    this.#size = 0;
  }

  /** @param {number} size */
  #isFullFor(size) {
    return this.#kept.size >= this.#max || this.#size + size > this.#maxSize;
  }

  /**
   * Whether a key of this slot was turned away lately.
   * @param {number} slot
   */
  #isSecondRead(slot) {
    const [at, bit] = [slot >> 3, 1 << (slot & 7)];
    if ((this.#turnedAway[at] & bit) !== 0) return true;
    this.#turnedAwayCount += 1;
    if (this.#turnedAwayCount > TURNED_AWAY_MAX) {
      this.#turnedAway.fill(0);
      this.#turnedAwayCount = 1;
    }
    this.#turnedAway[at] |= bit;
    return false;
  }

  /** The hand goes round until it meets one that was not used since it last came by. */
  #makeRoom() {
    for (;;) {
      if (this.#hand >= this.#ring.length) this.#hand = 0;
      const kept = this.#ring[this.#hand];
      this.#hand += 1;
      if (kept === undefined) continue;
      if (!kept.used) return this.#drop(kept);
      kept.used = false;
    }
  }

  /** @param {Kept} kept */
  #drop(kept) {
    this.#size -= kept.size;
    this.#ring[kept.at] = undefined;
    this.#free.push(kept.at);
    this.#kept.delete(kept.key);
  }

  /** @param {Kept} kept */
  #tell(kept) {
    const used = this.#used;
    const count = used[0] + 1;
    used[count] = kept.place;
    used[0] = count;
    if (count === USES) this.#native.tellUsed();
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
