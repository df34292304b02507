'use strict';
// Responses that vary: by what the handler says, by compression, and how many of them a client can make.
const assert = require('node:assert/strict');
const { after, describe, it } = require('node:test');
const zlib = require('node:zlib');
const compression = require('compression');
const { manualClock, open } = require('..');
const { cacheResponse } = require('redstart/express');
const { serving, appWith } = require('./support/cache-response/serving.js');

const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newCache = (options) => store.cache(`pages-${names++}`, { ttl: '1m', ...options });
const cached = (options) => cacheResponse({ cache: newCache(), clock, ...options });
const accept = (type) => ({ headers: { accept: type } });

describe('a response that varies', () => {
  it('is kept once for each value of the headers that it names', () => {
    const app = appWith(cached(), (req, res) => {
      res.set('Vary', 'accept, X-Tenant').send(`${req.headers.accept} ${req.headers['x-tenant']}`);
    });
    return serving(app, async (ask) => {
      const of = (type, tenant) => ({ headers: { accept: type, ...(tenant !== undefined && { 'x-tenant': tenant }) } });
      const requests = [of('a/a', 'x'), of('a/a', 'y'), of('b/b', 'x'), of('b/b'), of('b/b', '')];
      for (const outcome of ['MISS', 'HIT']) {
        for (const request of requests) {
          const { cache, body } = await ask('/', request);
          assert.deepEqual([cache, body], [outcome, `${request.headers.accept} ${request.headers['x-tenant']}`]);
        }
      }
      assert.equal((await ask('/', of('b/b', 'y'))).headers['cache-status'], 'redstart; fwd=vary-miss; stored');
    });
  });

  it('is never shown to another value, whatever separates values', () => {
    const app = appWith(cached(), (req, res) =>
      res.set('Vary', 'X-A, X-B').send(JSON.stringify([req.headers['x-a'], req.headers['x-b']])),
    );
    return serving(app, async (ask) => {
      for (const [a, b] of [
        ['1,2', '3'],
        ['1', '2,3'],
        ['1","2', '3'],
        ['1', ''],
      ]) {
        const { body, cache } = await ask('/', { headers: { 'x-a': a, 'x-b': b } });
        assert.deepEqual([cache, body], ['MISS', JSON.stringify([a, b])]);
      }
    });
  });

  it('may begin to vary by more, and keeps apart what it then tells apart', () => {
    const app = appWith(cached(), (req, res) => {
      res
        .set('Vary', req.headers.accept === 'b/b' ? 'Accept, X-Tenant' : 'Accept')
        .send(`${req.headers.accept} ${req.headers['x-tenant']}`);
    });
    return serving(app, async (ask) => {
      const of = (type, tenant) => ({ headers: { accept: type, 'x-tenant': tenant } });
      for (let round = 0; round < 3; round++) {
        for (const request of [of('a/a', 'x'), of('b/b', 'x'), of('b/b', 'y')]) {
          const { cache, body } = await ask('/', request);
          assert.equal(body, `${request.headers.accept} ${request.headers['x-tenant']}`);
          if (round === 2) assert.equal(cache, 'HIT');
        }
      }
    });
  });

  it('may vary by one header here and another there', () => {
    const app = appWith(cached(), (req, res) => {
      const by = req.headers.accept === 'a/a' ? 'Accept' : 'X-Tenant';
      res.set('Vary', by).send(`${req.headers.accept} ${req.headers['x-tenant']}`);
    });
    return serving(app, async (ask) => {
      const requests = ['a/a', 'b/b'].map((type) => ({ headers: { accept: type, 'x-tenant': 'x' } }));
      for (let round = 0; round < 3; round++) {
        for (const request of requests) {
          const { cache, body } = await ask('/', request);
          assert.equal(body, `${request.headers.accept} x`);
          if (round === 2) assert.equal(cache, 'HIT');
        }
      }
    });
  });

  it('lives as long as its last variant', () => {
    const app = appWith(cached(), (_req, res) => res.vary('Accept').send('page'));
    return serving(app, async (ask) => {
      await ask('/', accept('a/a'));
      clock.advance('50s');
      await ask('/', accept('b/b'));
      clock.advance('50s');
      assert.equal((await ask('/', accept('b/b'))).cache, 'HIT');
      assert.equal((await ask('/', accept('a/a'))).cache, 'MISS');
    });
  });
});

