'use strict';
// What passes the door between JavaScript and Rust, and what must not.
const assert = require('node:assert/strict');
const path = require('node:path');
const { after, before, describe, it } = require('node:test');
const { manualClock, open, RedstartError } = require('redstart');
const { ROOT, report } = require('./support/child.js');
const calls = require('./support/door/calls.js');
const { KEYS, TOO_LONG, NO_STRINGS, KEY_BYTES_MAX } = require('./support/door/keys.js');
const sources = require('./support/door/sources.js');

const shown = (key) =>
  typeof key === 'string' && key.length > 20 ? `${key.length} × ${key.slice(0, 4)}` : String(key);

/** All that a user can hold, until the end of the test. */
async function everything(test) {
  const clock = manualClock();
  const store = open('memory:', { clock });
  test?.after(() => store.close());
  const queue = store.queue('queue');
  return {
    clock,
    store,
    cache: store.cache('cache', { ttl: null }),
    sessions: store.sessions('sessions', { ttl: '1h' }),
    limiter: store.limiter('limiter', { limit: 1, window: '1h' }),
    queue,
    worker: queue.process(() => null),
    job: await queue.add('name', {}),
  };
}

/** That a call returns a promise, whatever it is given, and what that rejects with. */
async function rejection(name, call) {
  let promise;
  assert.doesNotThrow(() => {
    promise = call();
  }, `${name} threw before there was a promise`);
  assert.ok(promise instanceof Promise, `${name} returned no promise`);
  return promise.then(
    () => undefined,
    (error) => error,
  );
}

