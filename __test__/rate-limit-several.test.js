'use strict';
// Several limiters on one route, and many requests at once: all or nothing, and never more than the limit.
const assert = require('node:assert/strict');
const { after, describe, it } = require('node:test');
const { manualClock, open, RedstartError } = require('redstart');
const { rateLimit } = require('redstart/express');
const { serving, appWith } = require('./support/rate-limit/serving.js');

const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newLimiter = (options) => store.limiter(`several-${names++}`, { limit: 10, window: '1m', ...options });
const LOCAL = '127.0.0.1';
const left = async (limiter, key = LOCAL, rule) => (await limiter.peek(key, rule)).remaining;

describe('several limiters', () => {
  it('admit a request that all have room for, and take nothing when one denies [RateLimitOptions.limiters] [RateLimitPartOptions.limiter]', async () => {
    const burst = newLimiter({ limit: 2, window: '10s', algorithm: 'fixed-window' });
    const daily = newLimiter({ limit: 100, window: '1d' });
    await serving(appWith(rateLimit({ limiters: [{ limiter: daily }, burst] })), async (get) => {
      const statuses = [];
      for (let request = 0; request < 5; request++) statuses.push((await get()).status);
      assert.deepEqual(statuses, [200, 200, 429, 429, 429]);
      assert.deepEqual([await left(daily), await left(burst)], [98, 0]);
      clock.advance('10s');
      assert.equal((await get()).status, 200);
    });
  });

  it('tell every policy in draft 8, and Retry-After is when all have room', () => {
    const [burst, hourly] = [
      newLimiter({ limit: 1, window: '10s', algorithm: 'fixed-window' }),
      newLimiter({ limit: 5, window: '1h', algorithm: 'fixed-window' }),
    ];
    const before = rateLimit({
      limiter: newLimiter({ limit: 7, window: '7s', algorithm: 'fixed-window' }),
      identifier: '0',
    });
    const limiters = [{ limiter: burst, identifier: 'burst' }, { limiter: hourly }];
    return serving(appWith(before, rateLimit({ limiters })), async (get) => {
      const first = (await get()).headers;
      const name = hourly.name;
      assert.equal(first.get('ratelimit'), `"0"; r=6; t=7, "burst"; r=0; t=10, "${name}"; r=4; t=3600`);
      assert.match(
        first.get('ratelimit-policy'),
        new RegExp(`^"0"; q=7; w=7; pk=:.{12}:, "burst"; q=1; w=10; pk=:.{12}:, "${name}"; q=5; w=3600; pk=:.{12}:$`),
      );
      clock.advance('4s');
      const denied = await get();
      assert.equal(denied.status, 429);
      // What has room still does not ask for a longer wait than the one that denied.
      assert.equal(denied.headers.get('ratelimit'), `"0"; r=5; t=3, "burst"; r=0; t=6, "${name}"; r=4; t=6`);
      assert.equal(denied.headers.get('retry-after'), '6');
    });
  });

  it('tell the older headers of the one that is nearest to denying, or that denied longest', async () => {
    const fixed = (limit, window) => newLimiter({ limit, window, algorithm: 'fixed-window' });
    for (const standardHeaders of /** @type {const} */ (['draft-6', 'draft-7'])) {
      const limiters = [fixed(2, '10s'), fixed(3, '20s'), fixed(3, '1h')];
      await serving(appWith(rateLimit({ limiters, standardHeaders })), async (get) => {
        const told = ({ headers }) => [
          headers.get('ratelimit-policy'),
          headers.get('x-ratelimit-limit'),
          headers.get('x-ratelimit-remaining'),
          headers.get('ratelimit-reset') ?? /reset=(\d+)$/.exec(headers.get('ratelimit'))[1],
          headers.get('retry-after'),
        ];
        assert.deepEqual(told(await get()), ['2;w=10', '2', '1', '10', null]);
        await get();
        assert.deepEqual(told(await get()), ['2;w=10', '2', '0', '10', '10']);
        clock.advance('10s');
        assert.deepEqual(told(await get()), ['3;w=3600', '3', '0', '3590', null]);
        // Both deny now; the longer wait counts.
        assert.deepEqual(told(await get()), ['3;w=3600', '3', '0', '3590', '3590']);
      });
    }
  });

  it('are near to denying by the requests that still fit, not by units', () => {
    const [byUnits, byRequests] = [newLimiter({ limit: 4 }), newLimiter({ limit: 10 })];
    const limiters = [byUnits, { limiter: byRequests, cost: 5 }];
    return serving(appWith(rateLimit({ limiters })), async (get) => {
      // Three more of the one, one more of the other.
      assert.equal((await get()).headers.get('x-ratelimit-limit'), '10');
    });
  });

  it('leave on the request what each has decided', () => {
    const [one, two] = [newLimiter({ limit: 1 }), newLimiter({ limit: 9 })];
    let seen;
    const handler = (req, res) => {
      seen = req.rateLimit;
      res.status(429).end();
    };
    return serving(appWith(rateLimit({ limiters: [two, one], handler })), async (get) => {
      const { json } = await get();
      assert.deepEqual([json.seen.allowed, json.seen.remaining, json.seen.limit, json.seen.key], [true, 0, 1, LOCAL]);
      assert.deepEqual(json.seen.deniedBy, []);
      await get();
      assert.deepEqual([seen.allowed, seen.reason, seen.limit, seen.deniedBy], [false, 'limit', 1, [1]]);
      assert.equal(seen.retryAfterMs, seen.results[1].retryAfterMs);
      assert.ok(seen.retryAfterMs > 0);
      assert.deepEqual(
        seen.results.map(({ name, key, allowed, remaining }) => [name, key, allowed, remaining]),
        [
          [two.name, LOCAL, true, 8],
          [one.name, LOCAL, false, 0],
        ],
      );
    });
  });

  it('may each count by a key of their own [RateLimitPartOptions.key]', async () => {
    const [user, address] = [newLimiter(), newLimiter()];
    const limiters = [{ limiter: user, key: (req) => `user:${req.query.user}` }, address];
    await serving(appWith(rateLimit({ limiters })), async (get) => {
      await get('/?user=ada');
      await get('/?user=bob');
    });
    assert.deepEqual([await left(user, 'user:ada'), await left(user, 'user:bob'), await left(address)], [9, 9, 8]);
  });

  it('may each have a cost, none among them [RateLimitPartOptions.cost]', async () => {
    const [reads, writes] = [newLimiter(), newLimiter()];
    const limiters = [
      { limiter: reads, cost: 3 },
      { limiter: writes, cost: async (req) => (req.method === 'GET' ? 0 : 2) },
    ];
    await serving(appWith(rateLimit({ limiters })), async (get) => {
      const { headers, json } = await get();
      assert.doesNotMatch(headers.get('ratelimit'), new RegExp(writes.name));
      assert.equal(json.seen.results.length, 1);
      await get('/', { method: 'POST' });
    });
    assert.deepEqual([await left(reads), await left(writes)], [4, 8]);
  });

  it('may each have a limit for the request [RateLimitPartOptions.limit]', () => {
    const limiter = newLimiter();
    const limit = (req) => (req.query.plan === 'pro' ? 20 : undefined);
    return serving(appWith(rateLimit({ limiters: [{ limiter, limit }] })), async (get) => {
      assert.equal((await get('/?plan=pro')).headers.get('x-ratelimit-limit'), '20');
      assert.equal((await get()).headers.get('x-ratelimit-limit'), '10');
      assert.equal(await left(limiter), 8);
    });
  });

  it('may each have a window for the request [RateLimitPartOptions.window]', () => {
    const limiter = newLimiter();
    return serving(appWith(rateLimit({ limiters: [{ limiter, window: '1h' }] })), async (get) => {
      assert.match((await get()).headers.get('ratelimit-policy'), /w=3600/);
      assert.deepEqual([await left(limiter, LOCAL, { window: '1h' }), await left(limiter)], [9, 10]);
    });
  });

  it('may each have a name in the headers [RateLimitPartOptions.identifier]', () => {
    const limiters = [{ limiter: newLimiter(), identifier: (req) => `of ${req.method}` }];
    return serving(appWith(rateLimit({ limiters })), async (get) => {
      assert.match((await get()).headers.get('ratelimit'), /^"of GET"; /);
    });
  });

  it('share key and cost of the middleware, asked for once a request', async () => {
    const [one, two] = [newLimiter(), newLimiter()];
    const asked = [];
    const key = () => String(asked.push('key') && 'shared');
    const cost = () => asked.push('cost') && 4;
    await serving(appWith(rateLimit({ limiters: [one, { limiter: two }], key, cost })), (get) => get());
    assert.deepEqual([await left(one, 'shared'), await left(two, 'shared')], [6, 6]);
    assert.deepEqual(asked.sort(), ['cost', 'key']);
  });

  it('all give back what a request took that is not to count', async () => {
    const [one, two] = [newLimiter(), newLimiter()];
    const limiters = [
      { limiter: one, cost: 2 },
      { limiter: two, key: () => 'k', limit: 5 },
    ];
    await serving(appWith(rateLimit({ limiters, skipFailedRequests: true })), async (get) => {
      await get('/?status=500');
      assert.deepEqual([await left(one), await left(two, 'k')], [10, 10]);
      await get('/');
      assert.deepEqual([await left(one), await left(two, 'k')], [8, 9]);
    });
  });

  it('deny who found no room for a counter of his own, and block nobody for what others took', async () => {
    const limiter = newLimiter({ limit: 2, window: '10s', block: '1h', maxKeys: 1, algorithm: 'fixed-window' });
    const key = (req) => req.query.user;
    await serving(appWith(rateLimit({ limiters: [limiter], key })), async (get) => {
      const statusOf = async (user) => (await get(`/?user=${user}`)).status;
      assert.equal(await statusOf('held'), 200);
      assert.deepEqual([await statusOf('ada'), await statusOf('bob'), await statusOf('cyd')], [200, 200, 429]);
      assert.equal((await limiter.stats()).blocked, 0);
      clock.advance('10s');
      assert.equal(await statusOf('cyd'), 200);
    });
  });

  it('of two stores are the app’s mistake, also where requests pass when a limiter fails', async () => {
    const other = open('memory:');
    const limiters = [newLimiter(), other.limiter('other', { limit: 1, window: '1m' })];
    await serving(appWith(rateLimit({ limiters, onError: 'open' })), async (get) => {
      const { status, json } = await get();
      assert.deepEqual([status, json.code], [500, 'ERR_INVALID_ARG']);
    });
    await other.close();
  });
});

