'use strict';

const path = require('node:path');
const { Worker } = require('node:worker_threads');

const ANSWER_TIMEOUT_MS = 2_000;

/**
 * The main thread's side of worker.js: questions with a number, answers with the same number. Only questions travel
 * this way. The state itself is in the store that both threads have opened.
 */
class Background {
  constructor({ storeUrl, postsDir }) {
    this.waiting = new Map();
    this.asked = 0;
    this.running = true;
    this.thread = new Worker(path.join(__dirname, 'worker.js'), { workerData: { storeUrl, postsDir } });
    this.thread.on('message', (message) => this.settle(message));
    this.thread.on('error', (error) => console.error('The second thread failed:', error));
    this.ended = new Promise((resolve) => this.thread.once('exit', resolve)).then(() => {
      this.running = false;
      for (const id of this.waiting.keys()) {
        this.settle({ id, error: new Error('the second thread has ended') });
      }
    });
  }

  recount() {
    return this.ask('recount');
  }

  view(visitor) {
    return this.ask('view', { visitor });
  }

  /** Asks the thread to end and waits for it; one that does not is terminated. */
  async close() {
    if (this.running) {
      await this.ask('close').catch(() => this.thread.terminate());
    }
    await this.ended;
  }

  ask(ask, details) {
    if (!this.running) {
      return Promise.reject(new Error('the second thread is not running'));
    }
    this.asked += 1;
    const id = this.asked;
    return new Promise((resolve, reject) => {
      const late = () => this.settle({ id, error: new Error(`the second thread did not answer "${ask}" in time`) });
      this.waiting.set(id, { resolve, reject, timer: setTimeout(late, ANSWER_TIMEOUT_MS) });
      this.thread.postMessage({ id, ask, ...details });
    });
  }

  settle({ id, answer, error }) {
    const { resolve, reject, timer } = this.waiting.get(id) ?? {};
    if (timer === undefined) {
      return; // An answer after its time is up.
    }
    this.waiting.delete(id);
    clearTimeout(timer);
    if (error) {
      reject(error);
    } else {
      resolve(answer);
    }
  }
}

module.exports = { Background };