function thrownBy(call) {
  try {
    call();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('keys', () => {
  const store = open('memory:');
  after(() => store.close());

  it('of any characters and lengths are told apart by a cache, and read back', async () => {
    const cache = store.cache('keys', { ttl: null });
    for (const [n, key] of KEYS.entries()) {
      assert.equal(cache.hasSync(key), false, `${shown(key)} is another key already`);
      cache.setSync(key, n);
    }
    for (const [n, key] of KEYS.entries()) assert.equal(cache.getSync(key), n, shown(key));
    assert.equal((await cache.stats()).entries, KEYS.length);
    for (const key of KEYS) assert.equal(cache.deleteSync(key), true, shown(key));
    assert.equal((await cache.stats()).entries, 0);
  });

  it('are told apart by a limiter', async () => {
    for (const algorithm of ['sliding-window', 'fixed-window']) {
      const limiter = store.limiter(algorithm, { limit: 1, window: '1h', algorithm });
      for (const key of KEYS) assert.equal(limiter.consumeSync(key).allowed, true, `${shown(key)} was taken`);
      for (const key of KEYS) assert.equal(limiter.consumeSync(key).allowed, false, `${shown(key)} was forgotten`);
      assert.equal((await limiter.stats()).keys, KEYS.length);
    }
  });

  it('that are no session id are the id of no session', async () => {
    const sessions = store.sessions('keys', { ttl: '1h' });
    const { id } = await sessions.create({});
    const near = [id.slice(1), `${id} `, `${id}\0`, id.toLowerCase(), `${id.slice(0, -1)}\u0141`];
    for (const other of [...KEYS, ...near]) {
      assert.equal(await sessions.get(other), undefined, shown(other));
      assert.equal(await sessions.set(other, {}), false, shown(other));
      assert.equal(await sessions.touch(other), false, shown(other));
      assert.equal(await sessions.regenerate(other), undefined, shown(other));
      assert.equal(await sessions.destroy(other), false, shown(other));
    }
    assert.equal(await sessions.count(), 1);
  });

  it('over 64 KiB are refused, with the size and the limit', async () => {
    const cache = store.cache('keys', { ttl: null });
    const limiter = store.limiter('long', { limit: 1, window: '1h' });
    for (const key of TOO_LONG) {
      const bytes = /[^\0-\u00ff]/.test(key) ? key.length * 2 : key.length;
      const expected = { code: 'ERR_INVALID_ARG', message: new RegExp(`${bytes} bytes.* ${KEY_BYTES_MAX}`) };
      assert.throws(() => cache.setSync(key, 1), expected);
      await assert.rejects(cache.get(key), expected);
      assert.equal(limiter.consumeSync(key).allowed, true, 'a limiter keeps a hash of it');
      assert.equal((await limiter.peek(key)).allowed, false);
    }
  });

  it('that are no strings are ERR_INVALID_ARG for every method that takes one', async (t) => {
    const all = await everything(t);
    for (const [name, call] of Object.entries(calls.keyed(all))) {
      for (const key of NO_STRINGS) {
        const error = await rejection(name, () => call(key));
        assert.ok(RedstartError.is(error, 'ERR_INVALID_ARG'), `${name}(${typeof key} ${shown(key)}): ${error}`);
      }
    }
    for (const [name, call] of Object.entries(calls.keyedSync(all))) {
      for (const key of NO_STRINGS) {
        const error = thrownBy(() => call(key));
        assert.ok(RedstartError.is(error, 'ERR_INVALID_ARG'), `${name}(${typeof key} ${shown(key)}): ${error}`);
      }
    }
  });
});

describe('half a character', () => {
  const half = 'x\ud83d';

  it('in a value, a session or a job comes back as it was', async (t) => {
    const { cache, sessions, queue } = await everything(t);
    for (const value of [half, { [half]: half }, new Map([[half, half]])]) {
      await cache.set('key', value);
      assert.deepEqual(await cache.get('key'), value);
    }
    const { id } = await sessions.create({ [half]: half });
    assert.deepEqual(await sessions.get(id), { [half]: half });
    const worker = queue.process(({ data }) => data);
    const job = await queue.add('echo', { [half]: half });
    assert.deepEqual(job.data, { [half]: half });
    assert.ok(await job.result());
    await worker.close();
  });

  it('at the end of an error, where a text was cut, lets its job fail like any other', async (t) => {
    const queue = open('memory:').queue('queue');
    const worker = queue.process(() => {
      throw Object.assign(new Error(half), { name: half, code: half });
    });
    t.after(() => worker.close());
    const job = await queue.add('cut', {}, { attempts: 1 });
    const error = await job.result({ timeout: '10s' }).catch((thrown) => thrown);
    assert.equal(error.code, 'ERR_JOB_FAILED');
    assert.deepEqual([error.cause.name, error.cause.message, error.cause.code], Array(3).fill('x\ufffd'));
    assert.equal((await queue.getJob(job.id)).failedReason, 'x\ufffd');
  });
});

describe('async methods', () => {
  let all;
  before(async () => {
    // The second of the tests below closes it.
    all = await everything();
  });

  it('reject and never throw, whatever they are given', async () => {
    let rejections = 0;
    for (const [name, call] of Object.entries(calls.wrong(all))) {
      for (const argument of calls.nonsense) {
        const error = await rejection(name, () => call(argument));
        // Some nonsense is sense somewhere: undefined for options, an array for a job.
        if (error === undefined) continue;
        rejections += 1;
        assert.ok(RedstartError.is(error, 'ERR_INVALID_ARG'), `${name}(${shown(argument)}): ${error.stack}`);
      }
      // Every one of them has options or arguments which it does not take.
      assert.ok(RedstartError.is(await rejection(name, () => call(7n)), 'ERR_INVALID_ARG'), `${name} takes a BigInt`);
    }
    assert.ok(rejections > 100, String(rejections));
  });

  it('reject with ERR_CLOSED through a closed handle, where sync ones throw', async () => {
    await all.store.close();
    for (const [name, call] of Object.entries(calls.afterClose(all))) {
      const error = await rejection(name, call);
      assert.ok(RedstartError.is(error, 'ERR_CLOSED'), `${name}: ${error}`);
    }
    for (const [name, call] of Object.entries(calls.afterCloseSync(all))) {
      const error = thrownBy(call);
      assert.ok(RedstartError.is(error, 'ERR_CLOSED'), `${name}: ${error}`);
    }
  });

  it('that close or leave work as often as they are called', async () => {
    assert.deepEqual(await all.store.close(), await all.store.close());
    await all.worker.close();
    all.worker.ref().unref();
    all.queue.off('completed', () => {});
    assert.equal(all.worker.running, false);
    assert.equal(all.store.closed, true);
  });
});

describe('errors', () => {
  it('have a stack that leads to the caller', async (t) => {
    const all = await everything(t);
    const here = path.basename(__filename);
    const wrongCalls = { ...calls.keyed(all), ...calls.wrong(all), ...calls.keyedSync(all) };
    for (const [name, call] of Object.entries(wrongCalls)) {
      const caller = () => call(7n);
      const error = name.includes('Sync') ? thrownBy(caller) : await rejection(name, caller);
      assert.ok(error.stack.includes(here), `${name}: ${error.stack}`);
      assert.match(error.stack, /^(RedstartError|Error): /, name);
    }
  });

  it('that come later lead to whoever waits for them', async (t) => {
    const store = open('memory:');
    t.after(() => store.close());
    const queue = store.queue('queue');
    const failing = await queue.add('failing', {}, { attempts: 1 });
    const waiting = await queue.add('waiting', {}, { delay: '1h' });
    async function whoWaits(job, options) {
      return await job.result(options);
    }
    const failed = whoWaits(failing).catch((error) => error);
    const late = whoWaits(waiting, { timeout: 10 }).catch((error) => error);
    const worker = queue.process(() => {
      throw new TypeError('no');
    });
    assert.match((await failed).stack, /^RedstartError: .*no\n.*whoWaits/);
    assert.match((await failed).cause.stack, new RegExp(path.basename(__filename)));
    assert.match((await late).stack, /^RedstartError: .*\n.*whoWaits/);
    await worker.close();
  });

  it('of sync calls name the caller first, but for a few frames of redstart', async (t) => {
    const all = await everything(t);
    const cases = {
      ...calls.keyedSync(all),
      open: (given) => open(given),
      'open, options': (given) => open('memory:', given),
      manualClock: (given) => manualClock(given),
      'clock.advance': (given) => all.clock.advance(given),
      'store.cache': (given) => all.store.cache(given),
      'store.cache, options': (given) => all.store.cache('other', given),
      'store.limiter, options': (given) => all.store.limiter('other', given),
      'queue.process': (given) => all.queue.process(given),
      'queue.process, options': (given) => all.queue.process(() => {}, given),
      'queue.on': (given) => all.queue.on(given, () => {}),
      'queue.on, listener': (given) => all.queue.on('added', given),
      'queue.once': (given) => all.queue.once(given, () => {}),
    };
    const lib = path.join(ROOT, 'lib');
    for (const [name, call] of Object.entries(cases)) {
      const error = thrownBy(() => call(7n));
      assert.ok(RedstartError.is(error, 'ERR_INVALID_ARG'), `${name}: ${error}`);
      const frames = error.stack.split('\n').filter((line) => line.startsWith('    at '));
      const caller = frames.findIndex((frame) => !frame.includes(lib));
      assert.ok(frames[caller]?.includes(__dirname) && caller <= 3, `${name}: ${error.stack}`);
    }
  });
});

describe('a panic in a bound call', () => {
  it('is ERR_INTERNAL, and the process goes on', async () => {
    const binary = path.join(ROOT, '.cache', 'probe', 'redstart-probe.node');
    const { panics, status, value } = await report('door/panic.js', { env: { NAPI_RS_NATIVE_LIBRARY_PATH: binary } });
    for (const panic of panics) {
      assert.equal(panic.isOurs, true);
      assert.equal(panic.retryable, false);
      assert.match(panic.message, /report it.*asked to/);
    }
    assert.equal(status, true);
    assert.equal(value, 'still here');
  });

  it('is caught by every function that napi binds, because no build aborts instead', () => {
    const bound = sources.rustFiles('src').flatMap(sources.boundFunctions);
    assert.ok(bound.length > 15, `found ${bound.length} bound functions`);
    for (const { file, name, says } of bound) assert.match(says, /\bcatch_unwind\b/, `${name} in ${file}`);
    for (const file of ['Cargo.toml', 'crates/core/Cargo.toml']) {
      assert.doesNotMatch(sources.read(file), /panic\s*=/, file);
    }
  });
});

describe('the sources of the door', () => {
  it('have unsafe code in src/door.rs and nowhere else', () => {
    const files = [...sources.rustFiles('src'), ...sources.rustFiles('crates')];
    const withUnsafe = files.filter((file) => /\bunsafe\b/.test(sources.code(file)));
    assert.deepEqual(withUnsafe, ['src/door.rs']);
    assert.match(sources.code('crates/core/src/lib.rs'), /^#!\[forbid\(unsafe_code\)\]$/m);
  });

  it('declare the functions that native objects have, all of them and no others', () => {
    const { lane, native } = require('../lib/lane.js');
    const { readCacheOptions } = require('../lib/cache-options.js');
    const options = JSON.stringify({ defaultMaxMemory: 2 ** 20, keepFirstOptions: false });
    const store = lane.openStore('', options, __filename);
    const cacheOptions = JSON.stringify(readCacheOptions({ ttl: null }, readCacheOptions));
    const objects = {
      LaneFunctions: lane.functions(),
      ClockFunctions: new native.NativeClock(0).functions(lane),
      StoreFunctions: store.functions(),
      CacheFunctions: store.cache('cache', cacheOptions, __filename),
      SessionsFunctions: store.sessions('sessions', JSON.stringify({ ttl: 1000 }), __filename),
      LimiterFunctions: store.limiter('limiter', JSON.stringify({ limit: 1, window: 1000 }), __filename),
      QueueFunctions: store.queue('queue', '{}', __filename),
    };
    const real = Object.fromEntries(
      Object.entries(objects).map(([name, object]) => [name, Object.keys(object).sort()]),
    );
    assert.deepEqual(sources.declared(), real);
  });
});
