'use strict';
/**
 * The workers that were made through one handle of a queue, in this thread.
 *
 * A worker with a name is the only one of that name on its queue in this thread, through whichever handle of the store it was
 * made: modules that are loaded anew open the store anew. The one before it is told to close, and finishes what it has begun.
 */
const { allSettled } = require('./all-settled.js');
const { readWorkerOptions } = require('./worker-options.js');
const { moduleUrl } = require('./worker-module.js');
const { tellError } = require('./worker-tell.js');
const { ThreadedWorker } = require('./worker-threads.js');
const { Worker } = require('./worker.js');

/** @typedef {InstanceType<typeof Worker> | InstanceType<typeof ThreadedWorker>} AnyWorker */
/**
 * What a queue has from the handle of its store. `closing`: as soon as that begins to close; `identity`: the same for all handles
 * of one store.
 * @typedef {{ readonly closing: boolean, readonly identity: string, readonly url: string, share(): string }} OfStore
 */

const NAMED = Symbol.for('redstart.workers');
/** @type {{ [NAMED]?: Map<string, AnyWorker> }} */
const realm = /** @type {any} */ (globalThis);
/**
 * By store, queue and name. One for all copies of this module: who loads modules anew loads this one anew as well.
 * @type {Map<string, AnyWorker>}
 */
const named = realm[NAMED] ?? new Map();
realm[NAMED] = named;

class QueueWorkers {
  /** @type {import('../native.js').QueueFunctions} */
  #native;
  #queueName;
  #store;
  /** @type {Set<AnyWorker>} Until they have closed. */
  #open = new Set();

  /** @param {import('../native.js').QueueFunctions} native @param {string} queueName @param {OfStore} store */
  constructor(native, queueName, store) {
    this.#native = native;
    this.#queueName = queueName;
    this.#store = store;
  }

  /**
   * @param {unknown} work A handler or a module.
   * @param {unknown} given
   * @param {Function} above As in invalidArg.
   * @returns {AnyWorker}
   */
  start(work, given, above) {
    const ofModule = typeof work !== 'function';
    const checked = readWorkerOptions(given, ofModule, above);
    const place = checked.name === undefined ? undefined : this.#placeOf(checked.name);
    /** @param {AnyWorker} worker */
    const onClosed = (worker) => {
      this.#open.delete(worker);
      if (place !== undefined && named.get(place) === worker) named.delete(place);
    };
    const worker = ofModule
      ? this.#startThreads(work, checked, onClosed, above)
      : new Worker(this.#native, /** @type {any} */ (work), checked, { onClosed });
    this.#open.add(worker);
    // Only now: where the new one is refused, the former goes on.
    if (place !== undefined) takePlace(place, worker);
    return worker;
  }

  /** Whether some worker takes jobs as they come. */
  get takesJobs() {
    return [...this.#open].some((worker) => worker.running && !worker.paused && worker.started);
  }

  /** @param {number} timeout Milliseconds. */
  async close(timeout) {
    await allSettled([...this.#open].map((worker) => worker.close({ timeout })));
  }

  /**
   * @param {unknown} module
   * @param {ReturnType<typeof readWorkerOptions>} read
   * @param {(worker: AnyWorker) => void} onClosed
   * @param {Function} above
   */
  #startThreads(module, read, onClosed, above) {
    const [store, queueName, native] = [this.#store, this.#queueName, this.#native];
    return new ThreadedWorker({ store, queueName, native, module: moduleUrl(module, above), read, onClosed });
  }

  /** @param {string} name */
  #placeOf(name) {
    return JSON.stringify([this.#store.identity, this.#queueName, name]);
  }
}

/** @param {string} place @param {AnyWorker} worker */
function takePlace(place, worker) {
  const former = named.get(place);
  named.set(place, worker);
  former?.close().catch((error) => tellError(former, error));
}

module.exports = { QueueWorkers };
