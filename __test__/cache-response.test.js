'use strict';
// A response cache over real HTTP, in front of Express and of plain node:http: what it answers, and from what.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const net = require('node:net');
const { Readable } = require('node:stream');
const { after, describe, it } = require('node:test');
const express = require('express');
const { manualClock, open } = require('..');
const { cacheResponse } = require('redstart/express');
const { serving, appWith, gate, until } = require('./support/cache-response/serving.js');

const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newCache = (options) => store.cache(`pages-${names++}`, { ttl: '1m', ...options });
const cached = (options) => cacheResponse({ cache: newCache(), clock, ...options });
const hits = async (ask, ...requests) => {
  const outcomes = [];
  for (const request of requests) outcomes.push((await ask(...request)).cache);
  return outcomes;
};

describe('a page', () => {
  it('is made once and answers until its time is over', () => {
    const app = appWith(cached(), (_req, res) => res.json({ run: res.locals.run }));
    return serving(app, async (ask) => {
      const first = await ask('/');
      assert.deepEqual([first.cache, first.body], ['MISS', '{"run":1}']);
      clock.advance('59s');
      const second = await ask('/');
      assert.deepEqual([second.cache, second.body, second.status], ['HIT', '{"run":1}', 200]);
      assert.equal(second.headers['content-type'], first.headers['content-type']);
      assert.equal(second.headers.etag, first.headers.etag);
      assert.equal(second.headers['content-length'], '9');
      clock.advance('1s');
      assert.deepEqual([(await ask('/')).body, app.runs], ['{"run":2}', 2]);
    });
  });

  it('tells its age, and the date on which it was made', () =>
    serving(appWith(cached()), async (ask) => {
      const first = await ask('/');
      assert.equal(first.headers.age, undefined);
      const made = new Date(clock.nowMs).toUTCString();
      clock.advance('41s');
      const { headers } = await ask('/');
      assert.deepEqual([headers.age, headers.date], ['41', made]);
    }));

  it('says what became of the request in Cache-Status', () =>
    serving(appWith(cached()), async (ask) => {
      const said = async (...request) => (await ask(...request)).headers['cache-status'];
      assert.equal(await said('/'), 'redstart; fwd=uri-miss; stored');
      clock.advance('10s');
      assert.equal(await said('/'), 'redstart; hit; ttl=50');
      assert.equal(await said('/', { headers: { 'cache-control': 'no-cache' } }), 'redstart; fwd=request; stored');
      assert.equal(await said('/', { headers: { range: 'bytes=0-1' } }), 'redstart; fwd=partial');
      assert.equal(await said('/', { headers: { cookie: 'a=b' } }), 'redstart; fwd=bypass');
      assert.equal(await said('/', { method: 'OPTIONS' }), 'redstart; fwd=method');
    }));

  const ways = {
    'res.send of text': (_req, res) => res.send('hällo'),
    'res.send of bytes': (_req, res) => res.send(Buffer.from('hällo')),
    'res.end': (_req, res) => res.end('hällo'),
    'res.end of another encoding': (_req, res) => res.end(Buffer.from('hällo').toString('base64'), 'base64'),
    'write and end': (_req, res) => {
      res.write('hä');
      res.write(Buffer.from('ll'), () => res.end('o', 'utf8', () => {}));
    },
    'a pipe': (_req, res) => Readable.from([Buffer.from('hä'), Buffer.from('llo')]).pipe(res),
    'one buffer, used again and again': (_req, res) => {
      const buffer = Buffer.alloc(6);
      buffer.write('hällo');
      res.write(buffer.subarray(0, 3), () => {
        buffer.write('llo');
        res.end(buffer.subarray(0, 3));
      });
    },
    'flushHeaders first': (_req, res) => {
      res.flushHeaders();
      setImmediate(() => res.end('hällo'));
    },
    'writeHead of an object': (_req, res) => res.writeHead(200, { 'X-Way': 'head', 'x-list': ['a', 'b'] }).end('hällo'),
    'writeHead of a row': (_req, res) => {
      res.setHeader('X-Way', 'set');
      res.writeHead(200, 'Fine', ['X-Way', 'head', 'X-List', 'a', 'X-List', 'b']).end('hällo');
    },
    'writeHead of pairs': (_req, res) => {
      const pairs = [
        ['X-Way', 'head'],
        ['X-List', ['a', 'b']],
      ];
      res.writeHead(200, /** @type {any} */ (pairs)).end('hällo');
    },
    'early hints and trailers beside it': (_req, res) => {
      res.writeEarlyHints({ link: '</style.css>; rel=preload' });
      res.setHeader('Trailer', 'X-Sum');
      res.write('hällo');
      res.addTrailers({ 'X-Sum': '1' });
      res.end();
    },
  };
  for (const [way, handler] of Object.entries(ways)) {
    it(`is the same from the cache: ${way}`, () => {
      const app = appWith(cached(), handler);
      return serving(app, async (ask) => {
        const first = await ask('/');
        const second = await ask('/');
        assert.deepEqual([first.cache, second.cache, app.runs], ['MISS', 'HIT', 1]);
        assert.deepEqual([first.body, second.body], ['hällo', 'hällo']);
        for (const name of ['content-type', 'x-way', 'x-list']) {
          assert.deepEqual(second.headers[name], first.headers[name], name);
        }
        if (way.startsWith('writeHead'))
          assert.deepEqual([second.headers['x-way'], second.headers['x-list']], ['head', 'a, b']);
        assert.equal(second.headers.trailer, undefined);
        assert.equal(second.headers['transfer-encoding'], undefined);
      });
    });
  }

  it('needs no Express', () => {
    const cache = cached();
    let runs = 0;
    const listener = (req, res) => cache(req, res, () => res.end(`run ${++runs}`));
    return serving(listener, async (ask) => {
      assert.deepEqual(
        [(await ask('/?a=1')).body, (await ask('/?a=1')).body, (await ask('/?a=2')).body],
        ['run 1', 'run 1', 'run 2'],
      );
      const [first, second] = [await ask('/?a=3'), await ask('/?a=3')];
      assert.match(second.headers.etag, /^W\/"5-/);
      // The first client gets what it would have got without the cache, and a validator.
      assert.deepEqual([first.headers['content-length'], first.headers.etag], ['5', second.headers.etag]);
    });
  });

  it('carries no header that belongs to one connection, nor what was said to one request before the handler ran', () => {
    const perRequest = (_req, res, next) => {
      res.setHeader('X-Request-Id', String(Math.random()));
      res.setHeader('Vary', 'Origin');
      next();
    };
    const handler = (_req, res) => {
      res.set({ Connection: 'close, X-Hop', 'X-Hop': '1', 'Keep-Alive': 'timeout=9', 'X-Kept': '1' });
      res.send('page');
    };
    return serving(appWith([perRequest, cached()], handler), async (ask) => {
      const first = await ask('/');
      const second = await ask('/');
      assert.deepEqual([second.cache, second.headers['x-kept'], second.headers['x-hop']], ['HIT', '1', undefined]);
      assert.notEqual(second.headers['keep-alive'], 'timeout=9');
      assert.notEqual(second.headers['x-request-id'], first.headers['x-request-id']);
      assert.equal(second.headers.vary, 'Origin');
    });
  });

  it('passes no more than one cache on its way', () => {
    const inner = newCache();
    return serving(appWith([cached(), cacheResponse({ cache: inner, clock })]), async (ask) => {
      assert.deepEqual(await hits(ask, ['/'], ['/']), ['MISS', 'HIT']);
      assert.equal((await inner.stats()).entries, 0);
    });
  });
});

describe('what shares a page', () => {
  it('is the same address: host, path and parameters, in any order of their names', () => {
    const app = appWith(cached());
    const from = (host) => ({ headers: { host } });
    return serving(app, async (ask) => {
      assert.deepEqual(await hits(ask, ['/p?a=1&b=2'], ['/p?b=2&a=1'], ['/p?a=1&b=3'], ['/p'], ['/p?']), [
        'MISS',
        'HIT',
        'MISS',
        'MISS',
        'MISS',
      ]);
      assert.deepEqual(await hits(ask, ['/p?l=1&l=2'], ['/p?l=2&l=1']), ['MISS', 'MISS']);
      assert.deepEqual(
        await hits(ask, ['/p', from('a.example')], ['/p', from('A.Example')], ['/p', from('b.example')]),
        ['MISS', 'HIT', 'MISS'],
      );
      assert.deepEqual(await hits(ask, ['/P'], ['/p/']), ['MISS', 'MISS']);
    });
  });

  it('is no address whose parameters may be one written in two ways, in another order', () => {
    const app = appWith(cached(), (req, res) => res.json(req.query));
    app.set('query parser', 'extended');
    return serving(app, async (ask) => {
      const pairs = [
        ['/?a=1&%61=2', '/?%61=2&a=1'],
        ['/?b[]=1&b=2', '/?b=2&b[]=1'],
      ];
      for (const [one, other] of pairs) {
        const [first, second] = [await ask(one), await ask(other)];
        assert.notEqual(first.body, second.body);
        assert.deepEqual([second.cache, (await ask(one)).body], ['MISS', first.body]);
      }
    });
  });

  it('is never another address that is written alike', () =>
    serving(appWith(cached()), async (ask) => {
      const from = (path, host) => [path, { headers: { host } }];
      assert.deepEqual(await hits(ask, from('/b/c', 'a'), from('/c', 'a/b')), ['MISS', 'BYPASS']);
      assert.deepEqual(await hits(ask, from('/b/c', 'a:1'), from('/c', 'a:1/b')), ['MISS', 'BYPASS']);
    }));

  it('heeds what Express trusts of a proxy', () => {
    const app = appWith(cached(), (req, res) => res.send(`${req.protocol}://${req.hostname}`));
    app.set('trust proxy', true);
    const via = (host, proto) => ({ headers: { 'x-forwarded-host': host, 'x-forwarded-proto': proto } });
    return serving(app, async (ask) => {
      assert.equal((await ask('/', via('evil.example', 'http'))).body, 'http://evil.example');
      assert.equal((await ask('/', via('good.example', 'http'))).body, 'http://good.example');
      assert.equal((await ask('/', via('good.example', 'https'))).body, 'https://good.example');
      assert.equal((await ask('/', via('good.example', 'https'))).cache, 'HIT');
    });
  });

  it('is a mounted path as the client wrote it', () => {
    const cache = newCache();
    const router = (name) => [`/${name}`, cacheResponse({ cache, clock }), (_req, res) => res.send(name)];
    const mounted = express();
    mounted.use(...router('a'));
    mounted.use(...router('b'));
    return serving(mounted, async (ask) => {
      assert.deepEqual(
        [(await ask('/a/x')).body, (await ask('/b/x')).body, (await ask('/a/x')).cache],
        ['a', 'b', 'HIT'],
      );
    });
  });

  it('is told by keys of any length, kept short', () => {
    const cache = newCache();
    return serving(appWith(cacheResponse({ cache, clock })), async (ask) => {
      const long = `/?q=${'x'.repeat(12_000)}`;
      assert.deepEqual(await hits(ask, [long], [long], [`${long}y`]), ['MISS', 'HIT', 'MISS']);
      for await (const key of cache.keys()) assert.ok(key.length < 1100, String(key.length));
    });
  });
});

describe('methods', () => {
  it('HEAD is answered from a GET, and leaves no page of its own', () => {
    const app = appWith(cached());
    return serving(app, async (ask) => {
      const cold = await ask('/', { method: 'HEAD' });
      assert.deepEqual([cold.cache, cold.body], ['MISS', '']);
      assert.deepEqual([(await ask('/')).cache, app.runs], ['MISS', 2]);
      const warm = await ask('/', { method: 'HEAD' });
      assert.deepEqual([warm.cache, warm.body, warm.headers['content-length'], app.runs], ['HIT', '', '4', 2]);
    });
  });

  it('others are neither answered nor kept', () => {
    const app = appWith(cached(), (req, res) => res.send(req.method));
    return serving(app, async (ask) => {
      await ask('/');
      for (const method of ['OPTIONS', 'POST', 'PUT', 'DELETE', 'PATCH', 'QUERY']) {
        const { cache, body } = await ask('/', { method });
        assert.deepEqual([cache, body], ['BYPASS', method]);
      }
    });
  });

  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    it(`${method} that succeeds removes the page of its address, and no other`, () => {
      const app = appWith(cached(), (req, res) => {
        if (req.method === 'GET') return res.vary('Accept').send(String(res.locals.run));
        return res.status(Number(req.headers['x-status'] ?? 204)).end();
      });
      return serving(app, async (ask) => {
        const accept = (type) => ({ headers: { accept: type } });
        await hits(ask, ['/a', accept('x/y')], ['/a', accept('x/z')], ['/b']);
        assert.deepEqual(await hits(ask, ['/a', accept('x/y')], ['/a', accept('x/z')], ['/b']), ['HIT', 'HIT', 'HIT']);
        await ask('/a', { method, headers: { cookie: 'sid=1' } });
        assert.deepEqual(await hits(ask, ['/a', accept('x/y')], ['/a', accept('x/z')], ['/b']), [
          'MISS',
          'MISS',
          'HIT',
        ]);
        await ask('/b', { method, headers: { 'x-status': '409' } });
        await ask('/b', { method, headers: { 'x-status': '500' } });
        assert.deepEqual(await hits(ask, ['/b']), ['HIT']);
      });
    });
  }

  it('a change that is answered before it is made removes what was made meanwhile', () => {
    let row = 'old';
    const passes = gate();
    const app = appWith(cached(), async (req, res) => {
      if (req.method === 'GET') return res.send(row);
      res.write('working');
      await passes.passed;
      row = 'new';
      return res.end('done');
    });
    return serving(app, async (ask) => {
      const change = ask('/', { method: 'POST' });
      await until(() => app.runs === 1);
      assert.equal((await ask('/')).body, 'old');
      passes.open();
      await change;
      assert.deepEqual([(await ask('/')).body, (await ask('/')).cache], ['new', 'HIT']);
    });
  });

  it('a change whose target is a whole URL, or has a fragment, removes the page it is about', () => {
    const app = appWith(cached());
    return serving(app, async (ask, { port }) => {
      const host = `127.0.0.1:${port}`;
      for (const [page, target] of [
        ['/', `http://${host}`],
        ['/p?a=1&b=2', `HTTP://${host}/p?b=2&a=1`],
        ['/p', '/p#x'],
      ]) {
        await ask(page);
        const socket = net.connect(port, '127.0.0.1');
        socket.write(`POST ${target} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
        await once(socket.resume(), 'close');
        assert.equal((await ask(page)).cache, 'MISS', target);
        assert.equal((await ask(page)).cache, 'HIT');
      }
    });
  });

  it('HEAD is not answered with what a client asks past', () => {
    const app = appWith(cached());
    return serving(app, async (ask) => {
      await ask('/');
      clock.advance('5s');
      for (const directive of ['no-cache', 'max-age=4', 'min-fresh=56']) {
        const head = await ask('/', { method: 'HEAD', headers: { 'cache-control': directive } });
        assert.deepEqual([head.cache, head.headers['cache-status']], ['MISS', 'redstart; fwd=request'], directive);
      }
      assert.equal((await ask('/', { method: 'HEAD' })).cache, 'HIT');
    });
  });
});
