'use strict';
// Many at once, invalidation while a page is made, and a cache that is down.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { after, describe, it } = require('node:test');
const { manualClock, open } = require('..');
const { cacheResponse } = require('redstart/express');
const { serving, appWith, gate, until } = require('./support/cache-response/serving.js');

const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newCache = (options) => store.cache(`pages-${names++}`, { ttl: '1m', ...options });

/** An app whose handler waits at a gate, and that counts who has come in front of the cache. */
function heldApp({ options, headers = {}, status = 200 } = {}) {
  const cache = newCache(options?.cacheOptions);
  const passes = gate();
  const front = { arrived: 0, left: 0, last: undefined };
  const count = (_req, res, next) => {
    front.arrived += 1;
    front.last = res;
    res.once('close', () => {
      if (!res.writableFinished) front.left += 1;
    });
    next();
  };
  const { cacheOptions, ...given } = options ?? {};
  const app = appWith([count, cacheResponse({ cache, clock, ...given })], async (req, res) => {
    await passes.passed;
    res.status(status).set(headers).send(`run ${res.locals.run} for ${req.headers.accept}`);
  });
  return { app, cache, passes, front };
}
const accept = (type) => ({ headers: { accept: type } });

describe('requests that miss together', () => {
  it('share one run of the handler', () => {
    const { app, passes, front } = heldApp();
    return serving(app, async (ask) => {
      const answers = Array.from({ length: 20 }, () => ask('/', accept('a/a')));
      await until(() => front.arrived === 20);
      passes.open();
      const got = await Promise.all(answers);
      assert.deepEqual(new Set(got.map(({ body }) => body)), new Set(['run 1 for a/a']));
      assert.equal(got.filter(({ cache }) => cache === 'MISS').length, 1);
      assert.equal(got.filter(({ cache }) => cache === 'HIT').length, 19);
      assert.equal(app.runs, 1);
    });
  });

  it('share one run for each variant, though nobody knew that it varies', () => {
    const { app, passes, front } = heldApp({ headers: { Vary: 'Accept' } });
    return serving(app, async (ask) => {
      const types = ['a/a', 'b/b', 'c/c'];
      const answers = Array.from({ length: 18 }, (_, nth) => ask('/', accept(types[nth % 3])));
      await until(() => front.arrived === 18);
      passes.open();
      (await Promise.all(answers)).forEach(({ body }, nth) => {
        assert.ok(body.endsWith(types[nth % 3]), body);
      });
      assert.equal(app.runs, 3);
    });
  });

  it('run the handler each for itself, all at once, if its response is not to be kept', () => {
    const headed = gate();
    const ends = gate();
    let most = 0;
    let running = 0;
    const app = appWith(cacheResponse({ cache: newCache(), clock }), async (_req, res) => {
      most = Math.max(most, ++running);
      if (res.locals.run === 1) await headed.passed;
      // Known by its headers, long before its end.
      res.set('Cache-Control', 'private').write('mine ');
      await ends.passed;
      running -= 1;
      res.end(String(res.locals.run));
    });
    return serving(app, async (ask) => {
      const answers = Array.from({ length: 10 }, () => ask('/'));
      await until(() => app.runs === 1);
      headed.open();
      await until(() => app.runs === 10);
      assert.equal(most, 10);
      ends.open();
      const bodies = (await Promise.all(answers)).map(({ body }) => body);
      assert.equal(new Set(bodies).size, 10);
    });
  });

  it('need not wait for a client that left: one of them takes its place', () => {
    const { app, passes, front } = heldApp();
    return serving(app, async (ask, { open: begin }) => {
      const first = begin('/', accept('a/a'));
      first.on('error', () => {});
      await until(() => app.runs === 1);
      const answers = Array.from({ length: 5 }, () => ask('/', accept('a/a')));
      await until(() => front.arrived === 6);
      first.destroy();
      await until(() => app.runs === 2);
      passes.open();
      for (const answer of answers) assert.equal((await answer).body, 'run 2 for a/a');
      assert.equal(app.runs, 2);
    });
  });

  it('do not wait for a client that reads slowly', () => {
    const page = Buffer.alloc(8 * 1024 * 1024, 'x');
    const cache = newCache({ maxEntrySize: '16mb' });
    const app = appWith(cacheResponse({ cache, clock, maxBodySize: '16mb' }), (_req, res) => res.end(page));
    return serving(app, async (ask, { open: begin }) => {
      const slow = begin('/');
      slow.on('error', () => {});
      const [response] = await once(slow, 'response');
      response.on('error', () => {}).pause();
      const { cache: said, bytes } = await ask('/');
      assert.deepEqual([said, bytes.length, app.runs], ['HIT', page.length, 1]);
      slow.destroy();
    });
  });

  it('wait so long, and then one of them runs the handler too [CacheResponseOptions.timeout]', () => {
    const errors = [];
    const onError = (error) => errors.push(error);
    const { app, passes, front } = heldApp({ options: { timeout: '5s', onError } });
    return serving(app, async (ask) => {
      const answers = Array.from({ length: 5 }, () => ask('/', accept('a/a')));
      await until(() => front.arrived === 5 && app.runs === 1);
      clock.advance(4999);
      await new Promise((resolve) => setTimeout(resolve, 20));
      assert.equal(app.runs, 1);
      clock.advance(1);
      await until(() => app.runs === 2);
      passes.open();
      await Promise.all(answers);
      assert.equal(app.runs, 2);
      assert.deepEqual(errors, []);
    });
  });

  it('run no handler for a client that left while it waited', () => {
    const { app, passes, front } = heldApp();
    return serving(app, async (ask, { open: begin }) => {
      const leader = ask('/');
      await until(() => app.runs === 1);
      const left = begin('/');
      left.on('error', () => {});
      await until(() => front.arrived === 2);
      const waiting = ask('/');
      await until(() => front.arrived === 3);
      left.destroy();
      await until(() => front.left === 1);
      clock.advance('30s');
      await until(() => app.runs === 2);
      passes.open();
      assert.deepEqual([(await waiting).status, (await leader).status, app.runs], [200, 200, 2]);
    });
  });

  it('leave alone who was answered by another while it waited', () => {
    const { app, passes, front } = heldApp();
    return serving(app, async (ask) => {
      const leader = ask('/');
      await until(() => app.runs === 1);
      const waiting = ask('/');
      await until(() => front.arrived === 2);
      front.last.status(503).set('X-Cache', 'none').send('too late');
      assert.equal((await waiting).body, 'too late');
      passes.open();
      assert.equal((await leader).status, 200);
      assert.deepEqual([(await ask('/')).cache, app.runs], ['HIT', 1]);
    });
  });

  it('get an answer each, whatever the handler does', () => {
    const { app, passes, front } = heldApp({ status: 500 });
    return serving(app, async (ask) => {
      const answers = Array.from({ length: 5 }, () => ask('/'));
      await until(() => front.arrived === 5);
      passes.open();
      for (const answer of answers) assert.equal((await answer).status, 500);
      assert.equal(app.runs, 5);
    });
  });
});

