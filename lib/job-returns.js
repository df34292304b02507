'use strict';
/**
 * Jobs whose handlers have returned, on their way to core: those of one turn of the microtasks go in one call. No job of this
 * thread begins before they have gone, so none waits for what another handler computes.
 */
const { ready, scratch } = require('./lane.js');

/** @typedef {InstanceType<typeof import('./job-run.js').JobRun>} JobRun */

/** Jobs that go in one call; the scratch array has room for their tokens. */
const AT_ONCE_MAX = 256;
/** Characters of a result that goes by itself: what is large is not copied once more. */
const CHARS_MAX = 16_384;
/** Where core reads the tokens: job, epoch and nonce each. */
const TOKENS_AT = 4;
const NULL = 'null';
/** What a job came to whose result core has kept. */
const COMPLETED = 0;
/** Core does not keep this result, and says why when it is asked for that one alone. */
const REFUSED = 5;

/** Those of all workers of this thread that are to go. @type {Set<JobReturns>} */
const waiting = new Set();

class JobReturns {
  #native;
  /** @type {() => void} */
  #goSoon;
  /** @type {JobRun[]} */
  #runs = [];
  /** @type {string[]} Their results as JSON. */
  #texts = [];

  /** @param {import('../native.js').QueueFunctions} native @param {() => void} goSoon To call `go()` with this turn of the microtasks. */
  constructor(native, goSoon) {
    this.#native = native;
    this.#goSoon = goSoon;
  }

  /** @param {JobRun} run @param {string} text */
  add(run, text) {
    if (text.length > CHARS_MAX) {
      this.go();
      // A listener may have closed its worker.
      if (!run.isOver) run.completeAlone(text);
      return;
    }
    if (this.#runs.length === 0) {
      waiting.add(this);
      this.#goSoon();
    }
    this.#runs.push(run);
    this.#texts.push(text);
    if (this.#runs.length === AT_ONCE_MAX) this.go();
  }

  /**
   * Now: what returned earlier is told earlier. All of them are settled in core, those it refused as well, before the first
   * is told: a listener may close their worker, and that gives back what is not settled.
   */
  go() {
    if (this.#runs.length === 0) return;
    const [runs, texts] = [this.#runs, this.#texts];
    this.#runs = [];
    this.#texts = [];
    waiting.delete(this);
    dropOver(runs, texts);
    if (runs.length === 0) return;
    const cameTo = this.#complete(runs, texts);
    if (cameTo === undefined) {
      for (const run of runs) run.end();
      for (const run of runs) run.tellEnd(COMPLETED);
      return;
    }
    for (let at = 0; at < runs.length; at++) if (cameTo[at] !== REFUSED) runs[at].end();
    const tells = runs.map((run, at) =>
      cameTo[at] === REFUSED ? run.settleAlone(texts[at]) : () => run.tellEnd(cameTo[at]),
    );
    for (const tell of tells) tell?.();
  }

  /**
   * What each came to; undefined: all completed.
   * @param {JobRun[]} runs
   * @param {string[]} texts
   * @returns {number[] | undefined}
   */
  #complete(runs, texts) {
    const results = texts.every(isNull) ? '' : `[${texts.join(',')}]`;
    for (let at = 0; at < runs.length; at++) {
      const { token } = runs[at];
      const place = TOKENS_AT + 3 * at;
      scratch[place] = token.job;
      scratch[place + 1] = token.epoch;
      scratch[place + 2] = token.nonce;
    }
    try {
      const answer = ready(this.#native.completeAll(runs.length, results));
      return answer === undefined ? undefined : JSON.parse(answer);
    } catch {
      // Each hears for itself what is wrong.
      return runs.map(() => REFUSED);
    }
  }

  /** For who is about to begin a job. */
  static allGo() {
    if (waiting.size > 0) for (const returns of waiting) returns.go();
  }
}

/**
 * Core took them back after they had returned, and that has been told.
 * @param {JobRun[]} runs
 * @param {string[]} texts
 */
function dropOver(runs, texts) {
  let left = 0;
  for (let at = 0; at < runs.length; at++) {
    if (runs[at].isOver) continue;
    runs[left] = runs[at];
    texts[left] = texts[at];
    left += 1;
  }
  runs.length = left;
  texts.length = left;
}

/** @param {string} text */
function isNull(text) {
  return text === NULL;
}

module.exports = { JobReturns, COMPLETED, NULL };
