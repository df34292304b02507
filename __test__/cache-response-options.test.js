'use strict';
// Each option of cacheResponse(): what is different when it is given, and what it may be.
const assert = require('node:assert/strict');
const { after, describe, it } = require('node:test');
const { manualClock, open } = require('..');
const { cacheResponse } = require('redstart/express');
const { serving, appWith } = require('./support/cache-response/serving.js');

const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newCache = (options) => store.cache(`pages-${names++}`, { ttl: '1m', ...options });
const cached = (options) => cacheResponse({ cache: newCache(), clock, ...options });
const says =
  (headers, status = 200) =>
  (_req, res) =>
    res.status(status).set(headers).send(`run ${res.locals.run}`);

/** What becomes of these requests in turn. */
const outcomes = (options, handler, ...requests) =>
  serving(appWith(cached(options), handler), async (ask) => {
    const seen = [];
    for (const request of requests) {
      if (typeof request === 'function') request();
      else seen.push((await ask(...request)).cache);
    }
    return seen;
  });
const later = (by) => () => clock.advance(by);

describe('the option', () => {
  it('cache is where the pages are [CacheResponseOptions.cache]', async () => {
    const cache = newCache();
    await outcomes({ cache }, says({}), ['/']);
    assert.equal((await cache.stats()).entries, 1);
    assert.throws(() => cacheResponse({}), /needs the option 'cache'/);
  });

  it('ttl counts where the response does not say [CacheResponseOptions.ttl]', async () => {
    const requests = [['/'], later('9s'), ['/'], later('1s'), ['/']];
    assert.deepEqual(await outcomes({ ttl: '10s' }, says({}), ...requests), ['MISS', 'HIT', 'MISS']);
    assert.deepEqual(await outcomes({}, says({}), ...requests), ['MISS', 'HIT', 'HIT']);
    assert.deepEqual(await outcomes({ ttl: '10s' }, says({ 'Cache-Control': 'max-age=11' }), ...requests), [
      'MISS',
      'HIT',
      'HIT',
    ]);
  });

  it('maxTtl caps what the response says [CacheResponseOptions.maxTtl]', async () => {
    const requests = [['/'], later('9s'), ['/'], later('1s'), ['/']];
    const hour = says({ 'Cache-Control': 'max-age=3600' });
    assert.deepEqual(await outcomes({ maxTtl: '10s' }, hour, ...requests), ['MISS', 'HIT', 'MISS']);
    assert.deepEqual(await outcomes({}, hour, ...requests), ['MISS', 'HIT', 'HIT']);
  });

  it('key names the page, which can be deleted by it [CacheResponseOptions.key]', async () => {
    const cache = newCache();
    const key = async (req) => req.url.split('?')[0];
    const requests = [['/a?x=1'], ['/a?x=2'], ['/b']];
    assert.deepEqual(await outcomes({ cache, key }, says({}), ...requests), ['MISS', 'HIT', 'MISS']);
    assert.deepEqual([await cache.delete('/a'), await cache.delete('/c')], [true, false]);
    assert.deepEqual(await outcomes({ cache, key }, says({}), ...requests), ['MISS', 'HIT', 'HIT']);
  });

  it('vary tells apart what the handler does not, and tells clients so [CacheResponseOptions.vary]', async () => {
    const handler = (req, res) => res.vary('Accept').send(String(req.headers['accept-language']));
    await serving(appWith(cached({ vary: ['Accept-Language'] }), handler), async (ask) => {
      for (const outcome of ['MISS', 'HIT']) {
        for (const language of ['de', 'fr']) {
          const { cache, body, headers } = await ask('/', { headers: { 'accept-language': language } });
          assert.deepEqual([cache, body, headers.vary], [outcome, language, 'Accept, Accept-Language']);
        }
      }
    });
  });

  it('maxBodySize is the longest body that is kept [CacheResponseOptions.maxBodySize]', async () => {
    for (const [size, last] of [
      [1024, 'HIT'],
      [1025, 'MISS'],
    ]) {
      const body = Buffer.alloc(size);
      const whole = (_req, res) => res.end(body);
      const parts = (_req, res) => {
        res.write(body.subarray(0, 1000));
        res.end(body.subarray(1000));
      };
      for (const handler of [whole, parts]) {
        assert.deepEqual(await outcomes({ maxBodySize: '1kb' }, handler, ['/'], ['/']), ['MISS', last]);
      }
      await serving(appWith(cached({ maxBodySize: '1kb' }), whole), async (ask) => {
        const stored = (await ask('/')).headers['cache-status'].endsWith('stored');
        assert.equal(stored, last === 'HIT');
      });
    }
    assert.deepEqual(await outcomes({}, (_req, res) => res.end(Buffer.alloc(512 * 1024)), ['/'], ['/']), [
      'MISS',
      'HIT',
    ]);
    assert.deepEqual(await outcomes({}, (_req, res) => res.end(Buffer.alloc(512 * 1024 + 1)), ['/'], ['/']), [
      'MISS',
      'MISS',
    ]);
  });

  it('statusCodes are kept without a word of the response [CacheResponseOptions.statusCodes]', async () => {
    const kept = async (status, options, headers = {}) =>
      (await outcomes(options, says(headers, status), ['/'], ['/']))[1] === 'HIT';
    for (const status of [200, 203, 300, 301, 308, 410]) assert.equal(await kept(status), true, String(status));
    for (const status of [204, 302, 307, 400, 401, 404, 500]) assert.equal(await kept(status), false, String(status));
    for (const status of [204, 302, 404])
      assert.equal(await kept(status, { statusCodes: [204, 302, 404] }), true, String(status));
    assert.equal(await kept(200, { statusCodes: [404] }), false);
    assert.equal(await kept(200, { statusCodes: [] }, { 'Cache-Control': 'max-age=9' }), true);
    for (const bad of [206, 304, 500, 99, '200']) assert.throws(() => cached({ statusCodes: [bad] }), /statusCodes/);
  });

  it("cookies: 'ignore' answers requests with cookies, too [CacheResponseOptions.cookies]", async () => {
    const cookie = ['/', { headers: { cookie: 'theme=dark' } }];
    assert.deepEqual(await outcomes({ cookies: 'ignore' }, says({}), cookie, cookie, ['/']), ['MISS', 'HIT', 'HIT']);
    assert.deepEqual(await outcomes({}, says({}), cookie, cookie, ['/']), ['BYPASS', 'BYPASS', 'MISS']);
  });

  it('skip lets requests pass by, and changes still invalidate [CacheResponseOptions.skip]', async () => {
    const skip = async (req) => req.headers['x-skip'] !== undefined;
    const skipped = (method) => ['/', { method, headers: { 'x-skip': '1' } }];
    const requests = [['/'], skipped('GET'), ['/'], skipped('POST'), ['/']];
    assert.deepEqual(await outcomes({ skip }, says({}), ...requests), ['MISS', 'BYPASS', 'HIT', 'BYPASS', 'MISS']);
  });

  it('respectCacheControl: false lets no client make the handler run [CacheResponseOptions.respectCacheControl]', async () => {
    const wants = (control, name = 'cache-control') => ['/', { headers: { [name]: control } }];
    const requests = ['no-cache', 'max-age=0', 'min-fresh=999', 'no-store'].map((control) => wants(control));
    requests.push(wants('no-cache', 'pragma'));
    const app = appWith(cached({ respectCacheControl: false }), says({}));
    await serving(app, async (ask) => {
      assert.equal((await ask('/', { headers: { 'cache-control': 'only-if-cached' } })).status, 504);
      await ask('/');
      clock.advance('1s');
      for (const request of requests) assert.equal((await ask(...request)).cache, 'HIT');
      assert.equal(app.runs, 1);
    });
  });

  it('standardHeaders: Cache-Status, with the key or not at all [CacheResponseOptions.standardHeaders]', async () => {
    const said = (standardHeaders) =>
      serving(appWith(cached({ standardHeaders }), says({ 'Cache-Status': 'Origin; hit' })), async (ask) => {
        const all = [];
        for (let nth = 0; nth < 2; nth++)
          all.push((await ask('/p', { headers: { host: 'a.example' } })).headers['cache-status']);
        return all;
      });
    const key = '; key="GET http://a.example/p"';
    assert.deepEqual(await said(true), [
      'Origin; hit, redstart; fwd=uri-miss; stored',
      'Origin; hit, redstart; hit; ttl=60',
    ]);
    assert.deepEqual(await said('with-key'), [
      `Origin; hit, redstart; fwd=uri-miss; stored${key}`,
      `Origin; hit, redstart; hit; ttl=60${key}`,
    ]);
    assert.deepEqual(await said(false), ['Origin; hit', 'Origin; hit']);
  });

  it('legacyHeaders: X-Cache or none [CacheResponseOptions.legacyHeaders]', async () => {
    assert.deepEqual(await outcomes({ legacyHeaders: false }, says({}), ['/'], ['/']), [undefined, undefined]);
    assert.deepEqual(await outcomes({}, says({}), ['/'], ['/']), ['MISS', 'HIT']);
  });

  it("clock: Age follows the store's, the machine's otherwise [CacheResponseOptions.clock]", async () => {
    const ages = (options) =>
      serving(appWith(cacheResponse({ cache: newCache(), ...options }), says({})), async (ask) => {
        await ask('/');
        clock.advance('30s');
        return (await ask('/')).headers.age;
      });
    assert.equal(await ages({ clock }), '30');
    assert.ok(Number(await ages({})) < 30);
  });
});

describe('bad options', () => {
  it('are refused, with a remedy', () => {
    const cache = newCache();
    const refused = (options, message) =>
      assert.throws(
        () => cacheResponse({ cache, ...options }),
        (error) => error.code === 'ERR_INVALID_ARG' && message.test(error.message),
      );
    refused({ maxVariant: 3 }, /did you mean 'maxVariants'/);
    refused({ cache: {} }, /store\.cache/);
    refused({ ttl: 0 }, /'ttl'/);
    refused({ tags: [1] }, /'tags'/);
    refused({ vary: ['*'] }, /'vary'/);
    refused({ vary: ['a b'] }, /'vary'/);
    refused({ vary: 'Accept' }, /'vary'/);
    refused({ maxVariants: 0 }, /from 1 to 1000/);
    refused({ cookies: true }, /'bypass' or 'ignore'/);
    refused({ standardHeaders: 'draft-8' }, /'with-key'/);
    refused({ clock: Date }, /manualClock/);
  });
});
