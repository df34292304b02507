'use strict';
// skipSuccessfulRequests and skipFailedRequests: what is given back when a response has ended, and when not.
const assert = require('node:assert/strict');
const http = require('node:http');
const { after, describe, it } = require('node:test');
const express = require('express');
const { rateLimit: expressRateLimit } = require('express-rate-limit');
const { manualClock, open } = require('redstart');
const { rateLimit } = require('redstart/express');
const { serving, appWith, warningsDuring, tick } = require('./support/rate-limit/serving.js');

const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

const LOCAL = '127.0.0.1';
let names = 0;
const newLimiter = (options) => store.limiter(`refund-${names++}`, { limit: 10, window: '1m', ...options });

/** What is left of 10 units for a local client after these requests, one at a time. */
async function leftAfter(options, paths) {
  const limiter = newLimiter();
  await serving(appWith(rateLimit({ limiter, ...options })), async (get) => {
    for (const path of paths) await get(path);
  });
  return (await limiter.peek(LOCAL)).remaining;
}

describe('a request that is not to count', () => {
  it('gives its unit back when it was successful [RateLimitOptions.skipSuccessfulRequests]', async () => {
    const paths = ['/', '/?status=302', '/?status=399', '/?status=400', '/?status=503'];
    assert.equal(await leftAfter({ skipSuccessfulRequests: true }, paths), 8);
  });

  it('gives its unit back when it has failed [RateLimitOptions.skipFailedRequests]', async () => {
    const paths = ['/', '/?status=302', '/?status=399', '/?status=400', '/?status=503'];
    assert.equal(await leftAfter({ skipFailedRequests: true }, paths), 7);
  });

  it('gives it back either way, where both are asked for', async () => {
    const both = { skipFailedRequests: true, skipSuccessfulRequests: true };
    assert.equal(await leftAfter(both, ['/', '/?status=500']), 10);
  });

  it('is told by the app [RateLimitOptions.requestWasSuccessful]', async () => {
    const requestWasSuccessful = async (req, res) => req.query.status === '404' && res.statusCode === 404;
    const paths = ['/', '/?status=404'];
    assert.equal(await leftAfter({ skipSuccessfulRequests: true, requestWasSuccessful }, paths), 9);
    assert.equal(await leftAfter({ skipFailedRequests: true, requestWasSuccessful }, [...paths, '/']), 9);
  });

  it('counts until its response has ended', () => {
    const limiter = newLimiter({ limit: 1 });
    const app = express().use(rateLimit({ limiter, skipSuccessfulRequests: true }));
    app.use(async (_req, res) => {
      assert.equal((await limiter.peek(LOCAL)).remaining, 0);
      res.end();
    });
    return serving(app, async (get) => {
      for (let request = 0; request < 3; request++) assert.equal((await get()).status, 200);
      assert.equal((await limiter.peek(LOCAL)).remaining, 1);
    });
  });

  it('is judged when its response has been handed over, before anybody hears that it is closed', async () => {
    const heard = [];
    const note = (_req, res, next) => {
      res.once('close', () => heard.push('close'));
      next();
    };
    const requestWasSuccessful = () => heard.push('judged') > 0;
    const limit = rateLimit({ limiter: newLimiter(), skipSuccessfulRequests: true, requestWasSuccessful });
    await serving(appWith(note, limit), (get) => get());
    assert.deepEqual(heard, ['judged', 'close']);
  });

  it('gives back what it cost, under the limit and window it was counted by', async () => {
    const limiter = newLimiter();
    const rule = { limit: 20, window: '1h' };
    const options = { limiter, ...rule, cost: (req) => Number(req.query.cost), skipFailedRequests: true };
    await serving(appWith(rateLimit(options)), async (get) => {
      await get('/?cost=5');
      await get('/?cost=7&status=500');
    });
    assert.equal((await limiter.peek(LOCAL, rule)).remaining, 15);
    assert.equal((await limiter.peek(LOCAL)).remaining, 10);
  });

  it('took nothing when it was denied, so there is nothing to give back', async () => {
    const limiter = newLimiter({ limit: 2 });
    const options = { limiter, skipFailedRequests: true, handler: (_req, res) => res.status(500).end() };
    await serving(appWith(rateLimit(options)), async (get) => {
      const statuses = [];
      for (const path of ['/', '/', '/', '/']) statuses.push((await get(path)).status);
      assert.deepEqual(statuses, [200, 200, 500, 500]);
      assert.equal((await limiter.peek(LOCAL)).remaining, 0);
    });
  });

  it('leaves as much as express-rate-limit leaves', async () => {
    for (const skip of [{ skipFailedRequests: true }, { skipSuccessfulRequests: true }]) {
      const app = express();
      app.use('/ours', rateLimit({ limiter: newLimiter({ limit: 3, algorithm: 'fixed-window' }), ...skip }));
      app.use('/theirs', expressRateLimit({ windowMs: 60_000, limit: 3, ...skip }));
      app.use((req, res) => res.status(Number(req.query.status)).end());
      await serving(app, async (get) => {
        for (const status of [200, 500, 404, 200, 301, 500, 200]) {
          const [ours, theirs] = [await get(`/ours?status=${status}`), await get(`/theirs?status=${status}`)];
          const of = ({ status, headers }) => [status, headers.get('x-ratelimit-remaining')];
          assert.deepEqual(of(ours), of(theirs), `${JSON.stringify(skip)} ${status}`);
        }
      });
    }
  });
});

