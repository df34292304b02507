'use strict';
// Middleware that wraps the response too: compression, sessions, headers set last of all.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const net = require('node:net');
const { Readable } = require('node:stream');
const zlib = require('node:zlib');
const { after, describe, it } = require('node:test');
const compression = require('compression');
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
const sessions = (saveUninitialized) =>
  session({ secret: 'of the test', resave: false, saveUninitialized, store: new session.MemoryStore() });

describe('an old page in place of a failure', () => {
  const text = 'good '.repeat(1000);
  const wrappers = {
    'nothing else': () => [],
    compression: () => [compression()],
    'a session that is not saved': () => [sessions(false)],
    'a session that is saved': () => [sessions(true)],
    'a session and compression': () => [sessions(false), compression()],
  };
  for (const [what, wrap] of Object.entries(wrappers)) {
    for (const where of ['behind', 'in front of']) {
      for (const how of ['at once', 'in parts']) {
        it(`gets through ${what} ${where} the cache, failing ${how}`, () => {
          // A session that is saved sets a cookie, with which the cache keeps no page: this one does it for failures only.
          const late = wrap();
          const only = (middleware) => (req, res, next) =>
            what.includes('is saved') && app.runs === 0 ? next() : middleware(req, res, next);
          const wrapping = late.map(only);
          const cache = cached({ cache: newCache({ staleIfError: '1m' }) });
          let fails = false;
          const handler = (_req, res) => {
            if (!fails) return res.type('text').send(text);
            res.status(503).set('X-Failure', '1').type('text');
            res.statusMessage = 'Down';
            if (how === 'at once') return res.send('E'.repeat(5000));
            res.write('E'.repeat(3000));
            return res.end('E'.repeat(3000));
          };
          const app = appWith(where === 'behind' ? [cache, ...wrapping] : [...wrapping, cache], handler);
          return serving(app, async (ask) => {
            const headers = { 'accept-encoding': 'gzip' };
            await ask('/', { headers });
            clock.advance('70s');
            fails = true;
            for (let run = 2; run <= 3; run++) {
              const { status, cache: said, bytes, headers: got } = await ask('/', { headers });
              assert.deepEqual([status, said, app.runs], [200, 'STALE', run]);
              assert.equal(got['x-failure'], undefined);
              const body = got['content-encoding'] === 'gzip' ? zlib.gunzipSync(bytes) : bytes;
              assert.equal(body.toString(), text);
              assert.equal(got['content-encoding'] === 'gzip', what.includes('compression'));
            }
          });
        });
      }
    }
  }
});

describe('headers that middleware in front sets last of all', () => {
  /** Sets them when the headers are about to go, as on-headers does. */
  const late = (headers) => (_req, res, next) => {
    const { writeHead } = res;
    res.writeHead = (...args) => {
      res.set(headers);
      return writeHead.apply(res, args);
    };
    next();
  };
  const run = (_req, res) => res.set('Cache-Control', 'public, max-age=60').send(`run ${res.locals.run}`);
  const forbidding = {
    private: { 'Cache-Control': 'private' },
    'no-store': { 'Cache-Control': 'public, no-store' },
    'nothing fresh': { 'Cache-Control': 'max-age=0' },
    'a cookie': { 'Set-Cookie': 'a=b' },
    'Vary: *': { Vary: '*' },
  };
  for (const [what, headers] of Object.entries(forbidding)) {
    it(`forbid to keep a page: ${what}`, () => {
      const app = appWith([late(headers), cached()], run);
      return serving(app, async (ask) => {
        for (let nth = 1; nth <= 2; nth++) {
          const { body, cache } = await ask('/');
          assert.deepEqual([body, cache], [`run ${nth}`, 'MISS']);
        }
        const known = { headers: { 'if-none-match': (await ask('/')).headers.etag } };
        await ask('/', known);
        assert.equal(app.runs, 4);
      });
    });
  }

  it('say by what it varies', () => {
    const app = appWith([late({ Vary: 'X-Tenant' }), cached()], (req, res) =>
      res.send(`for ${req.headers['x-tenant']}`),
    );
    return serving(app, async (ask) => {
      for (const outcome of ['MISS', 'HIT']) {
        for (const tenant of ['ada', 'bob']) {
          const { body, cache } = await ask('/', { headers: { 'x-tenant': tenant } });
          assert.deepEqual([body, cache], [`for ${tenant}`, outcome]);
        }
      }
    });
  });

  it('make no variants of what is compressed there anew for each answer', () => {
    const cache = newCache();
    const app = appWith([compression(), cacheResponse({ cache, clock })], (_req, res) =>
      res.type('text').send('x'.repeat(5000)),
    );
    return serving(app, async (ask) => {
      for (const coding of ['gzip', 'deflate']) await ask('/', { headers: { 'accept-encoding': coding } });
      assert.deepEqual([app.runs, (await cache.stats()).entries], [1, 1]);
    });
  });
});

