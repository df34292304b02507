'use strict';
// The store under the real express-rate-limit in real Express. Its validations are on: what they log fails a test. It reads
// Date; the store's manual clock moves without Date, so what passes again when it advances was forgotten by the store.
const assert = require('node:assert/strict');
const { after, describe, it } = require('node:test');
const express = require('express');
const { rateLimit } = require('express-rate-limit');
const { RedstartError, manualClock, open } = require('..');
const { RateLimitStore } = require('redstart/express-rate-limit');
const { crew } = require('./support/crew.js');
const { countOf, serving, times, until, visitor } = require('./support/limiter-doors/http.js');

const MINUTE = 60_000;
const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newStore = (options) => new RateLimitStore({ store, prefix: `api-${names++}`, ...options });

/** A limiter of five a minute, and what express-rate-limit logs about it. */
function newLimiter({ counters = newStore(), ...options } = {}) {
  const logs = [];
  const log = (...parts) => logs.push(parts.map(String).join(' '));
  const limiter = rateLimit({
    windowMs: MINUTE,
    limit: 5,
    standardHeaders: 'draft-8',
    identifier: counters.prefix,
    keyGenerator: (req) => req.get('x-key'),
    logger: { warn: log, error: log },
    ...options,
    store: counters,
  });
  return { limiter, logs };
}

/** An app behind the limiters. /fails answers 500. */
function appOf(...limiters) {
  const app = express();
  app.use(...limiters);
  app.get('/', (_req, res) => res.send('in'));
  app.get('/used', (req, res) => res.json(req.rateLimit));
  app.get('/fails', (_req, res) => res.status(500).send('failed'));
  app.use((error, _req, res, _next) => res.status(500).json({ code: error.code, message: error.message }));
  return app;
}

async function limited(options, visit) {
  const { limiter, logs } = newLimiter(options);
  await serving(appOf(limiter), (request) => visit(request, limiter));
  assert.deepEqual(logs, []);
}

describe('a limit', () => {
  it('lets as many through as it says, then none, and the headers tell [RateLimitStoreOptions.store]', () =>
    limited({}, async (visit) => {
      for (let left = 4; left >= 0; left--) {
        const { status, headers } = await visit();
        assert.equal(status, 200);
        assert.equal(headers.get('x-ratelimit-remaining'), String(left));
        assert.match(headers.get('ratelimit'), new RegExp(`; r=${left}; t=60$`));
      }
      const { status, headers } = await visit();
      assert.equal(status, 429);
      assert.equal(headers.get('retry-after'), '60');
      assert.equal((await visit('/', 'another')).status, 200);
    }));

  it('holds over requests that come at once', () =>
    limited({}, async (visit) => {
      const answers = await times(40, () => visit());
      assert.equal(countOf(answers, 200), 5);
      assert.equal(countOf(answers, 429), 35);
    }));

  it('counts what is denied too, as the MemoryStore does', () =>
    limited({}, async (visit, limiter) => {
      await times(40, () => visit());
      assert.equal((await limiter.getKey('one')).totalHits, 40);
    }));

  it('ends with its window, which began with the first hit', () =>
    limited({}, async (visit) => {
      await visit();
      clock.advance(MINUTE - 1000);
      await times(5, () => visit());
      const denied = await visit();
      assert.equal(denied.status, 429);
      assert.equal(denied.headers.get('retry-after'), '1');
      clock.advance(1000);
      assert.equal((await visit()).status, 200);
    }));

  it('may be another for each request', () => {
    const limit = (req) => (req.get('x-key') === 'one' ? 2 : 3);
    return limited({ limit }, async (visit) => {
      assert.equal(countOf(await times(10, () => visit('/', 'one')), 200), 2);
      assert.equal(countOf(await times(10, () => visit('/', 'two')), 200), 3);
    });
  });

  it('of threads that share a store is one limit', async () => {
    const url = 'memory:express-rate-limit';
    const held = open(url);
    const threads = [];
    let allServe = () => {};
    const serve = new Promise((resolve) => {
      allServe = resolve;
    });
    const file = require.resolve('./support/limiter-doors/express-thread.js');
    const ended = crew(file, 2, { url, limit: 20 }, (port, thread) => {
      threads.push({ port, thread });
      if (threads.length === 2) allServe();
    });
    await Promise.race([serve, ended]);
    const visits = threads.map(({ port }) => visitor(`http://127.0.0.1:${port}`));
    const answers = await times(60, (index) => visits[index % 2]());
    assert.equal(countOf(answers, 200), 20);
    assert.equal(countOf(answers, 429), 40);
    for (const { thread } of threads) thread.postMessage('stop');
    await ended;
    await held.close();
  });
});

