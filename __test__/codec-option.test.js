'use strict';
// The codec of a cache: what each takes, what it gives back, and what it says of the rest.
const assert = require('node:assert/strict');
const path = require('node:path');
const { after, describe, it } = require('node:test');
const { Worker } = require('node:worker_threads');
const { open } = require('..');

const URL = 'memory:codec-option';
const stores = [];
after(() => Promise.all(stores.map((store) => store.close())));

/** A handle of the one cache in which all codecs meet. */
function handle(codec) {
  const store = open(URL);
  stores.push(store);
  return store.cache('values', { ttl: null, near: false, codec });
}

const structured = handle('structured');
const json = handle('json');
const raw = handle('raw');
/** As msgpackr's Packr and the like: methods, which need their object. */
const reversed = {
  encodes: 0,
  encode(value) {
    this.encodes += 1;
    return Buffer.from(JSON.stringify(value)).reverse();
  },
  decode(bytes) {
    return { by: this.encodes > 0 && 'reversed', value: JSON.parse(Buffer.from(bytes).reverse()) };
  },
};
const custom = handle(reversed);

function roundTrip(cache, value) {
  cache.setSync('key', value);
  return cache.getSync('key');
}

function refuses(cache, value, message) {
  cache.setSync('key', 'before');
  let refusal;
  assert.throws(
    () => cache.setSync('key', value),
    (error) => {
      refusal = error;
      assert.equal(error.code, 'ERR_INVALID_ARG');
      assert.match(error.message, message);
      assert.match(error.stack, /codec-option\.test/);
      return true;
    },
  );
  assert.deepEqual(cache.getSync('key'), cache === custom ? { by: 'reversed', value: 'before' } : 'before');
  return refusal;
}

describe("codec 'json'", () => {
  class User {
    toJSON(key) {
      return { user: 'Ada', key };
    }
  }
  const sparse = [1, undefined, 3];
  delete sparse[1];
  const values = {
    text: 'Ünïcödé \u{1F600} \0 \ud800 end',
    'empty text': '',
    number: -1.5e300,
    'minus zero': -0,
    NaN: Number.NaN,
    Infinity: Number.NEGATIVE_INFINITY,
    true: true,
    false: false,
    null: null,
    object: { a: [1, { b: 'c' }], d: {}, e: null },
    'a Date, at the top and inside': [new Date(5), { at: new Date(7) }],
    Date: new Date(5),
    'undefined, functions and symbols inside': { a: undefined, b() {}, c: Symbol('c'), d: [undefined, () => 1] },
    'symbol keys': { [Symbol('s')]: 1, t: 2 },
    'numbers that JSON lacks': { a: [Number.NaN, -0, Infinity] },
    'Map, Set and RegExp': { map: new Map([[1, 2]]), set: new Set([1]), pattern: /x/ },
    Buffer: Buffer.from('abc'),
    'sparse array': sparse,
    'an instance of a class': Object.assign(new (class Point {})(), { x: 1 }),
    toJSON: { list: [new User()], user: new User() },
    'toJSON at the top': new User(),
    'boxed primitives': [Object('text'), Object(1), Object(true)],
    'one object in two places': [sparse, sparse],
  };
  for (const [name, value] of Object.entries(values)) {
    it(`gives back what JSON.parse(JSON.stringify(value)) does: ${name}`, () => {
      assert.deepStrictEqual(roundTrip(json, value), JSON.parse(JSON.stringify(value)));
    });
  }

  it('takes a BigInt once it has a toJSON, as JSON.stringify does', () => {
    const toJSON = function () {
      return String(this);
    };
    Object.defineProperty(BigInt.prototype, 'toJSON', { value: toJSON, configurable: true });
    try {
      assert.deepStrictEqual(roundTrip(json, { id: 12n }), { id: '12' });
      assert.equal(roundTrip(json, 12n), '12');
    } finally {
      delete BigInt.prototype.toJSON;
    }
  });

  const circle = { user: { friends: [] } };
  circle.user.friends.push({ of: circle.user });
  const refusals = [
    [undefined, /^value is undefined, which cannot be stored; delete the key or store null$/],
    [() => 1, /^value is a function, which has no JSON form; store plain data$/],
    [Symbol('s'), /^value is a symbol, which has no JSON form/],
    [1n, /^value is a BigInt, which has no JSON form; make it a string or a number, or use the codec 'structured'$/],
    [{ users: [{ id: 1 }, { id: 1n }] }, /^value\.users\[1\]\.id is a BigInt/],
    [{ 'a b': [Object(1n)] }, /^value\['a b'\]\[0\] is a BigInt/],
    [circle, /^value\.user\.friends\[0\]\.of leads back to an object that it is in, .*'structured'$/],
    [{ toJSON() {} }, /^value\.toJSON\(\) returned what has no JSON form/],
  ];
  for (const [value, message] of refusals) {
    it(`refuses: ${message}`, () => refuses(json, value, message));
  }

  it('says where a toJSON or a getter threw, and keeps the error as the cause', () => {
    const cause = new Error('no connection');
    const fail = () => {
      throw cause;
    };
    const inToJSON = refuses(json, [{ user: { toJSON: fail } }], /^value\[0\]\.user\.toJSON\(\) threw: no connection$/);
    assert.equal(inToJSON.cause, cause);
    const document = Object.defineProperty({ ok: 1 }, 'owner', { get: fail, enumerable: true });
    const inGetter = refuses(json, { document }, /^value\.document\.owner cannot be read: no connection$/);
    assert.equal(inGetter.cause, cause);
  });

  it('goes as deep as JSON.stringify does, and says so where that ends', () => {
    let deep = {};
    for (let level = 0; level < 1500; level++) deep = { in: deep };
    assert.equal(JSON.stringify(roundTrip(json, deep)), JSON.stringify(deep));
    for (let level = 0; level < 100_000; level++) deep = { in: deep };
    refuses(json, deep, /^value has no JSON form: Maximum call stack/);
  });
});

