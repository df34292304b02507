'use strict';
// What is asked of the app for each request: cost, limit, window, identifier; what becomes of failures; and clients that
// send what nobody expects.
const assert = require('node:assert/strict');
const net = require('node:net');
const { after, describe, it } = require('node:test');
const express = require('express');
const { manualClock, open, RedstartError } = require('redstart');
const { rateLimit } = require('redstart/express');
const { serving, appWith, warningsDuring, tick } = require('./support/rate-limit/serving.js');

const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newLimiter = (options) => store.limiter(`requests-${names++}`, { limit: 10, window: '1m', ...options });
const LOCAL = '127.0.0.1';

describe('a request', () => {
  it('takes what it costs [RateLimitOptions.cost]', async () => {
    const limiter = newLimiter();
    const app = appWith(rateLimit({ limiter, cost: async (req) => Number(req.query.cost) }));
    await serving(app, async (get) => {
      assert.equal((await get('/?cost=7')).status, 200);
      assert.equal((await get('/?cost=4')).status, 429);
      assert.equal((await get('/?cost=3')).status, 200);
    });
    const fixed = newLimiter();
    await serving(appWith(rateLimit({ limiter: fixed, cost: 4 })), (get) => get());
    assert.equal((await fixed.peek(LOCAL)).remaining, 6);
  });

  it('that costs nothing is not counted, as with skip', async () => {
    const limiter = newLimiter({ limit: 1 });
    const cost = (req) => (req.method === 'HEAD' ? 0 : undefined);
    await serving(appWith(rateLimit({ limiter, cost })), async (get) => {
      await get();
      const { status, headers } = await get('/', { method: 'HEAD' });
      assert.equal(status, 200);
      assert.deepEqual([headers.get('ratelimit'), headers.get('x-ratelimit-limit')], [null, null]);
      // Undefined is the default, 1.
      assert.equal((await get()).status, 429);
    });
  });

  it('has the limit of its plan, and what the key has taken counts [RateLimitOptions.limit]', async () => {
    const limiter = newLimiter({ limit: 3 });
    const app = appWith(rateLimit({ limiter, limit: async (req) => (req.query.plan === 'pro' ? 5 : undefined) }));
    await serving(app, async (get) => {
      for (let request = 0; request < 3; request++) assert.equal((await get()).status, 200);
      assert.equal((await get()).status, 429);
      const { status, headers } = await get('/?plan=pro');
      assert.deepEqual(
        [status, headers.get('x-ratelimit-limit'), headers.get('x-ratelimit-remaining')],
        [200, '5', '1'],
      );
      assert.match(headers.get('ratelimit-policy'), /q=5;/);
    });
    const statics = newLimiter({ limit: 3 });
    await serving(appWith(rateLimit({ limiter: statics, limit: 1 })), async (get) => {
      assert.deepEqual([(await get()).status, (await get()).status], [200, 429]);
    });
  });

  it('has a window of its own, counted apart [RateLimitOptions.window]', async () => {
    const limiter = newLimiter({ limit: 1, algorithm: 'fixed-window' });
    const app = appWith(rateLimit({ limiter, window: (req) => req.query.window }));
    await serving(app, async (get) => {
      const hour = await get('/?window=1h');
      assert.match(hour.headers.get('ratelimit'), /t=3600$/);
      assert.match(hour.headers.get('ratelimit-policy'), /w=3600;/);
      assert.equal((await get('/?window=1h')).status, 429);
      const own = await get();
      assert.equal(own.status, 200);
      assert.match(own.headers.get('ratelimit-policy'), /w=60;/);
    });
  });

  it('may give its policy a name, which no client can break a header with', async () => {
    const app = appWith(rateLimit({ limiter: newLimiter(), identifier: async (req) => req.query.name }));
    await serving(app, async (get) => {
      const nameFor = async (name) =>
        /^(.*); r=\d+; t=\d+$/.exec((await get(`/?name=${encodeURIComponent(name)}`)).headers.get('ratelimit'))[1];
      assert.equal(await nameFor('plan "A"\\'), '"plan \\"A\\"\\\\"');
      assert.equal(await nameFor('a\r\nSet-Cookie: b\0'), '"a%0D%0ASet-Cookie: b%00"');
      assert.equal(await nameFor('zwölf'), '"zw%C3%B6lf"');
      assert.equal((await nameFor('x'.repeat(5000))).length, 258);
      assert.equal((await nameFor('\u{1F600}'.repeat(500))).length, 258);
      assert.equal((await get()).json.code, 'ERR_INVALID_ARG');
    });
  });

  for (const [option, value, message] of [
    ['cost', () => -1, /'cost' of rateLimit\(\) must return a whole number from 0 to 4294967295; got -1/],
    ['cost', () => Number.NaN, /'cost' of rateLimit\(\) must return a whole number from 0/],
    ['limit', async () => 0, /'limit' of rateLimit\(\) must return a whole number from 1 to 4294967295; got 0/],
    ['limit', () => Number.POSITIVE_INFINITY, /'limit' of rateLimit\(\) must return a whole number/],
    ['window', () => 'soon', /'window' of rateLimit\(\) must return .*; got 'soon'/],
    ['cost', () => 11, /11/],
  ]) {
    it(`that is told what cannot be is an error and takes nothing: ${message}`, async () => {
      const limiter = newLimiter();
      await serving(appWith(rateLimit({ limiter, [option]: value, onError: 'open' })), async (get) => {
        const { status, json } = await get();
        assert.deepEqual([status, json.code], [500, 'ERR_INVALID_ARG']);
        assert.match(json.message, message);
      });
      assert.equal((await limiter.peek(LOCAL)).remaining, 10);
    });
  }

  it('whose own cost is more than can ever pass is too large, 413, which Express and others answer', async () => {
    const cost = (req) => Number(req.query.bytes);
    for (const [source, limit] of [
      [{ limiter: newLimiter() }, 10],
      [{ limiters: [newLimiter({ limit: 100 }), newLimiter()] }, 10],
      [{ limiter: newLimiter(), limit: () => 20 }, 20],
      [{ limiter: newLimiter({ algorithm: 'gcra', burst: 20 }) }, 20],
    ]) {
      const errors = [];
      const app = express().use(rateLimit({ ...source, cost, onError: 'open' }), (_req, res) => res.end());
      app.use((error, _req, _res, next) => {
        errors.push(error);
        next(error);
      });
      app.set('env', 'test');
      await serving(app, async (get) => {
        for (const bytes of [limit + 1, 2 ** 32, 1e18]) assert.equal((await get(`/?bytes=${bytes}`)).status, 413);
        assert.equal((await get('/?bytes=-1')).status, 500);
        assert.equal((await get(`/?bytes=${limit}`)).status, 200);
      });
      assert.deepEqual(
        errors.map(({ code, status, statusCode }) => [code, status, statusCode]),
        [...Array(3).fill(['ERR_INVALID_ARG', 413, 413]), ['ERR_INVALID_ARG', undefined, undefined]],
      );
    }
  });

  it('is not too large where the mistake is the app’s: a cost for all over the limit of a plan, two stores', async () => {
    const another = open('memory:');
    for (const mistake of [
      { limiter: newLimiter(), cost: 5, limit: () => 3 },
      { limiters: [newLimiter(), another.limiter('another', { limit: 10, window: '1m' })], cost: () => 5 },
    ]) {
      const app = express().use(rateLimit(mistake));
      app.set('env', 'test');
      await serving(app, async (get) => assert.equal((await get()).status, 500));
    }
    await another.close();
  });

  for (const option of ['cost', 'limit', 'window', 'identifier', 'ipv6Subnet']) {
    it(`goes to next(error) when ${option} fails, wherever limiters may fail`, async () => {
      const failing = async () => {
        throw new Error('no database');
      };
      const sixth = (req, _res, next) => {
        Object.defineProperty(req, 'ip', { value: '2001:db8::1' });
        next();
      };
      const limit = rateLimit({ limiter: newLimiter(), [option]: failing, onError: 'open' });
      await serving(appWith(sixth, limit), async (get) => {
        assert.equal((await get()).json.message, 'no database');
      });
    });
  }
});

