'use strict';
const { onAbort, offAbort } = require('./abort.js');
const { durationMs } = require('./duration.js');
const { closed, invalidArg, show } = require('./errors.js');
const { ALGORITHMS, KEYS_MAX, LIMITER_EXPECTED, PARTS_MAX, UNITS_MAX } = require('./limits.js');
const options = require('./options.js');
const { counts, scratch, STATUS_OK, STATUS_PENDING, cancel, pending, ready, takeError } = require('./lane.js');

/** @typedef {import('../native.js').LimiterFunctions} LimiterFunctions */
/** @typedef {import('../index.js').LimitResult} LimitResult */
/** @typedef {{ cost: number, limit: number, windowMs: number }} Ask 0: the limiter's own. */
/** @typedef {{ number: number, closed: boolean, take: (flat: any[]) => [number[][], number] }} Part */

const UNITS = options.integer({ min: 1, max: UNITS_MAX });

const LIMITER_OPTIONS = {
  limit: options.required(UNITS),
  window: options.required(options.duration),
  algorithm: options.oneOf(ALGORITHMS),
  burst: UNITS,
  block: options.duration,
  maxKeys: options.integer({ min: 1, max: KEYS_MAX }),
};
const LIMIT_OPTIONS = { limit: UNITS, window: options.duration };
const CONSUME_OPTIONS = { cost: UNITS, ...LIMIT_OPTIONS };
const WAIT_OPTIONS = { ...CONSUME_OPTIONS, timeout: options.duration, signal: options.signal };
const PART_OPTIONS = {
  limiter: options.required({
    expected: LIMITER_EXPECTED,
    read: (/** @type {any} */ value) => (value?.[kPart] === undefined ? undefined : /** @type {Limiter} */ (value)),
  }),
  key: options.required(options.string({ min: 0 })),
  ...CONSUME_OPTIONS,
};

/** What the addon's answer in scratch[4] means. */
const ALLOWED = 0;
const REASONS = /** @type {const} */ ([undefined, 'limit', 'overflow', 'blocked']);
/** What the addon takes for no timeout, and for units taken whenever. */
const NO_TIMEOUT = -1;
const WHENEVER = -1;

// For our own doors: registered, so that a limiter of another copy of this package has them too.
/** As consumeSync; [result, when its units were taken in µs of the store's clock]. */
const kTake = Symbol.for('redstart.limiter.takeNow');
/** As refund, of units taken at that instant: those taken since go on counting. */
const kGiveBack = Symbol.for('redstart.limiter.giveBack');
/** What consumeAll needs: the limiter's number, and the call, which goes through the copy that the limiter is of. */
const kPart = Symbol.for('redstart.limiter.part');

class Limiter {
  /** @type {LimiterFunctions} */
  #native;
  /** One unit. @type {(key: string) => void} */
  #consume;
  /** Calls of wait that wait: how to send them away. @type {Set<() => void>} */
  #waiting = new Set();
  /** @type {Part} */
  #part;

  /** @param {string} name @param {LimiterFunctions} native @param {import('../native.js').StoreFunctions} store */
  constructor(name, native, store) {
    this.name = name;
    this.#native = native;
    this.#consume = native.consume;
    // Without a prototype, so that what it leaves out is absent also where Object.prototype was polluted.
    const { limit, window, algorithm, burst, block } = Object.assign(Object.create(null), JSON.parse(native.options));
    /** For doors that put the policy into headers. @internal */
    this.policy = Object.freeze({ limit, windowMs: window, algorithm, burst, blockMs: block });
    Object.defineProperty(this, 'policy', { enumerable: false });
    const number = Number(ready(native.number()));
    this.#part = { number, closed: false, take: (flat) => [JSON.parse(ready(store.consumeAll(flat))), scratch[5]] };
  }

  /**
   * @param {string} key
   * @param {import('../index.js').ConsumeOptions} [given]
   * @returns {LimitResult}
   */
  consumeSync(key, given) {
    if (given === undefined) {
      this.#consume(key);
    } else {
      const { cost, limit, windowMs } = askOf('consume()', given, Limiter.prototype.consumeSync);
      this.#native.consumeAs(key, cost, limit, windowMs);
    }
    if (scratch[0] !== STATUS_OK) throw refusal(key, this.consumeSync);
    return answer();
  }

  /** @param {string} key @param {import('../index.js').ConsumeOptions} [given] */
  async consume(key, given) {
    return this.consumeSync(key, given);
  }

