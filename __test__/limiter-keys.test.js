'use strict';
// Keys: any string is one, two strings are never the same one, and a flood of them neither grows a limiter nor frees
// whoever is limited.
const assert = require('node:assert/strict');
const { test, beforeEach, afterEach } = require('node:test');
const { open, manualClock, consumeAll } = require('redstart');
const { ALGORITHMS, START_MS } = require('./support/limiter/algorithms.js');

const MB = 1024 ** 2;

let clock;
let store;

beforeEach(() => {
  clock = manualClock(START_MS);
  store = open('memory:', { clock });
});
afterEach(() => store.close());

/** Strings that other stores confuse. */
const PECULIAR = [
  '',
  '\0',
  'a',
  'a\0',
  'a\0b',
  'a\0c',
  ' ',
  '__proto__',
  'constructor',
  'toString',
  '\ud800',
  '\udc00',
  '\ud801',
  '\ud800\udc00',
  '\udc00\ud800',
  '\ufffd',
  'é',
  'e\u0301',
  '\u01e9',
  '\u00e9\u0001',
  'ключ',
  'ключь',
  'user:1:x',
  'user:1',
  'user',
  '[object Object]',
  'undefined',
  'null',
  '1',
  '1.0',
];

test('any string is a key, and no two are the same one', async () => {
  assert.equal(new Set(PECULIAR).size, PECULIAR.length);
  for (const algorithm of ['sliding-window', 'gcra']) {
    const limiter = store.limiter(algorithm, { limit: 3, window: '1m', algorithm });
    for (const key of PECULIAR) {
      const name = JSON.stringify(key);
      assert.equal((await limiter.peek(key)).remaining, 3, `${name} was taken for another key`);
      assert.equal(limiter.consumeSync(key, { cost: 2 }).remaining, 1, name);
      assert.equal((await limiter.consume(key)).remaining, 0, `${name} is found again`);
    }
    assert.equal((await limiter.stats()).keys, PECULIAR.length);
    for (const key of PECULIAR) assert.equal(await limiter.reset(key), true, JSON.stringify(key));
  }
});

test('long keys that differ in one character, of any width and at any place, are different keys', async () => {
  const limiter = store.limiter('l', { limit: 1, window: '1m' });
  for (const bytes of [100, 1_000, 64 * 1024, MB]) {
    const base = 'k'.repeat(bytes);
    for (const at of [0, bytes >> 1, bytes - 1]) {
      // The last has the same low byte as a 'k'.
      for (const unit of ['K', 'é', '\u016b']) {
        const key = base.slice(0, at) + unit + base.slice(at + 1);
        assert.equal(limiter.consumeSync(key).allowed, true, `${bytes} ${at} ${unit}`);
        assert.equal(limiter.consumeSync(key).allowed, false);
      }
    }
    assert.equal(limiter.consumeSync(base).allowed, true);
  }
  const wide = '\u016b'.repeat(MB);
  assert.equal(limiter.consumeSync(wide).allowed, true);
  assert.equal(limiter.consumeSync(`${wide.slice(1)}\u016c`).allowed, true);
});

test('a long key costs no more than a short one, in every call', async () => {
  const limiter = store.limiter('l', { limit: 2, window: '1m' });
  for (const key of ['x'.repeat(MB), 'x'.repeat(5 * MB), `${'x'.repeat(5 * MB)}\u2603`]) {
    limiter.consumeSync(key, { cost: 2 });
    assert.equal((await limiter.peek(key)).allowed, false);
    await limiter.refund(key);
    assert.equal((await limiter.penalty(key)).remaining, 0);
    await limiter.block(key, '1s');
    assert.equal((await limiter.consume(key, { limit: 9 })).reason, 'blocked');
    const waiting = limiter.wait(key, { timeout: 1 });
    clock.advance(1);
    assert.equal((await waiting).allowed, false);
    assert.equal((await consumeAll([{ limiter, key }])).allowed, false);
  }
  const { keys, blocked, bytes, bytesPerKey } = await limiter.stats();
  assert.deepEqual([keys, blocked], [3, 3]);
  assert.ok(bytes < 6 * bytesPerKey, `${bytes}`);
  assert.equal(await limiter.reset('x'.repeat(5 * MB)), true);
});

