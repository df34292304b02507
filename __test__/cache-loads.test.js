'use strict';
// getOrSet and memoize: who loads, who waits, what becomes of both.
const assert = require('node:assert/strict');
const { once, getEventListeners } = require('node:events');
const { afterEach, beforeEach, describe, it, test } = require('node:test');
const { manualClock, open } = require('redstart');
const { endsByItself, report, told } = require('./support/child.js');
const { LoaderThread } = require('./support/cache/threads.js');

let clock;
let store;
let cache;

beforeEach(() => {
  clock = manualClock();
  store = open('memory:', { clock });
  cache = store.cache('c', { ttl: '1m' });
});
afterEach(() => store.close());

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Waits for what does not keep a process alive by itself: what a load that lapses, or fails in the background, comes to. */
async function awake(promise) {
  const timer = setInterval(() => {}, 60_000);
  return promise.finally(() => clearInterval(timer));
}

/** A promise and what settles it. */
function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
}

/** A loader that says when it was called and ends when it is told to. */
function slowLoader() {
  const called = deferred();
  const outcome = deferred();
  const loader = (context) => {
    loader.calls += 1;
    loader.context = context;
    called.resolve(context);
    return outcome.promise;
  };
  return Object.assign(loader, { calls: 0, called: called.promise, ...outcome });
}

describe('a value past its TTL', () => {
  it('is served while one caller reloads in the background [CacheOptions.staleWhileRevalidate]', async () => {
    const swr = store.cache('swr', { ttl: '1m', staleWhileRevalidate: '1m' });
    await swr.set('k', 'old');
    clock.advance('1m');
    const loader = slowLoader();
    const served = await Promise.all(Array.from({ length: 20 }, () => swr.getOrSet('k', loader)));
    assert.deepEqual(new Set(served), new Set(['old']));
    assert.equal(loader.calls, 1);
    assert.equal(swr.getSync('k'), undefined, 'only getOrSet serves what is stale');
    loader.resolve('new');
    await turn();
    assert.equal(swr.getSync('k'), 'new');
    const { stale, loads } = await swr.stats();
    assert.deepEqual({ stale, loads }, { stale: 20, loads: 1 });
  });

  it('is waited for anew once staleWhileRevalidate is over', async () => {
    const swr = store.cache('swr', { ttl: '1m', staleWhileRevalidate: '1m' });
    await swr.set('k', 'old');
    clock.advance('2m');
    assert.equal(await swr.getOrSet('k', () => 'new'), 'new');
  });

  it('is reloaded by a loader that answers at once', async () => {
    const swr = store.cache('swr', { ttl: '1m', staleWhileRevalidate: '1m' });
    await swr.set('k', 'old');
    await swr.expire('k');
    assert.equal(await swr.getOrSet('k', () => 'new'), 'old');
    assert.equal(await swr.getOrSet('k', () => 'newer'), 'new');
  });

  it('stays when its reload fails, and that is an error event and no unhandled rejection', async () => {
    const swr = store.cache('swr', { ttl: '1m', staleWhileRevalidate: '1m' });
    await swr.set('k', 'old');
    clock.advance('1m');
    const down = new Error('down');
    const heard = new Promise((resolve) => swr.once('error', resolve));
    assert.equal(await swr.getOrSet('k', () => Promise.reject(down)), 'old');
    assert.equal(await heard, down);
    assert.equal(await swr.getOrSet('k', () => 'new'), 'old');
    assert.equal(swr.getSync('k'), 'new');
    assert.equal((await swr.stats()).loadErrors, 1);
  });

  it('fails to reload with a process warning where nobody listens', async () => {
    const swr = store.cache('swr', { ttl: '1m', staleWhileRevalidate: '1m' });
    await swr.set('k', 'old');
    clock.advance('1m');
    const warned = once(process, 'warning');
    await swr.getOrSet('k', () => {
      throw new TypeError('down');
    });
    const [warning] = await warned;
    assert.equal(warning.code, 'REDSTART_CACHE_ERROR');
    assert.match(warning.message, /cache 'swr': TypeError: down/);
  });

  it('is known to its loader', async () => {
    const swr = store.cache('swr', { ttl: '1m', staleWhileRevalidate: '1m', staleIfError: '2m' });
    await swr.set('k', { etag: 1 });
    clock.advance('90s');
    const seen = [];
    const loader = (etag) => (context) => {
      seen.push(context.stale);
      return { etag };
    };
    await swr.getOrSet('k', loader(2));
    assert.deepEqual(seen.pop(), { etag: 1 });
    clock.advance('150s');
    await swr.getOrSet('k', loader(3));
    assert.deepEqual(seen.pop(), { etag: 2 }, 'within staleIfError too');
    await swr.getOrSet('k', loader(4), { forceFresh: true });
    assert.deepEqual(seen.pop(), { etag: 3 }, 'and where it is not stale yet');
    clock.advance('1h');
    await swr.getOrSet('k', loader(5));
    assert.equal(seen.pop(), undefined);
  });

  it('stands in for one that fails to load [CacheOptions.staleIfError]', async () => {
    const sie = store.cache('sie', { ttl: '1m', staleIfError: '1m' });
    await sie.set('k', 'old');
    clock.advance('1m');
    const failing = () => Promise.reject(new Error('down'));
    const served = await Promise.all([1, 2, 3].map(() => sie.getOrSet('k', failing)));
    assert.deepEqual(served, ['old', 'old', 'old']);
    const { stale, loads, loadErrors } = await sie.stats();
    assert.deepEqual({ stale, loads, loadErrors }, { stale: 3, loads: 1, loadErrors: 1 });
    assert.equal(await sie.getOrSet('k', () => 'new'), 'new', 'it is asked for all the same');
    clock.advance('2m');
    await assert.rejects(sie.getOrSet('k', failing), { message: 'down' });
  });

  it('stands in for one whose loader takes too long', async () => {
    const sie = store.cache('sie', { ttl: '1m', staleIfError: '10m' });
    await sie.set('k', 'old');
    clock.advance('1m');
    const loader = slowLoader();
    const value = sie.getOrSet('k', loader, { timeout: '5s' });
    await turn();
    clock.advance('5s');
    assert.equal(await awake(value), 'old');
  });

  it('does not stand in for one that was deleted', async () => {
    const sie = store.cache('sie', { ttl: '1m', staleIfError: '10m' });
    await sie.set('k', 'old');
    await sie.delete('k');
    await assert.rejects(
      sie.getOrSet('k', () => Promise.reject(new Error('down'))),
      { message: 'down' },
    );
  });

  it('is stale at once after expire()', async () => {
    const swr = store.cache('swr', { ttl: null, staleWhileRevalidate: '1m' });
    await swr.set('k', 'old');
    assert.equal(await swr.expire('k'), true);
    assert.equal(await swr.has('k'), false);
    const loader = slowLoader();
    assert.equal(await swr.getOrSet('k', loader), 'old');
    loader.resolve('new');
    await turn();
    assert.equal(await swr.get('k'), 'new');
    assert.equal(await swr.expire('absent'), false);
  });
});