describe('what a handler does is done again for each answer', () => {
  it('headers set in front that it takes away', () => {
    const front = (_req, res, next) => {
      res.set({ 'X-Frame-Options': 'DENY', 'X-Other': '1' });
      next();
    };
    const app = appWith([front, cached()], (_req, res) => {
      res.removeHeader('X-Frame-Options');
      res.send('page');
    });
    return serving(app, async (ask) => {
      for (const outcome of ['MISS', 'HIT']) {
        const { headers, cache } = await ask('/');
        assert.deepEqual([cache, headers['x-frame-options'], headers['x-other']], [outcome, undefined, '1']);
      }
    });
  });

  it('the words of its status', () => {
    const app = appWith(cached(), (req, res) => {
      if (req.url === '/writeHead') return res.writeHead(200, 'Quite Fine').end('page');
      res.statusMessage = 'Quite Fine';
      return res.send('page');
    });
    return serving(app, async (_ask, { open: begin }) => {
      for (const path of ['/', '/writeHead', '/', '/writeHead']) {
        const [response] = await once(begin(path), 'response');
        assert.equal(response.statusMessage, 'Quite Fine');
        await once(response.resume(), 'end');
      }
      assert.equal(app.runs, 2);
      const [other] = await once(begin('/', { headers: { 'if-none-match': '*' } }), 'response');
      assert.deepEqual([other.statusCode, other.statusMessage], [304, 'Not Modified']);
      other.resume();
    });
  });
});

describe('what Node refuses', () => {
  const wrong = {
    'an end with a number': (res) => res.end(123),
    'a write of an object': (res) => res.write({}),
    'a write of nothing': (res) => res.write(null),
    'a header without a value': (res) => res.writeHead(200, { 'X-None': undefined }),
    'a name without a value': (res) => res.writeHead(200, ['X-None']),
  };
  for (const [what, answer] of Object.entries(wrong)) {
    it(`reaches the app's own answer to errors: ${what}`, () => {
      const handler = (_req, res) => answer(res);
      const plain = appWith((_req, _res, next) => next(), handler);
      const behind = appWith(cached(), handler);
      return serving(plain, (bare) =>
        serving(behind, async (ask) => {
          const expected = await bare('/');
          for (let nth = 1; nth <= 2; nth++) {
            const { status, body, headers } = await ask('/');
            assert.deepEqual([status, headers['cache-status']], [500, 'redstart; fwd=uri-miss']);
            // Which error it is for an odd array differs between releases of Node.
            const [code, bareCode] = [body, expected.body].map((text) => JSON.parse(text).code);
            if (what === 'a name without a value') assert.match(code, /^ERR_/);
            else assert.equal(code, bareCode);
          }
          assert.equal(behind.runs, 2);
        }),
      );
    });
  }
});

describe('a client that has the page already', () => {
  const known = { headers: { 'if-none-match': '"v1"' } };
  const answersAtOnce = (options, handler, visit) => {
    const app = appWith(cached(options), handler);
    return serving(app, async (ask) => {
      const { status, body, cache } = await ask('/', known);
      assert.deepEqual([status, body, cache], [304, '', 'MISS']);
      await visit(ask, app);
    });
  };

  it('has its 304 as soon as the headers are known, and the others a page', async () => {
    const ends = gate();
    const handler = async (_req, res) => {
      res.set('ETag', '"v1"').write('pa');
      await ends.passed;
      res.end('ge');
    };
    await answersAtOnce({}, handler, async (ask, app) => {
      ends.open();
      assert.deepEqual([(await ask('/')).body, (await ask('/')).cache, app.runs], ['page', 'HIT', 1]);
    });
  });

  for (const length of ['announced', 'not announced']) {
    it(`ends what is piped to it, where nobody may have the rest: a long body, ${length}`, async () => {
      let source;
      let ended = false;
      const handler = (_req, res) => {
        res.set('ETag', '"v1"');
        if (length === 'announced') res.set('Content-Length', '1000000');
        source = Readable.from(Array.from({ length: 10 }, () => Buffer.alloc(100_000)));
        res.once('finish', () => {
          ended = source.readableEnded;
        });
        source.pipe(res);
      };
      await answersAtOnce({ maxBodySize: '64kb' }, handler, async (ask) => {
        // The handler hears that it is over, and what it forgot to close is read to its end.
        assert.equal(ended, false);
        await until(() => source.destroyed);
        assert.equal((await ask('/')).bytes.length, 1_000_000);
      });
    });
  }

  it('can ask on over its connection', () => {
    const app = appWith(cached({ maxBodySize: '1kb' }), (_req, res) => {
      res.set('ETag', '"v1"').write('x'.repeat(2000));
      res.end('end');
    });
    return serving(app, async (_ask, { port }) => {
      const socket = net.connect(port, '127.0.0.1');
      const request = 'GET / HTTP/1.1\r\nHost: a\r\nIf-None-Match: "v1"\r\n';
      socket.write(`${request}\r\n`);
      let [said] = await once(socket, 'data');
      socket.write(`${request}Connection: close\r\n\r\n`);
      for await (const data of socket) said += data;
      assert.equal(String(said).match(/^HTTP\/1.1 304 Not Modified/gm).length, 2);
      assert.doesNotMatch(said, /xx/);
    });
  });
});
