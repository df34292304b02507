/** The jobs of a measurement: what they carry, and that each of them has run, and once. */

/** Some 40 bytes of JSON. @param {number} n @returns {import('./in-process.js').Data} */
const dataOf = (n) => ({ to: 'someone@example.org', n });

/** @param {number} first @param {number} count */
const dataFrom = (first, count) => Array.from({ length: count }, (_, index) => dataOf(first + index));

class Tally {
  #seen;
  #ran = 0;
  #sum = 0;
  /** @type {() => void} */
  #end = () => {};
  /** The last handler has begun. @type {Promise<void>} */
  ended = new Promise((resolve) => {
    this.#end = resolve;
  });

  /** @param {number} count */
  constructor(count) {
    this.#seen = new Uint8Array(count);
  }

  /** What a handler calls. @param {import('./in-process.js').Data} data */
  note(data) {
    this.#seen[data.n] += 1;
    this.#sum += data.n;
    this.#ran += 1;
    if (this.#ran === this.#seen.length) this.#end();
  }

  /** Throws unless each job has run exactly once. */
  check() {
    const count = this.#seen.length;
    const once = this.#seen.every((times) => times === 1);
    if (!once || this.#ran !== count || this.#sum !== (count * (count - 1)) / 2) {
      throw new Error(`${this.#ran} runs of ${count} jobs, not each of them once`);
    }
  }
}

module.exports = { Tally, dataFrom, dataOf };