describe('what is missing', () => {
  it('is remembered for negativeTtl, undefined and null alike [CacheOptions.negativeTtl]', async () => {
    const negative = store.cache('negative', { ttl: '1h', negativeTtl: '10s' });
    for (const nothing of [undefined, null]) {
      let calls = 0;
      const loader = async () => {
        calls += 1;
        return nothing;
      };
      const load = () => negative.getOrSet(`k${nothing}`, loader);
      assert.deepEqual([await load(), await load()], [nothing, nothing]);
      assert.equal(calls, 1);
      assert.deepEqual([negative.getSync(`k${nothing}`), negative.hasSync(`k${nothing}`)], [nothing, true]);
      clock.advance('10s');
      assert.equal(negative.hasSync(`k${nothing}`), false);
      await load();
      assert.equal(calls, 2);
    }
    assert.deepEqual(await negative.getMany(['kundefined', 'knull', 'other']), [undefined, null, undefined]);
  });

  it('is not remembered without it, and null is a value like any other', async () => {
    let calls = 0;
    const loader = (value) => () => {
      calls += 1;
      return value;
    };
    await cache.getOrSet('u', loader(undefined));
    await cache.getOrSet('u', loader(undefined));
    assert.equal(calls, 2);
    await cache.getOrSet('n', loader(null));
    clock.advance('59s');
    assert.equal(await cache.getOrSet('n', loader('never')), null);
    assert.equal(calls, 3);
  });

  it('lives as long as the loader says, where it says so', async () => {
    const negative = store.cache('negative', { ttl: '1h', negativeTtl: '10s' });
    await negative.getOrSet('k', ({ setOptions }) => {
      setOptions({ ttl: '1m' });
      return null;
    });
    clock.advance('59s');
    assert.equal(negative.hasSync('k'), true);
    clock.advance('1s');
    assert.equal(negative.hasSync('k'), false);
  });
});

