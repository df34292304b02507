'use strict';
// The storage under the real @nestjs/throttler in a real, listening Nest application. All times are those of the store's clock.
require('reflect-metadata');
const assert = require('node:assert/strict');
const { after, describe, it } = require('node:test');
const { Controller, Get, Module } = require('@nestjs/common');
const { APP_GUARD, NestFactory } = require('@nestjs/core');
const { Throttle, ThrottlerGuard, ThrottlerModule } = require('@nestjs/throttler');
const { RedstartError, manualClock, open } = require('..');
const { ThrottlerStorage } = require('redstart/nest-throttler');
const { countOf, times, visitor } = require('./support/limiter-doors/http.js');

const MINUTE = 60_000;
const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newStorage = (options) => new ThrottlerStorage({ store, prefix: `api-${names++}`, ...options });

/** Decorators as TypeScript would apply them. */
function decorate(Class, method, ...decorators) {
  const at = method === undefined ? [Class] : [Class.prototype, method, described(Class, method)];
  for (const decorator of decorators) decorator(...at);
}
const described = (Class, method) => Object.getOwnPropertyDescriptor(Class.prototype, method);

class AppController {
  index() {
    return 'in';
  }
  strict() {
    return 'in';
  }
}
decorate(AppController, undefined, Controller());
decorate(AppController, 'index', Get());
decorate(AppController, 'strict', Get('strict'), Throttle({ default: { limit: 2, ttl: 1000 } }));

/** An application with these throttlers; without, with one of five a minute. */
async function throttled({ storage = newStorage(), throttlers = [{}], ...options }, visit) {
  class AppModule {}
  const defaults = { ttl: MINUTE, limit: 5 };
  const throttling = ThrottlerModule.forRoot({
    getTracker: async (req) => req.headers['x-key'],
    ...options,
    throttlers: throttlers.map((throttler) => ({ ...defaults, ...throttler })),
    storage,
  });
  const providers = [{ provide: APP_GUARD, useClass: ThrottlerGuard }];
  decorate(AppModule, undefined, Module({ imports: [throttling], controllers: [AppController], providers }));
  const app = await NestFactory.create(AppModule, { logger: false, forceCloseConnections: true });
  await app.listen(0, '127.0.0.1');
  try {
    await visit(visitor(`http://127.0.0.1:${app.getHttpServer().address().port}`));
  } finally {
    await app.close();
  }
}
const passed = async (visit, path, key) => countOf(await times(20, () => visit(path, key)), 200);

describe('a throttler', () => {
  it('lets as many through as it says, then none, and the headers tell [ThrottlerStorageOptions.store]', () =>
    throttled({}, async (visit) => {
      for (let left = 4; left >= 0; left--) {
        const { status, headers } = await visit();
        assert.equal(status, 200);
        assert.equal(headers.get('x-ratelimit-limit'), '5');
        assert.equal(headers.get('x-ratelimit-remaining'), String(left));
      }
      const { status, headers } = await visit();
      assert.equal(status, 429);
      assert.equal(headers.get('retry-after'), '60');
      assert.equal((await visit('/', 'another')).status, 200);
    }));

  it('holds over requests that come at once', () =>
    throttled({}, async (visit) => {
      const answers = await times(40, () => visit());
      assert.deepEqual([countOf(answers, 200), countOf(answers, 429)], [5, 35]);
    }));

  it('of a route has its own limit and window', () =>
    throttled({}, async (visit) => {
      assert.deepEqual([await passed(visit, '/strict'), await passed(visit, '/')], [2, 5]);
      clock.advance(1000);
      assert.deepEqual([await passed(visit, '/strict'), await passed(visit, '/')], [2, 0]);
    }));

  it('counts apart from others, whose keys may be the same', () => {
    const throttlers = [
      { name: 'short', ttl: 1000, limit: 2 },
      { name: 'long', limit: 5 },
    ];
    return throttled({ throttlers, generateKey: (_context, tracker) => tracker }, async (visit) => {
      assert.equal(await passed(visit, '/'), 2);
      const { headers } = await visit();
      assert.equal(headers.get('retry-after-short'), '1');
      clock.advance(2000);
      const { status, headers: fresh } = await visit();
      assert.equal(status, 200);
      // Of the first two, and of this one: what the short throttler denied never came to the long one.
      assert.equal(fresh.get('x-ratelimit-remaining-long'), '2');
    });
  });

  it('counts apart also where name and key make one text', async () => {
    const storage = newStorage();
    assert.equal((await storage.increment('bc', MINUTE, 1, 0, 'a')).isBlocked, false);
    assert.equal((await storage.increment('c', MINUTE, 1, 0, 'ab')).isBlocked, false);
    assert.equal((await storage.increment('bc', MINUTE, 1, 0, 'b')).isBlocked, false);
    assert.equal((await storage.increment('bc', MINUTE, 1, 0, 'a')).isBlocked, true);
  });

  it('of applications with one prefix is one throttler [ThrottlerStorageOptions.prefix]', () =>
    throttled({ storage: newStorage({ prefix: 'shared' }) }, (visit) =>
      throttled({ storage: newStorage({ prefix: 'shared' }) }, (visitOther) =>
        throttled({ storage: newStorage({ prefix: 'apart' }) }, async (visitApart) => {
          assert.equal(await passed(visit, '/'), 5);
          assert.equal(await passed(visitOther, '/'), 0);
          assert.equal(await passed(visitApart, '/'), 5);
        }),
      ),
    ));
});