describe('a page that is invalidated while it is made', () => {
  const ways = {
    'by a change of its address': (ask) => ask('/', { method: 'PUT' }),
    'by its name': (_ask, cache) => cache.delete('home'),
    'by its tag': (_ask, cache) => cache.deleteByTag('t'),
    'by clear': (_ask, cache) => cache.clear(),
  };
  for (const vary of ['', 'Accept']) {
    for (const [way, invalidate] of Object.entries(ways)) {
      it(`${way} is not kept${vary && ', nor a variant'}`, () => {
        const cache = newCache();
        const passes = gate();
        const middleware = cacheResponse({ cache, clock, key: () => 'home', tags: ['t'] });
        let arrived = 0;
        const count = (_req, _res, next) => {
          arrived += 1;
          next();
        };
        const app = appWith([count, middleware], async (req, res) => {
          if (req.method === 'PUT') return res.status(204).end();
          const made = `as of run ${res.locals.run}`;
          if (res.locals.run === 1) await passes.passed;
          if (vary) res.vary(vary);
          return res.send(made);
        });
        return serving(app, async (ask) => {
          const first = ask('/');
          await until(() => app.runs === 1);
          const waiting = ask('/');
          await until(() => arrived === 2);
          await invalidate(ask, cache);
          passes.open();
          assert.equal((await first).body, 'as of run 1');
          const { cache: outcome, body: page } = await waiting;
          // A variant is looked up when its index is there, and then it is gone already.
          if (vary === '' || outcome === 'HIT') assert.deepEqual([outcome, page], ['HIT', 'as of run 1']);
          else assert.deepEqual([outcome, page], ['MISS', 'as of run 2']);
          const { cache: said, body } = await ask('/');
          assert.deepEqual([said, body], ['MISS', `as of run ${app.runs}`]);
          assert.equal((await ask('/')).cache, 'HIT');
        });
      });
    }
  }
});

