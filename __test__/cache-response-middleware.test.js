'use strict';
// Middleware that wraps the response too: compression, sessions, headers set last of all.
const assert = require('node:assert/strict');
const zlib = require('node:zlib');
const { after, describe, it } = require('node:test');
const compression = require('compression');
const session = require('express-session');
const { manualClock, open } = require('..');
const { cacheResponse } = require('redstart/express');
const { serving, appWith } = require('./support/cache-response/serving.js');

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
