'use strict';
// The store under the real @fastify/rate-limit in a real, listening Fastify. All times are those of the store's clock.
const assert = require('node:assert/strict');
const { after, describe, it } = require('node:test');
const fastify = require('fastify');
const rateLimit = require('@fastify/rate-limit');
const { RedstartError, manualClock, open } = require('..');
const { fastifyRateLimitStore } = require('redstart/fastify-rate-limit');
const { countOf, times, visitor } = require('./support/limiter-doors/http.js');

const MINUTE = 60_000;
const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newStore = (options) => fastifyRateLimitStore({ store, prefix: `api-${names++}`, ...options });

/** An app whose plugin allows five a minute. */
async function newApp({ counters = newStore(), ...options } = {}, routes = () => {}) {
  const app = fastify();
  const keyGenerator = (req) => req.headers['x-key'];
  await app.register(rateLimit, { max: 5, timeWindow: MINUTE, keyGenerator, ...options, store: counters });
  app.get('/', async () => 'in');
  await routes(app);
  return app;
}

async function limited(options, routes, visit) {
  const app = await newApp(options, routes);
  try {
    await visit(visitor(await app.listen({ port: 0, host: '127.0.0.1' })));
  } finally {
    app.server.closeAllConnections();
    await app.close();
  }
}

/** A route with limits of its own. */
const route = (app, url, config) => app.get(url, { config: { rateLimit: config } }, async () => 'in');
const passed = async (visit, path, key) => countOf(await times(20, () => visit(path, key)), 200);

describe('a limit', () => {
  it('lets as many through as it says, then none, and the headers tell [FastifyRateLimitStoreOptions.store]', () =>
    limited({}, undefined, async (visit) => {
      for (let left = 4; left >= 0; left--) {
        const { status, headers } = await visit();
        assert.equal(status, 200);
        assert.equal(headers.get('x-ratelimit-remaining'), String(left));
        assert.equal(headers.get('x-ratelimit-reset'), '60');
      }
      clock.advance(20_000);
      const { status, headers } = await visit();
      assert.equal(status, 429);
      assert.equal(headers.get('retry-after'), '40');
      assert.equal((await visit('/', 'another')).status, 200);
      clock.advance(40_000);
      assert.equal(await passed(visit, '/'), 5);
    }));

  it('holds over requests that come at once', () =>
    limited({}, undefined, async (visit) => {
      const answers = await times(40, () => visit());
      assert.deepEqual([countOf(answers, 200), countOf(answers, 429)], [5, 35]);
    }));

  it('bans who is denied too often, as what is denied counts', () =>
    limited({ ban: 3 }, undefined, async (visit) => {
      const answers = await times(20, () => visit());
      assert.deepEqual([countOf(answers, 200), countOf(answers, 429), countOf(answers, 403)], [5, 3, 12]);
    }));

  it('of applications that share a store and a prefix is one limit [FastifyRateLimitStoreOptions.prefix]', () =>
    limited({ counters: newStore({ prefix: 'shared' }) }, undefined, (visit) =>
      limited({ counters: newStore({ prefix: 'shared' }) }, undefined, (visitOther) =>
        limited({ counters: newStore({ prefix: 'apart' }) }, undefined, async (visitApart) => {
          assert.equal(await passed(visit, '/'), 5);
          assert.equal(await passed(visitOther, '/'), 0);
          assert.equal(await passed(visitApart, '/'), 5);
        }),
      ),
    ));
});