test('a key that is none is refused with what was given', async () => {
  const limiter = store.limiter('l', { limit: 2, window: '1m' });
  const calls = {
    consumeSync: async (key) => limiter.consumeSync(key),
    consume: (key) => limiter.consume(key, { limit: 5 }),
    peek: (key) => limiter.peek(key),
    refund: (key) => limiter.refund(key),
    penalty: (key) => limiter.penalty(key),
    block: (key) => limiter.block(key, '1m'),
    reset: (key) => limiter.reset(key),
    wait: (key) => limiter.wait(key),
    consumeAll: (key) => consumeAll([{ limiter, key }]),
  };
  for (const [name, call] of Object.entries(calls)) {
    const refused = (shown) => ({
      code: 'ERR_INVALID_ARG',
      message: new RegExp(`key.* must be a string; got ${shown}$`),
    });
    await assert.rejects(call(42), refused('42'), name);
    await assert.rejects(call({ id: 1 }), refused('{ id: 1 }'), name);
    const hostile = new Proxy({}, { get: () => assert.fail('nothing of it is read') });
    await assert.rejects(call(hostile), refused('.*'), name);
  }
  // Whatever else is wrong is told as it is.
  await store.close();
  await assert.rejects(limiter.peek(42), { code: 'ERR_CLOSED' });
});

