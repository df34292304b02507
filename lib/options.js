'use strict';
/**
 * Options are declared, not picked apart by hand: a schema names each option and its checker, and checkOptions gives
 * back every name of the schema as a property of its own, normalised, undefined where absent. Of the caller's object
 * only own enumerable properties are read, and what is given back inherits nothing. So a polluted Object.prototype sets no
 * option, neither before nor after, and hears of none.
 *
 * Whether a value makes sense next to another is decided in the core, not here.
 */
const { invalidArg, show } = require('./errors.js');
const { isPlainObject } = require('./plain.js');
const duration = require('./duration.js');

/**
 * `read` gives the normalised value, or undefined for one that is refused; `expected` says what is allowed.
 * @template T
 * @typedef {{ expected: string, read: (value: unknown) => T | undefined, required?: boolean, schema?: Schema }} Checker
 */
/** @typedef {{ [name: string]: Checker<any> }} Schema */
/**
 * @template {Schema} S
 * @typedef {{ [K in keyof S]: S[K] extends Checker<infer T>
 *   ? S[K] extends { required: true } ? T : T | undefined : never }} Checked
 */

/** Inherits nothing, and unlike Object.create(null) makes no slow dictionaries: hot paths come by here. */
function Empty() {}
Empty.prototype = Object.create(null);

/**
 * @template {Schema} S
 * @param {string} what Whose options they are, as the message calls it: 'cache()'.
 * @param {unknown} options
 * @param {S} schema
 * @param {Function} [above] The public function the stack starts above; it must be running synchronously.
 * @returns {Checked<S>}
 */
function checkOptions(what, options, schema, above = checkOptions) {
  /** @type {any} */
  const checked = new /** @type {any} */ (Empty)();
  const given = options === undefined ? checked : options;
  if (given !== checked) {
    if (!isPlainObject(given))
      throw invalidArg(`${what} takes its options as a plain object; got ${noPlain(given)}`, above);
    refuseUnknown(what, given, schema, above);
  }
  for (const name of Object.keys(schema)) {
    const value = Object.prototype.propertyIsEnumerable.call(given, name) ? given[name] : undefined;
    checked[name] = checkOne(what, name, value, schema[name], above);
  }
  return checked;
}

/** What is no plain object, and why where it looks like one. @param {unknown} given */
function noPlain(given) {
  const looksSo = typeof given === 'object' && given !== null && !Array.isArray(given);
  return looksSo ? `${show(given)}, which has a prototype of its own; spread it: { ...options }` : show(given);
}

/**
 * @param {string} what
 * @param {string} name
 * @param {unknown} value
 * @param {Checker<any>} checker
 * @param {Function} above
 */
function checkOne(what, name, value, checker, above) {
  if (value === undefined) {
    if (checker.required) throw invalidArg(`${what} needs the option '${name}': ${checker.expected}`, above);
    return undefined;
  }
  if (checker.schema !== undefined && isPlainObject(value)) {
    return checkOptions(`'${name}' of ${what}`, value, checker.schema, above);
  }
  const read = checker.read(value);
  if (read === undefined) {
    throw invalidArg(`option '${name}' of ${what} must be ${checker.expected}; got ${show(value)}`, above);
  }
  return read;
}

/**
 * @param {string} what
 * @param {Record<string, unknown>} given
 * @param {Schema} schema
 * @param {Function} above
 */
function refuseUnknown(what, given, schema, above) {
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(schema, name)) continue;
    const known = Object.keys(schema);
    const near = nearest(name, known);
    const remedy =
      near !== undefined
        ? `did you mean '${near}'?`
        : known.length > 0
          ? `it takes ${known.join(', ')}`
          : 'it takes none';
    throw invalidArg(`unknown option ${show(name)} for ${what}; ${remedy}`, above);
  }
}

/**
 * The known name a slip of the hand away: two edits at most, one for names of up to three letters.
 * @param {string} name
 * @param {string[]} known
 */
