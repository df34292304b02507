'use strict';
/**
 * One fresh process of the codec bench: one way to encode, one shape of value. Prints nanoseconds for encode and decode
 * alone, and for setSync and getSync of a cache that encodes so, through the public door, near cache off.
 */
const path = require('node:path');
const { isDeepStrictEqual } = require('node:util');
const v8 = require('node:v8');
const tagged = require('./tagged.js');
const { COUNT, valuesOf } = require('./values.js');

/** Each line is timed this often and the fastest round counts: the others were disturbed. */
const ROUNDS = 5;
/** A round lasts about this long. */
const ROUND_MS = 50;
const WARM_UP = 20_000;

const ROOT = path.join(__dirname, '..', '..');

/**
 * @typedef {{ codec: any, encode(value: any): any, decode(stored: any): any, sizeOf(stored: any): number }} Way
 * `codec` is the cache's; text crosses as text with 'raw', around which encode and decode then stand.
 */

/** @param {any} functions @returns {Way} */
function ofBytes({ encode, decode }) {
  return { codec: { encode, decode }, encode, decode, sizeOf: (bytes) => bytes.byteLength };
}

/** @param {any} options */
function ofMsgpackr(options) {
  const { Packr } = require('msgpackr');
  const packr = new Packr(options);
  return ofBytes({
    encode: (/** @type {any} */ value) => packr.pack(value),
    decode: (/** @type {any} */ bytes) => packr.unpack(bytes),
  });
}

/** @type {Record<string, () => Way>} */
const WAYS = {
  'structured: JSON or V8': () => {
    const { encoded, makeCodec } = require(path.join(ROOT, 'lib', 'codec.js'));
    const codec = makeCodec('structured');
    return {
      codec: 'structured',
      encode: (value) => codec.encode(value),
      decode: ({ number, payload }) => codec.decodeOwn(number, payload),
      // What encode left behind, as the cache reads it.
      sizeOf: () => (typeof encoded.payload === 'string' ? encoded.payload.length : encoded.payload.byteLength),
    };
  },
  'msgpackr, no records': () => ofMsgpackr({ useRecords: false, structuredClone: true }),
  'msgpackr, records in each value': () => ofMsgpackr({ structuredClone: true }),
  'msgpackr, shared records': () => ofMsgpackr({ structures: [], structuredClone: true }),
  'JSON with tags': () => ({
    codec: 'raw',
    encode: tagged.stringify,
    decode: tagged.parse,
    sizeOf: (text) => text.length,
  }),
  'V8 alone': () => ofBytes({ encode: v8.serialize, decode: v8.deserialize }),
};

let sink;
/** @param {(at: number) => unknown} call @param {number} count */
function run(call, count) {
  const start = process.hrtime.bigint();
  for (let index = 0; index < count; index++) sink = call(index % COUNT);
  return Number(process.hrtime.bigint() - start) / count;
}

/** @param {(at: number) => unknown} call */
function time(call) {
  const warm = run(call, WARM_UP);
  const count = Math.max(1_000, Math.round((ROUND_MS * 1e6) / warm));
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) best = Math.min(best, run(call, count));
  return best;
}

/** Nothing for a way that gives back something else than it was given. @param {string} name @param {string} shape */
function measure(name, shape) {
  const way = WAYS[name]();
  const values = valuesOf(shape);
  const { store, keys, set, get } = inCache(way);
  const sizes = [];
  const stored = values.map((value) => {
    const one = keep(way.encode(value));
    sizes.push(way.sizeOf(one));
    return one;
  });
  const kept = values.every((value, at) => {
    set(keys[at], value);
    return isDeepStrictEqual(get(keys[at]), value);
  });
  if (!kept) return {};
  const lines = {
    encode: time((at) => way.encode(values[at])),
    decode: time((at) => way.decode(stored[at])),
    set: time((at) => set(keys[at], values[at])),
    get: time((at) => get(keys[at])),
    bytes: sizes.reduce((sum, size) => sum + size) / COUNT,
  };
  store.close();
  return lines;
}

/** What encode returned, and for the structured codec what it left. @param {any} result */
function keep(result) {
  if (typeof result !== 'number') return result;
  const { encoded } = require(path.join(ROOT, 'lib', 'codec.js'));
  return { number: result, payload: encoded.payload };
}

/** @param {Way} way */
function inCache({ codec, encode, decode }) {
  const store = require(ROOT).open('memory:');
  const cache = store.cache('bench', { ttl: null, near: false, codec });
  const keys = Array.from({ length: COUNT }, (_, at) => `bench:value:${at}`);
  if (codec !== 'raw') {
    return {
      store,
      keys,
      set: (/** @type {string} */ key, /** @type {any} */ value) => cache.setSync(key, value),
      get: (/** @type {string} */ key) => cache.getSync(key),
    };
  }
  return {
    store,
    keys,
    set: (/** @type {string} */ key, /** @type {any} */ value) => cache.setSync(key, encode(value)),
    get: (/** @type {string} */ key) => decode(cache.getSync(key)),
  };
}

module.exports = { WAYS: Object.keys(WAYS) };

if (require.main === module) {
  const lines = measure(process.argv[2], process.argv[3]);
  if (sink === WAYS) process.exitCode = 1;
  console.log(JSON.stringify(lines));
}
