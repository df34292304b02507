'use strict';
/**
 * The structured codec: what a cache gives back is what it was given, type for type. JSON text is the fast form, used
 * when JSON.parse(JSON.stringify(value)) is the same value; a walk decides. What JSON would bend (Date, Map, undefined
 * inside, NaN, -0, cycles, one object in two places) goes through V8's serializer. What neither can carry (functions,
 * instances of classes) is refused, with the path to it. An instance with a toJSON says itself what to store: the tree
 * is copied with each such instance replaced by its result.
 *
 * Why these two, by `npm run bench:codec` (getSync in µs, decoding included, on one machine): JSON text needs no Buffer to
 * cross the door, so a row of 200 bytes is read in 1.0, while msgpackr takes 1.3 with records that its threads share and
 * 2.0 with values that stand alone. Larger values pay: 3.1 against 1.9 and 3.9 for 1 KB, 13.3 against 4.1 and 6.8 for a
 * list of 50 rows, 3.4 against 1.7 and 2.6 with a Date and a Map. Rejected all the same: shared records would have to be
 * agreed on by all threads and kept for as long as any value is, and msgpackr bends -0, sparse arrays, lone surrogates
 * and keys called __proto__. JSON with tags instead of V8: 2.3 against 2.9 with two Dates, 3.7 against 3.4 with a Map too;
 * no gain that would pay for a third form. Whoever knows the values can give the cache a Packr as its codec.
 */
const { encodeJson } = require('./codec-json.js');
const { encodeAsJson, encodeRaw, encodeWith } = require('./codec-others.js');
const payloads = require('./codec-payload.js');
const { firstLine, refused } = require('./codec-refused.js');
const { deserialize, serialize } = require('./codec-v8.js');
const { RedstartError, invalidArg } = require('./errors.js');
const { Walk, replaceToJSON } = require('./walk.js');

const { CODEC_JSON, CODEC_V8, encoded, encodeBytes, encodeNull, copyOf } = payloads;
const { CODEC_STRING, CODEC_NUMBER, CODEC_BOOLEAN, CODEC_NULL, CODEC_BIGINT, CODEC_UNDEFINED } = payloads;
const { CODEC_CUSTOM, CODEC_RAW } = payloads;

/**
 * The structured codec. Returns the number; the payload is then in `encoded.payload`. Throws ERR_INVALID_ARG, naming the
 * place within `path`, for what cannot be stored.
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
      return value === null ? encodeNull() : encodeObject(value, path, above);
    case 'undefined':
      throw isUndefined(path, above);
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
  return encodePlain(value, walk.needsV8, path, above);
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
  return encodePlain(replaced, walk.needsV8, path, above);
}

/**
 * @param {object} value
 * @param {boolean} needsV8
 * @param {string} path
 * @param {Function} above
 * @returns {number}
 */
function encodePlain(value, needsV8, path, above) {
  if (!needsV8) {
    encoded.payload = JSON.stringify(value);
    return CODEC_JSON;
  }
  // Nothing around it that would need the serializer, which costs several copies.
  if (Buffer.isBuffer(value)) return encodeBytes(value, path, above);
  try {
    encoded.payload = serialize(value);
  } catch (cause) {
    throw refused(`${path} cannot be stored: ${firstLine(cause)}`, cause, above);
  }
  return CODEC_V8;
}

/** @param {string} path @param {Function} above */
function isUndefined(path, above) {
  return invalidArg(`${path} is undefined, which cannot be stored; delete the key or store null`, above);
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
    case CODEC_BIGINT:
      return BigInt(payload);
    case CODEC_UNDEFINED:
      return undefined;
    case CODEC_RAW:
      return copyOf(payload);
    default:
      throw new RedstartError(
        'this value was written through a codec of functions, and this handle has none; ' +
          'give cache() the same codec, { encode, decode }, here and in every thread that reads it',
        { code: 'ERR_NOT_DEFINED' },
      );
  }
}

/** @typedef {{ encode(value: any): Uint8Array, decode(bytes: Uint8Array): any }} Pair */

/**
 * How one handle of a cache encodes; every handle reads what any of them wrote. One class for all codecs, so that the
 * hottest call, decode, stays one function to V8 whatever codecs a process uses.
 */
class Codec {
  /** @type {'structured' | 'json' | 'raw' | 'custom'} */
  #name;
  /** @type {Pair | undefined} */
  #pair;

  /** @param {'structured' | 'json' | 'raw' | 'custom'} name @param {Pair} [pair] */
  constructor(name, pair) {
    this.#name = name;
    this.#pair = pair;
  }

  /**
   * As the structured encode. undefined is refused by all codecs: get would give it back as if the key were absent.
   * @param {unknown} value
   * @param {string} [path]
   * @param {Function} [above]
   * @returns {number}
   */
  encode(value, path = 'value', above = this.encode) {
    if (this.#name === 'structured') return encode(value, path, above);
    if (value === undefined) throw isUndefined(path, above);
    if (this.#name === 'json') return encodeAsJson(value, path, above);
    if (this.#name === 'raw') return encodeRaw(value, path, above);
    return encodeWith(/** @type {Pair} */ (this.#pair), value, path, above);
  }

  /**
   * A value of its own for every call, whoever else decodes the payload. What the user's decode() throws is thrown as it
   * is: no argument of the call is wrong, and the error is one the user knows.
   * @param {number} codec
   * @param {any} payload
   * @returns {any}
   */
  decode(codec, payload) {
    if (codec !== CODEC_CUSTOM || this.#pair === undefined) return decode(codec, payload);
    return this.#pair.decode(copyOf(payload));
  }

  /**
   * As decode, for a payload that nobody else holds, as the addon hands them out: bytes need no second copy.
   * @param {number} codec
   * @param {any} payload
   * @returns {any}
   */
  decodeOwn(codec, payload) {
    if (codec < CODEC_CUSTOM) return decode(codec, payload);
    if (codec === CODEC_RAW) return payload;
    return this.#pair === undefined ? decode(codec, payload) : this.#pair.decode(payload);
  }
}

/**
 * @param {'structured' | 'json' | 'raw' | 'custom'} name
 * @param {Pair} [pair] The functions of 'custom', as methods of whatever object they came in.
 * @param {Function} [above]
 */
function makeCodec(name, pair, above = makeCodec) {
  if (name !== 'custom' || pair !== undefined) return new Codec(name, pair);
  const message = 'the codec of this cache is a pair of functions, which do not travel to other threads; ';
  const error = new RedstartError(`${message}give cache() the same codec, { encode, decode }, here too`, {
    code: 'ERR_NOT_DEFINED',
  });
  Error.captureStackTrace(error, above);
  throw error;
}

const { encodeUndefined, payloadToKeep, isPrimitive, isJson } = payloads;

module.exports = {
  encode,
  encoded,
  encodeUndefined,
  payloadToKeep,
  decode,
  makeCodec,
  isPrimitive,
  isJson,
  encodeJson,
};
