'use strict';
/**
 * What jobs note of themselves while they run, in memory that all threads share, so that it is true at the instant at which it
 * is noted, whichever thread dies in the next.
 *
 * A thread that is terminated cannot clean up after itself: its jobs stay written down as running. The parent therefore writes
 * `doomed` for its generation before it calls terminate(). The queue gives the jobs of a thread back when that has ended, which
 * is after it, so whoever runs such a job next finds a doomed owner and may take its place. That this owner had really ended
 * then is proved afterwards: each thread counts its beats, one at every step of every job; who takes its place notes the count
 * that stands there; one beat more after that was a thread that ran while its job ran elsewhere.
 *
 * How many run at once is the sum over the threads that are not doomed. It is taken twice, and counts only where no thread
 * changed anything in between: so it is the state of one instant, and neither too high nor too low by what came between two
 * reads.
 */

const SEATS = 8;
const GENERATIONS = 256;
const GROUPS = 20;
/** Of each generation: running in each group, without one, and in all. */
const COUNTERS = GROUPS + 2;
const [NO_GROUP, ALL] = [GROUPS, GROUPS + 1];
const SNAPSHOT_TRIES = 50;
/** No beat so high. */
const NEVER = 2 ** 31 - 1;

class Ledger {
  /** @param {number} jobs */
  static allocate(jobs) {
    const of = (length) => new SharedArrayBuffer(length * Int32Array.BYTES_PER_ELEMENT);
    const shared = {
      owners: of(jobs),
      runs: of(jobs),
      running: of(GENERATIONS * COUNTERS),
      versions: of(GENERATIONS),
      beats: of(GENERATIONS),
      replacedAt: of(GENERATIONS),
      doomed: of(GENERATIONS),
      seats: of(SEATS),
      most: of(COUNTERS),
      violations: of(3),
    };
    new Int32Array(shared.replacedAt).fill(NEVER);
    return shared;
  }

  /** @param {ReturnType<typeof Ledger.allocate>} shared @param {number} [me] The generation of this thread. */
  constructor(shared, me = 0) {
    this.me = me;
    for (const [name, buffer] of Object.entries(shared)) this[name] = new Int32Array(buffer);
  }

  /** @param {number} seat @param {number} generation */
  sit(seat, generation) {
    Atomics.store(this.seats, seat, generation);
  }

  /** Before it is terminated. @param {number} seat */
  doom(seat) {
    const generation = Atomics.exchange(this.seats, seat, 0);
    Atomics.store(this.doomed, generation, 1);
  }

  beat() {
    Atomics.add(this.beats, this.me, 1);
  }

  /** Job `n` begins here. @param {number} n @param {number} group -1: none. */
  begin(n, group) {
    this.beat();
    const owner = Atomics.compareExchange(this.owners, n, 0, this.me);
    if (owner !== 0) this.#replace(n, owner);
    Atomics.add(this.runs, n, 1);
    this.#count(group, 1);
    this.#look(ALL);
    if (group >= 0) this.#look(group);
  }

  /** Before its worker settles it. @param {number} n @param {number} group */
  end(n, group) {
    this.beat();
    this.#count(group, -1);
    if (Atomics.compareExchange(this.owners, n, this.me, 0) !== this.me) Atomics.add(this.violations, 1, 1);
  }

  #replace(n, owner) {
    const isDoomed = Atomics.load(this.doomed, owner) === 1;
    const beats = Atomics.load(this.beats, owner);
    if (!isDoomed || Atomics.compareExchange(this.owners, n, owner, this.me) !== owner) {
      Atomics.add(this.violations, 0, 1);
      return;
    }
    for (let known = Atomics.load(this.replacedAt, owner); beats < known; ) {
      known = Atomics.compareExchange(this.replacedAt, owner, known, beats);
    }
  }

  #count(group, by) {
    Atomics.add(this.versions, this.me, 1);
    const from = this.me * COUNTERS;
    Atomics.add(this.running, from + (group < 0 ? NO_GROUP : group), by);
    Atomics.add(this.running, from + ALL, by);
  }

  /** Notes how many run at once now, where that is more than ever. */
  #look(counter) {
    const now = this.#atOnce(counter);
    if (now === undefined) {
      Atomics.add(this.violations, 2, 1);
      return;
    }
    for (let most = Atomics.load(this.most, counter); most < now; ) {
      most = Atomics.compareExchange(this.most, counter, most, now);
    }
  }

  #atOnce(counter) {
    for (let tries = 0; tries < SNAPSHOT_TRIES; tries++) {
      const before = this.#stamp();
      let sum = 0;
      for (const { generation } of before) sum += Atomics.load(this.running, generation * COUNTERS + counter);
      const after = this.#stamp();
      const isSame = ({ generation, version }, at) => {
        return generation === after[at].generation && version === after[at].version;
      };
      if (before.every(isSame)) return sum;
    }
    return undefined;
  }

  #stamp() {
    return Array.from(this.seats, (_, seat) => {
      const generation = Atomics.load(this.seats, seat);
      return { generation, version: Atomics.load(this.versions, generation) };
    });
  }

  /**
   * Whether job `n` is written down as running, but where it may be: it ended together with its thread.
   * @param {number} n @param {boolean} mayEndWithThread
   */
  isOwned(n, mayEndWithThread) {
    const owner = Atomics.load(this.owners, n);
    return owner !== 0 && !(mayEndWithThread && Atomics.load(this.doomed, owner) === 1);
  }

  /** For the end: what was noted. @param {number} generations */
  told(generations) {
    const beats = (generation) => Atomics.load(this.beats, generation);
    const replacedAt = (generation) => Atomics.load(this.replacedAt, generation);
    const all = Array.from({ length: generations }, (_, at) => at + 1);
    const isReplaced = (generation) => replacedAt(generation) !== NEVER;
    return {
      twoOwners: this.violations[0],
      stolen: this.violations[1],
      unseen: this.violations[2],
      replaced: all.filter(isReplaced).length,
      ranOn: all.filter((generation) => isReplaced(generation) && beats(generation) > replacedAt(generation)).length,
      mostAtOnce: this.most[ALL],
      mostOfAGroup: Math.max(...this.most.subarray(0, GROUPS)),
      runs: this.runs.reduce((sum, runs) => sum + runs, 0),
      neverRun: this.runs.reduce((sum, runs) => sum + (runs === 0 ? 1 : 0), 0),
    };
  }
}

module.exports = { GENERATIONS, GROUPS, Ledger, SEATS };
