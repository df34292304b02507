'use strict';
// What a cache that all clients share must never keep, and never show.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const net = require('node:net');
const { PassThrough, pipeline, Readable } = require('node:stream');
const { after, describe, it } = require('node:test');
const session = require('express-session');
const { manualClock, open } = require('..');
const { cacheResponse } = require('redstart/express');
const { serving, appWith, gate, until } = require('./support/cache-response/serving.js');

const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newCache = (options) => store.cache(`pages-${names++}`, { ttl: '1m', ...options });
const cached = (options) => cacheResponse({ cache: newCache(), clock, ...options });

/** Whether what this handler answers is kept: the second of two requests is answered from the cache. */
const isKept = (handler, headers = {}) => {
  const errors = [];
  const onError = (error) => errors.push(error);
  return serving(appWith(cached({ onError }), handler), async (ask) => {
    const first = await ask('/', { headers });
    const kept = (await ask('/', { headers })).cache === 'HIT';
    assert.equal(first.headers['cache-status'].endsWith('; stored'), kept);
    assert.deepEqual(errors, []);
    return kept;
  });
};
const says =
  (headers, status = 200) =>
  (_req, res) =>
    res.status(status).set(headers).send('page');

describe('never kept', () => {
  const responses = {
    'one with a cookie': says({ 'Set-Cookie': 'sid=1' }),
    'one with a cookie that says it is public': says({ 'Set-Cookie': 'sid=1', 'Cache-Control': 'public, max-age=60' }),
    'a private one': says({ 'Cache-Control': 'private' }),
    'a private one in capitals': says({ 'Cache-Control': 'PRIVATE, max-age=60' }),
    'one with private fields': says({ 'Cache-Control': 'max-age=60, private="x-user, x-name"' }),
    'one with no private fields': says({ 'Cache-Control': 'max-age=60, private=""' }),
    'a private one behind a quoted comma': says({ 'Cache-Control': 'max-age=60, x="a, b", private' }),
    'one that says it twice': (_req, res) =>
      res.writeHead(200, { 'cache-control': ['max-age=60', 'No-Store'] }).end('page'),
    'one not to be stored': says({ 'Cache-Control': 'no-store' }),
    'one to be asked for anew each time': says({ 'Cache-Control': 'no-cache, max-age=60' }),
    'one that is fresh for nobody': says({ 'Cache-Control': 'no-cache' }),
    'one of HTTP/1.0 that is not to be cached': says({ Pragma: 'No-Cache' }),
    'one that varies by anything': says({ Vary: '*' }),
    'one that varies by a header and anything': says({ Vary: 'Accept, *' }),
    'one that was stale when it was made': says({ 'Cache-Control': 'max-age=0' }),
    'one that has expired': says({ Expires: '0' }),
    'one whose time is no number': says({ 'Cache-Control': 'max-age=soon' }),
    'one as old as it may become': says({ 'Cache-Control': 'max-age=60', Age: '60' }),
    'a part': says({ 'Content-Range': 'bytes 0-3/9', 'Cache-Control': 'max-age=60' }, 206),
    'a stream of events': says({ 'Content-Type': 'text/event-stream' }),
    'an error of the server': says({ 'Cache-Control': 'public, max-age=60' }, 500),
    'what the server cannot do': says({ 'Cache-Control': 'public, max-age=60' }, 501),
    'a 304 of the handler': says({}, 304),
    'a missing page that does not say for how long': says({}, 404),
  };
  for (const [what, handler] of Object.entries(responses)) {
    it(what, async () => {
      assert.equal(await isKept(handler), false);
    });
  }

  it('and yet kept: the same without what forbids it', async () => {
    assert.equal(await isKept(says({ 'Cache-Control': 'max-age=60' })), true);
    assert.equal(await isKept(says({ 'Cache-Control': 'public' })), true);
    assert.equal(await isKept(says({ 'Cache-Control': 'max-age=60' }, 404)), true);
  });

  it('one whose cookie is added by middleware in front, with the headers', () => {
    const web = session({
      secret: 'of the test',
      resave: false,
      saveUninitialized: true,
      store: new session.MemoryStore(),
    });
    const app = appWith([web, cached()]);
    return serving(app, async (ask) => {
      for (let run = 1; run <= 2; run++) {
        const { headers, cache } = await ask('/');
        assert.ok(headers['set-cookie'], 'a session of its own');
        assert.deepEqual([cache, app.runs], ['MISS', run]);
      }
    });
  });

  it('one whose cookie is added by middleware behind, with the headers', () => {
    const web = session({
      secret: 'of the test',
      resave: false,
      saveUninitialized: true,
      store: new session.MemoryStore(),
    });
    const app = appWith([cached(), web]);
    return serving(app, async (ask) => {
      await ask('/');
      assert.deepEqual([(await ask('/')).cache, app.runs], ['MISS', 2]);
    });
  });
});