describe('tags', () => {
  it('remove the pages and variants that have them, and no others [CacheResponseOptions.tags]', () => {
    const cache = newCache();
    const tags = async (req, res) => [`user:${req.query.user}`, res.locals.tag];
    const app = appWith(cacheResponse({ cache, clock, tags }), (_req, res) => {
      res.locals.tag = 'users';
      res.vary('Accept').send('page');
    });
    return serving(app, async (ask) => {
      const look = async () => {
        const outcomes = [];
        for (const [path, type] of [
          ['/?user=1', 'a/a'],
          ['/?user=1', 'b/b'],
          ['/?user=2', 'a/a'],
        ]) {
          outcomes.push((await ask(path, accept(type))).cache);
        }
        return outcomes;
      };
      await look();
      assert.deepEqual(await look(), ['HIT', 'HIT', 'HIT']);
      await cache.deleteByTag('user:1');
      assert.deepEqual(await look(), ['MISS', 'MISS', 'HIT']);
      await cache.deleteByTag('users');
      assert.deepEqual(await look(), ['MISS', 'MISS', 'MISS']);
    });
  });
});

describe('when the cache fails', () => {
  it('requests go on without it, and it is told [CacheResponseOptions.onError]', () => {
    const doomed = open('memory:');
    const errors = [];
    const cache = doomed.cache('pages', { ttl: '1m' });
    const app = appWith(cacheResponse({ cache, onError: (error) => errors.push(error.code) }));
    return serving(app, async (ask) => {
      await ask('/');
      await doomed.close();
      for (const method of ['GET', 'HEAD', 'DELETE']) assert.equal((await ask('/', { method })).status, 200);
      assert.deepEqual(errors, ['ERR_CLOSED', 'ERR_CLOSED', 'ERR_CLOSED']);
    });
  });

  it('while the handler runs, its client gets the page', () => {
    const doomed = open('memory:');
    const errors = [];
    const cache = doomed.cache('pages', { ttl: '1m' });
    const app = appWith(cacheResponse({ cache, onError: (error) => errors.push(error.code) }), async (_req, res) => {
      await doomed.close();
      res.vary('Accept').send('page');
    });
    return serving(app, async (ask) => {
      assert.equal((await ask('/')).body, 'page');
      await until(() => errors.length === 1);
      assert.equal((await ask('/')).body, 'page');
      assert.deepEqual(errors, ['ERR_CLOSED', 'ERR_CLOSED']);
    });
  });

  it('after it gave the page, the client has it', () => {
    const doomed = open('memory:');
    const errors = [];
    const cache = doomed.cache('pages', { ttl: '1m' });
    const passes = gate();
    const app = appWith(cacheResponse({ cache, onError: (error) => errors.push(error.code) }), async (_req, res) => {
      await passes.passed;
      res.send('page');
      doomed.close();
    });
    return serving(app, async (ask) => {
      const answers = [ask('/'), ask('/'), ask('/')];
      await until(() => app.runs === 1);
      passes.open();
      for (const answer of answers) assert.deepEqual([(await answer).status, (await answer).body], [200, 'page']);
      assert.ok(errors.length > 0 && errors.every((code) => code === 'ERR_CLOSED'), String(errors));
    });
  });

  it('it warns once, and survives a listener that throws', async () => {
    const doomed = open('memory:');
    const cache = doomed.cache('pages', { ttl: '1m' });
    await doomed.close();
    const warnings = [];
    const listen = (warning) => warning.code === 'REDSTART_RESPONSE_CACHE' && warnings.push(warning.message);
    process.on('warning', listen);
    await serving(appWith(cacheResponse({ cache })), async (ask) => {
      for (let nth = 0; nth < 3; nth++) assert.equal((await ask('/')).status, 200);
    });
    assert.equal(warnings.length, 1);
    assert.match(warnings[0], /'pages'/);
    const onError = () => {
      throw new Error('of the test');
    };
    await serving(appWith(cacheResponse({ cache, onError })), async (ask) => {
      assert.equal((await ask('/')).body, 'page');
    });
    process.off('warning', listen);
  });

  it('it holds something else under the name', () => {
    const cache = newCache();
    const errors = [];
    const app = appWith(cacheResponse({ cache, key: () => 'taken', onError: (error) => errors.push(error.message) }));
    return serving(app, async (ask) => {
      await cache.set('taken', { other: 'thing' });
      assert.equal((await ask('/')).body, 'page');
      assert.match(errors[0], /a cache of its own/);
      assert.deepEqual(await cache.get('taken'), { other: 'thing' });
    });
  });

  it('a page too large for it reaches its client, and is no failure', async () => {
    for (const vary of [[], ['Accept']]) {
      const errors = [];
      const cache = newCache({ maxEntrySize: '2kb' });
      const app = appWith(cacheResponse({ cache, vary, onError: (error) => errors.push(error) }), (_req, res) =>
        res.send('x'.repeat(4000)),
      );
      await serving(app, async (ask) => {
        for (let run = 1; run <= 2; run++) assert.deepEqual([(await ask('/')).bytes.length, app.runs], [4000, run]);
        assert.deepEqual(errors, []);
      });
    }
  });

  it('tags that throw or are none leave the page unkept', () => {
    const errors = [];
    const options = { cache: newCache(), clock, onError: (error) => errors.push(error) };
    const failing = () => {
      throw new Error('of the test');
    };
    return serving(appWith(cacheResponse({ ...options, tags: failing })), async (ask) => {
      for (let nth = 0; nth < 2; nth++)
        assert.deepEqual([(await ask('/')).body, (await ask('/')).cache], ['page', 'MISS']);
      assert.equal(errors.length, 4);
      assert.equal((await ask('/')).headers['cache-status'], 'redstart; fwd=uri-miss', 'not: stored');
      for (const vary of [[], ['Accept']]) {
        errors.length = 0;
        await serving(appWith(cacheResponse({ ...options, vary, tags: () => ['t', 5] })), async (again) => {
          assert.deepEqual([(await again('/x')).body, (await again('/x')).cache], ['page', 'MISS']);
          assert.deepEqual([...errors.map(({ code }) => code)], ['ERR_INVALID_ARG', 'ERR_INVALID_ARG']);
        });
      }
    });
  });
});

