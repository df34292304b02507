'use strict';
/**
 * What counts as plain data, in any realm: in Jest every object a test file writes comes from a realm of its own, with
 * another Object.prototype than the one here.
 */
const { hasOwn, getPrototypeOf } = Object;
const ObjectPrototype = Object.prototype;

/**
 * Whether objects with this prototype are plain: none, Object.prototype of some realm (it stands at the root of its
 * chain, with a constructor called Object), or an empty one (querystring and Express make their queries so).
 * @param {any} prototype
 * @returns {boolean}
 */
function isPlainPrototype(prototype) {
  if (prototype === ObjectPrototype || prototype === null) return true;
  if (getPrototypeOf(prototype) !== null) return false;
  return isBuiltInPrototype(prototype, 'Object') || Reflect.ownKeys(prototype).length === 0;
}

/**
 * Whether a prototype is that of the built-in class `name` of some realm, and not of a class that extends it.
 * @param {any} prototype
 * @param {string} name
 * @returns {boolean}
 */
function isBuiltInPrototype(prototype, name) {
  if (prototype === null || !hasOwn(prototype, 'constructor')) return false;
  const Class = prototype.constructor;
  return typeof Class === 'function' && Class.name === name && Class.prototype === prototype;
}

/**
 * @param {unknown} value
 * @returns {value is Record<string, unknown>}
 */
function isPlainObject(value) {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && isPlainPrototype(getPrototypeOf(value))
  );
}

module.exports = { isPlainObject, isPlainPrototype, isBuiltInPrototype };
