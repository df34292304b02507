/** What runs in which order, and how long it takes. */

/** @import { Case, Feature } from './features.js' */
/** @typedef {{ case: Case, contender: string, round: number }} Turn */

/** What a child may take, in estimates; one that is far off says little about short ones. */
const LIMIT_FACTOR = 10;
const LIMIT_LEAST_SECONDS = 60;

/** @param {Turn} turn */
function estimate({ case: { seconds }, contender }) {
  return typeof seconds === 'number' ? seconds : seconds[contender];
}

/** @param {Turn} turn */
const limitMs = (turn) => 1_000 * Math.max(LIMIT_LEAST_SECONDS, LIMIT_FACTOR * estimate(turn));

/**
 * The turns of some cases: round by round, so that what slows the machine for a while slows one round of all; in even
 * rounds in the order given, in odd ones backwards (A B B A), so that nobody always runs behind the same neighbour.
 * @param {Case[]} cases @param {number} rounds @returns {Turn[]}
 */
function turns(cases, rounds) {
  return Array.from({ length: rounds }, (_, round) =>
    cases.flatMap((one) => {
      const order = round % 2 === 0 ? one.contenders : [...one.contenders].reverse();
      return order.map((contender) => ({ case: one, contender, round }));
    }),
  ).flat();
}

/** Knows how long is left: by what a turn took before, else by its estimate times what estimates were off by so far. */
class Clock {
  /** @type {Map<string, number[]>} */
  #seen = new Map();
  #took = 0;
  #estimated = 0;

  /** @param {Turn} turn */
  static #key = (turn) => `${turn.case.id} ${turn.contender}`;

  /** @param {Turn} turn @param {number} seconds */
  took(turn, seconds) {
    const key = Clock.#key(turn);
    this.#seen.set(key, [...(this.#seen.get(key) ?? []), seconds]);
    this.#took += seconds;
    this.#estimated += estimate(turn);
  }

  /** @param {Turn[]} left @returns {number} Seconds. */
  left(left) {
    const off = this.#estimated === 0 ? 1 : this.#took / this.#estimated;
    return left.reduce((sum, turn) => {
      const seen = this.#seen.get(Clock.#key(turn));
      if (seen === undefined) return sum + off * estimate(turn);
      return sum + seen.reduce((all, one) => all + one, 0) / seen.length;
    }, 0);
  }
}

module.exports = { Clock, estimate, limitMs, turns };
