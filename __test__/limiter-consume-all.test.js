'use strict';
// consumeAll: several limits for one call, all or none.
const assert = require('node:assert/strict');
const { test, beforeEach, afterEach } = require('node:test');
const { open, manualClock, consumeAll } = require('redstart');
const { ALGORITHMS, START_MS, drawing } = require('./support/limiter/algorithms.js');

let clock;
let store;

beforeEach(() => {
  clock = manualClock(START_MS);
  store = open('memory:', { clock });
});
afterEach(() => store.close());

const all = () => ALGORITHMS.map((algorithm) => store.limiter(algorithm, { limit: 5, window: '16s', algorithm }));
const left = async (limiter, key, options) => (await limiter.peek(key, options)).remaining;

test('takes the units of every part, and answers for each in order', async () => {
  const limiters = all();
  const parts = limiters.map((limiter, index) => ({ limiter, key: 'k', cost: 1 + (index % 3) }));
  const answer = await consumeAll(parts);
  assert.deepEqual(Object.keys(answer).sort(), ['allowed', 'deniedBy', 'results', 'retryAfterMs']);
  assert.deepEqual([answer.allowed, answer.retryAfterMs, answer.deniedBy], [true, 0, []]);
  assert.deepEqual(
    answer.results.map(({ allowed, remaining }) => [allowed, remaining]),
    parts.map(({ cost }) => [true, 5 - cost]),
  );
  for (const { limiter, cost } of parts) assert.equal(await left(limiter, 'k'), 5 - cost, limiter.name);
  for (const { limiter } of parts) assert.equal((await limiter.stats()).allowed, 1);
});

test('takes nothing at all when one part is denied, and tells which parts had room', async () => {
  const limiters = all();
  const before = await Promise.all(limiters.map((limiter) => limiter.peek('k')));
  for (const [index, limiter] of limiters.entries()) {
    limiter.consumeSync('spent', { cost: 5 });
    const parts = limiters.map((each) => ({ limiter: each, key: each === limiter ? 'spent' : 'k', cost: 3 }));
    const answer = await consumeAll(parts);
    assert.deepEqual([answer.allowed, answer.deniedBy], [false, [index]], limiter.name);
    assert.equal(answer.retryAfterMs, answer.results[index].retryAfterMs);
    assert.ok(answer.retryAfterMs > 0);
    answer.results.forEach((result, at) => {
      assert.equal(result.allowed, at !== index);
      assert.equal(result.remaining, at === index ? 0 : 5, 'remaining tells that nothing was taken');
      assert.equal(result.reason, at === index ? 'limit' : undefined);
    });
  }
  assert.deepEqual(await Promise.all(limiters.map((limiter) => limiter.peek('k'))), before);
  for (const limiter of limiters) {
    const { allowed, denied, keys } = await limiter.stats();
    assert.deepEqual({ allowed, denied, keys }, { allowed: 1, denied: 1, keys: 1 }, 'no key was made for a part');
  }
});

test('waits for the longest of its parts: denied one millisecond earlier, allowed then', async () => {
  const draw = drawing(5);
  const limiters = all();
  let denials = 0;
  for (let round = 0; round < 150; round++) {
    // Each limiter once: parts of one key are another matter.
    const parts = limiters.filter(() => draw(2) === 0).map((limiter) => ({ limiter, key: 'k', cost: 1 + draw(4) }));
    if (parts.length === 0) continue;
    const answer = await consumeAll(parts);
    clock.advance(1 + draw(500));
    if (answer.allowed) continue;
    denials += 1;
    const again = await consumeAll(parts);
    if (again.allowed) continue;
    assert.equal(again.retryAfterMs, Math.max(...again.results.map((result) => result.retryAfterMs)));
    if (again.retryAfterMs > 1) clock.advance(again.retryAfterMs - 1);
    assert.equal((await consumeAll(parts)).allowed, false, `too early in round ${round}`);
    clock.advance(1);
    assert.equal((await consumeAll(parts)).allowed, true, `too late in round ${round}`);
  }
  assert.ok(denials > 20, `${denials}`);
});

