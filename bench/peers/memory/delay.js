/**
 * How long the event loop is away from what comes in while a full cache is written to: random keys out of twice as many as
 * it holds, so that about half of the sets evict. The sets come a hundred at a time, as a server makes them between two
 * looks at its sockets; what stands out of that is V8's garbage collection and the cache's own work.
 */
const { monitorEventLoopDelay, performance } = require('node:perf_hooks');
const { strings, uniform } = require('../draws.js');
const { CONTENDERS, warmUp } = require('./contenders.js');

const SETS_A_TURN = 100;
const NS_A_MS = 1e6;
/** Sets between two turns while the cache is filled. */
const FILL_STEP = 1_000;
const turnOver = () => new Promise((resolve) => setImmediate(resolve));

/** @param {string} name @param {{ entries: number, seconds: number }} options */
async function delay(name, { entries, seconds }) {
  const keyFor = strings('user:cart', 16);
  const valueFor = strings('', 100);
  await warmUp(name, keyFor, valueFor);
  const { set, size } = await CONTENDERS[name](entries, true);
  for (let number = 0; number < entries; number++) {
    set(keyFor(number), valueFor(number));
    if (number % FILL_STEP === 0) await turnOver();
  }
  const order = uniform(2 * entries);
  const histogram = monitorEventLoopDelay({ resolution: 1 });
  histogram.enable();
  const turns = await write(set, order, keyFor, valueFor, seconds * 1_000);
  histogram.disable();

  const held = await size();
  // quick-lru holds up to twice its bound.
  if (held < entries * 0.98 || held > entries * 2) throw new Error(`${name} holds ${held} of ${entries} entries`);
  const busy = turns.reduce((sum, turn) => sum + turn, 0);
  return {
    p99: delayAt(0.99, turns),
    longest: turns.reduce((longest, turn) => Math.max(longest, turn), 0),
    monitor: histogram.percentile(99) / NS_A_MS,
    sets: (turns.length * SETS_A_TURN * 1_000) / busy,
  };
}

/**
 * Writes for so long and answers how long each turn of the loop took, in milliseconds.
 * @param {(key: string, value: string) => unknown} set
 * @param {Uint32Array} order
 * @param {(number: number) => string} keyFor
 * @param {(number: number) => string} valueFor
 * @param {number} ms
 * @returns {Promise<number[]>}
 */
function write(set, order, keyFor, valueFor, ms) {
  /** @type {number[]} */
  const turns = [];
  const mask = order.length - 1;
  let made = 0;
  let last = performance.now();
  const end = last + ms;
  return new Promise((resolve) => {
    const turn = () => {
      const start = last;
      for (const until = made + SETS_A_TURN; made < until; made++) {
        const number = order[made & mask];
        set(keyFor(number), valueFor(made & mask));
      }
      setImmediate(() => {
        last = performance.now();
        turns.push(last - start);
        if (last < end) turn();
        else resolve(turns);
      });
    };
    turn();
  });
}

/**
 * Whoever comes at any moment waits until the turn is over in which he came: what share of them waits longer than so long
 * is the sum of what the turns last beyond it. Sought is the time that 1 - q of them wait longer than.
 * @param {number} q
 * @param {number[]} turns
 */
function delayAt(q, turns) {
  const longestFirst = [...turns].sort((a, b) => b - a);
  const waiting = (1 - q) * turns.reduce((sum, turn) => sum + turn, 0);
  let sum = 0;
  for (let count = 0; count < longestFirst.length; count++) {
    // With a time no shorter than this turn, so many turns last beyond it, by that much together.
    if (sum - count * longestFirst[count] >= waiting) return (sum - waiting) / count;
    sum += longestFirst[count];
  }
  return (sum - waiting) / longestFirst.length;
}

module.exports = { delay, delayAt };
