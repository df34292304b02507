'use strict';
/**
 * JSON by contract: sessions, jobs, and caches whose codec is 'json'. JSON.stringify alone decides what becomes of a
 * value; only when it fails is the value looked at a second time, to say where.
 */
const { types } = require('node:util');
const { invalidArg } = require('./errors.js');
const { firstLine, inFrontOf, refused, stepTo } = require('./codec-refused.js');

/** JSON.stringify goes deeper than the search does: below this, its own words have to do. */
const SEARCH_DEPTH_MAX = 1000;

const TOO_MUCH = '; it is nested too deep or too large: store less of it, or a reference to it';

/**
 * JSON text of what is kept as JSON: dates become strings and undefined inside objects goes missing, as everywhere in
 * JSON. Throws ERR_INVALID_ARG for what has no JSON text: undefined, functions, symbols, BigInt, cycles, and a toJSON or
 * a getter that throws (its error is the cause).
 * @param {unknown} value
 * @param {string} path
 * @param {Function} [above] The public function the stack starts above; it must be running synchronously.
 * @param {string} [otherwise] What else the caller may do, closing the remedies.
 * @returns {string}
 */
function encodeJson(value, path, above = encodeJson, otherwise = '') {
  let text;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw refused(inside(path, explain(value, cause, otherwise)), cause, above);
  }
  if (text !== undefined) return text;
  throw invalidArg(inside(path, explainNothing(value)), above);
}

/**
 * What is wrong, with whose value it is; where that is said in words, the place within it stands apart.
 * @param {string} path
 * @param {string} wrong Begins with the place.
 */
function inside(path, wrong) {
  return path.includes(' ') && !wrong.startsWith(' ') ? `${path}: ${wrong}` : path + wrong;
}

/** @param {unknown} value */
function explainNothing(value) {
  if (value === undefined) return ' is undefined, which has no JSON form; use null';
  const tells = value !== null && typeof (/** @type {any} */ (value).toJSON) === 'function';
  if (tells) return '.toJSON() returned what has no JSON form; return plain data, or null';
  return ` is a ${typeof value}, which has no JSON form; store plain data`;
}

/** @param {unknown} value @param {unknown} cause @param {string} otherwise */
function explain(value, cause, otherwise) {
  // Too deep or too long, which no single place is to blame for; a search could take as long again.
  const search = cause instanceof RangeError ? undefined : new Search();
  if (search === undefined || search.visit(value, '') || search.problem === '') {
    return ` has no JSON form: ${firstLine(cause)}${cause instanceof RangeError ? TOO_MUCH : ''}`;
  }
  return search.place + search.problem + (search.isOfJSON ? otherwise : '');
}

/**
 * Does as JSON.stringify does, in the same order, until it meets what made that fail; so it looks at no more than
 * JSON.stringify did. Every toJSON up to there is called a second time.
 */
class Search {
  constructor() {
    /** Empty when the search went too deep. */
    this.problem = '';
    /** From the value down; it grows from the inside out as the visits return. */
    this.place = '';
    /** Whether another codec would take the value. */
    this.isOfJSON = true;
    /** @type {object[]} */
    this.open = [];
  }

  /**
   * Whether nothing is wrong in there.
   * @param {any} value
   * @param {string} key
   * @returns {boolean}
   */
  visit(value, key) {
    let inner = value;
    try {
      if (mayTell(value) && typeof value.toJSON === 'function') inner = value.toJSON(key);
    } catch (thrown) {
      return this.failed('.toJSON() threw', thrown);
    }
    if (typeof inner === 'bigint' || types.isBigIntObject(inner)) {
      return this.found(' is a BigInt, which has no JSON form; make it a string or a number');
    }
    if (typeof inner !== 'object' || inner === null) return true;
    if (this.open.includes(inner)) {
      return this.found(' leads back to an object that it is in, which has no JSON form; leave it out');
    }
    if (this.open.length >= SEARCH_DEPTH_MAX) return false;
    this.open.push(inner);
    const fine = this.visitItems(inner);
    this.open.pop();
    return fine;
  }

  /** @param {any} object */
  visitItems(object) {
    const isArray = Array.isArray(object);
    const count = isArray ? object.length : 0;
    const names = isArray ? undefined : Object.keys(object);
    for (let at = 0; at < (names?.length ?? count); at++) {
      const name = names === undefined ? String(at) : names[at];
      if (this.visitItem(object, name)) continue;
      this.place = inFrontOf(this.place, isArray ? `[${name}]` : stepTo(name));
      return false;
    }
    return true;
  }

  /** @param {any} object @param {string} name */
  visitItem(object, name) {
    let value;
    try {
      value = object[name];
    } catch (thrown) {
      return this.failed(' cannot be read', thrown);
    }
    return this.visit(value, name);
  }

  /** @param {string} what @param {unknown} thrown */
  failed(what, thrown) {
    this.isOfJSON = false;
    return this.found(`${what}: ${firstLine(thrown)}`);
  }

  /** @param {string} problem */
  found(problem) {
    this.problem = problem;
    return false;
  }
}

/**
 * Whether JSON.stringify would ask for a toJSON.
 * @param {any} value
 * @returns {boolean}
 */
function mayTell(value) {
  return (typeof value === 'object' && value !== null) || typeof value === 'function' || typeof value === 'bigint';
}

module.exports = { encodeJson };
