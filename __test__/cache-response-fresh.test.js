'use strict';
// How long a response is fresh, what a client may ask for, and what is served when it is stale.
const assert = require('node:assert/strict');
const { after, describe, it } = require('node:test');
const { manualClock, open } = require('..');
const { cacheResponse } = require('redstart/express');
const { serving, appWith, gate, until } = require('./support/cache-response/serving.js');

const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newCache = (options) => store.cache(`pages-${names++}`, { ttl: '1m', ...options });
const cached = (options) => cacheResponse({ cache: newCache(), clock, ...options });
const says = (headers) => (_req, res) => res.set(headers).send(`run ${res.locals.run}`);
const wants = (control) => ({ headers: { 'cache-control': control } });

/** Seconds for which this response is served, of 1 to 100,000. */
const lifetime = (headers, options) =>
  serving(appWith(cached(options), says(headers)), async (ask) => {
    await ask('/');
    const { headers: said, cache } = await ask('/');
    if (cache !== 'HIT') return 0;
    const seconds = Number(/ttl=(\d+)/.exec(said['cache-status'])[1]);
    clock.advance(seconds * 1000 - 1);
    assert.equal((await ask('/')).cache, 'HIT');
    clock.advance(1);
    assert.equal((await ask('/')).cache, 'MISS');
    return seconds;
  });
const httpDate = (seconds) => new Date(Math.floor(clock.nowMs / 1000) * 1000 + seconds * 1000).toUTCString();

describe('how long a response is fresh', () => {
  it('is what it says: s-maxage before max-age before Expires', async () => {
    assert.equal(await lifetime({ 'Cache-Control': 'max-age=20, S-MaxAge="30"', Expires: httpDate(40) }), 30);
    assert.equal(await lifetime({ 'Cache-Control': 'Max-Age=20', Expires: httpDate(40) }), 20);
    const date = httpDate(0);
    assert.equal(await lifetime({ Date: date, Expires: new Date(Date.parse(date) + 40_000).toUTCString() }), 40);
    assert.equal(await lifetime({ 'Cache-Control': 'max-age=600' }), 600);
  });
  it('is less by the age it came with', async () => {
    assert.equal(await lifetime({ 'Cache-Control': 'max-age=20', Age: '5' }), 15);
    await serving(appWith(cached(), says({ Age: '5' })), async (ask) => {
      await ask('/');
      clock.advance('2s');
      assert.equal((await ask('/')).headers.age, '7');
    });
  });
  it('is the ttl of the cache where it does not say', async () => {
    assert.equal(await lifetime({}), 60);
    assert.equal(await lifetime({ 'Cache-Control': 'public', 'Last-Modified': httpDate(-100_000) }), 60);
  });
  it('may be a hundred years', () =>
    serving(appWith(cached(), says({ 'Cache-Control': `max-age=${'9'.repeat(20)}` })), async (ask) => {
      await ask('/');
      clock.advance('365d');
      assert.equal((await ask('/')).cache, 'HIT');
    }));
});

