'use strict';
/** What sessions tell their listeners: the ends of sessions and changes that met, from any thread. */
const { EventEmitter } = require('node:events');
const { emit } = require('./emit.js');
const { RedstartError, invalidArg, show } = require('./errors.js');
const { listen, unlisten, ready } = require('./lane.js');

const HAPPENINGS = ['expired', 'destroyed', 'evicted', 'conflict'];
const ERROR = 'error';

class SessionEvents {
  #sessions;
  #native;
  #emitter = new EventEmitter();
  /** @type {{ subscription: number, line: number } | undefined} While somebody listens to what happens. */
  #subscribed;

  /**
   * @param {{ name: string }} sessions Held as long as somebody listens.
   * @param {import('../native.js').SessionsFunctions} native
   */
  constructor(sessions, native) {
    this.#sessions = sessions;
    this.#native = native;
  }

  /**
   * @param {'on' | 'once' | 'off'} method
   * @param {string} event
   * @param {unknown} listener
   * @param {Function} above
   */
  change(method, event, listener, above) {
    if (event !== ERROR && !HAPPENINGS.includes(event)) {
      throw invalidArg(`sessions have no event ${show(event)}; they have ${[...HAPPENINGS, ERROR].join(', ')}`, above);
    }
    if (typeof listener !== 'function') throw invalidArg(`a listener is a function; got ${show(listener)}`, above);
    if (event !== ERROR && method !== 'off') this.#subscribe(above);
    this.#emitter[method](event, /** @type {(...args: any[]) => void} */ (listener));
    this.#unsubscribeIfUnheard();
  }

  /** Nothing more is told. */
  close() {
    for (const event of HAPPENINGS) this.#emitter.removeAllListeners(event);
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

  /** @param {[string, string, string | null][] | { missed: number }} told */
  #tell(told) {
    if (Array.isArray(told)) {
      for (const event of HAPPENINGS) {
        const batch = told.filter(([why]) => why === event);
        if (batch.length === 0) continue;
        emit(
          this.#emitter,
          event,
          batch.map(([, handle, userId]) => ({ userId: userId ?? undefined, handle })),
        );
      }
    } else {
      this.#fail(told.missed);
    }
    this.#unsubscribeIfUnheard();
  }

  /** @param {number} missed */
  #fail(missed) {
    const error = new RedstartError(
      `the listeners of sessions '${this.#sessions.name}' missed ${missed} events: more were waiting than are kept for a busy thread; ` +
        'do less in them, or let the event loop turn more often',
      { code: 'ERR_TOO_LARGE' },
    );
    if (emit(this.#emitter, ERROR, error)) return;
    process.emitWarning(`${error.message}; listen to the event 'error'`, { code: 'REDSTART_SESSIONS_ERROR' });
  }

  #unsubscribeIfUnheard() {
    if (this.#subscribed === undefined) return;
    if (HAPPENINGS.some((event) => this.#emitter.listenerCount(event) > 0)) return;
    const { subscription, line } = this.#subscribed;
    this.#subscribed = undefined;
    this.#native.unsubscribe(subscription, line);
    unlisten(line, false);
  }
}

module.exports = { SessionEvents };
