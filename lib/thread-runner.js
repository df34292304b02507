'use strict';
/**
 * What runs in each thread of a worker with a module: a worker of its own on the same queue, whose handler is the
 * module's default export. The parent says `go`, `pause`, `resume` and `close`, and hears `ready`, `spare` (start the
 * thread that follows this one), `event`, `unfit` (no module to run) and `closed`.
 *
 * After each job the event loop has a turn and the parent's messages are read, before the worker takes the next job:
 * handlers that compute would otherwise follow each other in microtasks, and nobody could stop or ping the thread.
 */
const timers = require('node:timers');
const { receiveMessageOnPort, workerData } = require('node:worker_threads');
const { invalidArg, show } = require('./errors.js');
const { lane, cold, scratch, STATUS_OK } = require('./lane.js');
const { Store } = require('./store.js');
const { FINISHED, forwardEvents, sendError } = require('./worker-threads-events.js');

// Taken before the module may replace it.
const { setImmediate } = timers;

/** Of a thread's life in jobs: how long before its end the next one is started, as that takes tens of milliseconds. */
const SPARE_SHARE = 0.1;

/** @type {import('./worker-threads-thread.js').ThreadData} */
const { port, state, shared, url, queueName, module: moduleUrl, options, recycleAfter } = workerData;
const spareAt = recycleAfter && Math.max(1, recycleAfter - Math.ceil(recycleAfter * SPARE_SHARE));

let { paused, standby } = workerData;
let started = 0;
let retiring = false;
let closing = false;
/** @type {Set<object>} Jobs whose handler runs and which are still this thread's. */
const inHand = new Set();
/** @type {(job: any) => unknown} */
let handler;
/** @type {import('../index.js').Worker | undefined} */
let worker;
/** @type {InstanceType<typeof Store> | undefined} */
let store;

/**
 * The store of the parent's handle. The number of the queue's worker is told as soon as there is one: by it the parent
 * gives back the jobs of a thread that does not answer.
 */
function openShared() {
  // The store is there, with the bound that it was opened with.
  const text = JSON.stringify({ defaultMaxMemory: 0, keepFirstOptions: true });
  const native = cold(() => lane.openStore(shared, text, 'process()'), openShared);
  /** @type {any} */
  const watched = {
    functions: () => native.functions(),
    /** @type {(name: string, given: any, origin: string) => any} */
    queue: (name, given, origin) => {
      /** @type {any} */
      const functions = native.queue(name, given, origin);
      if (functions === null) return null;
      /** @type {(...args: unknown[]) => unknown} */
      const openWorker = (...args) => {
        const number = functions.openWorker(...args);
        if (scratch[0] === STATUS_OK) port.postMessage({ kind: 'ready', worker: number });
        return number;
      };
      return { ...functions, openWorker };
    },
  };
  return new Store(url, watched);
}

/** The default export, of CommonJS compiled from modules too. */
async function importHandler() {
  const imported = await import(moduleUrl);
  const found = imported.default;
  const chosen = typeof found !== 'function' && found?.__esModule === true ? found.default : found;
  if (typeof chosen === 'function') return chosen;
  const message =
    `the default export of ${moduleUrl} must be the function that runs a job; got ${show(chosen)}. ` +
    'Write `export default async (job) => …`, or `module.exports = async (job) => …` in CommonJS';
  port.postMessage({ kind: 'unfit', error: sendError(invalidArg(message)) });
  return undefined;
}

async function start() {
  handler = await importHandler();
  if (handler !== undefined && !standby) go();
}

function go() {
  standby = false;
  if (worker !== undefined || closing || handler === undefined) return;
  store = openShared();
  const opened = store.queue(queueName).process(handle, { ...options, autorun: false });
  worker = opened;
  forwardEvents(opened, state, (sent) => port.postMessage({ kind: 'event', sent }));
  opened.on('lease-lost', letGo);
  if (paused) opened.pause();
  opened.run();
}

/** @param {any} job */
async function handle(job) {
  inHand.add(job);
  started += 1;
  if (started === spareAt) port.postMessage({ kind: 'spare' });
  if (started === recycleAfter) {
    retiring = true;
    worker?.pause();
  }
  try {
    return await handler(job);
  } finally {
    Atomics.add(state, FINISHED, 1);
    await new Promise((resolve) => setImmediate(resolve));
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      obey(next.message);
    }
    letGo(job);
  }
}

/** @param {object} job */
function letGo(job) {
  inHand.delete(job);
  if (retiring && inHand.size === 0) close();
}

/** @param {{ timeout?: number }} [given] With the default there is still time to say how the last job ended. */
function close(given) {
  if (closing) return;
  closing = true;
  end(given).catch(fail);
}

/** @param {{ timeout?: number }} [given] */
async function end(given) {
  await worker?.close(given);
  await store?.close();
  port.postMessage({ kind: 'closed' });
  port.close();
}

/**
 * Not left to Node: the module may listen to what is not handled, and this thread would stay and do nothing.
 * @param {unknown} error
 */
function fail(error) {
  port.postMessage({ kind: 'failed', error: sendError(error) });
  process.exit(1);
}

/** @param {{ kind: string, timeout?: number }} message */
function obey({ kind, timeout }) {
  if (kind === 'close') {
    close({ timeout });
  } else if (kind === 'go') {
    go();
  } else {
    paused = kind === 'pause';
    if (paused) worker?.pause();
    else if (!retiring) worker?.resume();
  }
}

port.on('message', (message) => {
  try {
    obey(message);
  } catch (error) {
    fail(error);
  }
});
start().catch(fail);