describe('conditional requests', () => {
  const modified = 'Sat, 01 Jan 2022 00:00:00 GMT';
  const handler = (req, res) => {
    assert.equal(req.headers['if-none-match'], undefined);
    assert.equal(req.headers['if-modified-since'], undefined);
    res.set({
      ETag: '"one"',
      'Last-Modified': modified,
      'Cache-Control': 'max-age=60',
      'Content-Location': '/p',
      Expires: modified,
    });
    res.set({ Vary: 'Accept', 'Content-Language': 'en', 'X-Other': '1' }).send('page');
  };
  const conditions = [
    [{ 'if-none-match': '"one"' }, 304],
    [{ 'if-none-match': 'W/"one"' }, 304],
    [{ 'if-none-match': '"zero", "one"' }, 304],
    [{ 'if-none-match': '*' }, 304],
    [{ 'if-none-match': '"two"' }, 200],
    [{ 'if-none-match': 'one' }, 200],
    [{ 'if-none-match': '"two"', 'if-modified-since': modified }, 200],
    [{ 'if-modified-since': modified }, 304],
    [{ 'if-modified-since': 'Sat, 01 Jan 2022 00:00:01 GMT' }, 304],
    [{ 'if-modified-since': 'Fri, 31 Dec 2021 23:59:59 GMT' }, 200],
    [{ 'if-modified-since': 'yesterday' }, 200],
  ];
  for (const [headers, status] of conditions) {
    it(`${JSON.stringify(headers)} gets ${status}, cold and warm, and leaves a whole page`, () =>
      serving(appWith(cached(), handler), async (ask) => {
        for (const outcome of ['MISS', 'HIT']) {
          const answer = await ask('/', { headers });
          assert.deepEqual([answer.status, answer.cache, answer.body], [status, outcome, status === 304 ? '' : 'page']);
          if (status !== 304) continue;
          const needed = {
            etag: '"one"',
            'cache-control': 'max-age=60',
            'content-location': '/p',
            expires: modified,
            vary: 'Accept',
          };
          for (const [name, value] of Object.entries(needed)) assert.equal(answer.headers[name], value, name);
          assert.ok(answer.headers.date);
          for (const name of ['content-type', 'content-length', 'content-language', 'transfer-encoding']) {
            assert.equal(answer.headers[name], undefined, name);
          }
        }
        const plain = await ask('/');
        assert.deepEqual([plain.status, plain.body, plain.cache], [200, 'page', 'HIT']);
      }));
  }

  it('work by an ETag made here, for a body that came whole or in parts', async () => {
    for (const parts of [['page'], ['pa', 'ge']]) {
      const middleware = cached();
      const listener = (req, res) =>
        middleware(req, res, () => {
          for (const part of parts.slice(1)) res.write(part);
          res.end(parts[0]);
        });
      await serving(listener, async (ask) => {
        await ask('/');
        const { headers } = await ask('/');
        assert.match(headers.etag, /^W\/"4-[\w-]{22}"$/);
        const again = await ask('/', { headers: { 'if-none-match': headers.etag } });
        assert.deepEqual([again.status, again.body], [304, '']);
        const head = await ask('/', { method: 'HEAD', headers: { 'if-none-match': headers.etag } });
        assert.equal(head.status, 304);
      });
    }
  });

  it('of a response that is not kept are answered too', () => {
    const app = appWith(cached(), (_req, res) => res.set({ ETag: '"one"', 'Cache-Control': 'private' }).send('page'));
    return serving(app, async (ask) => {
      const { status, body } = await ask('/', { headers: { 'if-none-match': '"one"' } });
      assert.deepEqual([status, body], [304, '']);
    });
  });

  it('do not turn another status into a 304', () => {
    const app = appWith(cached(), (_req, res) => res.status(301).set({ ETag: '"one"', Location: '/x' }).end());
    return serving(app, async (ask) => {
      for (const _ of [1, 2]) assert.equal((await ask('/', { headers: { 'if-none-match': '"one"' } })).status, 301);
    });
  });
});

