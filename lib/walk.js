'use strict';
/**
 * One look at a value before it is stored: can JSON carry it, does it need V8's serializer, does something in it want
 * to be asked for its toJSON, or can it not be stored at all, and where is the culprit.
 *
 * The walk is the price of every set, so it asks for little: no descriptors (a getter counts as its value, as in
 * structuredClone), no symbol keys (neither form carries them), and containers are remembered from the second one on.
 * Containers met twice are cycles or shared: JSON would loop or double them, so they go to V8, and the walk does not
 * enter them again, which also bounds it for trees that double at every level.
 */
const { types } = require('node:util');
const { inFrontOf, stepTo } = require('./codec-refused.js');
const { show } = require('./errors.js');
const { isPlainPrototype, isBuiltInPrototype } = require('./plain.js');

/** Deeper values could overflow the stack here, in V8 or in whoever reads them. */
const DEPTH_MAX = 1000;
/** Up to this many containers looking through an array is faster than a Set. */
const LISTED_MAX = 16;

const PLAIN = 0;
const ARRAY = 1;
const MAP = 2;
const SET = 3;
/** Nothing inside that could need a look. */
const LEAF = 4;
const WITH_TO_JSON = 5;
const REFUSED = 6;

const { hasOwn, getPrototypeOf, is, keys, values } = Object;
const ObjectPrototype = Object.prototype;
const ArrayPrototype = Array.prototype;

/** @param {any} object */
function kindOf(object) {
  const prototype = getPrototypeOf(object);
  if (prototype === ObjectPrototype) return PLAIN;
  if (prototype === ArrayPrototype && Array.isArray(object)) return ARRAY;
  if (isPlainPrototype(prototype)) return PLAIN;
  if (Array.isArray(object) && isBuiltInPrototype(prototype, 'Array')) return ARRAY;
  if (types.isDate(object) && isBuiltInPrototype(prototype, 'Date')) return LEAF;
  if (types.isMap(object) && isBuiltInPrototype(prototype, 'Map')) return MAP;
  if (types.isSet(object) && isBuiltInPrototype(prototype, 'Set')) return SET;
  // Before toJSON is looked at: Buffers have one. A view of a class of its own comes back as the view it extends.
  if (types.isArrayBufferView(object) || types.isArrayBuffer(object)) return LEAF;
  if (types.isRegExp(object) && isBuiltInPrototype(prototype, 'RegExp')) return LEAF;
  return typeof object.toJSON === 'function' ? WITH_TO_JSON : REFUSED;
}

class Walk {
  constructor() {
    this.needsV8 = false;
    this.hasToJSON = false;
    /** Why a visit returned false. */
    this.problem = '';
    /** Where, from the value down; it grows from the inside out as the visits return. */
    this.place = '';
    /** @type {object | undefined} */
    this.first = undefined;
    /** @type {object[] | undefined} */
    this.listed = undefined;
    /** @type {Set<object> | undefined} */
    this.indexed = undefined;
  }

  /**
   * Whether the object can be stored; `problem` and `place` say what is wrong otherwise.
   * @param {any} object
   * @param {number} depth
   * @returns {boolean}
   */
  visit(object, depth) {
    const kind = kindOf(object);
    if (kind === LEAF) return this.leaveToV8();
    if (kind === WITH_TO_JSON) return this.leaveToToJSON();
    if (kind === REFUSED) return this.refuse(instanceProblem(object));
    if (depth > DEPTH_MAX) return this.refuse(` is nested more than ${DEPTH_MAX} levels deep; store flatter data`);
    if (this.isKnown(object)) return this.leaveToV8();
    switch (kind) {
      case PLAIN:
        return this.visitPlain(object, depth);
      case ARRAY:
        return this.visitArray(object, depth);
      default:
        this.needsV8 = true;
        return kind === MAP ? this.visitMap(object, depth) : this.visitSet(object, depth);
    }
  }

  /** @param {any} object @param {number} depth */
  visitPlain(object, depth) {
    // for-in is twice as fast as Object.keys here; what it brings in from a polluted prototype is asked for below.
    for (const key in object) {
      const value = object[key];
      const type = typeof value;
      if (type === 'string' || type === 'boolean' || value === null) continue;
      if (type === 'number' && Number.isFinite(value) && !is(value, -0)) continue;
      if (!hasOwn(object, key) || this.visitRest(value, depth)) continue;
      if (hasOwn(object, 'toJSON') && typeof object.toJSON === 'function') return this.leaveToToJSON();
      return this.foundIn(stepTo(key));
    }
    return true;
  }