describe('a loader', () => {
  it('decides on the ttl and tags of what it returns, over what its caller says', async () => {
    await cache.getOrSet(
      'k',
      async ({ setOptions }) => {
        setOptions({ ttl: '5s' });
        setOptions({ tags: ['fresh'] });
        return 1;
      },
      { ttl: '10s', tags: ['caller'] },
    );
    assert.equal(await cache.getRemainingTTL('k'), 5_000);
    await cache.deleteByTag('caller');
    assert.equal(cache.hasSync('k'), true);
    await cache.deleteByTag('fresh');
    assert.equal(cache.hasSync('k'), false);
    await assert.rejects(
      cache.getOrSet('k', ({ setOptions }) => setOptions({ tll: 1 })),
      { code: 'ERR_INVALID_ARG', message: /setOptions\(\).*did you mean 'ttl'/ },
    );
  });

  it('fails whose tags are none, for everyone who waits', async () => {
    const tags = ['x'.repeat(2_000)];
    const both = [1, 2].map(() => cache.getOrSet('k', async () => 1, { tags }));
    for (const { reason } of await Promise.allSettled(both)) assert.equal(reason.code, 'ERR_INVALID_ARG');
    assert.equal(await cache.getOrSet('k', () => 'next'), 'next');
  });

  it('may hand a value back without storing it', async () => {
    const both = await Promise.all([1, 2].map(() => cache.getOrSet('k', async ({ skip }) => skip({ draft: true }))));
    assert.deepEqual(both, [{ draft: true }, { draft: true }]);
    assert.notEqual(both[0], both[1]);
    assert.equal(cache.hasSync('k'), false);
    assert.equal(await cache.getOrSet('k', (context) => context.skip(undefined)), undefined);
  });

  it('takes a ttl and tags from its caller [GetOrSetOptions.ttl] [GetOrSetOptions.tags]', async () => {
    await cache.getOrSet('k', () => 1, { ttl: '5s', tags: ['a', 'b'] });
    assert.equal(await cache.getRemainingTTL('k'), 5_000);
    await cache.deleteByTag('b');
    assert.equal(cache.hasSync('k'), false);
  });

  it('that throws at once is as one that rejects: the same error for all, and nothing cached', async () => {
    const failure = new RangeError('no');
    const failing = () => {
      throw failure;
    };
    await assert.rejects(cache.getOrSet('k', failing), (error) => error === failure);
    await assert.rejects(
      cache.getOrSet('k', async () => Promise.reject('text')),
      (error) => error === 'text',
    );
    const { loads, loadErrors, entries } = await cache.stats();
    assert.deepEqual({ loads, loadErrors, entries }, { loads: 2, loadErrors: 2, entries: 0 });
  });

  it('that returns what cannot be stored has failed, for everyone who waits', async () => {
    const both = await Promise.allSettled([1, 2].map(() => cache.getOrSet('k', async () => ({ run() {} }))));
    assert.deepEqual(
      both.map(({ reason }) => reason.code),
      ['ERR_INVALID_ARG', 'ERR_INVALID_ARG'],
    );
    assert.equal((await cache.stats()).loadErrors, 1);
  });

  it('is called again, whatever is cached or under way, for who wants it fresh [GetOrSetOptions.forceFresh]', async () => {
    await cache.set('k', 'cached');
    assert.equal(await cache.getOrSet('k', () => 'fresh', { forceFresh: true }), 'fresh');
    const first = slowLoader();
    const second = slowLoader();
    await cache.delete('k');
    const slow = cache.getOrSet('k', first);
    const fresh = cache.getOrSet('k', second, { forceFresh: true });
    const joined = cache.getOrSet('k', () => 'never called');
    second.resolve('second');
    assert.deepEqual([await fresh, await joined], ['second', 'second']);
    first.resolve('first');
    assert.equal(await slow, 'first');
    assert.equal(cache.getSync('k'), 'second', 'it overtook the other');
  });

  it('may leave something behind that asks for its key later', async () => {
    let ask;
    await cache.getOrSet('k', () => {
      const asked = new Promise((resolve) => {
        ask = resolve;
      });
      cache.later = asked.then(() => cache.getOrSet('k', () => 'again', { forceFresh: true }));
      return 'first';
    });
    ask();
    assert.equal(await cache.later, 'again');
  });

  it('that loads its own key anew is refused', async () => {
    const own = () => cache.getOrSet('k', () => 1, { forceFresh: true });
    await assert.rejects(cache.getOrSet('k', own), { code: 'ERR_INVALID_STATE', message: /its own key/ });
    const overtaking = () => cache.delete('k').then(() => cache.getOrSet('k', overtaking));
    await assert.rejects(cache.getOrSet('k', overtaking), { code: 'ERR_INVALID_STATE' });
  });
});

