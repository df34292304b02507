'use strict';
/**
 * Payloads: what crosses the door for a value, a string, a number or bytes, and the number of the codec that made it. The
 * entry keeps that number, so whatever handle wrote it, any other can read it; only what functions of the user's made
 * needs those functions.
 */
const { invalidArg } = require('./errors.js');

const CODEC_STRING = 0;
const CODEC_NUMBER = 1;
const CODEC_BOOLEAN = 2;
const CODEC_NULL = 3;
const CODEC_JSON = 4;
const CODEC_V8 = 5;
const CODEC_BIGINT = 6;
const CODEC_UNDEFINED = 7;
/** What a user's own functions made; only they can read it. */
const CODEC_CUSTOM = 8;
/** Bytes as they are. */
const CODEC_RAW = 9;

/**
 * Where encoders leave the payload: a pair would be allocated for every set. Read it before anything else runs. Bytes may
 * still belong to the caller: what waits holds `payloadToKeep()` instead.
 * @type {{ payload: string | number | Uint8Array }}
 */
const encoded = { payload: 0 };

/** @param {string} text */
function encodeText(text) {
  encoded.payload = text;
  return CODEC_STRING;
}

/** @param {number} number */
function encodeNumber(number) {
  encoded.payload = number;
  return CODEC_NUMBER;
}

/** @param {boolean} flag */
function encodeBoolean(flag) {
  encoded.payload = flag ? 1 : 0;
  return CODEC_BOOLEAN;
}

function encodeNull() {
  encoded.payload = 0;
  return CODEC_NULL;
}

/** For the undefined of a loader; no caller can set it. */
function encodeUndefined() {
  encoded.payload = 0;
  return CODEC_UNDEFINED;
}

/** @param {Uint8Array} bytes @param {string} path @param {Function} above */
function encodeBytes(bytes, path, above) {
  // What was transferred to another thread looks empty here, and would be stored as such.
  if (bytes.byteLength === 0 && isDetached(bytes.buffer)) {
    throw invalidArg(`${path} was transferred and has no bytes left; store it before, or a copy of it`, above);
  }
  encoded.payload = bytes;
  return CODEC_RAW;
}

/** @param {ArrayBufferLike} buffer */
function isDetached(buffer) {
  try {
    new Uint8Array(buffer);
    return false;
  } catch {
    return true;
  }
}

/** `encoded.payload` for whoever holds it longer than the call: bytes that the user may change are copied. */
function payloadToKeep() {
  const { payload } = encoded;
  return typeof payload === 'object' ? copyOf(payload) : payload;
}

/** Not from Node's pool, where bytes of others would be next to them. @param {Uint8Array} bytes */
function copyOf(bytes) {
  const copy = Buffer.allocUnsafeSlow(bytes.byteLength);
  copy.set(bytes);
  return copy;
}

/** Whether no caller can change what it decodes to: strings, numbers, booleans, null, bigints. @param {number} codec */
function isPrimitive(codec) {
  return codec <= CODEC_NULL || codec === CODEC_BIGINT;
}

/** Whether it decodes to plain objects and arrays and nothing else. @param {number} codec */
function isJson(codec) {
  return codec === CODEC_JSON;
}

module.exports = {
  CODEC_STRING,
  CODEC_NUMBER,
  CODEC_BOOLEAN,
  CODEC_NULL,
  CODEC_JSON,
  CODEC_V8,
  CODEC_BIGINT,
  CODEC_UNDEFINED,
  CODEC_CUSTOM,
  CODEC_RAW,
  encoded,
  encodeText,
  encodeNumber,
  encodeBoolean,
  encodeNull,
  encodeUndefined,
  encodeBytes,
  payloadToKeep,
  copyOf,
  isPrimitive,
  isJson,
};