describe('a route', () => {
  const ownLimits = (app) => {
    route(app, '/short', { max: 2, timeWindow: 1000 });
    route(app, '/long', { max: 3, timeWindow: '10 minutes' });
    route(app, '/long/:id', { max: 3, timeWindow: '10 minutes' });
  };

  it('with limits of its own has its own window and its own counters', () =>
    limited({}, ownLimits, async (visit) => {
      assert.equal(await passed(visit, '/'), 5);
      assert.equal(await passed(visit, '/short'), 2);
      assert.equal(await passed(visit, '/long'), 3);
      assert.equal(await passed(visit, '/long/1'), 3);
      clock.advance(1000);
      assert.deepEqual([await passed(visit, '/short'), await passed(visit, '/long')], [2, 0]);
      clock.advance('10m');
      assert.equal(await passed(visit, '/long'), 3);
    }));

  it('of another method or constraint is another, the same in each application', () => {
    const counters = newStore();
    const routes = (app) => {
      const config = { rateLimit: { max: 2 } };
      app.route({ method: 'GET', url: '/same', config, handler: async () => 'one' });
      app.route({
        method: 'GET',
        url: '/same',
        config,
        constraints: { host: /^127\./ },
        handler: async () => 'constrained',
      });
      app.route({ method: 'OPTIONS', url: '/same', config, handler: async () => 'options' });
    };
    return limited({ counters }, routes, async (visit) => {
      assert.equal((await visit('/same')).body, 'constrained');
      await limited({ counters }, routes, async (visitOther) => {
        assert.equal(await passed(visitOther, '/same'), 1);
      });
      const app = await newApp({ counters }, routes);
      const inject = (method, host) => app.inject({ method, url: '/same', headers: { host, 'x-key': 'one' } });
      const statuses = async (...to) => (await times(3, () => inject(...to))).map(({ statusCode }) => statusCode);
      assert.deepEqual(await statuses('GET', '127.0.0.1'), [429, 429, 429]);
      assert.deepEqual(await statuses('GET', 'elsewhere'), [200, 200, 429]);
      assert.deepEqual(await statuses('OPTIONS', 'elsewhere'), [200, 200, 429]);
      await app.close();
    });
  });

  it('counts with the others of its group, and with nobody else', () => {
    const routes = (app) => {
      route(app, '/send', { max: 3, groupId: 'otp' });
      route(app, '/check', { max: 3, groupId: 'otp' });
      route(app, '/other', { max: 3, groupId: 'tp' });
      route(app, '/none', { max: 3 });
    };
    return limited({}, routes, async (visit) => {
      const answers = await times(20, (index) => visit(index % 2 === 0 ? '/send' : '/check'));
      assert.equal(countOf(answers, 200), 3);
      assert.equal(await passed(visit, '/none'), 3);
      // 'one' + 'otp' and 'oneo' + 'tp' are one text.
      assert.equal(await passed(visit, '/other', 'oneo'), 3);
      // A client whose key reads like the group's, where there is no group.
      assert.equal(await passed(visit, '/', 'group otponeotp'), 5);
    });
  });

  it('may have a window for each request: each is a counter of its own', () => {
    const timeWindow = (req) => (req.headers['x-key'] === 'fast' ? 1000 : MINUTE);
    return limited({ timeWindow }, undefined, async (visit) => {
      assert.deepEqual([await passed(visit, '/', 'fast'), await passed(visit, '/', 'slow')], [5, 5]);
      clock.advance(1000);
      assert.deepEqual([await passed(visit, '/', 'fast'), await passed(visit, '/', 'slow')], [5, 0]);
      clock.advance(MINUTE);
    });
  });

  it('with a window of 0 denies nobody for longer than a millisecond', () =>
    limited({ timeWindow: 0 }, undefined, async (visit) => {
      assert.equal(await passed(visit, '/'), 5);
      clock.advance(1);
      assert.equal(await passed(visit, '/'), 5);
    }));

  it('with a window without end is limited for as long as a limiter can, as with the longest window', () =>
    limited({ timeWindow: () => Infinity }, undefined, async (visit) => {
      assert.equal(await passed(visit, '/'), 5);
      assert.equal((await visit()).status, 429);
    }));
});

