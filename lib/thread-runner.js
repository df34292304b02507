'use strict';
/**
 * What runs in each thread of a worker with a module: a worker of its own on the same queue, whose handler is the
 * module's default export. The parent says `go` (take so many jobs at once), `pause`, `resume`, `ping` and `close`, and hears `imported`,
 * `ready`, `pong`, `spare` (start the thread that follows this one), `spent` (no more jobs here, and how many there still are),
 * `event`, `unfit` (no module to run) and `closed`.
 *
 * After each job the event loop has a turn and the parent's messages are read, before the worker takes the next job:
 * handlers that compute would otherwise follow each other in microtasks, and nobody could stop or ping the thread.
 */
const timers = require('node:timers');
const { receiveMessageOnPort, workerData } = require('node:worker_threads');
const { invalidArg, show } = require('./errors.js');
const { lane, cold, ready } = require('./lane.js');
const { Worker } = require('./worker.js');
const { FINISHED, forwardEvents, sendError } = require('./worker-threads-events.js');

// Taken before the module may replace it.
const { setImmediate } = timers;

/** Of a thread's life in jobs: how long before its end the next one is started, as that takes tens of milliseconds. */
const SPARE_SHARE = 0.1;

/** @type {import('./worker-threads-thread.js').ThreadData} */
const { port, state, shared, queueName, module: moduleUrl, read, recycleAfter } = workerData;
const spareAt = recycleAfter && Math.max(1, recycleAfter - Math.ceil(recycleAfter * SPARE_SHARE));

let { paused, standby } = workerData;
let { concurrency } = read;
let begun = 0;
let closing = false;
/** @type {(job: any) => unknown} */
let handler;
/** @type {InstanceType<typeof Worker> | undefined} */
let worker;
/** @type {import('../native.js').NativeStore | undefined} */
let store;

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
  port.postMessage({ kind: 'imported' });
  if (handler !== undefined && !standby) go();
}

function go() {
  standby = false;
  if (closing || handler === undefined) return;
  if (worker === undefined) open();
  else Worker.setConcurrency(worker, concurrency);
}

function open() {
  // The store is there, with the bound that it was opened with.
  const text = JSON.stringify({ defaultMaxMemory: 0, keepFirstOptions: true });
  const opened = cold(() => lane.openStore(shared, text, 'process()'), open);
  store = opened;
  const queue = cold(() => opened.queue(queueName, undefined, 'process()'), open);
  worker = new Worker(queue, handle, { ...read, concurrency, autorun: false, jobsMax: recycleAfter }, { onSpent });
  // By it the parent gives back the jobs of a thread that does not answer.
  port.postMessage({ kind: 'ready', worker: Worker.numberOf(worker) });
  forwardEvents(worker, state, (sent) => port.postMessage({ kind: 'event', sent }));
  if (paused) worker.pause();
  worker.run();
}

/** @param {any} job */
async function handle(job) {
  begun += 1;
  if (begun === spareAt) port.postMessage({ kind: 'spare' });
  try {
    return await handler(job);
  } finally {
    Atomics.add(state, FINISHED, 1);
    await new Promise((resolve) => setImmediate(resolve));
    for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
      obey(next.message);
    }
  }
}

/** @param {number} running */
function onSpent(running) {
  port.postMessage({ kind: 'spent', running });
  // First how the last one ended is told.
  if (running === 0) Promise.resolve().then(() => close());
}

/** @param {{ timeout?: number }} [given] */
function close(given) {
  if (closing) {
    // Sooner, maybe.
    worker?.close(given).catch(fail);
    return;
  }
  closing = true;
  end(given).catch(fail);
}

/** @param {{ timeout?: number }} [given] */
async function end(given) {
  await worker?.close(given);
  if (store !== undefined) ready(store.functions().close());
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

/** @param {{ kind: string, timeout?: number, concurrency?: number }} message */
function obey(message) {
  if (message.kind === 'close') {
    close({ timeout: message.timeout });
  } else if (message.kind === 'go') {
    concurrency = message.concurrency ?? concurrency;
    go();
  } else if (message.kind === 'ping') {
    port.postMessage({ kind: 'pong' });
  } else {
    paused = message.kind === 'pause';
    if (paused) worker?.pause();
    else worker?.resume();
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
