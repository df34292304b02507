'use strict';
// What a cache gives back is what it was given, type for type, or it is refused with the place of the culprit.
const assert = require('node:assert/strict');
const { after, describe, it } = require('node:test');
const vm = require('node:vm');
const { open } = require('..');

const store = open('memory:');
const cache = store.cache('values', { ttl: null, maxSize: '64mb', maxEntrySize: '16mb' });
after(() => store.close());

function roundTrip(value) {
  cache.setSync('key', value);
  return cache.getSync('key');
}

function refuses(value, message) {
  assert.throws(() => cache.setSync('key', value), { code: 'ERR_INVALID_ARG', message, retryable: false });
}

describe('values come back as they were', () => {
  const values = {
    'empty string': '',
    text: 'Ünïcödé \u{1F600} \0 \ud800 end',
    zero: 0,
    'minus zero': -0,
    NaN: Number.NaN,
    Infinity: -Infinity,
    fraction: 0.1,
    true: true,
    false: false,
    null: null,
    BigInt: -(10n ** 40n),
    'plain object': { a: 1, b: ['x', null, true, { c: -1.5e300 }], 'd e': {}, 7: [] },
    'lone surrogates inside': { '\udfff': ['\ud800'] },
    'undefined inside': { a: undefined, b: [undefined] },
    'NaN, -0 and Infinity inside': { a: Number.NaN, b: [-0], c: Infinity },
    'BigInt inside': { a: 1n },
    Date: new Date(1234567890123),
    'Date inside': { at: [new Date(0)] },
    'Map and Set': new Map([
      [{ key: 1 }, new Set([1, { two: [2] }])],
      ['nested', new Map()],
    ]),
    RegExp: /a+/giu,
    Buffer: Buffer.from([0, 255, 128]),
    'empty Buffer': Buffer.alloc(0),
    'views inside': {
      bytes: new Uint8Array([1, 2]),
      floats: new Float64Array([1.5, Number.NaN]),
      big: new BigInt64Array([-1n]),
      data: new DataView(new Uint8Array([1, 2, 3]).buffer, 1, 2),
      buffer: new Uint8Array([4, 5]).buffer,
      text: Buffer.from('text'),
    },
    'sparse array': Object.assign(new Array(3), { 0: 1, 2: 3 }),
  };
  for (const [name, value] of Object.entries(values)) {
    it(name, () => assert.deepStrictEqual(roundTrip(value), value));
  }

  it('keeps what an array has beside its items', () => {
    const match = 'xay'.match(/a/);
    assert.deepStrictEqual({ ...roundTrip(match) }, { ...match });
  });

  it('keeps a huge sparse array in no time', () => {
    const sparse = new Array(1e9);
    sparse[5] = 'five';
    const back = roundTrip(sparse);
    assert.equal(back.length, 1e9);
    assert.deepStrictEqual(Object.keys(back), ['5']);
  });

  it('keeps cycles, and one object in two places as one', () => {
    const shared = { list: [1] };
    const value = { first: shared, second: shared, items: [shared.list] };
    value.self = value;
    const back = roundTrip(value);
    assert.equal(back.self, back);
    assert.equal(back.first, back.second);
    assert.equal(back.items[0], back.first.list);
  });

  it('stores a tree that doubles at every level once', () => {
    let tree = {};
    for (let level = 0; level < 100; level++) tree = { left: tree, right: tree };
    const back = roundTrip(tree);
    assert.equal(back.left.left, back.right.right);
  });

  it('takes objects without a prototype, or with an empty one, as plain', () => {
    const bare = Object.assign(Object.create(null), { a: 1 });
    assert.deepStrictEqual(roundTrip(bare), { a: 1 });
    function Query() {}
    Query.prototype = Object.create(null);
    assert.deepStrictEqual(roundTrip(Object.assign(new Query(), { q: ['1', '2'] })), { q: ['1', '2'] });
  });

  it('takes the value of a getter', () => {
    assert.deepStrictEqual(
      roundTrip({
        get now() {
          return 5;
        },
      }),
      { now: 5 },
    );
  });

  it('takes what another realm made', () => {
    const plain = vm.runInNewContext('({ list: [1, { two: 2 }], nothing: null })');
    assert.deepStrictEqual(roundTrip(plain), { list: [1, { two: 2 }], nothing: null });
    const rich = vm.runInNewContext('({ at: new Date(7), map: new Map([[1, new Set([2])]]), pattern: /x/ })');
    assert.deepStrictEqual(roundTrip(rich), { at: new Date(7), map: new Map([[1, new Set([2])]]), pattern: /x/ });
  });
});

describe('every caller has a value of its own', () => {
  it('whatever the value is changed to later', () => {
    const value = { list: [1], bytes: Buffer.from('abc') };
    cache.setSync('own', value);
    value.list.push(2);
    value.bytes[0] = 0;
    const first = cache.getSync('own');
    first.list.push(3);
    first.bytes[1] = 0;
    assert.deepStrictEqual(cache.getSync('own'), { list: [1], bytes: Buffer.from('abc') });
  });

  it('and a view has memory of its own, without what stood beside it', () => {
    const pool = Buffer.from('secret, public, secret');
    const view = new Uint8Array(pool.buffer, pool.byteOffset + 8, 6);
    const back = roundTrip({
      view,
      buffer: pool.subarray(8, 14),
      data: new DataView(pool.buffer, pool.byteOffset + 8, 6),
    });
    assert.equal(Buffer.from(back.view).toString(), 'public');
    assert.equal(back.view.buffer.byteLength, 6);
    assert.equal(back.data.buffer.byteLength, 6);
    assert.ok(Buffer.isBuffer(back.buffer));
    assert.ok(!Buffer.isBuffer(back.view));
  });
});