describe('a limiter by hand', () => {
  it('is counted apart from all others', () => {
    const routes = (app) => {
      app.get('/first', { onRequest: app.rateLimit({ max: 2 }), config: { rateLimit: false } }, async () => 'in');
      app.get('/second', { onRequest: app.rateLimit({ max: 3 }), config: { rateLimit: false } }, async () => 'in');
    };
    return limited({}, routes, async (visit) => {
      assert.deepEqual([await passed(visit, '/first'), await passed(visit, '/second')], [2, 3]);
      assert.equal(await passed(visit, '/'), 5);
    });
  });

  it('reads without counting', () => {
    const routes = (app) => {
      const check = app.createRateLimit({ max: 2 });
      app.get('/read', { config: { rateLimit: false } }, (req) => check(req, { increment: false }));
      app.get('/take', { config: { rateLimit: false } }, (req) => check(req));
    };
    return limited({}, routes, async (visit) => {
      const see = async (path) => {
        const { remaining, ttl, isExceeded } = JSON.parse((await visit(path)).body);
        return [remaining, ttl, isExceeded];
      };
      assert.deepEqual(await see('/read'), [2, 0, false]);
      assert.deepEqual(await see('/take'), [1, MINUTE, false]);
      clock.advance(1000);
      assert.deepEqual(await see('/read'), [1, MINUTE - 1000, false]);
      assert.deepEqual(await see('/take'), [0, MINUTE - 1000, false]);
      assert.deepEqual(await see('/take'), [0, MINUTE - 1000, true]);
      assert.deepEqual(await see('/read'), [0, MINUTE - 1000, true]);
    });
  });
});

describe('options', () => {
  it('sliding-window lets no more through in any window [FastifyRateLimitStoreOptions.algorithm]', () =>
    limited({ counters: newStore({ algorithm: 'sliding-window' }) }, undefined, async (visit) => {
      await visit();
      clock.advance(MINUTE - 1000);
      assert.equal(await passed(visit, '/'), 4);
      clock.advance(1000);
      assert.equal((await visit()).status, 429);
      clock.advance(2 * MINUTE);
      assert.equal(await passed(visit, '/'), 5);
    }));

  it('keys beyond maxKeys share one counter [FastifyRateLimitStoreOptions.maxKeys]', () =>
    limited({ counters: newStore({ maxKeys: 1 }) }, undefined, async (visit) => {
      assert.equal(await passed(visit, '/', 'first'), 5);
      assert.equal(countOf(await times(20, (index) => visit('/', `other-${index}`)), 200), 5);
      assert.equal((await visit('/', 'first')).status, 429);
    }));

  it('that make no sense are refused at once', () => {
    assert.throws(() => fastifyRateLimitStore({ store, prefx: 'a' }), /did you mean 'prefix'/);
    for (const options of [{}, { store }, { prefix: 'a' }, { store: {}, prefix: 'a' }]) {
      assert.throws(
        () => fastifyRateLimitStore(options),
        (error) => RedstartError.is(error, 'ERR_INVALID_ARG'),
      );
    }
    for (const wrong of [{ algorithm: 'sliding-log' }, { maxKeys: 0 }]) assert.throws(() => newStore(wrong), /must be/);
  });

  for (const option of ['continueExceeding', 'exponentialBackoff']) {
    it(`${option} is refused where it stands, at the plugin or at a route`, async () => {
      await assert.rejects(newApp({ [option]: true }), new RegExp(option));
      await assert.rejects(
        newApp({}, (app) => route(app, '/own', { max: 2, [option]: true })),
        new RegExp(option),
      );
    });
  }

  it('a store that is closed fails the request, or lets it pass with skipOnError', async () => {
    for (const skipOnError of [false, true]) {
      const own = open('memory:');
      const counters = fastifyRateLimitStore({ store: own, prefix: 'own' });
      await limited({ counters, skipOnError }, undefined, async (visit) => {
        await own.close();
        assert.equal((await visit()).status, skipOnError ? 200 : 500);
      });
    }
  });
});