test('what is no string is no key, in every call, and never becomes [object Object]', async () => {
  const limiter = store.limiter('l', { limit: 2, window: '1m' });
  const refused = (error) => {
    assert.equal(error.code, 'ERR_INVALID_ARG');
    assert.match(error.message, /key.* must be a string/);
    assert.doesNotMatch(error.message, /\[object/);
    return true;
  };
  const bad = [undefined, null, 5, 5n, true, {}, [], ['k'], Symbol('k'), () => 'k', Buffer.from('k'), new String('k')];
  bad.push({ toString: () => 'k' }, Number.NaN, new Date(0));
  for (const key of bad) {
    assert.throws(() => limiter.consumeSync(key), refused);
    assert.throws(() => limiter.consumeSync(key, { cost: 2 }), refused);
    assert.throws(() => limiter.consumeSync(key, { limit: 5 }), refused);
    await assert.rejects(limiter.consume(key), refused);
    await assert.rejects(limiter.peek(key), refused);
    await assert.rejects(limiter.refund(key), refused);
    await assert.rejects(limiter.penalty(key), refused);
    await assert.rejects(limiter.block(key, '1m'), refused);
    await assert.rejects(limiter.reset(key), refused);
    await assert.rejects(limiter.wait(key), refused);
    if (key !== undefined) await assert.rejects(consumeAll([{ limiter, key }]), refused);
  }
  await assert.rejects(consumeAll([{ limiter }]), { code: 'ERR_INVALID_ARG', message: /needs the option 'key'/ });
  assert.equal((await limiter.stats()).keys, 0);
  assert.equal((await limiter.peek('[object Object]')).remaining, 2);
});

test('text of a user in a key crosses no separator, as parts of consumeAll have keys of their own', async () => {
  const byUser = store.limiter('user', { limit: 1, window: '1m' });
  const byPath = store.limiter('user:', { limit: 1, window: '1m' });
  const all = (user, path) =>
    consumeAll([
      { limiter: byUser, key: user },
      { limiter: byPath, key: path },
    ]);
  assert.equal((await all('a', 'b:c')).allowed, true);
  // As one joined text these would be the same key.
  assert.equal((await all('a:b', 'c')).allowed, true);
  assert.equal((await byUser.peek('a:b:c')).allowed, true);
});

for (const algorithm of ALGORITHMS) {
  test(`${algorithm}: a flood of keys neither grows the limiter nor frees a limited or blocked key [LimiterOptions.maxKeys]`, async () => {
    const limiter = store.limiter('l', { limit: 2, window: '1m', algorithm, maxKeys: 1_000 });
    limiter.consumeSync('attacker', { cost: 2 });
    await limiter.block('blocked', '1h');
    let overflowed = 0;
    for (let index = 0; index < 20_000; index++) {
      if (limiter.consumeSync(`key:${index}`).reason === 'overflow') overflowed += 1;
    }
    const { keys, blocked, bytes, bytesPerKey } = await limiter.stats();
    assert.equal(keys + blocked, 1_000);
    assert.ok(bytes <= 1_000 * (bytesPerKey + 64), `${bytes} bytes`);
    // Two of those that found no room took the units of the bucket that all of them share.
    assert.equal(overflowed, 20_000 - 998 - 2);
    assert.equal(limiter.consumeSync('attacker').reason, 'limit');
    assert.equal(limiter.consumeSync('blocked').reason, 'blocked');
    assert.equal(limiter.consumeSync('key:0').allowed, true, 'who was there before goes on');
    const other = limiter.consumeSync('a new one');
    assert.deepEqual([other.allowed, other.reason, other.limit], [false, 'overflow', 2]);
    clock.advance(other.retryAfterMs - 1);
    assert.equal((await limiter.peek('a new one')).reason, 'overflow');
    clock.advance(1);
    assert.equal(limiter.consumeSync('a new one').allowed, true);
  });

  test(`${algorithm}: when the limiter is full, keys that equal an absent one go first`, async () => {
    const limiter = store.limiter('l', { limit: 2, window: '1m', algorithm, maxKeys: 100 });
    for (let index = 0; index < 100; index++) limiter.consumeSync(`key:${index}`);
    // All but the last one are as new again, by way of refunds: no time passes that would sweep.
    for (let index = 0; index < 99; index++) await limiter.refund(`key:${index}`);
    for (let index = 0; index < 99; index++) {
      const { allowed, remaining } = limiter.consumeSync(`new:${index}`, { cost: 2 });
      assert.deepEqual([allowed, remaining], [true, 0], `new:${index}`);
    }
    assert.equal((await limiter.peek('key:99')).remaining, 1, 'the one that still counts stayed');
    assert.equal((await limiter.stats()).keys, 100);
  });
}

test("a limiter never rejects for want of the store's memory: new keys share the overflow bucket", async () => {
  const small = open('memory:', { clock, maxMemory: '10kb' });
  const limiter = small.limiter('l', { limit: 2, window: '1m' });
  const answers = Array.from({ length: 1_000 }, (_, index) => limiter.consumeSync(`${index}`));
  assert.equal(answers.at(-1).reason, 'overflow');
  const { keys, bytes } = await limiter.stats();
  assert.ok(keys > 100 && bytes <= 10 * 1024, `${keys} keys, ${bytes} bytes`);
  assert.equal(answers.filter((answer) => answer.allowed).length, keys + 2);
  await assert.rejects(limiter.block('another', '1m'), { code: 'ERR_STORE_FULL' });
  const first = limiter.consumeSync('0');
  assert.deepEqual([first.allowed, first.remaining], [true, 0], 'who is held goes on');
  assert.equal(limiter.consumeSync('0').reason, 'limit');
  await small.close();
});

test('a sliding log grows no further than the memory of its store', async () => {
  const small = open('memory:', { clock, maxMemory: '10kb' });
  const limiter = small.limiter('l', { limit: 1_000_000, window: '1h', algorithm: 'sliding-log' });
  let answer;
  for (let call = 0; call < 5_000; call++) {
    answer = limiter.consumeSync('k');
    clock.advance(1);
  }
  assert.deepEqual([answer.allowed, answer.reason], [false, 'overflow']);
  assert.ok((await limiter.stats()).bytes <= 10 * 1024);
  await small.close();
});

test('keys go by themselves when they count no longer, and give their bytes back', async () => {
  const limiter = store.limiter('l', { limit: 2, window: '1s', algorithm: 'fixed-window' });
  for (let index = 0; index < 50_000; index++) limiter.consumeSync(`${index}`);
  assert.equal((await store.stats()).budget.used, (await limiter.stats()).bytes);
  clock.advance('10s');
  const { keys, bytes } = await limiter.stats();
  assert.deepEqual([keys, bytes, (await store.stats()).budget.used], [0, 0, 0]);
});
