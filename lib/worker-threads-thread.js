'use strict';
/** One thread of a worker with a module, as its parent sees it. lib/thread-runner.js is the other end. */
const path = require('node:path');
const timers = require('node:timers');
const { MessageChannel, Worker: NodeWorker, receiveMessageOnPort } = require('node:worker_threads');
const { BoundedWait } = require('./bounded-wait.js');
const { RedstartError } = require('./errors.js');
const { LeaseEnd } = require('./job-run.js');
const { listen, ready, unlisten } = require('./lane.js');
const { receiveError, sendError } = require('./worker-threads-events.js');

// Taken before Jest's fake timers replace the global ones.
const { setTimeout, clearTimeout } = timers;

const RUNNER = path.join(__dirname, 'thread-runner.js');
/** How much longer than its jobs a thread may take to say that it has closed; one that computes says nothing. */
const GRACE_MS = 500;
/** How long a thread may take to import its module. One that waits for what never comes would keep its place for ever. */
const START_MS_MAX = 30_000;
/** How long a thread whose job was taken back may take to show that its loop turns. */
const PONG_MS_MAX = 1_000;
/** A line of the lane that nothing has: the worker is another thread's, and so is its line. */
const NO_LINE = 0;

/**
 * What a thread starts with. `read`: for its worker; `recycleAfter`: its jobs in all.
 * @typedef {{ port: import('node:worker_threads').MessagePort, state: Int32Array, shared: string, queueName: string,
 *   module: string, read: import('./worker-options.js').WorkerRead, recycleAfter: number | undefined, paused: boolean,
 *   standby: boolean }} ThreadData
 */
/**
 * `spent`: it takes no more jobs, and has so many; `hung`: it is being ended for that reason, which is no crash.
 * @typedef {{ event(sent: import('./worker-threads-events.js').SentEvent): void, spare(): void, spent(running: number): void,
 *   unfit(error: Error): void, hung(error: Error): void, ended(failure: Error | undefined): void }} Hooks
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
  #toClose = new BoundedWait();
  /** @type {Promise<void> | undefined} */
  #closing;
  #startTimer;
  /** @type {NodeJS.Timeout | undefined} While an answer is awaited. */
  #pongTimer;
  /** @type {{ started: number, number: number } | undefined} Hears of the jobs that core takes back from it. */
  #guard;
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
    this.#startTimer = setTimeout(() => {
      this.#failure ??= notReady(data.module);
      this.#node.terminate();
    }, START_MS_MAX);
    this.#startTimer.unref();
  }

  /** @param {'pause' | 'resume'} kind */
  say(kind) {
    this.#port.postMessage({ kind });
  }

  /** It may take jobs, so many at once. @param {number} concurrency */
  go(concurrency) {
    this.#port.postMessage({ kind: 'go', concurrency });
  }

  /** @param {boolean} alive */
  keepAlive(alive) {
    if (alive) this.#node.ref();
    else this.#node.unref();
  }

  /**
   * Ends when the thread has: its jobs have ended, or went back to the front of the queue after the timeout. A shorter timeout
   * may come later.
   * @param {number} timeoutMs
   */
  close(timeoutMs) {
    this.#toClose.atMost(timeoutMs + GRACE_MS);
    if (!this.#closed) this.#port.postMessage({ kind: 'close', timeout: timeoutMs });
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close() {
    this.keepAlive(true);
    if (!this.#closed) await this.#toClose.over;
    if (!this.#closed) {
      this.#closed = true;
      // Ahead of what the addon does for a thread that ends: that would count as a stall.
      if (this.#number !== undefined) this.#native.closeWorker(this.#number, NO_LINE, true);
    }
    await this.#node.terminate();
    await this.#exit;
  }

  /** @param {number} worker */
  #isReady(worker) {
    this.#number = worker;
    try {
      this.#guard = listen(false, () => ready(this.#native.guardWorker(worker)), {
        leaseLost: (_job, _epoch, why) => {
          if (why !== LeaseEnd.CANCELLED) this.#ping();
        },
      });
    } catch {
      // It has ended, as will be told.
    }
  }

  /** The handler of a job that was taken back goes on, as far as the parent knows: one that never ends would keep the thread. */
  #ping() {
    if (this.#pongTimer !== undefined || this.#closed) return;
    this.#port.postMessage({ kind: 'ping' });
    this.#pongTimer = setTimeout(() => {
      if (this.#closed) return;
      this.#closed = true;
      this.#hooks.hung(hangs());
      this.#node.terminate();
    }, PONG_MS_MAX);
    this.#pongTimer.unref();
  }

  #pong() {
    clearTimeout(this.#pongTimer);
    this.#pongTimer = undefined;
  }

  /** @param {any} message */
  #hear(message) {
    if (message.kind === 'event') this.#hooks.event(message.sent);
    else if (message.kind === 'imported') clearTimeout(this.#startTimer);
    else if (message.kind === 'ready') this.#isReady(message.worker);
    else if (message.kind === 'pong') this.#pong();
    else if (message.kind === 'spare') this.#hooks.spare();
    else if (message.kind === 'spent') this.#hooks.spent(message.running);
    else if (message.kind === 'unfit') this.#hooks.unfit(receiveError(message.error));
    else if (message.kind === 'failed') this.#failure ??= receiveError(message.error);
    else this.#hasClosed();
  }

  #hasClosed() {
    this.#closed = true;
    this.#toClose.end();
    // What the module left open would keep it.
    this.#node.terminate();
  }

  /** @param {number} code */
  #end(code) {
    clearTimeout(this.#startTimer);
    this.#pong();
    // What it said last may come after the news of its end.
    for (let next = receiveMessageOnPort(this.#port); next !== undefined; next = receiveMessageOnPort(this.#port)) {
      this.#hear(next.message);
    }
    this.#port.close();
    if (this.#guard !== undefined) {
      this.#native.unguardWorker(this.#guard.started, this.#guard.number);
      unlisten(this.#guard.number, false);
    }
    const expected = this.#closed;
    this.#closed = true;
    this.#toClose.end();
    this.#hooks.ended(expected ? undefined : (this.#failure ?? exited(code)));
  }
}

/** @param {number} code */
function exited(code) {
  return new RedstartError(`the thread ended with code ${code}, by process.exit() or for lack of anything to do`, {
    code: 'ERR_INVALID_STATE',
  });
}

function hangs() {
  const message =
    `its event loop did not turn for ${PONG_MS_MAX / 1_000} s after a job had been taken back from it, which ran into its timeout ` +
    'or stalled; let handlers that compute look at the time';
  return new RedstartError(message, { code: 'ERR_TIMEOUT' });
}

/** @param {string} module */
function notReady(module) {
  const message =
    `the thread was not ready after ${START_MS_MAX / 1_000} s: ${module} was still being imported; let no \`await\` ` +
    'outside its function wait for what may never come';
  return new RedstartError(message, { code: 'ERR_TIMEOUT' });
}

module.exports = { PoolThread };