for (const algorithm of ALGORITHMS) {
  test(`${algorithm}: parts of one key and limiter add up`, async () => {
    const limiter = store.limiter('l', { limit: 5, window: '16s', algorithm });
    const twice = (first, second) =>
      consumeAll([
        { limiter, key: 'k', cost: first },
        { limiter, key: 'k', cost: second },
      ]);
    const fits = await twice(2, 1);
    assert.deepEqual([fits.allowed, fits.results.map((result) => result.remaining)], [true, [3, 2]]);
    const denied = await twice(2, 1);
    assert.deepEqual([denied.allowed, denied.deniedBy], [false, [1]], 'each alone would fit');
    assert.deepEqual(
      denied.results.map((result) => result.remaining),
      [2, 2],
    );
    assert.equal(await left(limiter, 'k'), 2);
    await assert.rejects(twice(3, 3), { code: 'ERR_INVALID_ARG', message: /6 units together, above the 5/ });
    assert.equal((await consumeAll(Array.from({ length: 2 }, () => ({ limiter, key: 'k' })))).allowed, true);
    assert.equal(await left(limiter, 'k'), 0);
  });
}

test('windows of one key are counters of their own, so they do not add up', async () => {
  const limiter = store.limiter('l', { limit: 5, window: '1m' });
  const parts = [
    { limiter, key: 'k', cost: 5 },
    { limiter, key: 'k', cost: 3, window: '1h' },
    { limiter, key: 'k', cost: 20, window: '1d', limit: 20 },
  ];
  const { allowed, results } = await consumeAll(parts);
  assert.equal(allowed, true);
  assert.deepEqual(
    results.map(({ limit, remaining }) => [limit, remaining]),
    [
      [5, 0],
      [5, 2],
      [20, 0],
    ],
  );
  assert.equal((await consumeAll(parts)).deniedBy.length, 3);
});

test('a denied part may start its block, and the parts that had room start none', async () => {
  const limiter = store.limiter('l', { limit: 1, window: '1m', block: '1h' });
  limiter.consumeSync('spent');
  const parts = [
    { limiter, key: 'spent' },
    { limiter, key: 'fresh' },
  ];
  assert.deepEqual((await consumeAll(parts)).deniedBy, [0]);
  const again = await consumeAll(parts);
  assert.deepEqual([again.results[0].reason, again.retryAfterMs], ['blocked', 3_600_000]);
  assert.equal((await limiter.stats()).blocked, 1);
  assert.equal(limiter.consumeSync('fresh').allowed, true);
});

test('parts that find no room for their keys share the overflow bucket, all or none', async () => {
  const limiter = store.limiter('l', { limit: 2, window: '1m', maxKeys: 1 });
  limiter.consumeSync('held');
  const parts = ['held', 'a', 'b'].map((key) => ({ limiter, key }));
  assert.equal((await consumeAll(parts)).allowed, true);
  const denied = await consumeAll(parts);
  assert.deepEqual(denied.deniedBy, [0, 1, 2]);
  assert.deepEqual(
    denied.results.map((result) => result.reason),
    ['limit', 'overflow', 'overflow'],
  );
  await limiter.refund('held', 2);
  assert.equal((await consumeAll(parts)).allowed, false);
  assert.equal((await limiter.peek('held')).remaining, 2, 'and nothing was taken of the one that is held');
});

test('who waits is not woken by units that were never given away', async () => {
  const limiter = store.limiter('l', { limit: 1, window: '1m', algorithm: 'fixed-window' });
  limiter.consumeSync('spent');
  const waiting = limiter.wait('spent');
  await consumeAll([
    { limiter, key: 'free' },
    { limiter, key: 'spent' },
  ]);
  assert.equal((await limiter.stats()).waiting, 1);
  clock.advance('1m');
  assert.equal((await waiting).allowed, true);
});

