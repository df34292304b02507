/** One contender, one case: nanoseconds a call, once all keys are set and a look has shown that what was set comes back. */
const assert = require('node:assert');
const { draws, keyOf, stableKeys, VALUES } = require('../draws.js');
const { IN_FLIGHT, timed, oneByOne, awaited, inFlight } = require('../timed.js');
const { CONTENDERS } = require('./contenders.js');

/** Values that are set, in turn: made before, so that making them is not timed. */
const VALUES_TO_SET = 1_024;
const LOOKED_AT = 500;
/** Keys that were never set have numbers from here on. */
const MISSING = 5_000_000;

/**
 * What the caller does with what came: a number, so that V8 can drop neither the call nor the value.
 * @type {Record<string, (result: any) => number>}
 */
const USES = {
  string: (text) => text.length,
  object: (value) => (value.active ? 1 : 0),
  miss: (value) => (value === undefined || value === null ? 1 : 0),
  set: () => 1,
};

/**
 * @typedef {object} Options
 * @property {'get' | 'miss' | 'set'} call
 * @property {string} value
 * @property {number} keys
 * @property {'zipf' | 'uniform'} distribution
 * @property {boolean} fresh Keys made anew for each call; otherwise the same strings.
 * @property {boolean} inFlight A thousand calls before the first is awaited.
 * @property {string} redisUrl
 */

/** @param {string} name @param {Options} options */
async function measure(name, options) {
  const { call, value, keys, distribution, fresh, redisUrl } = options;
  const valueFor = VALUES[value];
  const example = valueFor(0);
  const objects = typeof example === 'object';
  const bytes = (objects ? JSON.stringify(example) : example).length;
  const contender = await CONTENDERS[name]({ keys, objects, bytes, redisUrl });

  await contender.empty?.();
  const stable = fresh ? [] : stableKeys(keys);
  const keyOfNumber = fresh ? keyOf : (/** @type {number} */ number) => stable[number];
  await fill(contender, keys, keyOfNumber, valueFor);
  const order = draws(distribution, keys);
  await check(contender, order.subarray(0, LOOKED_AT), keyOfNumber, valueFor);

  const work = workOf(contender, call, order, call === 'miss' ? missing(stable) : keyOfNumber, valueFor);
  const use = call === 'get' ? USES[objects ? 'object' : 'string'] : USES[call];
  const run = options.inFlight ? inFlight : contender.awaited ? awaited : oneByOne;
  // Without what filling has left behind.
  globalThis.gc?.();
  const { ns, calls, sum } = await timed(run(work, use), options.inFlight ? IN_FLIGHT : 1);
  assert.equal(sum, calls * (use === USES.string ? bytes : 1), 'each call does its work');
  return { ns };
}

/**
 * @param {import('./contenders.js').Contender} contender
 * @param {number} keys
 * @param {(number: number) => string} keyOfNumber
 * @param {(number: number) => any} valueFor
 */
async function fill({ set, awaited }, keys, keyOfNumber, valueFor) {
  for (let number = 0; number < keys; ) {
    const sets = [];
    for (const end = Math.min(keys, number + IN_FLIGHT); number < end; number++) {
      const done = set(keyOfNumber(number), valueFor(number));
      if (awaited) sets.push(done);
    }
    await Promise.all(sets);
  }
}

/**
 * A hit is a hit, and a miss a miss.
 * @param {import('./contenders.js').Contender} contender
 * @param {Uint32Array} numbers
 * @param {(number: number) => string} keyOfNumber
 * @param {(number: number) => any} valueFor
 */
async function check({ get }, numbers, keyOfNumber, valueFor) {
  for (const number of numbers) {
    assert.deepEqual(await get(keyOfNumber(number)), valueFor(number));
    assert.equal((await get(keyOf(MISSING + number))) ?? undefined, undefined);
  }
}

/** The keys of misses: made anew where the others are. @param {string[]} stable */
function missing(stable) {
  if (stable.length === 0) return (/** @type {number} */ number) => keyOf(MISSING + number);
  const keys = stable.map((_, number) => keyOf(MISSING + number));
  return (/** @type {number} */ number) => keys[number];
}

/**
 * The call that is timed, by its index.
 * @param {import('./contenders.js').Contender} contender
 * @param {'get' | 'miss' | 'set'} call
 * @param {Uint32Array} order
 * @param {(number: number) => string} keyOfNumber
 * @param {(number: number) => any} valueFor
 * @returns {(index: number) => any}
 */
function workOf({ get, set }, call, order, keyOfNumber, valueFor) {
  const mask = order.length - 1;
  if (call !== 'set') return (index) => get(keyOfNumber(order[index & mask]));
  const values = Array.from({ length: VALUES_TO_SET }, (_, number) => valueFor(number));
  return (index) => set(keyOfNumber(order[index & mask]), values[index & (VALUES_TO_SET - 1)]);
}

module.exports = { measure };
