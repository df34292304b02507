'use strict';
// Clients and handlers that do what nobody expects of them.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const net = require('node:net');
const { Readable, Writable } = require('node:stream');
const { after, describe, it } = require('node:test');
const compression = require('compression');
const { manualClock, open } = require('..');
const { cacheResponse } = require('redstart/express');
const { serving, appWith, gate, until } = require('./support/cache-response/serving.js');

const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newCache = (options) => store.cache(`pages-${names++}`, { ttl: '1m', ...options });
const cached = (options) => cacheResponse({ cache: newCache(), clock, ...options });

describe('a handler that changes the headers of its request', () => {
  it('cannot make a page for all of an answer to credentials', () => {
    const app = appWith(cached(), (req, res) => {
      const whose = req.headers.authorization ?? 'all';
      delete req.headers.authorization;
      res.send(`for ${whose}`);
    });
    return serving(app, async (ask) => {
      const ada = { headers: { authorization: 'Bearer ada' } };
      assert.equal((await ask('/', ada)).body, 'for Bearer ada');
      const { body, cache } = await ask('/');
      assert.deepEqual([body, cache], ['for all', 'MISS']);
    });
  });

  it('cannot put a variant where others look for theirs', () => {
    const app = appWith(cached({ vary: ['X-Api-Key'] }), (req, res) => {
      const whose = req.headers['x-api-key'] ?? 'all';
      delete req.headers['x-api-key'];
      res.send(`for ${whose}`);
    });
    return serving(app, async (ask) => {
      const ada = { headers: { 'x-api-key': 'ada' } };
      assert.equal((await ask('/', ada)).body, 'for ada');
      assert.deepEqual([(await ask('/')).body, (await ask('/', ada)).cache], ['for all', 'HIT']);
    });
  });
});

describe('the host that a proxy forwards', () => {
  const app = () => {
    const express = appWith(cached(), (req, res) => res.send(`<script src="//${req.host}/app.js">`));
    express.set('trust proxy', true);
    return express;
  };
  const via = (host) => ({ headers: { host: 'site.example', 'x-forwarded-host': host } });

  it('counts with its port', () =>
    serving(app(), async (ask) => {
      for (const host of ['site.example:1337', 'site.example', 'other.example:8080', 'other.example']) {
        const { body, cache } = await ask('/', via(host));
        assert.deepEqual([body, cache], [`<script src="//${host}/app.js">`, 'MISS']);
        assert.equal((await ask('/', via(host))).cache, 'HIT');
      }
      assert.equal((await ask('/', via('other.example, inner.example'))).cache, 'HIT');
    }));

  it('passes by if it is none', () =>
    serving(app(), async (ask) => {
      for (const host of ['site.example:1337/x"onerror=alert(1)', 'a b', ', site.example']) {
        assert.equal((await ask('/', via(host))).cache, 'BYPASS', host);
      }
      const { body, cache } = await ask('/', { headers: { host: 'site.example' } });
      assert.deepEqual([body, cache], ['<script src="//site.example/app.js">', 'MISS']);
    }));
});

describe('a client that leads, and does not read', () => {
  const page = Buffer.alloc(300 * 1024, 'x');
  const parts = () =>
    Readable.from(Array.from({ length: 30 }, (_, nth) => page.subarray(nth * 10240, (nth + 1) * 10240)));
  const handlers = {
    'pipes its page': (_req, res) => parts().pipe(res),
    'writes first, and then pipes': (_req, res) => {
      res.write(page.subarray(0, 100 * 1024));
      Readable.from([page.subarray(100 * 1024)]).pipe(res);
    },
    'waits for each write': (_req, res) => {
      const write = (chunk, _encoding, done) => res.write(chunk, done);
      parts().pipe(new Writable({ write, final: (done) => res.end(done) }));
    },
  };
  for (const [how, handler] of Object.entries(handlers)) {
    for (const [where, front] of Object.entries({ '': [], ' behind compression': [compression({ threshold: 0 })] })) {
      it(`holds up nobody, if the handler ${how}${where}`, () => {
        const ends = gate();
        const app = appWith([...front, cached()], async (req, res) => {
          if (req.url !== '/') return handler(req, res);
          res.flushHeaders();
          await ends.passed;
          return res.end();
        });
        return serving(app, async (ask, { port }) => {
          const host = `Host: 127.0.0.1:${port}\r\n`;
          const socket = net.connect(port, '127.0.0.1').on('error', () => {});
          // The second response waits for the end of the first.
          socket.write(`GET / HTTP/1.1\r\n${host}Range: bytes=0-\r\n\r\nGET /page HTTP/1.1\r\n${host}\r\n`);
          await until(() => app.runs === 2);
          const { cache, bytes } = await ask('/page');
          assert.deepEqual([cache, bytes.equals(page), app.runs], ['HIT', true, 2]);
          ends.open();
          socket.destroy();
        });
      });
    }
  }

  it('gets all of its page, whenever it reads', () => {
    const body = Buffer.alloc(3 * 1024 * 1024, 'abc');
    const options = { maxBodySize: '4mb', cache: newCache({ maxEntrySize: '8mb' }) };
    const app = appWith(cached(options), (_req, res) => {
      // One buffer for all parts, used again as soon as Node calls back.
      const part = Buffer.alloc(1024 * 1024);
      let sent = 0;
      const next = () => {
        if (sent === body.length) return res.end();
        sent += body.copy(part, 0, sent, sent + part.length);
        return res.write(part, next);
      };
      next();
    });
    return serving(app, async (ask, { open: begin }) => {
      const slow = begin('/');
      const [response] = await once(slow, 'response');
      response.pause();
      assert.equal((await ask('/')).cache, 'HIT');
      const chunks = [];
      for await (const chunk of response) chunks.push(chunk);
      assert.ok(Buffer.concat(chunks).equals(body));
    });
  });

  it('and that leaves before its turn: another takes its place', () => {
    const ends = gate();
    const app = appWith(cached(), async (req, res) => {
      if (req.url === '/slow') return res.type('text/event-stream').flushHeaders();
      if (app.runs === 2) await ends.passed;
      return res.send(`run ${res.locals.run}`);
    });
    return serving(app, async (ask, { port }) => {
      const host = `Host: 127.0.0.1:${port}\r\n`;
      const socket = net.connect(port, '127.0.0.1').on('error', () => {});
      socket.write(`GET /slow HTTP/1.1\r\n${host}\r\nGET /page HTTP/1.1\r\n${host}\r\n`);
      await until(() => app.runs === 2);
      const waiting = ask('/page');
      socket.destroy();
      assert.equal((await waiting).body, 'run 3');
      ends.open();
    });
  });

  it('many on one connection are no leak of listeners', () => {
    const warnings = [];
    const listen = (warning) => warnings.push(warning.message);
    process.on('warning', listen);
    const app = appWith(cached(), (req, res) => (req.url === '/1' ? res.flushHeaders() : res.send('page')));
    return serving(app, async (ask, { port }) => {
      const socket = net.connect(port, '127.0.0.1').on('error', () => {});
      const requests = Array.from({ length: 30 }, (_, nth) => `GET /${nth + 1} HTTP/1.1\r\nHost: a\r\n\r\n`);
      socket.write(requests.join(''));
      await until(() => app.runs === 30);
      socket.destroy();
      await ask('/');
      assert.deepEqual(warnings, []);
      process.off('warning', listen);
    });
  });
});

