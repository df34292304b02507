'use strict';
const path = require('node:path');
const { Worker } = require('node:worker_threads');

/** A thread of loader-thread.js, whose messages are awaited by name. */
class LoaderThread {
  /** @type {Map<string, object[]>} */
  #arrived = new Map();
  /** @type {Map<string, ((message: any) => void)[]>} */
  #awaited = new Map();

  constructor(workerData) {
    this.worker = new Worker(path.join(__dirname, 'loader-thread.js'), { workerData });
    this.worker.on('message', ({ what, ...message }) => {
      const waiting = this.#awaited.get(what)?.shift();
      if (waiting !== undefined) waiting(message);
      else this.#arrived.set(what, [...(this.#arrived.get(what) ?? []), message]);
    });
  }

  /** Starts a thread and resolves when it has its cache. */
  static async start(workerData) {
    const thread = new LoaderThread(workerData);
    await thread.heard('ready');
    return thread;
  }

  tell(what, more = {}) {
    this.worker.postMessage({ what, ...more });
  }

  /** The next message of this name, come or to come. */
  heard(what) {
    const come = this.#arrived.get(what)?.shift();
    if (come !== undefined) return Promise.resolve(come);
    return new Promise((resolve) => {
      this.#awaited.set(what, [...(this.#awaited.get(what) ?? []), resolve]);
    });
  }

  /** Asks for a key and resolves when the thread waits for it. */
  async ask(key, more = {}) {
    this.tell('ask', { key, ...more });
    await this.heard('asked');
  }

  end() {
    return this.worker.terminate();
  }
}

module.exports = { LoaderThread };