  /** @param {string} key @param {import('../index.js').ConsumeOptions} [given] */
  async peek(key, given) {
    const { cost, limit, windowMs } = askOf('peek()', given, Limiter.prototype.peek);
    keyed(key, this.#native.peek(key, cost, limit, windowMs));
    return answer();
  }

  /** @param {string} key @param {number} [cost] @param {import('../index.js').LimitOptions} [given] */
  async refund(key, cost, given) {
    return this[kGiveBack](key, cost, given, WHENEVER);
  }

  /** @param {string} key @param {import('../index.js').ConsumeOptions} [given] @returns {[LimitResult, number]} */
  [kTake](key, given) {
    const result = this.consumeSync(key, given);
    return [result, scratch[5]];
  }

  /** @param {string} key @param {number | undefined} cost @param {import('../index.js').LimitOptions | undefined} given @param {number} takenUs */
  async [kGiveBack](key, cost, given, takenUs) {
    const { limit, windowMs } = limitOf('refund()', given);
    keyed(key, this.#native.refund(key, unitsOf('refund()', cost), limit, windowMs, takenUs));
  }

  /** @param {string} key @param {number} [cost] @param {import('../index.js').LimitOptions} [given] */
  async penalty(key, cost, given) {
    const { limit, windowMs } = limitOf('penalty()', given);
    keyed(key, this.#native.penalty(key, unitsOf('penalty()', cost), limit, windowMs));
    return answer();
  }

  /** @param {string} key @param {import('../index.js').Duration} duration */
  async block(key, duration) {
    keyed(key, this.#native.block(key, durationMs(duration, 'the duration of block()')));
  }

  /** @param {string} key */
  async reset(key) {
    return keyed(key, this.#native.reset(key));
  }

  async resetAll() {
    ready(this.#native.resetAll());
  }

  /**
   * @param {string} key
   * @param {import('../index.js').WaitOptions} [given]
   * @returns {Promise<LimitResult>}
   */
  async wait(key, given) {
    const { cost, limit, window, timeout, signal } = options.checkOptions('wait()', given, WAIT_OPTIONS);
    if (signal?.aborted) throw signal.reason;
    const text = this.#native.wait(key, cost ?? 1, limit ?? 0, window ?? 0, timeout ?? NO_TIMEOUT);
    if (scratch[0] !== STATUS_PENDING) return waited(keyed(key, text));
    const number = scratch[1];
    const come = pending(number);
    return new Promise((resolve, reject) => {
      const settle = () => {
        this.#waiting.delete(leave);
        if (signal !== undefined) offAbort(signal, abort);
      };
      // What has come already is taken, and wins.
      const giveUp = (/** @type {unknown} */ reason) => {
        if (!cancel(number)) return;
        settle();
        reject(reason);
      };
      const abort = () => giveUp(/** @type {AbortSignal} */ (signal).reason);
      const leave = () =>
        giveUp(closed('the store was closed while this call waited for room; nothing was taken', leave));
      this.#waiting.add(leave);
      try {
        if (signal !== undefined) onAbort(signal, abort);
      } catch (error) {
        // Nothing could end it: it does not wait.
        giveUp(error);
      }
      come.then(
        (json) => {
          settle();
          resolve(waited(json));
        },
        (error) => {
          settle();
          // It failed in the drain, far from here: the stack is to lead to who waits.
          if (error instanceof Error) Error.captureStackTrace(error, this.wait);
          reject(error);
        },
      );
    });
  }

  get [kPart]() {
    return this.#part;
  }

  async stats() {
    return JSON.parse(ready(this.#native.stats()));
  }

  /** The handle of its store closes: nobody waits through it any more. @param {Limiter} limiter */
  static close(limiter) {
    limiter.#part.closed = true;
    for (const leave of [...limiter.#waiting]) leave();
  }
}

/**
 * @param {string} what
 * @param {import('../index.js').ConsumeOptions | undefined} given
 * @param {Function} above
 * @returns {Ask}
 */
function askOf(what, given, above) {
  // Every consume comes by here: the usual object is told without walking a schema.
  const plain = plainAsk(given);
  if (plain !== undefined) return plain;
  const { cost, limit, window } = options.checkOptions(what, given, CONSUME_OPTIONS, above);
  return { cost: cost ?? 1, limit: limit ?? 0, windowMs: window ?? 0 };
}

/** Of options that name a cost, a limit or both; undefined for any others. @param {unknown} given @returns {Ask | undefined} */
function plainAsk(given) {
  if (typeof given !== 'object' || given === null || Object.getPrototypeOf(given) !== Object.prototype)
    return undefined;
  const ask = { cost: 1, limit: 0, windowMs: 0 };
  for (const name of Object.keys(given)) {
    if (name !== 'cost' && name !== 'limit') return undefined;
    const units = /** @type {Record<string, unknown>} */ (given)[name];
    if (units === undefined) continue;
    if (!isUnits(units)) return undefined;
    ask[name] = units;
  }
  return ask;
}

/** @param {unknown} units @returns {units is number} */
function isUnits(units) {
  return typeof units === 'number' && Number.isInteger(units) && units >= 1 && units <= UNITS_MAX;
}

/** @param {string} what @param {import('../index.js').LimitOptions | undefined} given */
function limitOf(what, given) {
  if (given === undefined) return { limit: 0, windowMs: 0 };
  const { limit, window } = options.checkOptions(what, given, LIMIT_OPTIONS);
  return { limit: limit ?? 0, windowMs: window ?? 0 };
}

/** @param {string} what @param {number | undefined} cost */
function unitsOf(what, cost) {
  if (cost === undefined) return 1;
  if (isUnits(cost)) return cost;
  throw invalidArg(`the cost of ${what} must be ${UNITS.expected}; got ${show(cost)}`);
}

/**
 * The answer of a bound call that is always ready.
 * @template T
 * @param {unknown} key
 * @param {T | undefined} value
 * @returns {T}
 */
function keyed(key, value) {
  if (scratch[0] !== STATUS_OK) throw refusal(key, keyed);
  return /** @type {T} */ (value);
}

/**
 * The error of the last failed call; the addon does not tell what it was given for a key.
 * @param {unknown} key
 * @param {Function} above
 */
function refusal(key, above) {
  const error = takeError(above);
  if (typeof key === 'string' || error.code !== 'ERR_INVALID_ARG') return error;
  return invalidArg(`a key must be a string; got ${show(key)}`, above);
}

/**
 * The answer in the scratch array as an object; one shape for allowed, one for denied.
 * @returns {LimitResult}
 */
function answer() {
  const reason = scratch[4];
  if (reason === ALLOWED) {
    return { allowed: true, limit: counts[2], remaining: counts[3], resetAfterMs: scratch[2], retryAfterMs: 0 };
  }
  return {
    allowed: false,
    limit: counts[2],
    remaining: counts[3],
    resetAfterMs: scratch[2],
    retryAfterMs: scratch[3],
    reason: REASONS[reason],
  };
}

/**
 * The same from a list of the addon's.
 * @param {number[]} fields
 * @returns {LimitResult}
 */
function listed([allowed, limit, remaining, resetAfterMs, retryAfterMs, reason]) {
  if (allowed === 1) return { allowed: true, limit, remaining, resetAfterMs, retryAfterMs };
  return { allowed: false, limit, remaining, resetAfterMs, retryAfterMs, reason: REASONS[reason] };
}

/** @param {string} json */
function waited(json) {
  return listed(JSON.parse(json));
}

/**
 * @param {readonly import('../index.js').ConsumeAllPart[]} parts
 * @returns {Promise<import('../index.js').ConsumeAllResult>}
 */
async function consumeAll(parts) {
  const [result] = takeAll(parts, consumeAll);
  return result;
}

/**
 * As consumeAll, and when the units were taken in µs of the store's clock.
 * @param {readonly import('../index.js').ConsumeAllPart[]} parts
 * @param {Function} above
 * @returns {[import('../index.js').ConsumeAllResult, number]}
 */
function takeAll(parts, above) {
  const count = Array.isArray(parts) ? parts.length : undefined;
  if (count === undefined || count === 0 || count > PARTS_MAX) {
    throw invalidArg(
      `consumeAll() takes a list of 1 to ${PARTS_MAX} parts { limiter, key, cost? }; got ${count ?? show(parts)}`,
      above,
    );
  }
  const flat = [];
  /** @type {Part | undefined} */
  let first;
  // By index: an iterator of its own might give other parts than those that were counted.
  for (let index = 0; index < count; index++) {
    const { limiter, key, cost, limit, window } = options.checkOptions(
      'a part of consumeAll()',
      parts[index],
      PART_OPTIONS,
      above,
    );
    const known = limiter[kPart];
    // The call goes through the first one's handle, which knows of itself only.
    if (known.closed) throw closed(`the store of limiter '${limiter.name}' was closed; open() it again`, above);
    first ??= known;
    flat.push(known.number, key, cost ?? 1, limit ?? 0, window ?? 0);
  }
  const [answers, takenUs] = /** @type {Part} */ (first).take(flat);
  const results = answers.map(listed);
  const deniedBy = results.flatMap((result, index) => (result.allowed ? [] : [index]));
  const retryAfterMs = Math.max(...results.map((result) => result.retryAfterMs));
  return [{ allowed: deniedBy.length === 0, retryAfterMs, results, deniedBy }, takenUs];
}

/**
 * Options as core reads them.
 * @param {unknown} given
 * @param {Function} above
 */
function readLimiterOptions(given, above) {
  return options.checkOptions('limiter()', given, LIMITER_OPTIONS, above);
}

module.exports = { Limiter, consumeAll, takeAll, readLimiterOptions, kTake, kGiveBack };