it('no client gets at what the cache keeps beside its pages, whatever the option `key` makes of its words', () => {
  const cache = newCache();
  const app = appWith(
    cacheResponse({ cache, clock, key: (req) => decodeURIComponent(req.url.slice(1)) }),
    (req, res) => {
      res.vary('Accept').send(req.url);
    },
  );
  return serving(app, async (ask) => {
    await ask('/home');
    const before = [];
    for await (const [key, value] of cache.entries()) before.push([key, value]);
    assert.equal(before.length, 3);
    for (const [key] of before.filter(([name]) => name.startsWith('\0'))) {
      const { body, cache: said } = await ask(`/${encodeURIComponent(key)}`);
      assert.deepEqual([body, said], [`/${encodeURIComponent(key)}`, 'MISS']);
    }
    for (const [key, value] of before) assert.deepEqual(await cache.get(key), value);
    // Nor at a long name, by its hash.
    const long = 'x'.repeat(2000);
    await ask(`/${long}`);
    const kept = [];
    for await (const key of cache.keys({ prefix: '\0h:' })) kept.push(key);
    for (const key of kept) assert.equal((await ask(`/${encodeURIComponent(key)}`)).cache, 'MISS');
  });
});

it('a page that varies leaves nothing behind when its time is over, however often it is made', () => {
  const cache = newCache({ max: 100 });
  const app = appWith(cacheResponse({ cache, clock }), (req, res) => {
    if (req.url === '/hot') return res.vary('Accept').set('Cache-Control', 'max-age=1').send('hot');
    return res.set('Cache-Control', 'max-age=3600').send('page');
  });
  return serving(app, async (ask) => {
    for (let page = 0; page < 30; page++) await ask(`/${page}`);
    for (let round = 0; round < 150; round++) {
      await ask('/hot', { headers: { accept: 'a/a' } });
      clock.advance(500);
      await ask('/hot', { headers: { accept: 'b/b' } });
      clock.advance('2s');
    }
    let kept = 0;
    for await (const _key of cache.keys()) kept += 1;
    assert.equal(kept, 30);
    for (let page = 0; page < 30; page++) assert.equal((await ask(`/${page}`)).cache, 'HIT');
  });
});

it('a request waits for others no longer than `timeout` in all, however many of them hang', () => {
  const errors = [];
  const ends = gate();
  // The clock of the store stands still: to it no run of the handler ever lasts too long.
  const app = appWith(cached({ timeout: '100ms', onError: (error) => errors.push(error) }), async (_req, res) => {
    if (res.locals.run === 1) await ends.passed;
    res.send(`run ${res.locals.run}`);
  });
  return serving(app, async (ask) => {
    const first = ask('/');
    await until(() => app.runs === 1);
    const { body, cache } = await ask('/');
    assert.deepEqual([body, cache, errors], ['run 2', 'MISS', []]);
    ends.open();
    assert.equal((await first).body, 'run 1');
    assert.deepEqual([(await ask('/')).body, app.runs], ['run 1', 2]);
  });
});

describe('a body shorter than its Content-Length', () => {
  const cut = (_req, res) => {
    res.set({ 'Content-Type': 'text/plain', 'Content-Length': '5000', ETag: '"v1"' });
    res.write('half of it');
    res.end();
  };

  it('is not kept where compression in front takes the length away', () => {
    const app = appWith([compression(), cached()], cut);
    return serving(app, async (ask) => {
      const gzip = { headers: { 'accept-encoding': 'gzip' } };
      for (let run = 1; run <= 2; run++) assert.deepEqual([(await ask('/', gzip)).cache, app.runs], ['MISS', run]);
    });
  });

  it('is not kept where the first client gets a 304', () => {
    const app = appWith(cached(), cut);
    return serving(app, async (ask) => {
      const known = { headers: { 'if-none-match': '"v1"' } };
      for (let run = 1; run <= 2; run++) {
        const { status, cache } = await ask('/', known);
        assert.deepEqual([status, cache, app.runs], [304, 'MISS', run]);
      }
    });
  });
});