describe('a connection that closes before the response has ended', () => {
  /** Leaves as soon as the handler has begun; what remains when the server knows. */
  async function leftAfterLeaving(options) {
    const limiter = newLimiter();
    let gone;
    const closed = new Promise((resolve) => {
      gone = resolve;
    });
    const app = express().use(rateLimit({ limiter, ...options }), (req, res) => {
      res.on('close', gone);
      req.socket.destroySoon();
      client.destroy();
    });
    let client;
    await serving(app, async (_get, port) => {
      client = http.get({ port, host: LOCAL }).on('error', () => {});
      await closed;
      await tick();
    });
    return (await limiter.peek(LOCAL)).remaining;
  }

  it('is a request that has failed', async () => {
    assert.equal(await leftAfterLeaving({ skipFailedRequests: true }), 10);
    assert.equal(await leftAfterLeaving({ skipSuccessfulRequests: true }), 9);
    assert.equal(await leftAfterLeaving({ skipFailedRequests: true, requestWasSuccessful: () => true }), 10);
  });

  it('may have closed while the limiter was asked', async () => {
    const limiter = newLimiter();
    const key = async (req) => {
      req.socket.destroy();
      await new Promise((resolve) => req.once('close', resolve));
      await tick();
      return 'gone';
    };
    await serving(appWith(rateLimit({ limiter, key, skipFailedRequests: true })), (get) => get());
    assert.equal((await limiter.peek('gone')).remaining, 10);
    assert.equal((await limiter.stats()).allowed, 1);
  });
});

describe('a response that breaks', () => {
  it('is a request that has failed', async () => {
    const breaks = (_req, res) => {
      res.on('error', () => {});
      res.emit('error', new Error('broken'));
      res.end('fine');
    };
    for (const [options, left] of [
      [{ skipFailedRequests: true }, 10],
      [{ skipSuccessfulRequests: true }, 9],
    ]) {
      const limiter = newLimiter();
      await serving(express().use(rateLimit({ limiter, ...options }), breaks), (get) => get());
      assert.equal((await limiter.peek(LOCAL)).remaining, left);
    }
  });

  it('is as loud as without limits, where nobody listens', () => {
    const app = express().use(rateLimit({ limiter: newLimiter(), skipFailedRequests: true }), (_req, res) => {
      res.emit('error', new Error('broken'));
      res.end('silent');
    });
    app.use((error, _req, res, _next) => res.status(500).end(error.message));
    return serving(app, async (get) => assert.equal((await get()).text, 'broken'));
  });
});

describe('units', () => {
  it('are given back once, however a response ends', async () => {
    const limiter = newLimiter();
    await limiter.consume(LOCAL, { cost: 5 });
    const app = express().use(rateLimit({ limiter, skipFailedRequests: true }), (_req, res) => {
      res.on('error', () => {});
      res.status(500).end();
      res.emit('error', new Error('late'));
      res.write('after the end');
    });
    await serving(app, (get) => get());
    assert.equal((await limiter.peek(LOCAL)).remaining, 5);
  });

  it('that no longer count are not given back in place of newer ones', async () => {
    // Here time passes by itself: how long a response takes is told by the machine's clock.
    const live = open('memory:');
    const limiter = live.limiter('short', { limit: 10, window: '1s', algorithm: 'fixed-window' });
    const app = express().use(rateLimit({ limiter, skipFailedRequests: true }), async (_req, res) => {
      while ((await limiter.peek(LOCAL)).remaining < 10) await new Promise((resolve) => setTimeout(resolve, 20));
      await limiter.consume(LOCAL, { cost: 4 });
      res.status(500).end();
    });
    await serving(app, (get) => get());
    assert.equal((await limiter.peek(LOCAL)).remaining, 6);
    await live.close();
  });

  it('that cannot be given back are one warning, and the app goes on', async () => {
    const closing = open('memory:');
    const limiter = closing.limiter('closing', { limit: 10, window: '1m' });
    const app = express().use(rateLimit({ limiter, skipFailedRequests: true }), async (_req, res) => {
      await closing.close();
      res.status(500).end();
    });
    const seen = await warningsDuring(() => serving(app, async (get) => assert.equal((await get()).status, 500)));
    assert.deepEqual(
      seen.map(({ code }) => code),
      ['REDSTART_RATE_LIMIT_REFUND'],
    );
  });

  it('stay taken where it cannot be told whether the request was successful', async () => {
    const requestWasSuccessful = () => {
      throw new Error('no idea');
    };
    const seen = await warningsDuring(async () => {
      const options = { skipFailedRequests: true, skipSuccessfulRequests: true, requestWasSuccessful };
      assert.equal(await leftAfter(options, ['/', '/']), 8);
    });
    assert.equal(seen.length, 1);
    assert.match(seen[0].message, /no idea/);
  });
});