describe("codec 'raw'", () => {
  it('gives text back as text and bytes as a Buffer', () => {
    for (const text of ['', 'text', 'Ünïcödé \u{1F600} \ud800']) assert.equal(roundTrip(raw, text), text);
    for (const bytes of [Buffer.from([0, 255]), new Uint8Array([1, 2]), Buffer.alloc(0), Buffer.alloc(100_000, 7)]) {
      const back = roundTrip(raw, bytes);
      assert.ok(Buffer.isBuffer(back));
      assert.deepEqual([...back], [...bytes]);
    }
  });

  it('stores the bytes of a view and nothing beside it', () => {
    const pool = Buffer.from('secret, public, secret');
    const back = roundTrip(raw, pool.subarray(8, 14));
    assert.equal(back.toString(), 'public');
    assert.equal(back.buffer.byteLength, 6);
  });

  it('gives every caller bytes of its own, the waiters of one load included', async () => {
    const bytes = Buffer.from('abc');
    raw.setSync('own', bytes);
    bytes[0] = 0;
    raw.getSync('own')[1] = 0;
    assert.equal(raw.getSync('own').toString(), 'abc');

    const loaded = Buffer.from('loaded');
    const load = async () => {
      setImmediate(() => loaded.fill(0));
      return loaded;
    };
    const [first, second] = await Promise.all([raw.getOrSet('load', load), raw.getOrSet('load', load)]);
    first.fill(0);
    assert.equal(second.toString(), 'loaded');
    assert.equal(raw.getSync('load').toString(), 'loaded');
  });

  const remedy =
    /the codec 'raw' takes a string or a Uint8Array: make it one, or use the codec 'structured', 'json' or/;
  for (const value of [
    1,
    true,
    null,
    1n,
    {},
    [],
    new ArrayBuffer(1),
    new Uint16Array(1),
    new DataView(new ArrayBuffer(1)),
  ]) {
    it(`refuses ${Object.prototype.toString.call(value)}`, () => refuses(raw, value, remedy));
  }

  it('refuses undefined as every codec does', () => refuses(raw, undefined, /^value is undefined, which cannot be/));

  it('refuses bytes that were transferred, which look empty', () => {
    const bytes = Buffer.from(new ArrayBuffer(8));
    structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
    refuses(raw, bytes, /^value was transferred and has no bytes left/);
    refuses(structured, bytes, /^value was transferred and has no bytes left/);
  });
});

describe('a codec of functions', () => {
  it('has the last word on every value but undefined', () => {
    for (const value of ['text', 1, true, null, { a: [1] }]) {
      assert.deepStrictEqual(roundTrip(custom, value), { by: 'reversed', value });
    }
    refuses(custom, undefined, /^value is undefined, which cannot be stored/);
  });

  it('may hand out the same memory each time, and decode may keep what it is given', async () => {
    const memory = new Uint8Array(1);
    const kept = [];
    const cache = handle({
      encode(value) {
        memory[0] = value;
        return memory;
      },
      decode(bytes) {
        kept.push(bytes);
        return bytes[0];
      },
    });
    cache.setSync('one', 1);
    cache.setSync('two', 2);
    const loads = [cache.getOrSet('three', () => 3), cache.getOrSet('three', () => 3), cache.getOrSet('four', () => 4)];
    assert.deepEqual(await Promise.all(loads), [3, 3, 4]);
    assert.deepEqual([cache.getSync('one'), cache.getSync('one'), cache.getSync('two')], [1, 1, 2]);
    for (const bytes of kept) bytes.fill(9);
    assert.deepEqual([cache.getSync('one'), cache.getSync('three')], [1, 3]);
    assert.equal(new Set(kept.map((bytes) => bytes.buffer)).size, kept.length);
    assert.ok(kept.every((bytes) => bytes.byteLength === bytes.buffer.byteLength));
  });

  const returned = [
    [
      'text',
      /encode\(\) of the codec returned 'text', not a Uint8Array; return a Buffer, for text Buffer\.from\(text\)$/,
    ],
    [undefined, /returned undefined, not a Uint8Array/],
    [new ArrayBuffer(2), /returned ArrayBuffer .*, not a Uint8Array/],
    [Promise.resolve(Buffer.alloc(1)), /returned Promise .*, not a Uint8Array; it has to answer at once$/],
  ];
  for (const [result, message] of returned) {
    it(`is told what encode() must return: ${message}`, () => {
      const cache = handle({ encode: () => result, decode: String });
      assert.throws(() => cache.setSync('key', 1), { code: 'ERR_INVALID_ARG', message });
    });
  }

  it('that fails to encode is an ERR_INVALID_ARG with its error as the cause; one that fails to decode throws that error', () => {
    const cause = new TypeError('cannot pack that');
    const fail = () => {
      throw cause;
    };
    const message = 'value cannot be stored: encode() of the codec threw: cannot pack that';
    assert.throws(() => handle({ encode: fail, decode: fail }).setSync('key', 1), {
      code: 'ERR_INVALID_ARG',
      message,
      cause,
    });
    const cache = handle({ encode: () => Buffer.alloc(1), decode: fail });
    cache.setSync('key', 1);
    assert.throws(
      () => cache.getSync('key'),
      (error) => error === cause,
    );
  });
});

