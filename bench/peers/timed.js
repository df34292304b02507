/** Nanoseconds a call, in one process: some warm-up, then batches, of which the middle one counts. */
const { median } = require('../figures.js');

const WARM_UP_MS = 100;
const BATCHES = 7;
const BATCH_MS = 40;
const IN_FLIGHT = 1_000;

/**
 * `run` makes so many calls, from that index on, and answers the sum of what `use` made of their results; with all sums
 * together the caller checks that each call did its work.
 * @param {(from: number, count: number) => number | Promise<number>} run
 * @param {number} [step] Calls are counted in multiples of it.
 */
async function timed(run, step = 1) {
  let calls = 0;
  let sum = 0;
  const batch = async (/** @type {number} */ count) => {
    const start = process.hrtime.bigint();
    const part = run(calls, count);
    // Not awaited where there is nothing to wait for.
    sum += typeof part === 'number' ? part : await part;
    const ns = Number(process.hrtime.bigint() - start);
    calls += count;
    return ns;
  };
  const roundUp = (/** @type {number} */ count) => Math.ceil(count / step) * step;

  let count = roundUp(64);
  let ns = 0;
  for (let spent = 0; spent < WARM_UP_MS * 1e6; spent += ns) {
    count = roundUp(count * 1.5);
    ns = await batch(count);
  }
  count = roundUp((BATCH_MS * 1e6 * count) / ns);
  const batches = [];
  for (let number = 0; number < BATCHES; number++) batches.push((await batch(count)) / count);
  return { ns: median(batches), calls, sum };
}

/** @param {(index: number) => any} call @param {(result: any) => number} use */
const oneByOne = (call, use) => (/** @type {number} */ from, /** @type {number} */ count) => {
  let sum = 0;
  for (let index = from; index < from + count; index++) sum += use(call(index));
  return sum;
};

/** @param {(index: number) => any} call @param {(result: any) => number} use */
const awaited = (call, use) => async (/** @type {number} */ from, /** @type {number} */ count) => {
  let sum = 0;
  for (let index = from; index < from + count; index++) sum += use(await call(index));
  return sum;
};

/** @param {(index: number) => any} call @param {(result: any) => number} use */
const inFlight = (call, use) => async (/** @type {number} */ from, /** @type {number} */ count) => {
  let sum = 0;
  for (let index = from; index < from + count; ) {
    const results = [];
    for (const end = index + IN_FLIGHT; index < end; index++) results.push(call(index));
    for (const result of await Promise.all(results)) sum += use(result);
  }
  return sum;
};

module.exports = { IN_FLIGHT, timed, oneByOne, awaited, inFlight };