describe('when the limiter fails', () => {
  const closed = async (many) => {
    const closing = open('memory:');
    const limiter = closing.limiter('closing', { limit: 1, window: '1m' });
    await closing.close();
    return many ? { limiters: [limiter] } : { limiter };
  };

  for (const many of [false, true]) {
    it(`requests pass where they are to, uncounted, and one warning tells [RateLimitOptions.onError] ${many}`, async () => {
      const limit = rateLimit({ ...(await closed(many)), onError: 'open' });
      const seen = await warningsDuring(() =>
        serving(appWith(limit), async (get) => {
          for (let request = 0; request < 3; request++) {
            const { status, headers, json } = await get();
            assert.deepEqual([status, json.seen], [200, null]);
            assert.deepEqual([headers.get('ratelimit'), headers.get('x-ratelimit-limit')], [null, null]);
          }
        }),
      );
      assert.deepEqual(
        seen.map(({ code }) => code),
        ['REDSTART_RATE_LIMIT_OPEN'],
      );
    });

    it(`they do not, if nothing else was said ${many}`, async () => {
      const given = await closed(many);
      for (const options of [given, { ...given, onError: /** @type {const} */ ('closed') }]) {
        await serving(appWith(rateLimit(options)), async (get) => {
          const { status, json } = await get();
          assert.deepEqual([status, json.code], [500, 'ERR_CLOSED']);
        });
      }
    });
  }
});