describe('errors of the app', () => {
  for (const option of ['key', 'skip']) {
    it(`that '${option}' throws go to next(error)`, async () => {
      for (const thrown of [Object.assign(new Error('of the test'), { code: 'E_APP' }), 'route', undefined]) {
        const failing = async () => {
          throw thrown;
        };
        const app = appWith(cacheResponse({ cache: newCache(), [option]: failing }));
        await serving(app, async (ask) => {
          const { status, body } = await ask('/');
          const code = thrown instanceof Error ? 'E_APP' : 'ERR_INVALID_STATE';
          assert.deepEqual([status, JSON.parse(body).code, app.runs], [500, code, 0]);
        });
      }
    });
  }
  it('a key that is no string is ERR_INVALID_ARG', () =>
    serving(appWith(cacheResponse({ cache: newCache(), key: () => 1 })), async (ask) => {
      assert.equal(JSON.parse((await ask('/')).body).code, 'ERR_INVALID_ARG');
    }));
  it('a handler that throws makes nobody wait for it', () => {
    const middleware = cacheResponse({ cache: newCache() });
    const thrown = [];
    let runs = 0;
    let failed;
    const app = (req, res) =>
      middleware(req, res, () => {
        runs += 1;
        if (runs > 1) return res.end('fine');
        failed = res;
        throw new Error('of the test');
      });
    const listeners = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', (error) => thrown.push(error.message));
    return serving(app, async (ask) => {
      const first = ask('/');
      await until(() => thrown.length === 1);
      assert.deepEqual([(await ask('/')).body, runs], ['fine', 2]);
      failed.end('late');
      await first;
      process.removeAllListeners('unhandledRejection');
      for (const listener of listeners) process.on('unhandledRejection', listener);
    });
  });
  it('next() is called once, also when what follows throws', () => {
    const middleware = cacheResponse({ cache: newCache() });
    let calls = 0;
    const app = (req, res) =>
      middleware(req, res, () => {
        calls += 1;
        setImmediate(() => res.end('late'));
        throw new Error('of the test');
      });
    const thrown = [];
    const listeners = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', (error) => thrown.push(error.message));
    return serving(app, async (ask) => {
      assert.equal((await ask('/')).body, 'late');
      assert.equal((await ask('/', { headers: { cookie: 'a=b' } })).body, 'late');
      assert.deepEqual([calls, thrown], [2, ['of the test', 'of the test']]);
      process.removeAllListeners('unhandledRejection');
      for (const listener of listeners) process.on('unhandledRejection', listener);
    });
  });
});
