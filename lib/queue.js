'use strict';
const { EventEmitter } = require('node:events');
const options = require('./options.js');
const { encodeJson } = require('./codec.js');
const { emit } = require('./emit.js');
const { closed, invalidArg, show } = require('./errors.js');
const { Job } = require('./job.js');
const { listen, unlisten, ready, reply } = require('./lane.js');
const { NAME_EXPECTED, isName } = require('./names.js');
const { Worker } = require('./worker.js');

const MB = 1024 * 1024;

const BACKOFF = options.object({
  type: options.required(options.oneOf(['fixed', 'exponential'])),
  delay: options.required(options.duration),
  maxDelay: options.duration,
  jitter: options.number({ min: 0, max: 1 }),
});
const DEFAULT_JOB_OPTIONS = {
  delay: options.durationOrZero,
  attempts: options.integer({ min: 1, max: 1_000_000 }),
  backoff: BACKOFF,
};
/** @type {import('./options.js').Checker<string>} */
const JOB_ID = { expected: NAME_EXPECTED, read: (value) => (isName(value) ? value : undefined) };
const JOB_OPTIONS = { jobId: JOB_ID, ...DEFAULT_JOB_OPTIONS };
const QUEUE_OPTIONS = {
  defaultJobOptions: options.object(DEFAULT_JOB_OPTIONS),
  maxDataSize: options.bytes({ min: 1, max: 256 * MB }),
};
const EVENTS = ['added', 'waiting', 'delayed', 'active', 'completed', 'retrying', 'failed', 'stalled', 'lagged'];

/** Events as the addon sends them. */
/** @typedef {{ event: string, payload: object }} Told */

class Queue {
  /** @type {import('../native.js').QueueFunctions} */
  #native;
  #events = new EventEmitter();
  /** @type {{ subscription: number, line: number } | undefined} */
  #subscribed;
  /** @type {Set<InstanceType<typeof Worker>>} */
  #workers = new Set();

  /** @type {{ readonly closing: boolean }} */
  #gate;

  /**
   * @param {string} name
   * @param {import('../native.js').QueueFunctions} native
   * @param {{ readonly closing: boolean }} gate Closed as soon as the store begins to.
   */
  constructor(name, native, gate) {
    this.name = name;
    this.#native = native;
    this.#gate = gate;
  }

  /** @param {string} name @param {unknown} data @param {import('../index.js').JobOptions} [given] */
  async add(name, data, given) {
    if (!isName(name)) throw invalidArg(`a job's name is ${NAME_EXPECTED}; got ${show(name)}`);
    const checked = options.checkOptions('add()', given, JOB_OPTIONS);
    const text = encodeJson(data === undefined ? null : data, 'job data');
    const [view, added] = JSON.parse(await reply(this.#native.add(name, text, JSON.stringify(checked))));
    return new Job(this.#native, view, added);
  }

  /**
   * @param {(job: any) => unknown} handler
   * @param {import('../index.js').WorkerOptions} [given]
   */
  process(handler, given) {
    if (typeof handler !== 'function') throw invalidArg(`process() needs a handler function; got ${show(handler)}`);
    this.#refuseIfClosing(this.process);
    const worker = new Worker(this.#native, handler, given, (ended) => this.#workers.delete(ended));
    this.#workers.add(worker);
    return worker;
  }

  /** @param {string} id */
  async getJob(id) {
    if (typeof id !== 'string') throw invalidArg(`a job id is a string; got ${show(id)}`);
    // No job has such an id.
    if (!isName(id)) return undefined;
    const text = await reply(this.#native.getJob(id));
    return text === undefined ? undefined : new Job(this.#native, JSON.parse(text), false);
  }

  async getJobCounts() {
    return JSON.parse(ready(this.#native.counts()));
  }

  /** @param {string} event @param {(payload: any) => void} listener */
  on(event, listener) {
    this.#subscribe(event, listener, this.on);
    this.#events.on(event, listener);
    return this;
  }

  /** @param {string} event @param {(payload: any) => void} listener */
  once(event, listener) {
    this.#subscribe(event, listener, this.once);
    this.#events.once(event, listener);
    return this;
  }

  /** @param {string} event @param {(payload: any) => void} listener */
  off(event, listener) {
    this.#events.off(event, listener);
    this.#unsubscribeIfUnheard();
    return this;
  }

  /**
   * For Store.close(): workers first, then the events that their last jobs made.
   * @param {Queue} queue
   * @param {number} timeout
   */
  static async close(queue, timeout) {
    await Promise.all([...queue.#workers].map((worker) => worker.close({ timeout })));
    queue.#events.removeAllListeners();
    queue.#unsubscribeIfUnheard();
  }

  /** @param {string} event @param {unknown} listener @param {Function} above */
  #subscribe(event, listener, above) {
    if (!EVENTS.includes(event)) {
      throw invalidArg(`a queue has no event ${show(event)}; it has ${EVENTS.join(', ')}`, above);
    }
    if (typeof listener !== 'function') throw invalidArg(`a listener is a function; got ${show(listener)}`, above);
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

  /** @param {Function} above */
  #refuseIfClosing(above) {
    if (!this.#gate.closing) return;
    throw closed(`queue '${this.name}' is closing with its store: it takes no more workers and listeners`, above);
  }
}

/**
 * Options as core reads them.
 * @param {unknown} given
 * @param {Function} above
 */
function readQueueOptions(given, above) {
  return { ...options.checkOptions('queue()', given, QUEUE_OPTIONS, above) };
}

module.exports = { Queue, readQueueOptions };