describe('two limiters', () => {
  it('of two prefixes count apart, in one request too [RateLimitStoreOptions.prefix]', async () => {
    const short = newLimiter({ counters: newStore({ prefix: 'short' }), limit: 2, windowMs: 1000 });
    const long = newLimiter({ counters: newStore({ prefix: 'long' }), limit: 4 });
    await serving(appOf(short.limiter, long.limiter), async (visit) => {
      assert.equal(countOf(await times(3, () => visit()), 200), 2);
      assert.equal((await short.limiter.getKey('one')).totalHits, 3);
      assert.equal((await long.limiter.getKey('one')).totalHits, 2);
    });
    assert.deepEqual([...short.logs, ...long.logs], []);
  });

  it('of one prefix count a request twice, and express-rate-limit is told enough to say so', async () => {
    const { prefix } = newStore();
    const [first, second] = [1, 2].map(() => newLimiter({ counters: newStore({ prefix }) }));
    await serving(appOf(first.limiter, second.limiter), async (visit) => {
      assert.equal((await visit()).headers.get('x-ratelimit-remaining'), '3');
    });
    assert.match(second.logs.join(), /ERR_ERL_DOUBLE_COUNT/);
  });

  it('of one prefix and two windows are a conflict, which every request is told', async () => {
    const { prefix } = newStore();
    newLimiter({ counters: newStore({ prefix }) });
    const { limiter, logs } = newLimiter({ counters: newStore({ prefix }), windowMs: 2 * MINUTE });
    assert.match(logs.join(), new RegExp(prefix));
    await serving(appOf(limiter), async (visit) => {
      const { status, body } = await visit();
      assert.deepEqual([status, JSON.parse(body).code], [500, 'ERR_OPTIONS_CONFLICT']);
    });
  });
});

describe('what is taken back', () => {
  it('with skipSuccessfulRequests is each hit that succeeded', () =>
    limited({ skipSuccessfulRequests: true }, async (visit, limiter) => {
      for (let request = 0; request < 10; request++) {
        assert.equal((await visit()).status, 200);
        await until(async () => (await limiter.getKey('one')) === undefined);
      }
      assert.equal(countOf(await times(10, () => visit('/fails')), 500), 5);
    }));

  it('with skipFailedRequests is each that failed, and one that was denied brings no other back', () =>
    limited({ skipFailedRequests: true }, async (visit, limiter) => {
      await visit('/fails');
      await until(async () => (await limiter.getKey('one')) === undefined);
      await times(5, () => visit());
      for (let request = 0; request < 3; request++) {
        assert.equal(countOf(await times(10, () => visit()), 429), 10);
        await until(async () => (await limiter.getKey('one')).totalHits === 5);
      }
    }));

  it('is never a hit of the next window', async () => {
    const counters = newStore();
    newLimiter({ counters });
    await counters.increment('k');
    clock.advance(MINUTE);
    await counters.decrement('k');
    assert.equal((await counters.increment('k')).totalHits, 1);
  });

  it('by resetKey is a key, by resetAll are all', () =>
    limited({ counters: newStore({ prefix: 'resets' }), limit: 1 }, async (visit, limiter) => {
      await times(2, (index) => visit('/', `${index}`));
      await limiter.resetKey('0');
      assert.deepEqual([(await visit('/', '0')).status, (await visit('/', '1')).status], [200, 429]);
      const counters = newStore({ prefix: 'resets' });
      newLimiter({ counters, limit: 1 });
      await counters.resetAll();
      assert.deepEqual([(await visit('/', '0')).status, (await visit('/', '1')).status], [200, 200]);
    }));
});

