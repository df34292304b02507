'use strict';

/** The committed counts (baseline.json): where they were made, whether counts made here compare with them, and how they do. */
const fs = require('node:fs');
const path = require('node:path');

const FILE = path.join(__dirname, 'baseline.json');
/** How much more a scenario may cost. */
const GROWTH_MAX = 0.05;
/** Calls out of our code happen now and then, as when a table grows: what differs by less is no other code. */
const LEAVES_MIN = 0.5;

/**
 * @typedef {import('./callgrind.js').Cost} Cost
 * @typedef {Pick<Cost, 'own' | 'leaves'>} Counted What is judged: what happens outside differs from machine to machine.
 * @typedef {{ rustc: string, target: string, flags: string }} Place What the instructions of our own code depend on.
 * @typedef {Place & { valgrind: string, scenarios: Record<string, Counted> }} Baseline
 */

/** @returns {Baseline} */
const read = () => JSON.parse(fs.readFileSync(FILE, 'utf8'));

/** @param {Place & { valgrind: string }} place @param {Map<string, Cost>} costs */
function write({ rustc, target, flags, valgrind }, costs) {
  const round = (/** @type {number} */ value) => Number(value.toFixed(2));
  const rounded = [...costs].map(([name, { own, leaves }]) => [name, { own: round(own), leaves: round(leaves) }]);
  const baseline = { rustc, target, flags, valgrind, scenarios: Object.fromEntries(rounded) };
  fs.writeFileSync(FILE, `${JSON.stringify(baseline, null, 2)}\n`);
}

/** Why counts made here do not compare with the baseline's; undefined where they do. @param {Baseline} baseline @param {Place} here */
function differs(baseline, here) {
  for (const what of /** @type {const} */ (['target', 'rustc', 'flags'])) {
    if (baseline[what] !== here[what]) {
      return `bench/core/baseline.json was recorded with ${what} '${baseline[what]}', and here it is '${here[what]}'`;
    }
  }
  return undefined;
}

/**
 * What a scenario came to.
 * @typedef {{ name: string, now?: Cost, was?: Counted, growth: number, verdict: 'same' | 'less' | 'more' | 'new' | 'gone' }} Line
 */

/** @param {string} name @param {Counted | undefined} was @param {Cost | undefined} now @returns {Line} */
function compareOne(name, was, now) {
  if (!was || !now) return { name, was, now, growth: 0, verdict: was ? 'gone' : 'new' };
  const growth = now.own / was.own - 1;
  const isMore = (/** @type {'own' | 'leaves'} */ what) => now[what] > was[what] * (1 + GROWTH_MAX);
  const leavesMore = isMore('leaves') && now.leaves - was.leaves > LEAVES_MIN;
  if (isMore('own') || leavesMore) return { name, was, now, growth, verdict: 'more' };
  return { name, was, now, growth, verdict: now.own < was.own * (1 - GROWTH_MAX) ? 'less' : 'same' };
}

/** Every scenario that is in either. @param {Baseline} baseline @param {Map<string, Cost>} costs @returns {Line[]} */
function compare(baseline, costs) {
  const names = new Set([...costs.keys(), ...Object.keys(baseline.scenarios)]);
  return [...names].map((name) => compareOne(name, baseline.scenarios[name], costs.get(name)));
}

module.exports = { read, write, differs, compare };
