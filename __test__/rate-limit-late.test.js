'use strict';
// A request that is broken off late: its unit comes back, and no unit of a request made since.
const assert = require('node:assert/strict');
const http = require('node:http');
const { after, describe, it } = require('node:test');
const express = require('express');
const { manualClock, open } = require('redstart');
const { rateLimit } = require('redstart/express');
const { serving, tick } = require('./support/rate-limit/serving.js');

const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

const LIMIT = 10;
const WINDOW_MS = 16_000;
const HELD = 5;

/** A request to /held that the app never answers, once it is there. @param {number} port @param {Set<unknown>} held */
async function hold(port, held) {
  const before = held.size;
  const request = http.get({ port, path: '/held', agent: false }).on('error', () => {});
  while (held.size === before) await tick();
  return request;
}

/** One request, answered. serving()'s own get waits for all that are open. @param {number} port @returns {Promise<number>} */
async function statusOf(port) {
  const { status } = await fetch(`http://127.0.0.1:${port}/`);
  return status;
}

for (const algorithm of ['sliding-window', 'sliding-log']) {
  describe(`requests broken off late, ${algorithm}`, () => {
    it('let nobody in beyond the limit in any window', async () => {
      const limiter = store.limiter(`late-${algorithm}`, { limit: LIMIT, window: WINDOW_MS, algorithm });
      const app = express();
      const held = new Set();
      /** @type {number[]} */
      const served = [];
      app.use(rateLimit({ limiter, skipFailedRequests: true, key: () => 'k' }));
      app.get('/held', (req, res) => held.add(res.once('close', () => held.delete(res))) && req);
      app.get('/', (_req, res) => res.send(String(served.push(clock.nowMs))));
      await serving(app, async (_get, port) => {
        const requests = [];
        for (let count = 0; count < HELD; count++) requests.push(await hold(port, held));
        clock.advance(WINDOW_MS * 0.75);
        for (let count = 0; count < HELD; count++) assert.equal(await statusOf(port), 200);
        for (const request of requests) request.destroy();
        while (held.size > 0) await tick();
        await tick();
        for (let step = 0; step < 40; step++) {
          await statusOf(port);
          clock.advance(WINDOW_MS / 64);
        }
        for (const end of served) {
          const within = served.filter((at) => at <= end && at > end - WINDOW_MS).length;
          assert.ok(within <= LIMIT, `${within} requests in the window that ends at ${end}`);
        }
        assert.ok(served.length >= LIMIT, 'the units of those broken off did come back');
      });
    });
  });
}