describe('what a client asks of the cache', () => {
  it('no-cache, in any case, or Pragma: the handler runs, and what it says is kept', () =>
    serving(appWith(cached(), says({})), async (ask) => {
      await ask('/');
      assert.equal((await ask('/', wants('No-Cache'))).body, 'run 2');
      assert.deepEqual([(await ask('/')).body, (await ask('/')).cache], ['run 2', 'HIT']);
      assert.equal((await ask('/', { headers: { pragma: 'no-cache' } })).body, 'run 3');
      assert.equal((await ask('/', { headers: { pragma: 'no-cache', 'cache-control': 'max-age=99' } })).body, 'run 3');
    }));
  it('max-age and min-fresh: a page too old is made anew', () =>
    serving(appWith(cached(), says({})), async (ask) => {
      await ask('/');
      clock.advance('20s');
      assert.equal((await ask('/', wants('max-age=20'))).cache, 'HIT');
      assert.equal((await ask('/', wants('min-fresh=40'))).cache, 'HIT');
      const older = await ask('/', wants('max-age=19'));
      assert.deepEqual([older.body, older.headers['cache-status']], ['run 2', 'redstart; fwd=request; stored']);
      assert.equal((await ask('/', wants('min-fresh=61'))).body, 'run 3');
      assert.equal((await ask('/', wants('max-age=0'))).cache, 'HIT');
      assert.equal((await ask('/')).body, 'run 3');
    }));
  it('no-store: neither answered from the cache nor kept', () =>
    serving(appWith(cached(), says({})), async (ask) => {
      assert.equal((await ask('/', wants('no-store'))).cache, 'BYPASS');
      assert.equal((await ask('/')).body, 'run 2');
      assert.equal((await ask('/', wants('no-store'))).body, 'run 3');
      assert.equal((await ask('/')).body, 'run 2');
    }));
  it('only-if-cached: 504 where there is nothing', () => {
    const app = appWith(cached(), says({}));
    return serving(app, async (ask) => {
      const nothing = await ask('/', wants('only-if-cached'));
      assert.deepEqual([nothing.status, nothing.headers['cache-status'], app.runs], [504, 'redstart', 0]);
      await ask('/');
      assert.equal((await ask('/', wants('only-if-cached'))).body, 'run 1');
    });
  });
  it('only-if-cached, and not from the cache: 504', () => {
    const app = appWith(cached(), says({}));
    return serving(app, async (ask) => {
      await ask('/');
      assert.deepEqual([(await ask('/', wants('only-if-cached, no-cache'))).status, app.runs], [504, 1]);
    });
  });
  it('a refresh makes the one variant anew, and leaves the others', () =>
    serving(appWith(cached(), says({ Vary: 'Accept' })), async (ask) => {
      const accept = (type, control = 'max-age=99') => ({ headers: { accept: type, 'cache-control': control } });
      await ask('/', accept('a/a'));
      await ask('/', accept('b/b'));
      assert.equal((await ask('/', accept('b/b', 'no-cache'))).body, 'run 3');
      assert.deepEqual(
        [(await ask('/', accept('a/a'))).body, (await ask('/', accept('b/b'))).body],
        ['run 1', 'run 3'],
      );
    }));
});

describe('stale while one request makes it anew', () => {
  const windows = { staleWhileRevalidate: '1m' };
  /** A handler that answers at once the first time, and then when told to. */
  const held = (headers, options) => {
    const gates = [];
    const app = appWith(cached({ cache: newCache({ ...windows, ...options }), ttl: '1m' }), async (_req, res) => {
      if (res.locals.run > 1) {
        const next = gate();
        gates.push(next);
        await next.passed;
      }
      says(headers)(_req, res);
    });
    return { app, gates };
  };

  for (const vary of ['', 'Accept']) {
    it(`the others get the old page${vary && ', also a variant'}`, () => {
      const { app, gates } = held(vary ? { Vary: vary } : {});
      return serving(app, async (ask) => {
        await ask('/');
        clock.advance('70s');
        const first = ask('/');
        await until(() => gates.length === 1);
        const others = await Promise.all([ask('/'), ask('/')]);
        for (const { cache, body, headers } of others) {
          assert.deepEqual([cache, body], ['STALE', 'run 1']);
          assert.equal(headers['cache-status'], 'redstart; hit; ttl=-10');
          assert.equal(headers.age, '70');
        }
        gates[0].open();
        const { cache, body, headers } = await first;
        assert.deepEqual([cache, body], ['MISS', 'run 2']);
        assert.equal(headers['cache-status'], 'redstart; fwd=stale; stored');
        const after = await ask('/');
        assert.deepEqual([after.cache, after.body, app.runs], ['HIT', 'run 2', 2]);
      });
    });
  }

  for (const directive of ['must-revalidate', 'proxy-revalidate', 's-maxage=60', 'stale-while-revalidate=10']) {
    it(`not if the response says ${directive}`, () => {
      const { app, gates } = held({ 'Cache-Control': `max-age=60, ${directive}` });
      return serving(app, async (ask) => {
        await ask('/');
        clock.advance('70s');
        const answers = [ask('/'), ask('/')];
        await until(() => gates.length === 2);
        for (const { open: pass } of gates) pass();
        for (const answer of answers) assert.equal((await answer).cache, 'MISS');
      });
    });
  }

  it('for as long as the response says', () => {
    const { app, gates } = held({ 'Cache-Control': 's-maxage=60, stale-while-revalidate=20' });
    return serving(app, async (ask) => {
      await ask('/');
      clock.advance('79s');
      const first = ask('/');
      await until(() => gates.length === 1);
      assert.equal((await ask('/')).cache, 'STALE');
      gates[0].open();
      await first;
    });
  });

  it('after expireByTag, too', () => {
    const cache = newCache(windows);
    const passed = gate();
    const app = appWith(cacheResponse({ cache, clock, tags: ['all'] }), async (_req, res) => {
      if (res.locals.run > 1) await passed.passed;
      says({ Vary: 'Accept' })(_req, res);
    });
    return serving(app, async (ask) => {
      await ask('/');
      await cache.expireByTag('all');
      const first = ask('/');
      await until(() => app.runs === 2);
      assert.equal((await ask('/')).cache, 'STALE');
      passed.open();
      assert.equal((await first).body, 'run 2');
      assert.equal((await ask('/')).body, 'run 2');
    });
  });
});

