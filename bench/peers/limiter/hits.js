/** Hits on the keys of a limiter, each answer looked at: all together must tell what was taken. */
const { uniform } = require('../draws.js');
const { keyOf } = require('./contenders.js');

const SLICE = 512;

class Hits {
  #contender;
  #counts;
  #keyFor;
  #told = 0;
  #expected = 0;

  /**
   * @param {import('./contenders.js').Contender} contender
   * @param {{ keys: number, fresh: boolean }} options `fresh`: a string made for each hit, not one that V8 has hashed before.
   */
  constructor(contender, { keys, fresh }) {
    this.#contender = contender;
    // Written to, so that it is resident before anybody looks.
    this.#counts = new Uint32Array(keys).fill(0);
    const stable = Array.from({ length: fresh ? 0 : keys }, (_, number) => keyOf(number));
    this.#keyFor = fresh ? keyOf : (/** @type {number} */ number) => stable[number];
  }

  /** The key of this number, for a hit that is to come. @param {number} number */
  next(number) {
    this.#counts[number] += 1;
    this.#expected += this.#contender.told(this.#counts[number]);
    return this.#keyFor(number);
  }

  /** Hits these keys once each, all at once: one after the other would take Redis long. @param {number} from @param {number} to */
  async fill(from, to) {
    const { consume, tells } = this.#contender;
    for (let first = from; first < to; first += SLICE) {
      const length = Math.min(SLICE, to - first);
      const answers = Array.from({ length }, (_, index) => consume(this.next(first + index)));
      for (const answer of await Promise.all(answers)) this.#told += tells(answer);
    }
  }

  /** Hits in random order over all keys, for nsOfCall: makes the keys of a slice, and uses them one after the other. */
  inRandomOrder() {
    const { consume, awaited, tells } = this.#contender;
    const drawn = uniform(this.#counts.length);
    let at = 0;
    const make = () => Array.from({ length: SLICE }, () => this.next(drawn[at++ & (drawn.length - 1)]));
    const useSync = (/** @type {string[]} */ slice) => {
      let told = 0;
      for (const key of slice) told += tells(consume(key));
      this.#told += told;
    };
    const useAwaited = async (/** @type {string[]} */ slice) => {
      let told = 0;
      for (const key of slice) told += tells(await consume(key));
      this.#told += told;
    };
    return { make, use: awaited ? useAwaited : useSync };
  }

  /** Who forgot a key or a hit has told too little. */
  check() {
    if (this.#told !== this.#expected) throw new Error(`the answers tell ${this.#told}, not ${this.#expected}`);
  }
}

module.exports = { Hits };
