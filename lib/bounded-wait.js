'use strict';
const { performance } = require('node:perf_hooks');
const timers = require('node:timers');

// Taken before Jest's fake timers replace them: what is bounded so is bounded in real time.
const { setTimeout, clearTimeout } = timers;
const now = performance.now.bind(performance);

const TIMER_MS_MAX = 2 ** 31 - 1;

/** Waits for something at most so long; who has less patience comes later and shortens it, and nobody lengthens it. */
class BoundedWait {
  #endsAt = Infinity;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  /** @type {() => void} */
  #resolve = () => {};
  #isOver = false;
  /** @type {Promise<void>} */
  #over;

  constructor() {
    this.#over = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** It came, or the time is up. */
  get isOver() {
    return this.#isOver;
  }

  get over() {
    return this.#over;
  }

  /** @param {number} ms From now. */
  atMost(ms) {
    const endsAt = now() + ms;
    if (this.#isOver || endsAt >= this.#endsAt) return;
    clearTimeout(this.#timer);
    this.#endsAt = endsAt;
    if (ms === 0) this.end();
    else this.#timer = setTimeout(() => this.end(), Math.min(ms, TIMER_MS_MAX));
  }

  end() {
    clearTimeout(this.#timer);
    this.#isOver = true;
    this.#resolve();
  }
}

module.exports = { BoundedWait };