describe('the algorithm', () => {
  it('sliding-window lets no more than the limit through in any window [RateLimitStoreOptions.algorithm]', () =>
    limited({ counters: newStore({ algorithm: 'sliding-window' }) }, async (visit) => {
      await visit();
      clock.advance(MINUTE - 1000);
      assert.equal(countOf(await times(5, () => visit()), 200), 4);
      clock.advance(1000);
      assert.equal((await visit()).status, 429);
      clock.advance(2 * MINUTE);
      assert.equal((await visit()).status, 200);
    }));

  it('sliding-log does so to the millisecond, and keeps nothing of what it denies', () => {
    const counters = newStore({ prefix: 'log', algorithm: 'sliding-log' });
    return limited({ counters }, async (visit) => {
      await visit();
      clock.advance(10_000);
      await times(4, () => visit());
      const { bytes } = await store.limiter('log').stats();
      const denied = (await times(200, () => visit()))[199];
      assert.equal(denied.status, 429);
      assert.equal(denied.headers.get('retry-after'), '50');
      assert.equal((await store.limiter('log').stats()).bytes, bytes);
      assert.equal((await counters.increment('one')).totalHits, 6);
      clock.advance(49_999);
      assert.equal((await visit()).status, 429);
      clock.advance(1);
      assert.deepEqual([(await visit()).status, (await visit()).status], [200, 429]);
    });
  });

  for (const [what, options] of [
    ['a limit that is a function', { limit: () => 5 }],
    ['hits that are taken back', { skipFailedRequests: true }],
    ['hits that are taken back', { skipSuccessfulRequests: true }],
  ]) {
    it(`sliding-log does not take ${what}: ${Object.keys(options)}`, async () => {
      const { limiter, logs } = newLimiter({ counters: newStore({ algorithm: 'sliding-log' }), ...options });
      assert.equal(logs.length, 1);
      await serving(appOf(limiter), async (visit) => {
        const { status, body } = await visit();
        assert.equal(status, 500);
        assert.equal(JSON.parse(body).code, 'ERR_INVALID_ARG');
        assert.match(body, /sliding-window/);
      });
    });
  }

  it('is asked for a limit of 0 as for any other: nothing passes', async () => {
    for (const algorithm of ['fixed-window', 'sliding-log']) {
      const { limiter } = newLimiter({ counters: newStore({ algorithm }), limit: 0 });
      await serving(appOf(limiter), async (visit) => assert.equal(countOf(await times(3, () => visit()), 429), 3));
    }
  });
});

describe('keys', () => {
  it('beyond maxKeys share one counter, and no key that counts is forgotten [RateLimitStoreOptions.maxKeys]', () =>
    limited({ counters: newStore({ maxKeys: 1 }), limit: 2 }, async (visit) => {
      await times(2, () => visit('/', 'first'));
      const others = await times(6, (index) => visit('/', `other-${index}`));
      assert.equal(countOf(others, 200), 2);
      assert.equal((await visit('/', 'first')).status, 429);
    }));

  it('that the app blocks are denied until then', () =>
    limited({ counters: newStore({ prefix: 'blocks' }) }, async (visit, limiter) => {
      await store.limiter('blocks').block('one', '10m');
      const denied = await visit();
      assert.equal(denied.status, 429);
      assert.equal(denied.headers.get('retry-after'), '600');
      assert.ok((await limiter.getKey('one')).totalHits > 5);
      clock.advance('10m');
      assert.equal((await visit()).status, 200);
    }));

  it('without hits are unknown, also when asked', () =>
    limited({}, async (visit, limiter) => {
      assert.equal(await limiter.getKey('one'), undefined);
      assert.equal(await limiter.getKey('one'), undefined);
      assert.equal(JSON.parse((await visit('/used')).body).used, 1);
      const { totalHits, resetTime } = await limiter.getKey('one');
      assert.equal(totalHits, 1);
      assert.ok(Math.abs(resetTime.getTime() - Date.now() - MINUTE) < 5000);
    }));
});

describe('what does not work', () => {
  it('is an option that does not exist, or has no sense, at once', () => {
    assert.throws(() => new RateLimitStore({ store, prefx: 'a' }), /did you mean 'prefix'/);
    for (const options of [{}, { store }, { prefix: 'a' }, { store, prefix: '' }, { store: {}, prefix: 'a' }]) {
      assert.throws(
        () => new RateLimitStore(options),
        (error) => RedstartError.is(error, 'ERR_INVALID_ARG'),
      );
    }
    for (const wrong of [{ algorithm: 'gcra' }, { maxKeys: 0 }]) assert.throws(() => newStore(wrong), /must be/);
  });

  it('is a store without a middleware', () =>
    assert.rejects(newStore().increment('k'), (error) => RedstartError.is(error, 'ERR_INVALID_STATE')));

  it('is a closed store, which passOnStoreError lets pass; shutdown() closes none', async () => {
    const own = open('memory:');
    const counters = new RateLimitStore({ store: own, prefix: 'own' });
    const { limiter, logs } = newLimiter({ counters, limit: 1, passOnStoreError: true });
    await serving(appOf(limiter), async (visit) => {
      await counters.shutdown();
      assert.equal(countOf(await times(2, () => visit()), 429), 1);
      await own.close();
      assert.equal(countOf(await times(2, () => visit()), 200), 2);
    });
    assert.equal(logs.length, 2);
  });
});
