'use strict';
/** The codecs that a cache may have instead of the structured one. Each returns the number and leaves the payload. */
const { types } = require('node:util');
const { encodeJson } = require('./codec-json.js');
const payloads = require('./codec-payload.js');
const { firstLine, refused } = require('./codec-refused.js');
const { invalidArg, show } = require('./errors.js');

const { CODEC_CUSTOM, CODEC_JSON, encoded } = payloads;
const { encodeBoolean, encodeBytes, encodeNull, encodeNumber, encodeText } = payloads;

/**
 * What JSON.parse(JSON.stringify(value)) gives. Strings, numbers and booleans need no text for that.
 * @param {unknown} value
 * @param {string} path
 * @param {Function} above
 */
function encodeAsJson(value, path, above) {
  switch (typeof value) {
    case 'number':
      if (!Number.isFinite(value)) return encodeNull();
      // JSON writes -0 as 0.
      return encodeNumber(value === 0 ? 0 : value);
    case 'string':
      return encodeText(value);
    case 'boolean':
      return encodeBoolean(value);
    default:
      if (value === null) return encodeNull();
      encoded.payload = encodeJson(value, path, above, ", or use the codec 'structured'");
      return CODEC_JSON;
  }
}

/** @param {unknown} value @param {string} path @param {Function} above */
function encodeRaw(value, path, above) {
  if (typeof value === 'string') return encodeText(value);
  if (types.isUint8Array(value)) return encodeBytes(value, path, above);
  const remedy = "make it one, or use the codec 'structured', 'json' or functions of your own";
  throw invalidArg(`${path} is ${show(value)}; the codec 'raw' takes a string or a Uint8Array: ${remedy}`, above);
}

/**
 * A value that the user's encode() throws for is refused as any codec refuses one, so that whoever sets it has one code to
 * look for; the thrown error is the cause.
 * @param {{ encode(value: any): Uint8Array }} pair
 * @param {unknown} value
 * @param {string} path
 * @param {Function} above
 */
function encodeWith(pair, value, path, above) {
  let bytes;
  try {
    bytes = pair.encode(value);
  } catch (cause) {
    throw refused(`${path} cannot be stored: encode() of the codec threw: ${firstLine(cause)}`, cause, above);
  }
  if (types.isUint8Array(bytes)) {
    encoded.payload = bytes;
    return CODEC_CUSTOM;
  }
  const remedy = types.isPromise(bytes) ? 'it has to answer at once' : 'return a Buffer, for text Buffer.from(text)';
  throw invalidArg(
    `${path} cannot be stored: encode() of the codec returned ${show(bytes)}, not a Uint8Array; ${remedy}`,
    above,
  );
}

module.exports = { encodeAsJson, encodeRaw, encodeWith };
