'use strict';
/**
 * A copy of session data for the option userId, which has to see what is stored. To parse the text again for that costs as
 * much as the rest of a write; a copy of plain data costs a fifth of it.
 *
 * The copy is what is made text of, so that text and copy cannot differ and each property of the app's is read once. Where
 * the copy gives up, the data itself is made text of: getters and toJSON that had their turn run again. An object is read
 * whole before what is in it. So what a getter or a toJSON changes in an object that is under way is stored as it was before,
 * where JSON.stringify, which goes from key to key, takes later keys as changed.
 */
const { isBoxedPrimitive } = require('node:util').types;

const { getOwnPropertySymbols, getPrototypeOf, hasOwn } = Object;
const ObjectPrototype = Object.prototype;
const ArrayPrototype = Array.prototype;

/** Objects of one session that are copied: cycles end so. Beyond, a copy that fails would cost more than it spares. */
const OBJECTS_MAX = 500;

/** Objects that the copy under way may still hold. */
let left = 0;

/**
 * A copy that is the same as what JSON.parse makes of its text, or undefined where that is not known: objects of classes or
 * other realms that have no toJSON, prototypes that were exchanged, symbols, holes, what JSON has no form for, and what throws
 * as it is read.
 * @param {any} data
 * @returns {any}
 */
function plainCopy(data) {
  if (typeof data !== 'object' || data === null) return undefined;
  left = OBJECTS_MAX;
  try {
    return copyOf(data);
  } catch {
    // JSON.stringify meets it again, and it is told there.
    return undefined;
  }
}

/** @param {any} value @returns {any} */
function copyOf(value) {
  left -= 1;
  if (left < 0 || typeof value.toJSON === 'function') return undefined;
  const prototype = getPrototypeOf(value);
  // JSON goes by what a value is made as, whatever its prototype is now.
  if (prototype === ObjectPrototype) {
    return Array.isArray(value) || isBoxedPrimitive(value) ? undefined : objectCopy(value);
  }
  return prototype === ArrayPrototype && Array.isArray(value) ? arrayCopy(value) : undefined;
}

/** @param {any} object */
function objectCopy(object) {
  // With a spread and what follows a key '__proto__' is one like any other.
  const copy = { ...object };
  if (getOwnPropertySymbols(copy).length > 0) return undefined;
  let isWhole = true;
  for (const key in copy) {
    const value = copy[key];
    // The last ones are of a polluted prototype.
    if (isLeaf(value) || !hasOwn(copy, key)) continue;
    if (value === undefined) {
      isWhole = false;
      continue;
    }
    const inner = innerOf(value, key);
    if (inner === undefined) return undefined;
    copy[key] = inner;
  }
  return isWhole ? copy : withoutUndefined(copy);
}

/** As JSON has it. Not by delete, which makes slow objects. @param {any} copy */
function withoutUndefined(copy) {
  if (hasOwn(copy, '__proto__')) return undefined;
  /** @type {any} */
  const kept = {};
  for (const key of Object.keys(copy)) if (copy[key] !== undefined) kept[key] = copy[key];
  return kept;
}

/** @param {any[]} array */
function arrayCopy(array) {
  const copy = [];
  // Not by its methods, which an app may have replaced.
  const { length } = array;
  for (let at = 0; at < length; at++) {
    const value = array[at];
    const inner = isLeaf(value) ? value : innerOf(value, String(at));
    if (inner === undefined) return undefined;
    copy.push(inner);
  }
  return copy;
}

/** What is no leaf. @param {any} value @param {string} key */
function innerOf(value, key) {
  if (typeof value !== 'object') return undefined;
  if (typeof value.toJSON !== 'function') return copyOf(value);
  const told = value.toJSON(key);
  if (isLeaf(told)) return told;
  return typeof told === 'object' ? copyOf(told) : undefined;
}

/** @param {unknown} value */
function isLeaf(value) {
  const type = typeof value;
  return type === 'string' || type === 'boolean' || value === null || (type === 'number' && Number.isFinite(value));
}

module.exports = { plainCopy };