describe('a load that takes too long', () => {
  it('ends with ERR_TIMEOUT for its caller, and the next one takes over [GetOrSetOptions.timeout]', async () => {
    const first = slowLoader();
    const second = slowLoader();
    const caller = cache.getOrSet('k', first, { timeout: '5s' });
    const next = cache.getOrSet('k', second);
    const third = cache.getOrSet('k', () => 'never called');
    await turn();
    const { signal } = first.context;
    clock.advance('4999ms');
    await turn();
    assert.equal(signal.aborted, false);
    clock.advance('1ms');
    await assert.rejects(awake(caller), (error) => {
      assert.equal(error.code, 'ERR_TIMEOUT');
      assert.match(error.message, /'k' in the cache 'c'.*5000 ms/);
      assert.equal(signal.reason, error);
      return true;
    });
    await second.called;
    first.resolve('too late');
    second.resolve('second');
    assert.deepEqual([await next, await third, cache.getSync('k')], ['second', 'second', 'second']);
    const { loads, loadErrors } = await cache.stats();
    assert.deepEqual({ loads, loadErrors }, { loads: 2, loadErrors: 1 });
  });

  it('ends after 30 seconds when nothing else was said', async () => {
    const loader = slowLoader();
    const value = cache.getOrSet('k', loader);
    await turn();
    clock.advance('30s');
    await assert.rejects(awake(value), { code: 'ERR_TIMEOUT' });
  });

  it('in the background is an error event', async () => {
    const swr = store.cache('swr', { ttl: '1m', staleWhileRevalidate: '1h' });
    await swr.set('k', 'old');
    clock.advance('1m');
    const heard = new Promise((resolve) => swr.on('error', resolve));
    const loader = slowLoader();
    await swr.getOrSet('k', loader);
    await turn();
    clock.advance('30s');
    assert.equal((await awake(heard)).code, 'ERR_TIMEOUT');
    assert.equal(loader.context.signal.aborted, true);
    assert.equal(await swr.getOrSet('k', () => 'new'), 'old');
    assert.equal(swr.getSync('k'), 'new');
  });
});