describe('200 requests at once', () => {
  /** How many of 200 were answered with 200. */
  const admitted = (options) =>
    serving(appWith(rateLimit(options)), async (get) => {
      const answers = await Promise.all(Array.from({ length: 200 }, () => get()));
      for (const { status } of answers) assert.ok(status === 200 || status === 429, String(status));
      return answers.filter(({ status }) => status === 200).length;
    });

  for (const algorithm of /** @type {const} */ ([
    'sliding-window',
    'sliding-log',
    'sliding-counter',
    'fixed-window',
    'token-bucket',
    'gcra',
  ])) {
    it(`are admitted up to the limit exactly: ${algorithm}`, async () => {
      assert.equal(await admitted({ limiter: newLimiter({ limit: 50, algorithm }) }), 50);
    });
  }

  it('are admitted up to the smaller of two limits, and the denied take nothing from the larger', async () => {
    const [small, large] = [newLimiter({ limit: 50 }), newLimiter({ limit: 120 })];
    assert.equal(await admitted({ limiters: [large, small] }), 50);
    assert.deepEqual([await left(small), await left(large)], [0, 70]);
  });
});

describe('the option limiters', () => {
  const limiter = newLimiter();
  const wrong = [
    [{ limiter, limiters: [limiter] }, /takes 'limiter' or 'limiters', not both/],
    [{ limiters: [] }, /'limiters' of rateLimit\(\) must be an array of 1 to 64 limiters/],
    [{ limiters: Array(65).fill(limiter) }, /an array of 1 to 64 limiters/],
    [{ limiters: limiter }, /an array of 1 to 64 limiters/],
    [{ limiters: [limiter, 5] }, /'limiters' of rateLimit\(\) must be .*; got 5 at 1/],
    [{ limiters: new Array(2) }, /'limiters' of rateLimit\(\) must be .*; got undefined at 0/],
    [{ limiters: [{ key: () => '' }] }, /'limiters\[0\]' of rateLimit\(\) needs the option 'limiter'/],
    [
      { limiters: [limiter, { limiter, costs: 1 }] },
      /'costs' for 'limiters\[1\]' of rateLimit\(\); did you mean 'cost'/,
    ],
    [
      { limiters: [limiter], limit: 5 },
      /'limit' of rateLimit\(\) is for one limiter.*limiters: \[\{ limiter, limit \}\]/,
    ],
    [{ limiters: [limiter], window: 5 }, /'window' of rateLimit\(\) is for one limiter/],
    [{ limiters: [limiter], identifier: 'a' }, /'identifier' of rateLimit\(\) is for one limiter/],
  ];
  for (const [options, message] of wrong) {
    it(`is checked: ${message}`, () => {
      assert.throws(
        () => rateLimit(options),
        (error) => RedstartError.is(error, 'ERR_INVALID_ARG') && message.test(error.message),
      );
    });
  }

  it('names the limiter whose function went wrong', () => {
    const limiters = [limiter, { limiter, limit: () => '5' }];
    return serving(appWith(rateLimit({ limiters })), async (get) => {
      assert.match((await get()).json.message, /'limiters\[1\]\.limit' of rateLimit\(\) must return a whole number/);
    });
  });
});