describe('handles with different codecs', () => {
  it('read what any of them wrote', () => {
    structured.setSync('date', { at: new Date(1) });
    json.setSync('json', { at: new Date(1) });
    raw.setSync('bytes', Buffer.from('bytes'));
    for (const cache of [structured, json, raw, custom]) {
      assert.deepStrictEqual(cache.getSync('date'), { at: new Date(1) });
      assert.deepStrictEqual(cache.getSync('json'), { at: '1970-01-01T00:00:00.001Z' });
      assert.deepStrictEqual(cache.getSync('bytes'), Buffer.from('bytes'));
    }
  });

  it('but what functions wrote needs these functions: ERR_NOT_DEFINED says how', () => {
    custom.setSync('custom', 1);
    for (const cache of [structured, json, raw]) {
      assert.throws(() => cache.getSync('custom'), {
        code: 'ERR_NOT_DEFINED',
        message: /written through a codec of functions, and this handle has none; give cache\(\) the same codec/,
      });
    }
  });
});

describe('__proto__ is data to every codec', () => {
  const text = '{"__proto__":{"polluted":1},"inner":[{"__proto__":{"polluted":1}}]}';
  const parsed = JSON.parse(text);
  const functions = handle({
    encode: (value) => Buffer.from(JSON.stringify(value)),
    decode: (bytes) => JSON.parse(bytes),
  });
  const ways = {
    'structured, as JSON': () => roundTrip(structured, parsed),
    'structured, through V8': () => roundTrip(structured, { parsed, at: new Date(1) }).parsed,
    'structured, as a value in a Map': () => roundTrip(structured, new Map([['__proto__', parsed]])).get('__proto__'),
    json: () => roundTrip(json, parsed),
    raw: () => JSON.parse(roundTrip(raw, text)),
    'functions over JSON': () => roundTrip(functions, parsed),
  };
  for (const [name, way] of Object.entries(ways)) {
    it(name, () => {
      const back = way();
      for (const object of [back, back.inner[0]]) {
        assert.deepEqual(Object.getOwnPropertyDescriptor(object, '__proto__')?.value, { polluted: 1 });
        assert.equal(Object.getPrototypeOf(object), Object.prototype);
        assert.equal(object.polluted, undefined);
      }
      assert.equal({}.polluted, undefined);
    });
  }

  it('as a key of a Map too', () => {
    const back = roundTrip(structured, new Map([['__proto__', 1]]));
    assert.deepEqual([...back], [['__proto__', 1]]);
    assert.equal(Object.getPrototypeOf(back), Map.prototype);
  });
});

describe('another thread', () => {
  const sparse = new Array(1000);
  sparse[7] = 'seven';
  const cycle = { name: 'cycle', list: [new Date(3)] };
  cycle.self = cycle;
  const view = new Float64Array([1.5, -0]);
  const values = {
    structured: ['text \ud800', -0, true, null, 12n, { a: [1] }, new Map([[cycle, sparse]]), cycle, sparse, view],
    json: ['text', 0, { a: [1, null], b: 'c' }, [new Date(3).toJSON()]],
    raw: ['text', Buffer.from([0, 255]), Buffer.alloc(0)],
  };
  values.structured.push(Buffer.from('bytes'), { bytes: Buffer.from('bytes'), at: /x/gi }, [undefined, NaN]);
  for (const [codec, stored] of Object.entries(values)) {
    it(`decodes and encodes the same values: ${codec}`, async () => {
      const cache = { structured, json, raw }[codec];
      const keys = stored.map((_, at) => `${codec} ${at}`);
      for (const [at, key] of keys.entries()) cache.setSync(key, stored[at]);
      const file = path.join(__dirname, 'support', 'threads', 'codec-thread.js');
      const worker = new Worker(file, { workerData: { url: URL, codec, keys } });
      await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
      await worker.terminate();
      for (const [at, key] of keys.entries()) assert.deepStrictEqual(cache.getSync(`${key} back`), stored[at]);
    });
  }
});