describe('a denied request', () => {
  it('is somebody else’s once its handler has called next(): a late error is a warning', async () => {
    const handler = async (_req, _res, next) => {
      next();
      throw new Error('too late');
    };
    const limit = rateLimit({ limiter: newLimiter({ limit: 1 }), handler });
    const seen = await warningsDuring(() =>
      serving(appWith(limit), async (get) => {
        await get();
        const { status, json } = await get();
        assert.deepEqual([status, json.seen.allowed], [200, false]);
      }),
    );
    assert.deepEqual(
      seen.map(({ code, message }) => [code, /too late/.test(message)]),
      [['REDSTART_RATE_LIMIT_HANDLER', true]],
    );
  });

  it('may have been answered, or cut off, before the limiter was asked', async () => {
    for (const before of [(res) => res.end('first'), (res) => res.destroy()]) {
      let nexts = 0;
      const listener = express().use((req, res) => {
        before(res);
        limit(req, res, () => {
          nexts += 1;
        });
      });
      const limit = rateLimit({ limiter: newLimiter({ limit: 1 }), key: () => 'k', message: async () => 'no' });
      await serving(listener, async (get) => {
        for (let request = 0; request < 3; request++) await get();
      });
      // Only the first was admitted.
      assert.equal(nexts, 1);
    }
  });
});

describe('many limits on one request', () => {
  it('all give back what it took, and Node warns of no leak', async () => {
    const warned = [];
    const note = ({ name }) => warned.push(name);
    process.on('warning', note);
    const limiters = Array.from({ length: 12 }, () => newLimiter());
    const app = appWith(...limiters.map((limiter) => rateLimit({ limiter, skipFailedRequests: true })));
    await serving(app, async (get) => {
      assert.equal((await get('/?status=500')).status, 500);
      assert.equal((await get()).status, 200);
    });
    process.off('warning', note);
    assert.deepEqual(warned, []);
    for (const limiter of limiters) assert.equal((await limiter.peek(LOCAL)).remaining, 9);
  });
});

describe('what a client sends', () => {
  it('ends in no other key and on no prototype', async () => {
    const limiter = newLimiter({ limit: 2 });
    const limit = rateLimit({ limiter, key: (req) => req.get('x-user') ?? '' });
    await serving(appWith(limit), async (get) => {
      for (const user of ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', 'a:b', 'a', 'A']) {
        const statuses = [];
        for (let request = 0; request < 3; request++) {
          statuses.push((await get('/', { headers: { 'x-user': user } })).status);
        }
        assert.deepEqual(statuses, [200, 200, 429], user);
      }
    });
    assert.equal(/** @type {any} */ ({}).allowed, undefined);
    assert.equal(/** @type {any} */ ({}).rateLimit, undefined);
  });

  it('is an answer and never a crash, whatever its address header says', () => {
    const app = appWith(rateLimit({ limiter: newLimiter({ limit: 1000 }), validate: false }));
    app.set('trust proxy', true);
    return serving(app, async (get) => {
      for (const address of [
        '',
        ',',
        '::',
        '[',
        '[]',
        ':',
        '1.2.3.4:',
        '%',
        '::1%eth0',
        '::ffff:1.2.3',
        'x'.repeat(8000),
      ]) {
        const { status, json } = await get('/', { headers: { 'x-forwarded-for': address } });
        assert.ok(status === 200 || json.code === 'ERR_INVALID_ARG', `${address}: ${status} ${JSON.stringify(json)}`);
      }
    });
  });

  it('is no error of the app where it has left before anybody knew its address', async () => {
    const seen = [];
    const app = express();
    const asked = new Promise((resolve) => {
      app.use((req, _res, next) => {
        req.socket.once('close', () => {
          next();
          resolve(undefined);
        });
      });
    });
    app.use(rateLimit({ limiter: newLimiter() }));
    app.use(() => seen.push('passed'));
    app.use((error, _req, _res, _next) => seen.push(error.code));
    await serving(app, async (_get, port) => {
      const socket = net.connect(port, '127.0.0.1', () => {
        socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n', () => socket.resetAndDestroy());
      });
      await asked;
      for (let turn = 0; turn < 5; turn++) await tick();
    });
    assert.deepEqual(seen, []);
  });

  it('does not pass where the app tells no address, whatever it throws', () => {
    const app = appWith(rateLimit({ limiter: newLimiter(), validate: false }));
    const trust = () => {
      throw undefined;
    };
    app.set('trust proxy', trust);
    return serving(app, async (get) => {
      const { json } = await get('/', { headers: { 'x-forwarded-for': '203.0.113.9' } });
      assert.equal(json.code, 'ERR_INVALID_STATE');
    });
  });

  it('is judged in plain node:http by the address of the socket', async () => {
    const limiter = newLimiter({ limit: 1 });
    const limit = rateLimit({ limiter, validate: false });
    const listener = (req, res) => limit(req, res, (error) => res.end(error ? 'error' : 'fine'));
    await serving(listener, async (get) => {
      assert.equal((await get('/', { headers: { 'x-forwarded-for': '1.1.1.1' } })).text, 'fine');
      assert.equal((await get('/', { headers: { 'x-forwarded-for': '2.2.2.2' } })).status, 429);
    });
    assert.equal((await limiter.peek(LOCAL)).remaining, 0);
  });
});