  /** @param {any} array @param {number} depth */
  visitArray(array, depth) {
    // Holes, or properties beside the items, as a RegExp match has: V8 keeps both. (Object.values costs a fifth of
    // Object.keys on arrays.) By key then, as a hole may be a billion items wide.
    if (values(array).length !== array.length) {
      this.needsV8 = true;
      for (const index of keys(array)) {
        if (!this.visitRest(array[index], depth)) return this.foundIn(`[${index}]`);
      }
      return true;
    }
    for (let at = 0; at < array.length; at++) {
      const value = array[at];
      const type = typeof value;
      if (type === 'string' || type === 'boolean' || value === null) continue;
      if (type === 'number' && Number.isFinite(value) && !is(value, -0)) continue;
      if (!this.visitRest(value, depth)) return this.foundIn(`[${at}]`);
    }
    return true;
  }

  /** @param {Map<unknown, unknown>} map @param {number} depth */
  visitMap(map, depth) {
    for (const [key, value] of map) {
      if (!this.visitRest(key, depth)) return this.foundIn(` key ${show(key)}`);
      if (!this.visitRest(value, depth)) return this.foundIn(`.get(${show(key)})`);
    }
    return true;
  }

  /** @param {Set<unknown>} set @param {number} depth */
  visitSet(set, depth) {
    let at = 0;
    for (const value of set) {
      if (!this.visitRest(value, depth)) return this.foundIn(` item ${at}`);
      at++;
    }
    return true;
  }

  /**
   * What is inside a container and no plain JSON leaf, or has not been looked at.
   * @param {unknown} value
   * @param {number} depth Of the container.
   * @returns {boolean}
   */
  visitRest(value, depth) {
    switch (typeof value) {
      case 'object':
        return value === null || this.visit(value, depth + 1);
      case 'function':
      case 'symbol':
        return this.refuse(` is a ${typeof value}; store plain data, or give the class a toJSON()`);
      case 'number':
        if (!Number.isFinite(value) || is(value, -0)) this.needsV8 = true;
        return true;
      case 'bigint':
      case 'undefined':
        return this.leaveToV8();
      default:
        return true;
    }
  }

  /** @param {object} object */
  isKnown(object) {
    if (this.first === undefined) {
      this.first = object;
      return false;
    }
    if (object === this.first) return true;
    if (this.indexed !== undefined) return this.indexed.size === this.indexed.add(object).size;
    if (this.listed === undefined) {
      this.listed = [object];
      return false;
    }
    if (this.listed.includes(object)) return true;
    if (this.listed.push(object) > LISTED_MAX) this.indexed = new Set(this.listed);
    return false;
  }

  leaveToV8() {
    this.needsV8 = true;
    return true;
  }

  leaveToToJSON() {
    this.hasToJSON = true;
    return true;
  }

  /** @param {string} problem */
  refuse(problem) {
    this.problem = problem;
    return false;
  }

  /** @param {string} step */
  foundIn(step) {
    this.place = inFrontOf(this.place, step);
    return false;
  }
}

/** @param {any} object */
function instanceProblem(object) {
  if (types.isPromise(object)) return ' is a Promise; await it first';
  const Class = object.constructor;
  const name = typeof Class === 'function' && Class.name !== '' ? Class.name : 'a class';
  const what = name === 'Object' ? 'an object that inherits from another' : `an instance of ${name}`;
  return ` is ${what}; store plain data, or give the class a toJSON()`;
}

/**
 * A copy of the tree in which every object with a toJSON is replaced by its result. To be walked again.
 * @param {any} value
 * @param {string} key What JSON.stringify would pass to toJSON.
 * @param {Map<object, unknown>} copies
 * @param {number} depth
 * @returns {any}
 */
function replaceToJSON(value, key, copies, depth) {
  if (typeof value !== 'object' || value === null) return value;
  if (copies.has(value)) return copies.get(value);
  // Only a toJSON that goes on making objects with a toJSON gets here; the walk that follows refuses this depth.
  if (depth > 2 * DEPTH_MAX) return value;
  const kind = kindOf(value);
  if (kind === WITH_TO_JSON || (kind === PLAIN && hasOwn(value, 'toJSON') && typeof value.toJSON === 'function')) {
    const result = replaceToJSON(value.toJSON(key), key, copies, depth + 1);
    copies.set(value, result);
    return result;
  }
  if (kind === LEAF || kind === REFUSED) return value;
  const copy = kind === MAP ? new Map() : kind === SET ? new Set() : kind === ARRAY ? new Array(value.length) : {};
  copies.set(value, copy);
  /** @param {unknown} inner @param {string} innerKey */
  const replace = (inner, innerKey) => replaceToJSON(inner, innerKey, copies, depth + 1);
  if (copy instanceof Map) {
    for (const [name, inner] of value) copy.set(replace(name, ''), replace(inner, String(name)));
  } else if (copy instanceof Set) {
    for (const inner of value) copy.add(replace(inner, ''));
  } else {
    for (const name of keys(value)) {
      // Defined, not assigned: assigning to __proto__ would change the prototype.
      Object.defineProperty(copy, name, {
        value: replace(value[name], name),
        writable: true,
        enumerable: true,
        configurable: true,
      });
    }
  }
  return copy;
}

module.exports = { Walk, replaceToJSON };
