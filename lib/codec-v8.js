'use strict';
/** What JSON would bend goes through V8's serializer; here it becomes a value of its own, in the realm of this file. */
const { types } = require('node:util');
const v8 = require('node:v8');

/**
 * Throws what V8 throws: proxies and detached buffers look like plain data to the walk.
 * @param {object} value
 * @returns {Uint8Array}
 */
function serialize(value) {
  const serializer = new v8.DefaultSerializer();
  serializer.writeHeader();
  serializer.writeValue(value);
  return serializer.releaseBuffer();
}

/** @type {any} Its _readHostObject is documented, and missing in the types. */
const Deserializer = v8.DefaultDeserializer;
const readView = Deserializer.prototype._readHostObject;

/** Node reads views as windows into the payload; here each gets memory of its own. @this {any} */
function readOwnView() {
  const view = readView.call(this);
  if (Buffer.isBuffer(view)) return Buffer.from(view);
  if (!types.isDataView(view)) return view.slice();
  return new DataView(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

/** Whether V8 builds its objects in another realm than the one this file runs in: so it is in Jest. */
const BUILDS_ELSEWHERE = Object.getPrototypeOf(v8.deserialize(v8.serialize({}))) !== Object.prototype;

/** @param {Uint8Array} bytes */
function deserialize(bytes) {
  // A class that extends it would cost half a microsecond more: it is a native one.
  const deserializer = new Deserializer(bytes);
  deserializer._readHostObject = readOwnView;
  deserializer.readHeader();
  const value = deserializer.readValue();
  return BUILDS_ELSEWHERE ? moveHere(value, new Set()) : value;
}

/**
 * Gives what V8 built the prototypes of this realm, so that `instanceof Date` and toStrictEqual hold in a Jest test.
 * @param {any} value
 * @param {Set<object>} moved
 */
function moveHere(value, moved) {
  if (typeof value !== 'object' || value === null || moved.has(value)) return value;
  moved.add(value);
  const Class = /** @type {any} */ (globalThis)[Object.prototype.toString.call(value).slice(8, -1)];
  if (typeof Class === 'function' && !Buffer.isBuffer(value)) Object.setPrototypeOf(value, Class.prototype);
  if (value instanceof Map || value instanceof Set) {
    for (const [key, inner] of value.entries()) {
      moveHere(key, moved);
      moveHere(inner, moved);
    }
  } else if (!ArrayBuffer.isView(value)) {
    for (const key of Object.keys(value)) moveHere(value[key], moved);
  }
  return value;
}

module.exports = { serialize, deserialize };