describe('toJSON', () => {
  class User {
    constructor(name) {
      this.name = name;
    }
    toJSON() {
      return { name: this.name, at: new Date(3) };
    }
  }

  it('says what is stored of an instance, at the top and anywhere inside', () => {
    const stored = { name: 'Ada', at: new Date(3) };
    assert.deepStrictEqual(roundTrip(new User('Ada')), stored);
    const everywhere = {
      list: [new User('Ada')],
      map: new Map([['ada', new User('Ada')]]),
      set: new Set([new User('Ada')]),
    };
    assert.deepStrictEqual(roundTrip(everywhere), {
      list: [stored],
      map: new Map([['ada', stored]]),
      set: new Set([stored]),
    });
  });

  it('may return no object at all', () => {
    assert.equal(roundTrip(new URL('https://example.com/a')), 'https://example.com/a');
    assert.deepStrictEqual(roundTrip({ site: new URL('https://example.com/a') }), { site: 'https://example.com/a' });
  });

  it('lets a plain object have methods', () => {
    const document = { save() {}, toJSON: () => ({ id: 1 }) };
    assert.deepStrictEqual(roundTrip({ document }), { document: { id: 1 } });
  });

  it('keeps Date and Buffer, which have one, as they are', () => {
    const value = { user: new User('Ada'), at: new Date(9), bytes: Buffer.from('x') };
    assert.deepStrictEqual(roundTrip(value), { ...value, user: { name: 'Ada', at: new Date(3) } });
  });

  it('that never comes to an end is refused', () => {
    class Endless {
      toJSON() {
        return { next: new Endless() };
      }
    }
    refuses(new Endless(), /without end/);
  });
});

describe('__proto__ is data, never a prototype', () => {
  const parsed = JSON.parse('{"__proto__":{"polluted":1},"inner":{"__proto__":{"polluted":1}}}');
  class Replaced {
    toJSON() {
      return 'replaced';
    }
  }
  const ways = {
    'as JSON': parsed,
    'beside a Date': { parsed, at: new Date(1) },
    'beside a toJSON': { parsed, it: new Replaced() },
  };
  for (const [name, value] of Object.entries(ways)) {
    it(name, () => {
      const back = roundTrip(value);
      const object = back.parsed ?? back;
      for (const one of [object, object.inner]) {
        assert.ok(Object.hasOwn(one, '__proto__'));
        assert.equal(Object.getPrototypeOf(one), Object.prototype);
        assert.equal(one.polluted, undefined);
      }
      assert.equal({}.polluted, undefined);
    });
  }
});

describe('what cannot be kept is refused, with its place and a remedy', () => {
  class Account {}
  class Registry extends Map {}
  class List extends Array {}
  const cases = [
    [undefined, /^value is undefined, which cannot be stored; delete the key or store null$/],
    [() => 1, /^value is a function; store plain data$/],
    [Symbol('s'), /^value is a symbol/],
    [{ user: { save() {} } }, /^value\.user\.save is a function; store plain data, or give the class a toJSON\(\)$/],
    [{ users: [{ id: Symbol('s') }] }, /^value\.users\[0\]\.id is a symbol/],
    [{ 'a b': [Account] }, /^value\['a b'\]\[0\] is a function/],
    [{ account: new Account() }, /^value\.account is an instance of Account; store plain data, or give .* toJSON\(\)$/],
    [{ map: new Registry() }, /^value\.map is an instance of Registry/],
    [[new List()], /^value\[0\] is an instance of List/],
    [{ wait: Promise.resolve(1) }, /^value\.wait is a Promise; await it first$/],
    [{ weak: new WeakMap() }, /^value\.weak is an instance of WeakMap/],
    [{ error: new TypeError('x') }, /^value\.error is an instance of TypeError/],
    [Object.create({ inherited: 1 }), /^value is an object that inherits from another/],
    [new Map([['k', () => 1]]), /^value\.get\('k'\) is a function/],
    [new Map([[() => 1, 'k']]), /^value key .* is a function/],
    [new Set([1, () => 1]), /^value item 1 is a function/],
    [new Proxy({ at: new Date(0) }, {}), /^value cannot be stored/],
    [{ bytes: new SharedArrayBuffer(8) }, /SharedArrayBuffer/],
  ];
  for (const [value, message] of cases) {
    it(String(message), () => refuses(value, message));
  }

  it('and what stood there stays', () => {
    cache.setSync('key', 'before');
    refuses({ broken() {} }, /broken is a function/);
    assert.equal(cache.getSync('key'), 'before');
  });

  it('beyond 1,000 levels', () => {
    const nest = (levels) => {
      let value = {};
      for (let level = 1; level < levels; level++) value = { in: value };
      return value;
    };
    assert.deepStrictEqual(roundTrip(nest(1000)), nest(1000));
    refuses(nest(1001), /nested more than 1000 levels deep/);
    refuses(nest(100_000), /nested more than 1000 levels deep/);
  });

  it('unless a polluted Object.prototype is the culprit', () => {
    Object.prototype.isOld = () => true;
    try {
      assert.equal(roundTrip({ a: 1 }).a, 1);
    } finally {
      delete Object.prototype.isOld;
    }
  });
});