describe('a caller with a signal', () => {
  it('leaves alone, and the load goes on for the others [GetOrSetOptions.signal]', async () => {
    const loader = slowLoader();
    const leaving = new AbortController();
    const left = cache.getOrSet('k', loader, { signal: leaving.signal });
    const stays = cache.getOrSet('k', loader);
    const reason = new Error('gone');
    leaving.abort(reason);
    await assert.rejects(left, (error) => error === reason);
    assert.equal(loader.context.signal.aborted, false);
    loader.resolve('loaded');
    assert.equal(await stays, 'loaded');
    assert.equal(loader.calls, 1);
  });

  it('that leaves last takes the load with it, and who comes later starts anew', async () => {
    const loader = slowLoader();
    const controllers = [new AbortController(), new AbortController()];
    const callers = controllers.map(({ signal }) => cache.getOrSet('k', loader, { signal }));
    const context = await loader.called;
    for (const controller of controllers) controller.abort();
    for (const { reason } of await Promise.allSettled(callers)) assert.equal(reason.name, 'AbortError');
    assert.equal(context.signal.aborted, true);
    assert.equal(context.signal.reason.name, 'AbortError');
    assert.equal(await cache.getOrSet('k', () => 'anew'), 'anew');
    loader.resolve('too late');
    await turn();
    assert.equal(cache.getSync('k'), 'anew');
  });

  it('that has aborted already starts nothing', async () => {
    let calls = 0;
    const signal = AbortSignal.abort('before');
    const loader = () => ++calls;
    await assert.rejects(cache.getOrSet('k', loader, { signal }), (reason) => reason === 'before');
    await cache.set('k', 'cached');
    await assert.rejects(cache.getOrSet('k', loader, { signal }), (reason) => reason === 'before');
    assert.equal(calls, 0);
  });

  it('that lets nobody listen is told with each call, and no call waits unheard', async () => {
    const failure = new Error('no more listeners');
    const { signal } = new AbortController();
    signal.addEventListener = () => {
      throw failure;
    };
    for (const key of ['one', 'other']) {
      await assert.rejects(cache.getOrSet(key, turn, { signal }), (error) => error === failure);
    }
  });

  it('leaves no listener behind, and one signal may stand for hundreds of callers', async () => {
    const warnings = [];
    const hear = (warning) => warnings.push(warning);
    process.on('warning', hear);
    const { signal } = new AbortController();
    const all = Array.from({ length: 200 }, (_, at) => cache.getOrSet(`k${at % 20}`, turn, { signal }));
    assert.equal(getEventListeners(signal, 'abort').length, 1);
    await Promise.all(all);
    assert.equal(getEventListeners(signal, 'abort').length, 0);
    await turn();
    process.off('warning', hear);
    assert.deepEqual(warnings, []);
  });

  it('does not take a background reload with it', async () => {
    const swr = store.cache('swr', { ttl: '1m', staleWhileRevalidate: '1m' });
    await swr.set('k', 'old');
    clock.advance('1m');
    const loader = slowLoader();
    const leaving = new AbortController();
    await swr.getOrSet('k', loader, { signal: leaving.signal });
    leaving.abort();
    loader.resolve('new');
    await turn();
    assert.equal(swr.getSync('k'), 'new');
  });

  it('is told when that is no signal', async () => {
    await assert.rejects(
      cache.getOrSet('k', () => 1, { signal: 'stop' }),
      { code: 'ERR_INVALID_ARG', message: /AbortSignal/ },
    );
  });
});

describe('a memoized function', () => {
  it('runs once for the same arguments, however many ask', async () => {
    let calls = 0;
    const double = cache.memoize('double', async (n) => {
      calls += 1;
      return n * 2;
    });
    assert.deepEqual(await Promise.all([double(2), double(2), double(3)]), [4, 4, 6]);
    assert.equal(calls, 2);
    assert.equal(cache.getSync('double:2'), 4);
  });

  it('never takes one argument list for another', async () => {
    let calls = 0;
    const count = cache.memoize('f', () => ++calls);
    const lists = [
      [],
      [''],
      [','],
      ['', ''],
      ['1'],
      [1],
      [1n],
      [0],
      [-0],
      [Number.NaN],
      ['NaN'],
      [true],
      ['true'],
      [1, 2],
      ['1,2'],
      ['1', '2'],
      ['"1"', '2'],
      ['1","2'],
      ['\ud800'],
      ['\udfff'],
      ['\ufffd'],
      [Infinity],
      [-Infinity],
    ];
    for (const args of lists) await count(...args);
    assert.equal(calls, lists.length);
    for (const [at, args] of lists.entries()) assert.equal(await count(...args), at + 1);
  });

  it('takes a key of its own, and options for its results', async () => {
    const nameOf = cache.memoize('name', (user) => user.name, { key: (user) => user.id, ttl: '5s', tags: ['users'] });
    assert.equal(await nameOf({ id: '7', name: 'Ada' }), 'Ada');
    assert.equal(await nameOf({ id: '7', name: 'other' }), 'Ada');
    assert.equal(await cache.getRemainingTTL('name:7'), 5_000);
    await cache.deleteByTag('users');
    assert.equal(await nameOf({ id: '7', name: 'Lovelace' }), 'Lovelace');
    const broken = cache.memoize('broken', () => 1, { key: () => 7 });
    await assert.rejects(broken(), { code: 'ERR_INVALID_ARG', message: /must return a string/ });
  });

  it('refuses arguments that have no text', async () => {
    const f = cache.memoize('f', () => 1);
    for (const arg of [{}, undefined, null, Symbol('s'), () => 1]) {
      await assert.rejects(f(1, arg), { code: 'ERR_INVALID_ARG', message: /argument 2 .*give memoize\(\) a key/ });
    }
    assert.throws(() => cache.memoize('f', 'no function'), { code: 'ERR_INVALID_ARG' });
    assert.throws(() => cache.memoize('f', () => 1, { keys: () => '' }), { message: /did you mean 'key'/ });
  });

  it('keeps what it is called on', async () => {
    const counter = {
      step: 3,
      next: cache.memoize('next', async function (n) {
        return n + this.step;
      }),
    };
    assert.equal(await counter.next(4), 7);
  });
});