describe('cut off, and not kept', () => {
  /** One broken answer, then a whole one, which must be the handler's. */
  const breaksOnce = (handler, visit = (ask) => ask('/').catch(() => {})) => {
    const app = appWith(cached(), (req, res, next) =>
      res.locals.run === 1 ? handler(req, res, next) : res.send('whole'),
    );
    app.on('error', () => {});
    return serving(app, async (ask, tools) => {
      await visit(ask, tools);
      const { body, cache } = await ask('/');
      assert.deepEqual([body, cache, app.runs], ['whole', 'MISS', 2]);
      assert.equal((await ask('/')).cache, 'HIT');
    });
  };

  it('an error after the headers', () =>
    breaksOnce((_req, res, next) => {
      res.write('half');
      next(new Error('of the test'));
    }));
  it('a body shorter than it said', () =>
    breaksOnce((_req, res) => {
      res.setHeader('Content-Length', 9);
      res.write('page');
      res.end(() => res.destroy());
    }));
  it('res.destroy()', () =>
    breaksOnce((_req, res) => {
      res.write('half', () => res.destroy());
    }));
  it('res.destroy(), and an end for all that', () =>
    breaksOnce((_req, res) => {
      res.write('half', () => {
        res.destroy();
        res.end();
      });
    }));
  it('a stream that fails', () =>
    breaksOnce((_req, res) => {
      const source = Readable.from(
        (function* () {
          yield 'half';
          throw new Error('of the test');
        })(),
      );
      pipeline(source, res, () => {});
    }));
  it('a client that leaves, and a handler that ends for it', async () => {
    const gone = gate();
    await breaksOnce(
      (req, res) => {
        res.write('half');
        req.once('close', () => {
          res.end();
          gone.open();
        });
      },
      async (_ask, { open }) => {
        const request = open('/');
        request.on('error', () => {});
        const [response] = await once(request, 'response');
        response.on('error', () => {});
        request.destroy();
        await gone.passed;
      },
    );
  });
});

describe('requests that may concern one person', () => {
  const named = (req, res) => res.send(`for ${req.headers.cookie ?? req.headers.authorization ?? 'all'}`);

  it('with a cookie get what the handler says, and leave nothing', () =>
    serving(appWith(cached(), named), async (ask) => {
      const cookie = { headers: { cookie: 'sid=ada' } };
      assert.deepEqual([(await ask('/', cookie)).body, (await ask('/')).body], ['for sid=ada', 'for all']);
      const { body, cache } = await ask('/', cookie);
      assert.deepEqual([body, cache], ['for sid=ada', 'BYPASS']);
    }));

  it('with credentials neither leave a page nor get the one for all', () => {
    const app = appWith(cached(), named);
    return serving(app, async (ask) => {
      const ada = { headers: { authorization: 'Bearer ada' } };
      assert.equal((await ask('/', ada)).body, 'for Bearer ada');
      assert.equal((await ask('/')).body, 'for all');
      assert.equal((await ask('/')).cache, 'HIT');
      assert.equal((await ask('/', ada)).body, 'for Bearer ada');
      assert.equal((await ask('/', { ...ada, method: 'HEAD' })).cache, 'MISS');
    });
  });

  for (const directive of ['public', 's-maxage=60', 'must-revalidate, max-age=60']) {
    it(`with credentials leave a page that says ${directive}`, async () => {
      assert.equal(await isKept(says({ 'Cache-Control': directive }), { authorization: 'Bearer ada' }), true);
    });
  }

  it('with a body pass by: it is no part of the key', () => {
    const app = appWith(cached(), (req, res) => {
      req.once('data', (data) => res.send(`poisoned by ${data}`));
      req.once('end', () => res.headersSent || res.send('clean'));
      req.resume();
    });
    return serving(app, async (ask) => {
      const evil = { body: 'evil', headers: { 'content-length': '4' } };
      assert.deepEqual([(await ask('/', evil)).body, (await ask('/')).body], ['poisoned by evil', 'clean']);
      const chunked = { body: 'evil', headers: { 'transfer-encoding': 'chunked' } };
      assert.deepEqual([(await ask('/', chunked)).body, (await ask('/')).cache], ['poisoned by evil', 'HIT']);
    });
  });

  it('for a part, or under preconditions, get what the handler says', () => {
    const app = appWith(cached(), (req, res) => (req.headers.range ? res.status(206).send('pa') : res.send('page')));
    return serving(app, async (ask) => {
      await ask('/');
      const part = await ask('/', { headers: { range: 'bytes=0-1' } });
      assert.deepEqual([part.status, part.body, part.cache], [206, 'pa', 'BYPASS']);
      for (const name of ['if-match', 'if-unmodified-since', 'if-range']) {
        assert.equal((await ask('/', { headers: { [name]: '"1"' } })).cache, 'BYPASS', name);
      }
    });
  });
});

