'use strict';
// What tests of queues share: a store on a clock of its own, what holds a handler, and what a queue or a worker said.
const { manualClock, open } = require('redstart');

/** Listeners of all of these. */
const KINDS = [
  ...['added', 'waiting', 'delayed', 'active', 'progress', 'completed', 'retrying', 'failed', 'stalled'],
  ...['removed', 'deduplicated', 'paused', 'resumed', 'drained', 'lagged'],
];

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Turns of the loop until it is so, at most some seconds of them. @param {() => unknown} isSo @param {string} [what] */
async function until(isSo, what = String(isSo)) {
  const end = performance.now() + 5_000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`this did not come: ${what}`);
    await turn();
  }
}

/** A promise and what settles it. */
function gate() {
  let release;
  const opened = new Promise((resolve) => {
    release = resolve;
  });
  return { opened, release };
}

/**
 * A store in memory whose clock the test moves. Begin and end it with beforeEach and afterEach.
 * @param {number} [startMs]
 */
function newStage(startMs) {
  const clock = manualClock(startMs);
  const store = open('memory:', { clock });
  const queue = store.queue('q');
  // A job that a test has left unfinished is what it wanted.
  const end = () => store.close({ timeout: 1 });
  return { clock, store, queue, startMs: clock.nowMs, end };
}

/** Everything that a queue says from now on: [event, payload]. @param {any} queue @param {string[]} [kinds] */
function hear(queue, kinds = KINDS) {
  /** @type {[string, any][]} */
  const heard = [];
  for (const kind of kinds) queue.on(kind, (payload) => heard.push([kind, payload]));
  return heard;
}

/** Runs what waits, one after the other, and tells the data in that order. @param {any} queue @param {object} [options] */
async function orderOf(queue, options) {
  /** @type {any[]} */
  const order = [];
  const worker = queue.process(({ data }) => void order.push(data), options);
  await new Promise((resolve) => worker.once('drained', resolve));
  await worker.close();
  return order;
}

module.exports = { KINDS, turn, until, gate, newStage, hear, orderOf };