describe('a block', () => {
  it('lasts for blockDuration from the first denial, however often one asks', () =>
    throttled({ throttlers: [{ blockDuration: 10 * MINUTE }] }, async (visit) => {
      assert.equal(await passed(visit, '/'), 5);
      clock.advance('9m');
      const { status, headers } = await visit();
      assert.deepEqual([status, headers.get('retry-after')], [429, '60']);
      clock.advance('1m');
      assert.equal(await passed(visit, '/'), 5);
    }));

  it('that is shorter than the window ends with a key that is as new', () =>
    throttled({ throttlers: [{ blockDuration: 1000 }] }, async (visit) => {
      assert.equal(await passed(visit, '/'), 5);
      clock.advance(999);
      assert.equal(await passed(visit, '/'), 0);
      clock.advance(1);
      assert.equal(await passed(visit, '/'), 5);
    }));

  it('of 0 is none: one passes as soon as there is room', () => {
    const storage = newStorage({ algorithm: 'sliding-log' });
    return throttled({ storage, throttlers: [{ blockDuration: 0 }] }, async (visit) => {
      await visit();
      clock.advance(10_000);
      assert.equal(await passed(visit, '/'), 4);
      const { status, headers } = await visit();
      assert.deepEqual([status, headers.get('retry-after')], [429, '50']);
      clock.advance(50_000);
      assert.equal(await passed(visit, '/'), 1);
    });
  });

  it('that finds no room is none, and the key is denied by its limit', async () => {
    // One place, which the counter has.
    const storage = newStorage({ prefix: 'crowded', algorithm: 'fixed-window', maxKeys: 1 });
    const ask = () => storage.increment('k', MINUTE, 1, 10 * MINUTE, 'default');
    assert.equal((await ask()).isBlocked, false);
    const { isBlocked, timeToBlockExpire } = await ask();
    assert.deepEqual([isBlocked, timeToBlockExpire], [true, 60]);
    assert.equal((await store.limiter('crowded').stats()).blocked, 0);
  });
});

describe('a limit', () => {
  it('below 1 denies everything, and one without end nothing', async () => {
    await throttled({ throttlers: [{ limit: 0 }] }, async (visit) => {
      assert.equal(countOf(await times(20, () => visit()), 429), 20);
    });
    await throttled({ throttlers: [{ limit: Infinity }] }, async (visit) => assert.equal(await passed(visit, '/'), 20));
  });

  it('with a part of one is that without', () =>
    throttled({ throttlers: [{ limit: 2.5 }] }, async (visit) => assert.equal(await passed(visit, '/'), 2)));
});

describe('options', () => {
  it('fixed-window ends with its window, which began with the first hit [ThrottlerStorageOptions.algorithm]', () => {
    const storage = newStorage({ algorithm: 'fixed-window' });
    return throttled({ storage, throttlers: [{ blockDuration: 0 }] }, async (visit) => {
      await visit();
      clock.advance(MINUTE - 1000);
      assert.equal(await passed(visit, '/'), 4);
      clock.advance(1000);
      assert.equal(await passed(visit, '/'), 5);
    });
  });

  it('keys beyond maxKeys share one counter, which is never blocked [ThrottlerStorageOptions.maxKeys]', () =>
    throttled({ storage: newStorage({ maxKeys: 1 }), throttlers: [{ blockDuration: 0 }] }, async (visit) => {
      assert.equal(await passed(visit, '/', 'first'), 5);
      assert.equal(countOf(await times(20, (index) => visit('/', `other-${index}`)), 200), 5);
      assert.equal((await visit('/', 'first')).status, 429);
    }));

  it('that make no sense are refused at once', () => {
    assert.throws(() => new ThrottlerStorage({ store, prefx: 'a' }), /did you mean 'prefix'/);
    for (const options of [{}, { store }, { prefix: 'a' }, { store: {}, prefix: 'a' }]) {
      assert.throws(
        () => new ThrottlerStorage(options),
        (error) => RedstartError.is(error, 'ERR_INVALID_ARG'),
      );
    }
    for (const wrong of [{ algorithm: 'leaky' }, { maxKeys: 0 }]) assert.throws(() => newStorage(wrong), /must be/);
  });
});
