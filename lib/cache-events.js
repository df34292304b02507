'use strict';
/** What a cache tells its listeners: removals, from any thread, and what went wrong where no caller could be told. */
const { EventEmitter } = require('node:events');
const { emit } = require('./emit.js');
const { RedstartError, invalidArg, show } = require('./errors.js');
const { listen, unlisten, ready } = require('./lane.js');

const REMOVED = 'removed';
const ERROR = 'error';

class CacheEvents {
  #name;
  #native;
  #emitter = new EventEmitter();
  /** @type {{ subscription: number, line: number } | undefined} While somebody listens to removals. */
  #subscribed;

  /** @param {string} name @param {import('../native.js').CacheFunctions} native */
  constructor(name, native) {
    this.#name = name;
    this.#native = native;
  }

  /**
   * @param {'on' | 'once' | 'off'} method
   * @param {string} event
   * @param {unknown} listener
   * @param {Function} above
   */
  change(method, event, listener, above) {
    if (event !== REMOVED && event !== ERROR) {
      throw invalidArg(`a cache has no event ${show(event)}; it has ${REMOVED}, ${ERROR}`, above);
    }
    if (typeof listener !== 'function') throw invalidArg(`a listener is a function; got ${show(listener)}`, above);
    if (event === REMOVED && method !== 'off') this.#subscribe(above);
    this.#emitter[method](event, /** @type {(...args: any[]) => void} */ (listener));
    this.#unsubscribeIfUnheard();
  }

  /**
   * Tells of an error; where nobody listens the process is warned of it.
   * @param {unknown} thrown
   */
  fail(thrown) {
    const error = typeof (/** @type {any} */ (thrown)?.message) === 'string' ? thrown : asError(thrown);
    if (emit(this.#emitter, ERROR, error)) return;
    const { name, message, stack } = /** @type {Error} */ (error);
    process.emitWarning(`cache '${this.#name}': ${name ?? 'Error'}: ${message}; listen to its event 'error'`, {
      code: 'REDSTART_CACHE_ERROR',
      detail: stack,
    });
  }

  /** No more removals are told. */
  close() {
    this.#emitter.removeAllListeners(REMOVED);
    this.#unsubscribeIfUnheard();
  }

  /** @param {Function} above */
  #subscribe(above) {
    if (this.#subscribed !== undefined) return;
    const { started: subscription, number: line } = listen(false, () => ready(this.#native.subscribe(), above), {
      event: (json) => this.#tell(JSON.parse(json)),
    });
    this.#subscribed = { subscription, line };
  }

  /** @param {[string, string][] | { missed: number }} told */
  #tell(told) {
    if (Array.isArray(told)) {
      emit(
        this.#emitter,
        REMOVED,
        told.map(([key, reason]) => ({ key, reason })),
      );
    } else {
      this.fail(tooSlow(told.missed));
    }
    this.#unsubscribeIfUnheard();
  }

  #unsubscribeIfUnheard() {
    if (this.#subscribed === undefined || this.#emitter.listenerCount(REMOVED) > 0) return;
    const { subscription, line } = this.#subscribed;
    this.#subscribed = undefined;
    this.#native.unsubscribe(subscription, line);
    unlisten(line, false);
  }
}

/** @param {unknown} thrown */
function asError(thrown) {
  return new Error(`${show(thrown)} was thrown, which is no Error`, { cause: thrown });
}

/** @param {number} missed */
function tooSlow(missed) {
  return new RedstartError(
    `the listeners of 'removed' missed ${missed} removals: more were waiting than are kept for a busy thread; ` +
      'do less in them, or let the event loop turn more often',
    { code: 'ERR_TOO_LARGE' },
  );
}

module.exports = { CacheEvents };
