'use strict';
const { EventEmitter } = require('node:events');
const { invalidArg, show } = require('./errors.js');
const { nearest } = require('./options.js');

/** What workers tell, but 'error'. */
const EVENTS = ['active', 'completed', 'failed', 'retrying', 'lease-lost', 'drained'];
/** Those of every EventEmitter are for what observes it. */
const KNOWN = [...EVENTS, 'error', 'newListener', 'removeListener'];

/**
 * What both kinds of workers are: an EventEmitter that refuses listeners of events it will never emit, and knows when its
 * listeners change. Not by 'newListener', whose listeners removeAllListeners() removes as well.
 */
class WorkerEmitter extends EventEmitter {
  /** @type {() => void} */
  #onChange;

  /** @param {() => void} [onChange] Some listener came or went. */
  constructor(onChange = () => {}) {
    super();
    this.#onChange = onChange;
  }

  /** @override @param {string | symbol} event @param {(...args: any[]) => void} listener */
  on(event, listener) {
    refuseUnknown(event, this.on);
    super.on(event, listener);
    this.#onChange();
    return this;
  }

  /** @override @param {string | symbol} event @param {(...args: any[]) => void} listener */
  addListener(event, listener) {
    return this.on(event, listener);
  }

  /** @override @param {string | symbol} event @param {(...args: any[]) => void} listener */
  prependListener(event, listener) {
    refuseUnknown(event, this.prependListener);
    super.prependListener(event, listener);
    this.#onChange();
    return this;
  }

  /** @override @param {string | symbol} event @param {(...args: any[]) => void} listener */
  off(event, listener) {
    super.off(event, listener);
    this.#onChange();
    return this;
  }

  /**
   * What once() calls for a listener that was called.
   * @override
   * @param {string | symbol} event
   * @param {(...args: any[]) => void} listener
   */
  removeListener(event, listener) {
    return this.off(event, listener);
  }

  /** @override @param {string | symbol} [event] */
  removeAllListeners(event) {
    if (event === undefined) super.removeAllListeners();
    else super.removeAllListeners(event);
    this.#onChange();
    return this;
  }
}

/** @param {unknown} event @param {Function} above */
function refuseUnknown(event, above) {
  if (typeof event === 'symbol' || KNOWN.includes(/** @type {any} */ (event))) return;
  const near = typeof event === 'string' ? nearest(event, KNOWN) : undefined;
  const remedy = near === undefined ? `it has ${[...EVENTS, 'error'].join(', ')}` : `did you mean '${near}'?`;
  throw invalidArg(`a worker has no event ${show(event)}; ${remedy}`, above);
}

module.exports = { EVENTS, WorkerEmitter };