test('1 to 64 parts of limiters of one store', async () => {
  const limiter = store.limiter('l', { limit: 100, window: '1m' });
  const parts = (count) => Array.from({ length: count }, (_, index) => ({ limiter, key: `${index}` }));
  assert.equal((await consumeAll(parts(64))).results.length, 64);
  const refused = (message) => ({ code: 'ERR_INVALID_ARG', message });
  await assert.rejects(consumeAll(parts(65)), refused(/1 to 64 parts.*got 65/));
  await assert.rejects(consumeAll([]), refused(/1 to 64 parts.*got 0/));
  for (const bad of [undefined, null, {}, 'parts', new Set(parts(1))]) {
    await assert.rejects(consumeAll(bad), refused(/a list of 1 to 64 parts/));
  }
  const other = open('memory:', { clock });
  const strange = other.limiter('l', { limit: 100, window: '1m' });
  const mixed = [parts(1)[0], { limiter: strange, key: 'k' }];
  await assert.rejects(consumeAll(mixed), refused(/limiters of one store/));
  await assert.rejects(consumeAll(mixed.reverse()), refused(/limiters of one store/));
  assert.equal((await strange.stats()).keys, 0);
  await other.close();
});

test('the parts that count are those of the list, whatever its class makes of walking or copying it', async () => {
  const limiter = store.limiter('l', { limit: 5, window: '1m' });
  class Strange extends Array {
    static get [Symbol.species]() {
      return Object;
    }
    *[Symbol.iterator]() {}
  }
  const { allowed, results } = await consumeAll(Strange.of({ limiter, key: 'a' }, { limiter, key: 'b', cost: 2 }));
  assert.deepEqual([allowed, results.map((result) => result.remaining)], [true, [4, 3]]);
  // A hole is no part.
  const holed = [{ limiter, key: 'a' }];
  holed.length = 2;
  await assert.rejects(consumeAll(holed), { code: 'ERR_INVALID_ARG', message: /needs the option 'limiter'/ });
  // One that shrinks while it is read has too few.
  const shrinking = [
    {
      limiter,
      get key() {
        shrinking.length = 1;
        return 'a';
      },
    },
    { limiter, key: 'b' },
  ];
  await assert.rejects(consumeAll(shrinking), { code: 'ERR_INVALID_ARG', message: /needs the option 'limiter'/ });
  assert.equal(await left(limiter, 'a'), 4);
});

test('limiters of one store may come from several handles of it', async () => {
  const handles = ['memory:consume-all', 'memory:consume-all'].map((url) => open(url, { clock }));
  const first = handles[0].limiter('l', { limit: 2, window: '1m' });
  const parts = [
    { limiter: first, key: 'k' },
    { limiter: handles[1].limiter('l'), key: 'k' },
  ];
  assert.deepEqual(
    (await consumeAll(parts)).results.map((result) => result.remaining),
    [1, 0],
  );
  for (const handle of handles) await handle.close();
});

test('a bad part is refused with what is wrong, and nothing is taken', async () => {
  const limiter = store.limiter('l', { limit: 5, window: '1m' });
  const good = { limiter, key: 'k' };
  for (const [bad, message] of [
    [undefined, /needs the option 'limiter'/],
    [null, /plain object/],
    ['k', /plain object/],
    [{ key: 'k' }, /needs the option 'limiter'/],
    [{ limiter: {}, key: 'k' }, /'limiter'.*must be a limiter/],
    [{ limiter: { ...limiter }, key: 'k' }, /'limiter'.*must be a limiter/],
    [{ limiter: store, key: 'k' }, /'limiter'.*must be a limiter/],
    [{ limiter }, /needs the option 'key'/],
    [{ limiter, key: 5 }, /'key'.*must be a string/],
    [{ ...good, cost: 0 }, /'cost'/],
    [{ ...good, cost: '2' }, /'cost'/],
    [{ ...good, cost: 2 ** 32 }, /'cost'/],
    [{ ...good, cost: 6 }, /cost 6.*5/],
    [{ ...good, cost: 4, limit: 3 }, /cost 4.*3/],
    [{ ...good, limit: 0 }, /'limit'/],
    [{ ...good, window: 'soon' }, /'window'/],
    [{ ...good, costs: 1 }, /unknown option 'costs'.*did you mean 'cost'/],
  ]) {
    await assert.rejects(consumeAll([good, bad]), { code: 'ERR_INVALID_ARG', message }, String(message));
  }
  let promise;
  assert.doesNotThrow(() => {
    promise = consumeAll();
  });
  await assert.rejects(promise, { code: 'ERR_INVALID_ARG' });
  assert.equal((await limiter.stats()).keys, 0);
});
