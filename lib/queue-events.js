'use strict';
const { EventEmitter } = require('node:events');
const { emit } = require('./emit.js');
const { invalidArg, show } = require('./errors.js');
const { listen, unlisten, ready } = require('./lane.js');
const { turnOfTheLoop } = require('./worker-turn.js');

const EVENTS = [
  'added',
  'waiting',
  'delayed',
  'active',
  'progress',
  'completed',
  'retrying',
  'failed',
  'stalled',
  'removed',
  'deduplicated',
  'paused',
  'resumed',
  'drained',
  'lagged',
];

/** Node's own `events.once(queue, 'completed')` listens to it as well. A queue has nothing to tell there, and keeps nobody. */
const NEVER_TOLD = 'error';

/** More than it takes to deliver as many events as may wait for a thread. */
const TURNS_MAX = 200;

/** Events as the addon sends them. */
/** @typedef {{ event: string, payload: object }} Told */

/** Who listens to a queue through this handle. The addon sends events only while somebody does. */
class QueueListeners {
  /** @type {import('../native.js').QueueFunctions} */
  #native;
  #events = new EventEmitter();
  /** @type {{ subscription: number, line: number } | undefined} */
  #subscribed;
  #heard = 0;
  /** @type {(above: Function) => void} */
  #refuseIfClosing;

  /** @param {import('../native.js').QueueFunctions} native @param {(above: Function) => void} refuseIfClosing */
  constructor(native, refuseIfClosing) {
    this.#native = native;
    // As many parts of an app as will: each has its own, and none is a leak.
    this.#events.setMaxListeners(0);
    this.#refuseIfClosing = refuseIfClosing;
  }

  /** @param {string} event @param {(payload: any) => void} listener @param {boolean} once @param {Function} above */
  add(event, listener, once, above) {
    checkListener(event, listener, above);
    if (event === NEVER_TOLD) return;
    this.#subscribe(above);
    if (once) this.#events.once(event, listener);
    else this.#events.on(event, listener);
  }

  /** @param {string} event @param {(payload: any) => void} listener @param {Function} above */
  remove(event, listener, above) {
    checkListener(event, listener, above);
    this.#events.off(event, listener);
    this.#unsubscribeIfUnheard();
  }

  /** For the end: what has happened is told, and then nothing more. */
  async end() {
    try {
      await this.#hearWhatIsOnItsWay();
    } finally {
      this.#events.removeAllListeners();
      this.#unsubscribeIfUnheard();
    }
  }

  /** What wakes this thread may take two turns of the loop, and what waits for it comes in parts, one a turn. */
  async #hearWhatIsOnItsWay() {
    let before = -1;
    for (let turns = 0; this.#subscribed !== undefined && this.#heard !== before && turns < TURNS_MAX; turns += 2) {
      before = this.#heard;
      await turnOfTheLoop();
      await turnOfTheLoop();
    }
  }

  /** @param {Function} above */
  #subscribe(above) {
    if (this.#subscribed !== undefined) return;
    this.#refuseIfClosing(above);
    const { started: subscription, number: line } = listen(false, () => ready(this.#native.subscribe(), above), {
      event: (json) => this.#tell(JSON.parse(json)),
    });
    this.#subscribed = { subscription, line };
  }

  /** @param {Told} told */
  #tell({ event, payload }) {
    this.#heard += 1;
    emit(this.#events, event, payload);
    this.#unsubscribeIfUnheard();
  }

  #unsubscribeIfUnheard() {
    if (this.#subscribed === undefined || this.#events.eventNames().length > 0) return;
    const { subscription, line } = this.#subscribed;
    this.#subscribed = undefined;
    this.#native.unsubscribe(subscription, line);
    unlisten(line, false);
  }
}

/** @param {unknown} event @param {unknown} listener @param {Function} above */
function checkListener(event, listener, above) {
  if (event !== NEVER_TOLD && !EVENTS.includes(/** @type {string} */ (event))) {
    throw invalidArg(`a queue has no event ${show(event)}; it has ${EVENTS.join(', ')}`, above);
  }
  if (typeof listener !== 'function') throw invalidArg(`a listener is a function; got ${show(listener)}`, above);
}

module.exports = { QueueListeners };