describe('loads of several threads', () => {
  let url;
  let number = 0;
  let shared;
  let pages;
  let threads;

  beforeEach(() => {
    // One for each test: a store whose threads ended without closing it lives on.
    url = `memory:cache-loads-${++number}`;
    shared = open(url);
    pages = shared.cache('pages', { ttl: '1h' });
    threads = [];
  });
  afterEach(async () => {
    await Promise.all(threads.map((thread) => thread.end()));
    await shared.close();
  });

  async function start(workerData = {}) {
    const thread = await LoaderThread.start({ url, number: threads.length + 1, ...workerData });
    threads.push(thread);
    return thread;
  }

  it('are one load a key: 8 threads, 1,000 keys and 64 callers each, none of which had a value', async () => {
    const { callsAKey, own, wrong, agreed, asked, expected, stats } = await report('cache/herd.js');
    assert.deepEqual(callsAKey, [1, 1], 'every loader was called once, and none twice');
    assert.deepEqual({ wrong, agreed }, { wrong: false, agreed: true });
    const { threads: count, keys, callers } = expected;
    assert.equal(asked, count * keys * callers);
    assert.deepEqual(new Set(own), new Set([keys * callers]), 'each has a copy of its own');
    assert.equal(stats.loads, keys);
    assert.equal(stats.hits + stats.misses, asked);
  });

  it('are taken over, once, when the thread that loads is terminated', async () => {
    const calls = new SharedArrayBuffer(4);
    const [victim, ...others] = [await start({ calls }), await start({ calls }), await start({ calls })];
    await victim.ask('k');
    await victim.heard('loading');
    for (const other of others) await other.ask('k', { outcome: 'own value' });
    let ownCalls = 0;
    const own = pages.getOrSet('k', () => ({ by: `main ${++ownCalls}` }));
    await victim.end();
    const value = await own;
    for (const other of others) assert.deepEqual((await other.heard('got')).value, value);
    assert.equal(new Int32Array(calls)[0] + ownCalls, 2, 'the loader that died and one more');
    assert.deepEqual(pages.getSync('k'), value);
    assert.equal((await pages.stats()).loadErrors, 0, 'at once, not when its time was over');
  });

  it('reject in all of them with the same name, message, code, stack and cause', async () => {
    const thread = await start();
    await thread.ask('k');
    await thread.heard('loading');
    const waits = pages.getOrSet('k', () => 'never called');
    thread.tell('settle', { how: 'throw' });
    await assert.rejects(waits, (error) => {
      assert.ok(error instanceof Error);
      const { name, message, code, cause } = error;
      assert.deepEqual(
        { name, message, code },
        { name: 'DatabaseError', message: 'the database is away', code: 'E_AWAY' },
      );
      assert.match(error.stack, /loader-thread\.js/);
      assert.ok(cause instanceof TypeError);
      assert.deepEqual([cause.name, cause.message], ['TypeError', 'no route']);
      return true;
    });
    assert.equal(pages.hasSync('k'), false);
    assert.equal((await thread.heard('failed')).message, 'the database is away');
  });

  it('that fail are stood in for by the old value in every thread', async () => {
    const kept = shared.cache('kept', { ttl: '1h', staleIfError: '1h' });
    await kept.set('k', 'old');
    await kept.expire('k');
    const thread = await start({ name: 'kept' });
    await thread.ask('k');
    await thread.heard('loading');
    const waits = kept.getOrSet('k', () => 'never called');
    thread.tell('settle', { how: 'throw' });
    assert.equal(await waits, 'old');
    assert.equal((await thread.heard('got')).value, 'old');
  });

  it('go on while somebody waits in another thread, and end when nobody does', async () => {
    const thread = await start();
    await thread.ask('k', { leaves: true });
    await thread.heard('loading');
    const leaving = new AbortController();
    const waits = pages.getOrSet('k', () => 'never called', { signal: leaving.signal });
    thread.tell('leave');
    await thread.heard('failed');
    const stays = pages.getOrSet('k', () => 'never called');
    leaving.abort(new Error('left'));
    await assert.rejects(waits, { message: 'left' });
    thread.tell('settle');
    assert.deepEqual(await stays, { by: 1 });

    await thread.ask('other', { leaves: true });
    await thread.heard('loading');
    const last = new AbortController();
    const lastWaits = pages.getOrSet('other', () => 'never called', { signal: last.signal });
    thread.tell('leave');
    await thread.heard('failed');
    last.abort(new Error('left'));
    await assert.rejects(lastWaits, { message: 'left' });
    assert.equal((await thread.heard('aborted')).name, 'AbortError');
    assert.equal(await pages.getOrSet('other', () => 'anew'), 'anew');
  });

  it('that end without a value are told so', async () => {
    const thread = await start();
    const key = 'nothing';
    let settle;
    const leads = pages.getOrSet(key, () => new Promise((resolve) => (settle = resolve)));
    await thread.ask(key);
    settle(undefined);
    assert.equal(await leads, undefined);
    assert.equal((await thread.heard('got')).value, undefined);
  });

  it('that are taken too long over pass to a waiter of another thread', async () => {
    const thread = await start();
    await thread.ask('k', { options: { timeout: 50 } });
    await thread.heard('loading');
    assert.equal(await pages.getOrSet('k', () => 'taken over'), 'taken over');
    assert.equal((await thread.heard('aborted')).name, 'RedstartError');
    assert.equal((await thread.heard('failed')).code, 'ERR_TIMEOUT');
  });

  it('are nothing to the processor while 10,000 callers wait five seconds', async (t) => {
    const { cpuMs, there, here, ownLoads } = await report('cache/patient.js');
    assert.deepEqual({ there, here, ownLoads }, { there: 5_000, here: 5_000, ownLoads: 0 });
    t.diagnostic(`${cpuMs.toFixed(1)} ms`);
    assert.ok(cpuMs < 50, `${cpuMs} ms of processor time`);
  });
});