describe('hostile requests', () => {
  it('can put no header into an answer', () => {
    const cache = newCache();
    const key = (req) => `key ${decodeURIComponent(req.url)}`;
    const app = appWith(cacheResponse({ cache, clock, key, standardHeaders: 'with-key' }));
    return serving(app, async (ask) => {
      const path = `/${encodeURIComponent('"\\\r\nX-Evil: 1\0é')}`;
      for (const outcome of ['MISS', 'HIT']) {
        const { headers, cache: said } = await ask(path);
        assert.deepEqual([said, headers['x-evil']], [outcome, undefined]);
        assert.match(headers['cache-status'], /; key="key \/\\"\\\\%0D%0AX-Evil: 1%00%C3%A9"$/);
      }
    });
  });

  it('whose target or host is no part of an address pass by', () =>
    serving(appWith(cached()), async (_ask, { port }) => {
      const raw = (text) =>
        new Promise((resolve, reject) => {
          const socket = net.connect(port, '127.0.0.1', () => socket.end(text));
          let said = '';
          socket.on('data', (data) => {
            said += data;
          });
          socket.on('close', () => resolve(/^X-Cache: (.*)\r$/im.exec(said)?.[1]));
          socket.on('error', reject);
        });
      assert.equal(await raw('GET http://evil/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'), 'BYPASS');
      assert.equal(await raw('GET /#b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'), 'BYPASS');
      assert.equal(await raw('GET / HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n'), 'BYPASS');
      assert.equal(await raw('GET / HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n'), 'MISS');
      assert.equal(await raw('GET / HTTP/1.0\r\n\r\n'), 'MISS');
    }));

  it('with headers that nobody varies by make no page of their own', () => {
    const cache = newCache();
    const app = appWith(cacheResponse({ cache, clock }));
    return serving(app, async (ask) => {
      for (let flood = 0; flood < 50; flood++)
        await ask('/', { headers: { [`x-${flood}`]: '1', accept: `x/${flood}` } });
      assert.deepEqual([app.runs, (await cache.stats()).entries], [1, 1]);
    });
  });
});

describe('a long body', () => {
  it('streams on, and is let go of as soon as it is too long to keep', () => {
    const chunk = Buffer.alloc(64 * 1024, 'x');
    let source;
    const app = appWith(cached({ maxBodySize: '128kb' }), (_req, res) => {
      source = new PassThrough();
      source.pipe(res);
    });
    return serving(app, async (ask, { open }) => {
      const first = open('/');
      let length = 0;
      first.on('response', (response) => response.on('data', (data) => (length += data.length)));
      await until(() => source !== undefined);
      for (let sent = 1; sent <= 3; sent++) {
        source.write(chunk);
        await until(() => length === sent * chunk.length);
      }
      // Nobody waits for its end: it is known now that it is not kept.
      const firstSource = source;
      const second = ask('/');
      await until(() => app.runs === 2);
      for (const one of [firstSource, source]) one.end('end');
      const { body, cache } = await second;
      assert.deepEqual([body, cache], ['end', 'MISS']);
      await until(() => length === 3 * chunk.length + 3);
    });
  });

  it('reaches every client whole', () => {
    const body = Buffer.alloc(5 * 1024 * 1024, 'abc');
    const app = appWith(cached({ maxBodySize: '6mb', cache: newCache({ maxEntrySize: '8mb' }) }), (_req, res) =>
      Readable.from([body]).pipe(res),
    );
    return serving(app, async (ask) => {
      const [first, second] = [await ask('/'), await ask('/')];
      assert.deepEqual([first.cache, second.cache], ['MISS', 'HIT']);
      assert.ok(first.bytes.equals(body) && second.bytes.equals(body));
    });
  });
});
