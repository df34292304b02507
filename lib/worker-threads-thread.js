'use strict';
/** One thread of a worker with a module, as its parent sees it. lib/thread-runner.js is the other end. */
const path = require('node:path');
const timers = require('node:timers');
const { MessageChannel, Worker: NodeWorker, receiveMessageOnPort } = require('node:worker_threads');
const { RedstartError } = require('./errors.js');
const { receiveError, sendError } = require('./worker-threads-events.js');

// Taken before Jest's fake timers replace the global ones.
const { setTimeout, clearTimeout } = timers;

const RUNNER = path.join(__dirname, 'thread-runner.js');
/** How much longer than its jobs a thread may take to say that it has closed; one that computes says nothing. */
const GRACE_MS = 500;
const TIMER_MS_MAX = 2 ** 31 - 1;
/** A line of the lane that nothing has: the worker is another thread's, and so is its line. */
const NO_LINE = 0;

/**
 * @typedef {{ port: import('node:worker_threads').MessagePort, state: Int32Array, shared: string, url: string,
 *   queueName: string, module: string, options: object, recycleAfter: number | undefined, paused: boolean,
 *   standby: boolean }} ThreadData
 */
/**
 * @typedef {{ event(sent: import('./worker-threads-events.js').SentEvent): void, spare(): void,
 *   unfit(error: Error): void, ended(failure: Error | undefined): void }} Hooks
 */

class PoolThread {
  /** @type {NodeWorker} */
  #node;
  /** @type {import('node:worker_threads').MessagePort} */
  #port;
  /** @type {import('../native.js').QueueFunctions} */
  #native;
  /** @type {Hooks} */
  #hooks;
  /** @type {number | undefined} Its worker's number in the queue. */
  #number;
  /** @type {Error | undefined} */
  #failure;
  /** It said so, or was told to end. */
  #closed = false;
  /** @type {(() => void) | undefined} */
  #onClosed;
  /** @type {Promise<void>} */
  #exit;

  /**
   * @param {import('../native.js').QueueFunctions} native
   * @param {Omit<ThreadData, 'port'>} data
   * @param {Hooks} hooks
   */
  constructor(native, data, hooks) {
    const { port1, port2 } = new MessageChannel();
    this.#native = native;
    this.#hooks = hooks;
    this.#port = port1;
    this.#node = new NodeWorker(RUNNER, {
      name: `redstart ${data.queueName}`,
      workerData: { ...data, port: port2 },
      transferList: [port2],
    });
    port1.on('message', (message) => this.#hear(message));
    // The thread itself keeps the process alive, or does not.
    port1.unref();
    this.#node.on('error', (error) => {
      // As Node hands it over it is an error only by its prototype, or whatever else was thrown.
      this.#failure ??= receiveError(sendError(error));
    });
    this.#exit = new Promise((resolve) => {
      this.#node.on('exit', (code) => {
        this.#end(code);
        resolve();
      });
    });
  }

  /** @param {'go' | 'pause' | 'resume'} kind */
  say(kind) {
    this.#port.postMessage({ kind });
  }

  /** @param {boolean} alive */
  keepAlive(alive) {
    if (alive) this.#node.ref();
    else this.#node.unref();
  }

  /**
   * Ends when the thread has: its jobs have ended, or went back to the front of the queue after the timeout.
   * @param {number} timeoutMs
   */
  async close(timeoutMs) {
    this.keepAlive(true);
    if (!this.#closed) {
      this.#port.postMessage({ kind: 'close', timeout: timeoutMs });
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, Math.min(timeoutMs + GRACE_MS, TIMER_MS_MAX));
        this.#onClosed = () => {
          clearTimeout(timer);
          resolve(undefined);
        };
      });
    }
    if (!this.#closed) {
      this.#closed = true;
      // Ahead of what the addon does for a thread that ends: that would count as a stall.
      if (this.#number !== undefined) this.#native.closeWorker(this.#number, NO_LINE, true);
    }
    await this.#terminate();
  }

  async #terminate() {
    await this.#node.terminate();
    await this.#exit;
  }

  /** @param {any} message */
  #hear(message) {
    if (message.kind === 'event') this.#hooks.event(message.sent);
    else if (message.kind === 'ready') this.#number = message.worker;
    else if (message.kind === 'spare') this.#hooks.spare();
    else if (message.kind === 'unfit') this.#hooks.unfit(receiveError(message.error));
    else if (message.kind === 'failed') this.#failure ??= receiveError(message.error);
    else this.#hasClosed();
  }

  #hasClosed() {
    this.#closed = true;
    this.#onClosed?.();
    // What the module left open would keep it.
    this.#node.terminate();
  }

  /** @param {number} code */
  #end(code) {
    // What it said last may come after the news of its end.
    for (let next = receiveMessageOnPort(this.#port); next !== undefined; next = receiveMessageOnPort(this.#port)) {
      this.#hear(next.message);
    }
    this.#port.close();
    const expected = this.#closed;
    this.#closed = true;
    this.#onClosed?.();
    this.#hooks.ended(expected ? undefined : (this.#failure ?? exited(code)));
  }
}

/** @param {number} code */
function exited(code) {
  return new RedstartError(`the thread ended with code ${code}, by process.exit() or for lack of anything to do`, {
    code: 'ERR_INVALID_STATE',
  });
}

module.exports = { PoolThread };
