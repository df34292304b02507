'use strict';
/** Nobody waits longer for the others than this. */
const WAIT_MS_MAX = 30_000;

/** Where `count` threads wait for each other, asleep: each blocks its thread, event loop included. */
class Barrier {
  static BYTES = 2 * Int32Array.BYTES_PER_ELEMENT;

  /** @param {SharedArrayBuffer} shared @param {number} count */
  constructor(shared, count) {
    this.count = count;
    /** How many have come, and how often all have. */
    this.cells = new Int32Array(shared);
  }

  wait() {
    const round = Atomics.load(this.cells, 1);
    if (Atomics.add(this.cells, 0, 1) === this.count - 1) {
      Atomics.store(this.cells, 0, 0);
      Atomics.add(this.cells, 1, 1);
      Atomics.notify(this.cells, 1);
      return;
    }
    while (Atomics.load(this.cells, 1) === round) {
      if (Atomics.wait(this.cells, 1, round, WAIT_MS_MAX) === 'timed-out') throw new Error('the others never came');
    }
  }
}

module.exports = { Barrier };