test('a process with nothing else to do waits for its load, up to the timeout', async () => {
  const lines = await endsByItself(
    told(({ open }) => {
      const cache = open('memory:').cache('c', { ttl: null });
      const load = cache.getOrSet('k', () => new Promise(() => {}), { timeout: 50 });
      load.catch((error) => console.log(error.code));
    }),
  );
  assert.deepEqual(lines, ['ERR_TIMEOUT']);
});

test('a reload in the background does not keep the process alive', async () => {
  const lines = await endsByItself(
    told(async ({ open }) => {
      const cache = open('memory:').cache('c', { ttl: '1h', staleWhileRevalidate: '1h' });
      await cache.set('k', 'old');
      await cache.expire('k');
      console.log(await cache.getOrSet('k', () => new Promise(() => {})));
    }),
  );
  assert.deepEqual(lines, ['old']);
});

test('every caller of a burst hears of its timeout, however busy the thread was', async () => {
  const lines = await endsByItself(
    told(({ open }) => {
      const cache = open('memory:').cache('c', { ttl: '1m' });
      cache.on('removed', () => {});
      let rejected = 0;
      const never = () => new Promise(() => {});
      for (let at = 0; at < 300; at++) {
        const load = cache.getOrSet(String(at), never, { timeout: 50 });
        load.catch(() => ++rejected === 300 && console.log('all'));
      }
      // Until all have had their time, and before this thread could hear of it.
      const until = Date.now() + 150;
      queueMicrotask(() => {
        while (Date.now() < until);
      });
    }),
  );
  assert.deepEqual(lines, ['all']);
});

test('a loader that blocks its thread past the timeout has timed out', async () => {
  const machine = open('memory:');
  const cache = machine.cache('c', { ttl: '1m' });
  const block = () => {
    const until = Date.now() + 200;
    while (Date.now() < until);
    return 'late';
  };
  await assert.rejects(cache.getOrSet('k', block, { timeout: 20 }), { code: 'ERR_TIMEOUT' });
  assert.equal(await cache.has('k'), false);
  await machine.close();
});

test('tags that a loader says count for who asks after their deletion', async () => {
  const machine = open('memory:');
  const cache = machine.cache('c', { ttl: '1m' });
  let give;
  const first = cache.getOrSet('k', (context) => {
    context.setOptions({ tags: ['t'] });
    return new Promise((resolve) => {
      give = resolve;
    });
  });
  await cache.deleteByTag('t');
  assert.equal(await cache.getOrSet('k', () => 'new'), 'new');
  give('old');
  assert.deepEqual([await first, await cache.get('k')], ['old', 'new']);
  await machine.close();
});
