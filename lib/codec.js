'use strict';
/**
 * The structured codec: what a cache gives back is what it was given, type for type.
 *
 * JSON text is the fast form, used when JSON.parse(JSON.stringify(value)) is the same value; a walk decides. What JSON
 * would bend (Date, Map, undefined inside, NaN, -0, cycles, one object in two places) goes through V8's serializer. What
 * neither can carry (functions, instances of classes) is refused, with the path to it. An instance with a toJSON says
 * itself what to store: the tree is copied with each such instance replaced by its result.
 */
const { types } = require('node:util');
const v8 = require('node:v8');
const { RedstartError, invalidArg } = require('./errors.js');
const { Walk, replaceToJSON } = require('./walk.js');

const CODEC_STRING = 0;
const CODEC_NUMBER = 1;
const CODEC_BOOLEAN = 2;
const CODEC_NULL = 3;
const CODEC_JSON = 4;
const CODEC_V8 = 5;
const CODEC_BIGINT = 6;

/**
 * Where encode leaves the payload: a pair would be allocated for every set. Read it before anything else runs.
 * @type {{ payload: string | number | Uint8Array }}
 */
const encoded = { payload: 0 };

/**
 * The number of the codec; the payload is then in `encoded.payload`. Throws ERR_INVALID_ARG, naming the place within
 * `path`, for what cannot be stored.
 * @param {unknown} value
 * @param {string} [path]
 * @param {Function} [above] The public function the stack starts above; it must be running synchronously.
 * @returns {number}
 */
function encode(value, path = 'value', above = encode) {
  switch (typeof value) {
    case 'string':
      encoded.payload = value;
      return CODEC_STRING;
    case 'number':
      encoded.payload = value;
      return CODEC_NUMBER;
    case 'boolean':
      encoded.payload = value ? 1 : 0;
      return CODEC_BOOLEAN;
    case 'bigint':
      encoded.payload = value.toString();
      return CODEC_BIGINT;
    case 'object':
      if (value !== null) return encodeObject(value, path, above);
      encoded.payload = 0;
      return CODEC_NULL;
    case 'undefined':
      throw invalidArg(`${path} is undefined, which cannot be stored; delete the key or store null`, above);
    default:
      throw invalidArg(`${path} is a ${typeof value}; store plain data`, above);
  }
}

/**
 * @param {object} value
 * @param {string} path
 * @param {Function} above
 * @returns {number}
 */
function encodeObject(value, path, above) {
  const walk = new Walk();
  if (!walk.visit(value, 1)) throw invalidArg(path + walk.place + walk.problem, above);
  if (walk.hasToJSON) return encodeReplaced(value, path, above);
  const codec = walk.needsV8 ? CODEC_V8 : CODEC_JSON;
  encoded.payload = walk.needsV8 ? serialize(value, path, above) : JSON.stringify(value);
  return codec;
}

/**
 * @param {object} value
 * @param {string} path
 * @param {Function} above
 * @returns {number}
 */
function encodeReplaced(value, path, above) {
  const replaced = replaceToJSON(value, '', new Map(), 1);
  if (typeof replaced !== 'object' || replaced === null) return encode(replaced, `${path}.toJSON()`, above);
  const walk = new Walk();
  if (!walk.visit(replaced, 1)) throw invalidArg(path + walk.place + walk.problem, above);
  if (walk.hasToJSON) throw invalidArg(`${path} has a toJSON() whose results have a toJSON() without end`, above);
  encoded.payload = walk.needsV8 ? serialize(replaced, path, above) : JSON.stringify(replaced);
  return walk.needsV8 ? CODEC_V8 : CODEC_JSON;
}

/**
 * A value of its own for every call; it keeps no reference to the payload.
 * @param {number} codec
 * @param {any} payload
 * @returns {any}
 */
function decode(codec, payload) {
  switch (codec) {
    case CODEC_STRING:
    case CODEC_NUMBER:
      return payload;
    case CODEC_BOOLEAN:
      return payload === 1;
    case CODEC_NULL:
      return null;
    case CODEC_JSON:
      return JSON.parse(payload);
    case CODEC_V8:
      return deserialize(payload);
    default:
      return BigInt(payload);
  }
}

/**
 * JSON text of what is kept as JSON by contract (sessions, jobs): dates become strings and undefined goes missing, as
 * everywhere in JSON. Throws ERR_INVALID_ARG for what has no JSON text: undefined, functions, BigInt, cycles.
 * @param {unknown} value
 * @param {string} path
 * @returns {string}
 */
function encodeJson(value, path) {
  let text;
  try {
    text = JSON.stringify(value);
  } catch (cause) {
    throw unstorable(`${path} has no JSON form: ${firstLine(cause)}`, cause, encodeJson);
  }
  if (text === undefined) throw invalidArg(`${path} is ${typeof value}, which has no JSON form; use null`, encodeJson);
  return text;
}

/**
 * @param {object} value
 * @param {string} path
 * @param {Function} above
 * @returns {Uint8Array}
 */
function serialize(value, path, above) {
  const serializer = new v8.DefaultSerializer();
  try {
    serializer.writeHeader();
    serializer.writeValue(value);
  } catch (cause) {
    // Proxies and detached buffers look like plain data to the walk.
    throw unstorable(`${path} cannot be stored: ${firstLine(cause)}`, cause, above);
  }
  return serializer.releaseBuffer();
}

/** @type {any} Its _readHostObject is documented, and missing in the types. */
const NodeDeserializer = v8.DefaultDeserializer;

/** Node reads views as windows into the payload; here each gets memory of its own. */
class Deserializer extends NodeDeserializer {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    super(bytes);
    this.readHeader();
  }

  _readHostObject() {
    const view = super._readHostObject();
    if (Buffer.isBuffer(view)) return Buffer.from(view);
    if (!types.isDataView(view)) return view.slice();
    return new DataView(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
  }
}

/** Whether V8 builds its objects in another realm than the one this file runs in: so it is in Jest. */
const BUILDS_ELSEWHERE = Object.getPrototypeOf(v8.deserialize(v8.serialize({}))) !== Object.prototype;

/** @param {Uint8Array} bytes */
function deserialize(bytes) {
  const value = new Deserializer(bytes).readValue();
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

/** @param {string} message @param {unknown} cause @param {Function} above */
function unstorable(message, cause, above) {
  const error = new RedstartError(message, { code: 'ERR_INVALID_ARG', cause });
  Error.captureStackTrace(error, above);
  return error;
}

/** @param {any} error */
function firstLine(error) {
  return String(error?.message ?? error).split('\n', 1)[0];
}

module.exports = { encode, encoded, decode, encodeJson };
