'use strict';
const { EventEmitter } = require('node:events');
const { emit } = require('./emit.js');
const { invalidArg, show } = require('./errors.js');
const { listen, unlisten, ready } = require('./lane.js');

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

/** Events as the addon sends them. */
/** @typedef {{ event: string, payload: object }} Told */

/** Who listens to a queue through this handle. The addon sends events only while somebody does. */
class QueueListeners {
  /** @type {import('../native.js').QueueFunctions} */
  #native;
  #events = new EventEmitter();
  /** @type {{ subscription: number, line: number } | undefined} */
  #subscribed;
  /** @type {(above: Function) => void} */
  #refuseIfClosing;

  /** @param {import('../native.js').QueueFunctions} native @param {(above: Function) => void} refuseIfClosing */
  constructor(native, refuseIfClosing) {
    this.#native = native;
    this.#refuseIfClosing = refuseIfClosing;
  }

  /** @param {string} event @param {(payload: any) => void} listener @param {boolean} once @param {Function} above */
  add(event, listener, once, above) {
    if (!EVENTS.includes(event)) {
      throw invalidArg(`a queue has no event ${show(event)}; it has ${EVENTS.join(', ')}`, above);
    }
    if (typeof listener !== 'function') throw invalidArg(`a listener is a function; got ${show(listener)}`, above);
    this.#subscribe(above);
    if (once) this.#events.once(event, listener);
    else this.#events.on(event, listener);
  }

  /** @param {string} event @param {(payload: any) => void} listener */
  remove(event, listener) {
    this.#events.off(event, listener);
    this.#unsubscribeIfUnheard();
  }

  removeAll() {
    this.#events.removeAllListeners();
    this.#unsubscribeIfUnheard();
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

module.exports = { QueueListeners };