function nearest(name, known) {
  let best;
  let bestDistance = Math.min(2, Math.ceil(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/**
 * Damerau-Levenshtein, swaps of neighbours included; `limit` when it is at least that.
 * @param {string} a
 * @param {string} b
 * @param {number} limit
 */
function editDistance(a, b, limit) {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  const width = b.length + 1;
  /** @type {number[]} */
  const cells = Array.from({ length: (a.length + 1) * width }, (_, at) => (at < width ? at : 0));
  for (let i = 1; i <= a.length; i++) {
    cells[i * width] = i;
    for (let j = 1; j <= b.length; j++) {
      const at = i * width + j;
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      cells[at] = Math.min(cells[at - 1] + 1, cells[at - width] + 1, cells[at - width - 1] + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cells[at] = Math.min(cells[at], cells[at - 2 * width - 2] + 1);
      }
    }
  }
  return Math.min(limit, cells[cells.length - 1]);
}

/** @type {Checker<number>} */
const durationOption = { expected: duration.DURATION_EXPECTED, read: duration.readDuration };
/** @type {Checker<number>} */
const durationOrZero = {
  expected: `0, or ${duration.DURATION_EXPECTED}`,
  read: (value) => (value === 0 ? 0 : duration.readDuration(value)),
};
/** @type {Checker<number | null>} */
const durationOrNever = { expected: duration.DURATION_OR_NEVER_EXPECTED, read: duration.readDurationOrNever };
/** @type {Checker<boolean>} */
const boolean = { expected: 'true or false', read: (value) => (typeof value === 'boolean' ? value : undefined) };
/** @type {Checker<(...args: any[]) => any>} */
const func = {
  expected: 'a function',
  read: (value) => (typeof value === 'function' ? /** @type {any} */ (value) : undefined),
};
/** @type {Checker<AbortSignal>} */
const signal = {
  expected: 'an AbortSignal',
  // By its shape: a test environment such as jsdom brings a class of its own.
  read: (/** @type {any} */ value) => {
    const isSignal =
      typeof value?.aborted === 'boolean' &&
      typeof value.addEventListener === 'function' &&
      typeof value.removeEventListener === 'function';
    return isSignal ? value : undefined;
  },
};
/** @type {Checker<any>} */
const anything = { expected: 'anything', read: (value) => value };

/**
 * @param {{ min?: number, max?: number }} [range]
 * @returns {Checker<number>}
 */
function bytes({ min = 1, max = Number.MAX_SAFE_INTEGER } = {}) {
  return { expected: duration.bytesExpected(min, max), read: (value) => within(duration.readBytes(value), min, max) };
}

/**
 * @param {{ min?: number, max?: number }} [range]
 * @returns {Checker<number>}
 */
function integer({ min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = {}) {
  return {
    expected: `a whole number${rangeText(min, max, Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)}`,
    read: (value) => (Number.isSafeInteger(value) ? within(/** @type {number} */ (value), min, max) : undefined),
  };
}

/**
 * @param {{ min?: number, max?: number }} [range]
 * @returns {Checker<number>}
 */
function number({ min = -Infinity, max = Infinity } = {}) {
  return {
    expected: `a number${rangeText(min, max, -Infinity, Infinity)}`,
    read: (value) => (typeof value === 'number' && Number.isFinite(value) ? within(value, min, max) : undefined),
  };
}

/**
 * Length in UTF-16 units.
 * @param {{ min?: number, max?: number }} [range]
 * @returns {Checker<string>}
 */
function string({ min = 0, max = Infinity } = {}) {
  const lengths = rangeText(min, max, 0, Infinity);
  return {
    expected: lengths === '' ? 'a string' : `a string whose length is${lengths}`,
    read: (value) => (typeof value === 'string' && within(value.length, min, max) !== undefined ? value : undefined),
  };
}

/**
 * @template {string | number | boolean} const T
 * @param {readonly T[]} values
 * @returns {Checker<T>}
 */
function oneOf(values) {
  return {
    expected: values.map((value) => (typeof value === 'string' ? `'${value}'` : String(value))).join(' or '),
    read: (value) => values.find((allowed) => allowed === value),
  };
}

/**
 * Nested options.
 * @template {Schema} S
 * @param {S} schema
 * @returns {Checker<Checked<S>>}
 */
function object(schema) {
  return { expected: `a plain object with ${Object.keys(schema).join(', ')}`, read: () => undefined, schema };
}

/**
 * @template T
 * @param {abstract new (...args: any[]) => T} Class
 * @param {string} expected Where to get one: 'a clock made by manualClock()'.
 * @returns {Checker<T>}
 */
function instance(Class, expected) {
  return { expected, read: (value) => (value instanceof Class ? value : undefined) };
}

/**
 * @template T
 * @param {Checker<T>} checker
 * @returns {Checker<T> & { required: true }}
 */
function required(checker) {
  return { ...checker, required: true };
}

/** @param {number | undefined} value @param {number} min @param {number} max */
function within(value, min, max) {
  return value !== undefined && value >= min && value <= max ? value : undefined;
}

/** @param {number} min @param {number} max @param {number} open @param {number} endless */
function rangeText(min, max, open, endless) {
  if (min === open && max === endless) return '';
  if (max === endless) return ` of at least ${min}`;
  return min === open ? ` of at most ${max}` : ` from ${min} to ${max}`;
}

module.exports = {
  checkOptions,
  nearest,
  duration: durationOption,
  durationOrZero,
  durationOrNever,
  bytes,
  integer,
  number,
  boolean,
  oneOf,
  string,
  func,
  signal,
  anything,
  object,
  instance,
  required,
};