describe('stale if the handler fails', () => {
  const failing = (headers, options) =>
    appWith(cached({ cache: newCache({ staleIfError: '1m', ...options }), ttl: '1m' }), (req, res, next) => {
      if (res.locals.run === 1) return says({ 'X-Page': '1', ...headers })(req, res);
      res.set('X-Failure', '1');
      if (req.headers['x-throw']) return next(new Error('of the test'));
      res.status(503).write('do', () => res.end('wn'));
      return undefined;
    });

  for (const how of ['a status of 500 or more', 'an error']) {
    it(`the old page answers in place of ${how}`, () => {
      const app = failing({});
      return serving(app, async (ask) => {
        await ask('/');
        clock.advance('70s');
        const request = { headers: how === 'an error' ? { 'x-throw': '1' } : {} };
        const { status, cache, body, headers } = await ask('/', request);
        assert.deepEqual([status, cache, body, app.runs], [200, 'STALE', 'run 1', 2]);
        assert.deepEqual([headers['x-page'], headers['x-failure']], ['1', undefined]);
        const code = how === 'an error' ? 500 : 503;
        assert.equal(headers['cache-status'], `redstart; fwd=stale; fwd-status=${code}; ttl=-10`);
        const { etag } = headers;
        const again = await ask('/', { headers: { ...request.headers, 'if-none-match': etag } });
        assert.deepEqual([again.status, again.body], [304, '']);
      });
    });
  }

  it('only to those who may have it', () =>
    serving(failing({}), async (ask) => {
      await ask('/');
      clock.advance('70s');
      const { status, body } = await ask('/', { headers: { authorization: 'Bearer ada' } });
      assert.deepEqual([status, body], [503, 'down']);
      assert.equal((await ask('/')).cache, 'STALE');
    }));

  it('to all who wait for it', () => {
    const passed = gate();
    let arrived = 0;
    const count = (_req, _res, next) => {
      arrived += 1;
      next();
    };
    const app = appWith([count, cached({ cache: newCache({ staleIfError: '1m' }) })], async (req, res) => {
      if (res.locals.run === 1) return says({})(req, res);
      await passed.passed;
      return res.status(503).send('down');
    });
    return serving(app, async (ask) => {
      await ask('/');
      clock.advance('70s');
      const answers = Array.from({ length: 5 }, () => ask('/'));
      await until(() => arrived === 6);
      passed.open();
      for (const answer of answers) assert.deepEqual([(await answer).cache, (await answer).body], ['STALE', 'run 1']);
      assert.equal(app.runs, 2);
    });
  });

  it('no longer than the cache is told to', () =>
    serving(failing({}), async (ask) => {
      await ask('/');
      clock.advance('2m');
      assert.deepEqual([(await ask('/')).status, (await ask('/')).body], [503, 'down']);
    }));
  for (const directive of ['must-revalidate', 'stale-if-error=10']) {
    it(`not if the response says ${directive}`, () =>
      serving(failing({ 'Cache-Control': `max-age=60, ${directive}` }), async (ask) => {
        await ask('/');
        clock.advance('70s');
        const { status, headers } = await ask('/');
        assert.deepEqual([status, headers['x-failure'], headers['x-page']], [503, '1', undefined]);
      }));
  }
});