describe('options of rateLimit()', () => {
  const limiter = newLimiter();
  const wrong = [
    [{ cost: -1 }, /'cost' of rateLimit\(\) must be a whole number from 0 .* or a function \(req, res\)/],
    [{ cost: 11 }, /'cost' of rateLimit\(\) is 11, and limiter 'requests-\d+' gives 10 at once at most/],
    [{ cost: 6, limit: 5 }, /'cost' of rateLimit\(\) is 6, and .* gives 5 at once/],
    [{ requestPropertyName: '' }, /'requestPropertyName' of rateLimit\(\) must be a name/],
    [{ requestPropertyName: '__proto__' }, /'requestPropertyName'.*got '__proto__'/],
    [{ requestPropertyName: 'url' }, /'requestPropertyName'.*got 'url'/],
    [{ limit: 0 }, /'limit' of rateLimit\(\) must be a whole number from 1 to 4294967295, or a function/],
    [{ window: 'soon' }, /'window' of rateLimit\(\) must be/],
    [{ identifier: '' }, /'identifier' of rateLimit\(\) must be printable ASCII of 1 to 256 characters/],
    [{ standardHeaders: true }, /must be 'draft-8' or 'draft-7' or 'draft-6' or false; got true/],
    [{ ipv6Subnet: 65 }, /'ipv6Subnet' of rateLimit\(\) must be a whole number from 32 to 64, or a function/],
    [{ ipv6Subnet: 64, key: () => '' }, /'ipv6Subnet'.*ipKey\(req\.ip, 48\)/],
    [{ skipFailedRequests: 1 }, /'skipFailedRequests'.*true or false/],
    [{ skipSuccessfulRequest: true }, /did you mean 'skipSuccessfulRequests'/],
    [{ requestWasSuccessful: 200 }, /'requestWasSuccessful'.*a function/],
    [{ onError: 'ignore' }, /'onError' of rateLimit\(\) must be 'closed' or 'open'/],
    [{ validate: {} }, /'validate' of rateLimit\(\) must be true or false/],
    [{ windowMs: 1000 }, /unknown option 'windowMs' for rateLimit\(\); the window is the limiter's/],
    [{ max: 5 }, /unknown option 'max' for rateLimit\(\); here it is 'limit'/],
    [{ store: {} }, /unknown option 'store' for rateLimit\(\); .*'limiter'/],
    [{ keyGenerator: () => '' }, /unknown option 'keyGenerator' for rateLimit\(\); here it is 'key'/],
    [{ passOnStoreError: true }, /unknown option 'passOnStoreError' for rateLimit\(\); here it is onError: 'open'/],
  ];
  it('let through a cost that only a request can tell to be too high, or that a burst allows', () => {
    const bucket = newLimiter({ algorithm: 'token-bucket', burst: 20 });
    rateLimit({ limiter, cost: () => 11 });
    rateLimit({ limiter, cost: 11, limit: () => 20 });
    rateLimit({ limiter, cost: 11, limit: 11 });
    rateLimit({ limiter: bucket, cost: 20 });
  });

  for (const [options, message] of wrong) {
    it(`are checked: ${message}`, () => {
      assert.throws(
        () => rateLimit(/** @type {any} */ ({ limiter, ...options })),
        (error) => RedstartError.is(error, 'ERR_INVALID_ARG') && message.test(error.message),
      );
    });
  }
});
