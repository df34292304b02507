'use strict';
/**
 * Copies of a value that JSON carries: each is as JSON.parse would make it. V8 copies an object of known shape in one go, at a
 * tenth of the cost of parsing it. What it does not copy well is parsed each time from its text: objects used as maps, which
 * take up to nine times as long as their text.
 */

/** JSON.parse does not go by the stack, copying does. */
const DEPTH_MAX = 32;
/** More make a map rather than a record, and V8 copies them one by one. */
const FIELDS_MAX = 24;
/** Objects and arrays take some 50 bytes whatever they hold; where there are more than one in so many characters of text... */
const TEXT_A_PART = 24;
/** ...and more than a few of them, the value would be much larger than the text that is counted. */
const PARTS_FREE = 10;

/** One value, of which copies are handed out; it stays as text until somebody asks for the second copy. */
class Copied {
  /** @type {string | undefined} undefined: the value is there. */
  #text;
  /** @type {any} */
  #value;
  #isParsedEachTime = false;

  /** @param {string} text JSON. */
  constructor(text) {
    this.#text = text;
  }

  next() {
    if (this.#text === undefined) return copyOf(this.#value);
    return this.#parse(this.#text);
  }

  /** @param {string} text */
  #parse(text) {
    const value = JSON.parse(text);
    if (this.#isParsedEachTime) return value;
    const parts = partsOf(value, DEPTH_MAX);
    this.#isParsedEachTime = parts > PARTS_FREE + text.length / TEXT_A_PART;
    if (this.#isParsedEachTime) return value;
    this.#text = undefined;
    this.#value = value;
    return copyOf(value);
  }
}

/**
 * What JSON.parse made has own plain fields and nothing else, so a spread copies it exactly, `__proto__` included.
 * @param {any} value
 */
function copyOf(value) {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const copy = value.slice();
    for (let at = 0; at < copy.length; at++) {
      if (typeof copy[at] === 'object' && copy[at] !== null) copy[at] = copyOf(copy[at]);
    }
    return copy;
  }
  const copy = { ...value };
  for (const name in copy) {
    const inner = copy[name];
    // Fields of a polluted Object.prototype come by here too.
    if (typeof inner === 'object' && inner !== null && Object.hasOwn(copy, name)) copy[name] = copyOf(inner);
  }
  return copy;
}

/**
 * How many objects and arrays there are in a value; infinitely many where it is not to be copied.
 * @param {any} value
 * @param {number} depth
 * @returns {number}
 */
function partsOf(value, depth) {
  if (typeof value !== 'object' || value === null) return 0;
  if (depth === 0) return Number.POSITIVE_INFINITY;
  let parts = 1;
  if (!Array.isArray(value)) {
    const names = Object.keys(value);
    // Names that are numbers come first.
    if (names.length > FIELDS_MAX || /^\d/.test(names[0])) return Number.POSITIVE_INFINITY;
  }
  for (const inner of Object.values(value)) parts += partsOf(inner, depth - 1);
  return parts;
}

module.exports = { Copied };
