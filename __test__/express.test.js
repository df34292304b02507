'use strict';
// Rate limits over real HTTP, in Express and in plain node:http.
const assert = require('node:assert/strict');
const http = require('node:http');
const { after, before, describe, it } = require('node:test');
const { inspect } = require('node:util');
const express = require('express');
const { manualClock, open, RedstartError } = require('..');
const { rateLimit } = require('redstart/express');

const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newLimiter = (options) => store.limiter(`limiter-${names++}`, { limit: 2, window: '1m', ...options });

/** Serves for the length of one call. */
async function serving(listener, visit) {
  const server = http.createServer(listener);
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${server.address().port}`;
  try {
    return await visit((path = '/', options = {}) => fetch(url + path, options));
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}

/** An Express app behind these limits. Errors are told as JSON. */
function appWith(...middleware) {
  const app = express();
  app.use(...middleware);
  app.use((req, res) => res.json({ seen: req.rateLimit ?? null }));
  app.use((error, _req, res, _next) => res.status(500).json({ code: error.code, message: error.message }));
  return app;
}

describe('a limited app', () => {
  it('admits up to the limit, then answers 429, and admits again when told [RateLimitOptions.limiter]', () =>
    serving(appWith(rateLimit({ limiter: newLimiter() })), async (get) => {
      assert.equal((await get()).status, 200);
      assert.equal((await get()).status, 200);
      const denied = await get();
      assert.equal(denied.status, 429);
      assert.equal(await denied.text(), 'Too many requests, please try again later.');
      const seconds = Number(denied.headers.get('retry-after'));
      assert.ok(seconds >= 1 && seconds <= 64, String(seconds));
      clock.advance(seconds * 1000);
      assert.equal((await get()).status, 200);
    }));

  it('sets the headers of draft 8 and the older ones', () =>
    serving(
      appWith(rateLimit({ limiter: newLimiter({ algorithm: 'fixed-window', window: '90500ms' }) })),
      async (get) => {
        const { headers } = await get();
        const name = `limiter-${names - 1}`;
        assert.equal(headers.get('ratelimit'), `"${name}"; r=1; t=91`);
        assert.match(headers.get('ratelimit-policy'), new RegExp(`^"${name}"; q=2; w=91; pk=:[A-Za-z0-9+/]{12}:$`));
        assert.equal(headers.get('x-ratelimit-limit'), '2');
        assert.equal(headers.get('x-ratelimit-remaining'), '1');
        const reset = Number(headers.get('x-ratelimit-reset')) - Date.now() / 1000;
        assert.ok(reset > 88 && reset < 93, String(reset));
        assert.equal(headers.get('retry-after'), null);
        await get();
        clock.advance(90_000);
        const denied = await get();
        assert.equal(denied.headers.get('ratelimit'), `"${name}"; r=0; t=1`);
        assert.equal(denied.headers.get('retry-after'), '1');
      },
    ));

  it('sets those that are asked for, and Retry-After always', () => {
    const options = { limiter: newLimiter({ limit: 1 }), standardHeaders: false, legacyHeaders: false };
    return serving(appWith(rateLimit(options)), async (get) => {
      await get();
      const { headers, status } = await get();
      assert.equal(status, 429);
      assert.deepEqual(
        [...headers.keys()].filter((name) => name.includes('ratelimit')),
        [],
      );
      assert.ok(headers.has('retry-after'));
    });
  });

  it('tells every policy a request has passed [RateLimitOptions.identifier]', () =>
    serving(
      appWith(
        rateLimit({ limiter: newLimiter({ limit: 10 }), identifier: 'burst "quoted" \\' }),
        rateLimit({ limiter: store.limiter('täglich', { limit: 100, window: '1d' }) }),
      ),
      async (get) => {
        const { headers } = await get();
        assert.match(headers.get('ratelimit'), /^"burst \\"quoted\\" \\\\"; r=9; t=\d+, "t%C3%A4glich"; r=99; t=\d+$/);
        assert.match(headers.get('ratelimit-policy'), /q=10; w=60; .*, "t%C3%A4glich"; q=100; w=86400; pk=/);
      },
    ));

  it('leaves what was decided on the request', () =>
    serving(appWith(rateLimit({ limiter: newLimiter({ limit: 5 }) })), async (get) => {
      const { seen } = await (await get()).json();
      const { resetAfterMs, ...rest } = seen;
      assert.deepEqual(rest, { allowed: true, limit: 5, remaining: 4, retryAfterMs: 0, key: '127.0.0.1' });
      assert.ok(resetAfterMs > 0);
    }));

  it('says no address in a header, and the same for one client only', () => {
    const key = (req) => req.get('x-user');
    return serving(appWith(rateLimit({ limiter: newLimiter(), key })), async (get) => {
      const partition = async (user) => {
        const { headers } = await get('/', { headers: { 'x-user': user } });
        return /pk=:(.*):/.exec(headers.get('ratelimit-policy'))[1];
      };
      const ada = await partition('ada');
      assert.equal(await partition('ada'), ada);
      assert.notEqual(await partition('bob'), ada);
      const unsalted = require('node:crypto').createHash('sha256').update('ada').digest('base64');
      assert.ok(!unsalted.startsWith(ada));
    });
  });
});

describe('whose request it is', () => {
  it('is the address, IPv6 by its subnet', () => {
    const app = appWith(rateLimit({ limiter: newLimiter({ limit: 100 }) }));
    app.set('trust proxy', 1);
    return serving(app, async (get) => {
      const keyOf = async (address) =>
        (await (await get('/', { headers: { 'x-forwarded-for': address } })).json()).seen.key;
      assert.equal(await keyOf('203.0.113.9'), '203.0.113.9');
      assert.equal(await keyOf('::ffff:203.0.113.9'), '203.0.113.9');
      const first = await keyOf('2001:db8:1:200::1');
      assert.equal(await keyOf('2001:db8:1:2ff:ffff::2'), first);
      assert.notEqual(await keyOf('2001:db8:1:300::1'), first);
    });
  });

  it('is the address without the port that some proxies add', () => {
    const app = appWith(rateLimit({ limiter: newLimiter({ limit: 100 }) }));
    app.set('trust proxy', 1);
    return serving(app, async (get) => {
      const ask = async (address) => (await get('/', { headers: { 'x-forwarded-for': address } })).json();
      const keyOf = async (address) => (await ask(address)).seen.key;
      assert.equal(await keyOf('203.0.113.9:5678'), '203.0.113.9');
      const v6 = await keyOf('2001:db8::1');
      assert.equal(await keyOf('[2001:db8::1]:443'), v6);
      assert.equal(await keyOf('[2001:db8::1]'), v6);
      // Here the last group is no port.
      assert.equal(await keyOf('2001:db8:0:1::443'), v6);
      assert.equal(await keyOf('::ffff:203.0.113.9'), '203.0.113.9');
      for (const address of ['unknown', '203.0.113.9:', '203.0.113.9:port', '[]:80', '1.2.3:80']) {
        assert.equal((await ask(address)).code, 'ERR_INVALID_ARG', address);
      }
    });
  });

  it('is an error when there is no address', () => {
    const noAddress = (req, _res, next) => {
      Object.defineProperty(req, 'ip', { value: undefined });
      next();
    };
    return serving(appWith(noAddress, rateLimit({ limiter: newLimiter() })), async (get) => {
      const response = await get();
      assert.equal(response.status, 500);
      const { code, message } = await response.json();
      assert.equal(code, 'ERR_INVALID_STATE');
      assert.match(message, /trust proxy.*key/);
    });
  });

  it('may be looked up [RateLimitOptions.key]', () => {
    const key = async (req) => `user:${req.query.user}`;
    return serving(appWith(rateLimit({ limiter: newLimiter({ limit: 1 }), key })), async (get) => {
      assert.equal((await get('/?user=1')).status, 200);
      assert.equal((await get('/?user=2')).status, 200);
      assert.equal((await get('/?user=1')).status, 429);
    });
  });

  it('may be nobody: skipped requests are not counted [RateLimitOptions.skip]', () => {
    const skip = async (req) => req.path === '/health';
    return serving(appWith(rateLimit({ limiter: newLimiter({ limit: 1 }), skip })), async (get) => {
      for (let i = 0; i < 3; i++) {
        const response = await get('/health');
        assert.equal(response.status, 200);
        assert.equal(response.headers.get('ratelimit'), null);
      }
      assert.equal((await get()).status, 200);
    });
  });
});

describe('the answer to a denied request', () => {
  const denied = (options, listener = (limit) => appWith(limit)) =>
    serving(listener(rateLimit({ limiter: newLimiter({ limit: 1 }), ...options })), async (get) => {
      await get();
      const response = await get();
      return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
    });

  it('may be an object [RateLimitOptions.message] [RateLimitOptions.statusCode]', async () => {
    const { status, type, body } = await denied({ message: { error: 'slow down' }, statusCode: 503 });
    assert.equal(status, 503);
    assert.match(type, /^application\/json/);
    assert.deepEqual(JSON.parse(body), { error: 'slow down' });
  });

  it('may be made for the request', async () => {
    const message = async (req) => `not so fast, ${req.rateLimit.key}`;
    assert.equal((await denied({ message })).body, 'not so fast, 127.0.0.1');
  });

  it('may be the handler’s [RateLimitOptions.handler]', async () => {
    const handler = (_req, res, _next, { statusCode, message }) => res.status(statusCode).send(`handled: ${message}`);
    assert.deepEqual(await denied({ handler, message: 'no' }), {
      status: 429,
      type: 'text/html; charset=utf-8',
      body: 'handled: no',
    });
  });

  it('may be passed on by the handler', async () => {
    const handler = (_req, _res, next) => next();
    assert.equal((await denied({ handler })).status, 200);
  });

  it('is there in plain node:http too', async () => {
    const plain = (limit) => (req, res) => limit(req, res, (error) => res.end(error ? String(error) : 'fine'));
    const text = await denied({}, plain);
    assert.deepEqual(text, {
      status: 429,
      type: 'text/plain; charset=utf-8',
      body: 'Too many requests, please try again later.',
    });
    const json = await denied({ message: { error: 'slow down' } }, plain);
    assert.deepEqual([json.type, json.body], ['application/json; charset=utf-8', '{"error":"slow down"}']);
  });

  it('is left alone when something else has answered', () => {
    const answered = (_req, res, next) => {
      res.status(202).end('answered');
      next();
    };
    const errors = [];
    const limit = rateLimit({ limiter: newLimiter({ limit: 1 }) });
    const app = express().use(answered, limit, () => {});
    app.use((error, _req, _res, _next) => errors.push(error));
    return serving(app, async (get) => {
      for (let i = 0; i < 2; i++) {
        const response = await get();
        assert.deepEqual([response.status, await response.text()], [202, 'answered']);
      }
      assert.deepEqual(errors, []);
    });
  });

  for (const [where, begin] of Object.entries({
    Express: (res) => res.flushHeaders(),
    'plain node:http': (res) => res.writeHead(200),
    'a body that has begun': (res) => res.write('begun'),
  })) {
    it(`is an error when headers have been sent, and no client waits for ever: ${where}`, () => {
      const limit = rateLimit({ limiter: newLimiter({ limit: 1 }) });
      const errors = [];
      const end = (res) => (error) => {
        if (error) errors.push(error);
        res.end(error ? ' denied' : ' passed');
      };
      const plain = (req, res) => {
        begin(res);
        limit(req, res, end(res));
      };
      const app = express().use((_req, res, next) => {
        begin(res);
        next();
      }, limit);
      app.use((_req, res) => end(res)());
      app.use((error, _req, res, _next) => end(res)(error));
      return serving(where === 'Express' ? app : plain, async (get) => {
        const signal = AbortSignal.timeout(5000);
        assert.match(await (await get('/', { signal })).text(), / passed$/);
        assert.match(await (await get('/', { signal })).text(), / denied$/);
        assert.ok(errors.length === 1 && RedstartError.is(errors[0], 'ERR_INVALID_STATE'), String(errors));
        assert.match(errors[0].message, /denied.*headers.*put rateLimit\(\) before/);
      });
    });
  }
});

describe('errors', () => {
  const failing = async () => {
    throw new Error('no database');
  };

  for (const [where, options] of Object.entries({
    key: { key: failing },
    skip: { skip: failing },
    'a key that is no string': { key: () => undefined },
    'a key that is far too long': { key: () => 'k'.repeat(1e6) },
    message: { message: failing },
    handler: { handler: failing },
  })) {
    it(`of ${where} go to next(error)`, () =>
      serving(appWith(rateLimit({ limiter: newLimiter({ limit: 1 }), ...options })), async (get) => {
        const responses = [await get(), await get()];
        const last = responses[1];
        if (where === 'a key that is far too long' && last.status !== 500) return;
        assert.equal(last.status, 500);
        const { code, message } = await last.json();
        assert.ok(message === 'no database' || code === 'ERR_INVALID_ARG', `${code} ${message}`);
      }));
  }

  for (const thrown of [undefined, null, false, 0, '', 'route', 'router', { a: 1 }]) {
    for (const option of ['key', 'skip', 'message', 'handler']) {
      it(`of ${option} that are none (${inspect(thrown)}) let no request pass`, () => {
        const fail = async () => {
          throw thrown;
        };
        let error;
        const app = express();
        app.get('/', rateLimit({ limiter: newLimiter({ limit: 1 }), [option]: fail }), (_req, res) => res.end('app'));
        app.get('/', (_req, res) => res.end('next route'));
        app.use((given, _req, res, _next) => {
          error = given;
          res.status(500).end();
        });
        return serving(app, async (get) => {
          // The first is admitted before there is a denial to answer.
          if (option === 'message' || option === 'handler') assert.equal(await (await get()).text(), 'app');
          assert.equal((await get()).status, 500);
          assert.ok(RedstartError.is(error, 'ERR_INVALID_STATE'), String(error));
          assert.match(error.message, new RegExp(`'${option}' of rateLimit\\(\\) threw .*no Error`));
          assert.ok('cause' in error);
          assert.equal(error.cause, thrown);
        });
      });
    }
  }

  it('of a closed store too', async () => {
    const closing = open('memory:');
    const limit = rateLimit({ limiter: closing.limiter('closing', { limit: 1, window: '1m' }) });
    await closing.close();
    await serving(appWith(limit), async (get) => {
      const response = await get();
      assert.equal(response.status, 500);
      assert.equal((await response.json()).code, 'ERR_CLOSED');
    });
  });

  it('of the app after it are not answered twice', () => {
    const app = express().use(rateLimit({ limiter: newLimiter() }), () => {
      throw new Error('of the app');
    });
    let calls = 0;
    app.use((_error, _req, res, _next) => res.status(500).json({ calls: ++calls }));
    return serving(app, async (get) => assert.deepEqual(await (await get()).json(), { calls: 1 }));
  });
});

describe('options', () => {
  let limiter;
  before(() => {
    limiter = newLimiter();
  });
  const wrong = [
    [undefined, /^rateLimit\(\) needs the option 'limiter': a limiter: store\.limiter\(/],
    [{ limiter: { limit: 5 } }, /'limiter' of rateLimit\(\) must be a limiter/],
    [{ windowMs: 1000 }, /unknown option 'windowMs'/],
    [{ key: 'ip' }, /'key'.*must be a function/],
    [{ standardHeaders: 'draft-5' }, /must be 'draft-8' or 'draft-7' or 'draft-6' or false; got 'draft-5'/],
    [{ identifier: 'zwölf' }, /'identifier'.*printable ASCII/],
    [{ statusCode: 42 }, /'statusCode'.*from 200 to 599/],
    [{ requestPropertyName: '' }, /'requestPropertyName'/],
  ];
  for (const [options, message] of wrong) {
    it(String(message), () => {
      const given = options === undefined || 'limiter' in options ? options : { limiter, ...options };
      assert.throws(
        () => rateLimit(given),
        (error) => RedstartError.is(error, 'ERR_INVALID_ARG') && message.test(error.message),
      );
    });
  }
});