describe('compression', () => {
  const text = 'hello '.repeat(1000);
  const codings = { gzip: zlib.gunzipSync, deflate: zlib.inflateSync, identity: (bytes) => bytes };

  for (const [where, build] of Object.entries({
    behind: (cache) => [cache, compression()],
    'in front of': (cache) => [compression(), cache],
  })) {
    for (const [how, handler] of Object.entries({
      'sent at once': (_req, res) => res.type('text').send(text),
      'in parts': (_req, res) => {
        res.type('text').write(text.slice(0, 3000));
        res.end(text.slice(3000));
      },
    })) {
      it(`${where} the cache leaves every client what it can read: a body ${how}`, () => {
        const app = appWith(build(cached()), handler);
        return serving(app, async (ask) => {
          for (const outcome of ['first', 'HIT']) {
            for (const [coding, decode] of Object.entries(codings)) {
              const { headers, bytes, cache, status } = await ask('/', { headers: { 'accept-encoding': coding } });
              assert.deepEqual([status, headers['content-encoding'] ?? 'identity'], [200, coding]);
              assert.equal(decode(bytes).toString(), text);
              assert.match(headers.vary, /accept-encoding/i);
              if (outcome === 'HIT') assert.equal(cache, 'HIT');
              const head = await ask('/', { method: 'HEAD', headers: { 'accept-encoding': coding } });
              assert.deepEqual([head.status, head.body], [200, '']);
            }
          }
          assert.ok(app.runs <= 6, String(app.runs));
          const { headers } = await ask('/', { headers: { 'accept-encoding': 'gzip' } });
          const again = await ask('/', { headers: { 'accept-encoding': 'gzip', 'if-none-match': headers.etag } });
          assert.deepEqual([again.status, again.body, again.headers['content-encoding']], [304, '', undefined]);
        });
      });
    }
  }

  it('is one variant for those who name the same codings in another order', () =>
    serving(
      appWith([cached(), compression()], (_req, res) => res.type('text').send(text)),
      async (ask) => {
        await ask('/', { headers: { 'accept-encoding': 'gzip, deflate' } });
        const { cache, headers } = await ask('/', { headers: { 'accept-encoding': 'DEFLATE,gzip' } });
        assert.deepEqual([cache, headers['content-encoding']], ['HIT', 'gzip']);
      },
    ));
});

describe('how many variants', () => {
  it('a change of their address leaves: none, and no bytes', async () => {
    const cache = newCache();
    const app = appWith(cached({ cache }), (_req, res) => res.vary('Accept').send('page'));
    await serving(app, async (ask) => {
      for (const type of ['a', 'b', 'c']) await ask('/', accept(type));
      assert.equal((await cache.stats()).entries, 5);
      await ask('/', { method: 'PUT' });
      for (let turn = 0; turn < 1000 && (await cache.stats()).bytes > 0; turn++) await new Promise(setImmediate);
      assert.deepEqual([(await cache.stats()).entries, (await cache.stats()).bytes], [0, 0]);
    });
  });

  it('there may be of one address: the one made first goes [CacheResponseOptions.maxVariants]', async () => {
    const cache = newCache();
    const app = appWith(cached({ cache, maxVariants: 3 }), (_req, res) => res.vary('Accept').send('page'));
    await serving(app, async (ask) => {
      for (const type of ['a', 'b', 'c', 'd']) await ask('/', accept(type));
      const outcomes = [];
      for (const type of ['d', 'c', 'b', 'a']) outcomes.push((await ask('/', accept(type))).cache);
      assert.deepEqual(outcomes, ['HIT', 'HIT', 'HIT', 'MISS']);
      for (let flood = 0; flood < 100; flood++) await ask('/', accept(`x/${flood}`));
      // With the index and its list.
      assert.equal((await cache.stats()).entries, 5);
    });
  });

  it('there are at most by default', async () => {
    const cache = newCache();
    const app = appWith(cached({ cache }), (_req, res) => res.vary('Accept').send('page'));
    await serving(app, async (ask) => {
      for (let flood = 0; flood < 50; flood++) await ask('/', accept(`x/${flood}`));
      assert.equal((await cache.stats()).entries, 34);
    });
  });
});
