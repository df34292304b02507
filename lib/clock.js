'use strict';
/** Time for tests. */
const { invalidArg, show } = require('./errors.js');
const { durationMs } = require('./duration.js');
const { native, lane, cold, reply } = require('./lane.js');
const { turnOfTheLoop } = require('./worker-turn.js');

/** What Date can hold. */
const EPOCH_MS_MAX = 8.64e15;

class ManualClock {
  /** @type {InstanceType<typeof native.NativeClock>} */
  #native;
  /** @type {ReturnType<InstanceType<typeof native.NativeClock>['functions']>} */
  #functions;

  /** @type {Promise<void>} The last advanceAsync, done or not. */
  #walking = Promise.resolve();

  /** @param {number} startMs */
  constructor(startMs) {
    this.#native = cold(() => new native.NativeClock(startMs), manualClock);
    this.#functions = cold(() => this.#native.functions(lane), manualClock);
  }

  get nowMs() {
    return this.#native.nowMs;
  }

  /** @param {import('../index.js').Duration} by */
  advance(by) {
    const target = this.#target(by);
    while (this.#native.stepTowards(target));
  }

  /** @param {import('../index.js').Duration} by */
  async advanceAsync(by) {
    durationMs(by, 'by');
    // One after the other: two that step at once would each jump over what the other waits for.
    const walk = this.#walking.then(() => this.#walk(this.#target(by)));
    this.#walking = walk.catch(() => {});
    return walk;
  }

  /** @param {number} target */
  async #walk(target) {
    // A worker that was just resumed asks for its jobs.
    await turnOfTheLoop();
    // What is due already runs now and not at the target.
    await reply(this.#functions.settled());
    while (this.#native.stepTowards(target)) await reply(this.#functions.settled());
    await reply(this.#functions.settled());
  }

  /** @param {import('../index.js').Duration} by */
  #target(by) {
    const target = this.nowMs + durationMs(by, 'by');
    if (target > EPOCH_MS_MAX) throw invalidArg('a clock cannot be advanced past the year 275760');
    return target;
  }

  /**
   * For open().
   * @param {ManualClock} clock
   */
  static nativeOf(clock) {
    return clock.#native;
  }
}

/** @param {number} [startMs] */
function manualClock(startMs = Date.now()) {
  if (typeof startMs !== 'number' || !(startMs >= 0 && startMs <= EPOCH_MS_MAX)) {
    throw invalidArg(
      `a clock starts at milliseconds since the epoch, 0 to ${EPOCH_MS_MAX}; got ${show(startMs)}`,
      manualClock,
    );
  }
  return new ManualClock(Math.floor(startMs));
}

module.exports = { ManualClock, manualClock };
