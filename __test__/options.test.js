'use strict';
// Every options object is checked by the same rules, whoever takes it. The messages say what was wrong, what is allowed
// and what to do.
const assert = require('node:assert/strict');
const { after, describe, it } = require('node:test');
const { open } = require('..');
const { rateLimit } = require('redstart/express');

const store = open('memory:');
after(() => store.close());

let names = 0;
const newCache = (options) => store.cache(`cache-${names++}`, options);

function refuses(call, message) {
  assert.throws(call, { code: 'ERR_INVALID_ARG', message });
}

describe('options by name', () => {
  it('suggests the name that was meant', () => {
    refuses(() => newCache({ tll: '5m' }), /^unknown option 'tll' for cache\(\); did you mean 'ttl'\?$/);
    refuses(() => newCache({ ttl: '5m', maxsize: '1mb' }), /did you mean 'maxSize'\?$/);
    refuses(() => newCache({ ttl: '5m', maxEntySzie: 1 }), /it takes ttl, maxSize, maxEntrySize$|did you mean/);
    refuses(() => store.limiter('slip', { limit: 1, windwo: '1m' }), /did you mean 'window'\?$/);
    refuses(
      () => store.queue('slip', { defaultJobOptions: { attemps: 2 } }),
      /'defaultJobOptions'.*did you mean 'attempts'\?$/,
    );
    refuses(
      () => rateLimit({ limiter: store.limiter('slips', { limit: 1, window: '1m' }), legacyHeader: true }),
      /'legacyHeaders'/,
    );
    refuses(() => open('memory:', { clok: 1 }), /did you mean 'clock'\?$/);
  });

  it('lists the names when none is near', () => {
    refuses(
      () => newCache({ ttl: '5m', zebra: 1 }),
      /^unknown option 'zebra' for cache\(\); it takes ttl, ttlJitter, updateAgeOnGet, max, maxSize, .*version$/,
    );
  });

  it('tells what is missing', () => {
    refuses(() => newCache({}), /^cache\(\) needs the option 'ttl': a duration/);
    refuses(() => newCache({ ttl: undefined }), /needs the option 'ttl'/);
    refuses(() => store.limiter('none', { window: '1m' }), /needs the option 'limit': a whole number from 1/);
  });

  it('takes plain objects only', () => {
    for (const options of [null, [], '5m', 5, () => {}, new Date(), Object.create({ ttl: '5m' })]) {
      refuses(() => newCache(options), /^cache\(\) takes its options as a plain object; got /);
    }
    newCache(Object.assign(Object.create(null), { ttl: '5m' }));
    newCache(require('node:vm').runInNewContext("({ ttl: '5m' })"));
  });

  it('takes undefined as absent', () => {
    newCache({ ttl: '5m', maxSize: undefined });
  });

  it('reads nothing from a polluted prototype', () => {
    Object.prototype.ttl = '1ms';
    try {
      refuses(() => newCache({}), /needs the option 'ttl'/);
    } finally {
      delete Object.prototype.ttl;
    }
    refuses(() => newCache(JSON.parse('{"ttl":1,"__proto__":{"maxSize":"1mb"}}')), /^unknown option '__proto__'/);
  });

  it('tells a polluted prototype nothing', async () => {
    const heard = [];
    const names = ['limit', 'window', 'cost', 'burst', 'ttl', 'tags', 'max', 'codec'];
    for (const name of names) {
      const hear = (how) => heard.push(`${name} ${how}`);
      Object.defineProperty(Object.prototype, name, {
        get: () => void hear('read'),
        set: () => hear('set'),
        configurable: true,
      });
    }
    try {
      const limiter = store.limiter('heard', { limit: 5, window: '1m' });
      assert.equal(limiter.consumeSync('k', { limit: 9, cost: 2 }).remaining, 7);
      const cache = newCache({ ttl: '5m' });
      cache.setSync('k', 'v', { ttl: '1s' });
      assert.equal(cache.getSync('k'), 'v');
    } finally {
      for (const name of names) delete Object.prototype[name];
    }
    assert.deepEqual(heard, []);
  });
});

describe('durations', () => {
  // Two calls agree when their options, normalised, are the same.
  const same = (one, other) => {
    const name = `cache-${names++}`;
    store.cache(name, { ttl: one });
    store.cache(name, { ttl: other });
  };

  it('are milliseconds or words', () => {
    const words = { '250ms': 250, '30s': 30_000, '5m': 300_000, '2h': 7_200_000, '7d': 604_800_000, '1.5h': 5_400_000 };
    for (const [word, ms] of Object.entries(words)) same(word, ms);
    same('1.1s', 1100);
  });

  it('are rounded up to whole milliseconds', () => {
    same(0.2, 1);
    same('1.001ms', 2);
    same(1.5, 2);
  });

  it('may be never, as null or Infinity', () => same(null, Infinity));

  it('may be a hundred years', () => same('36500d', 36_500 * 86_400_000));

  it('are nothing else', () => {
    const wrong = [
      0,
      -1,
      Number.NaN,
      -Infinity,
      '',
      '5',
      '5 m',
      '5M',
      '-5m',
      '1e3s',
      '1w',
      '0s',
      '36501d',
      1n,
      {},
      true,
    ];
    for (const ttl of wrong)
      refuses(() => newCache({ ttl }), /^option 'ttl' of cache\(\) must be a duration .*100 years.*'5m'.*; got /);
    refuses(() => store.sessions('s', { ttl: null }), /must be a duration/);
    refuses(() => store.sessions('s', { ttl: Infinity }), /must be a duration/);
  });

  it('are checked wherever they are given', async () => {
    const cache = newCache({ ttl: '5m' });
    refuses(
      () => cache.setSync('key', 1, { ttl: '5 minutes' }),
      /^option 'ttl' of set\(\) must be .*; got '5 minutes'$/,
    );
    await assert.rejects(cache.set('key', 1, { tll: 5 }), { code: 'ERR_INVALID_ARG', message: /did you mean 'ttl'/ });
    await assert.rejects(store.queue('jobs').add('job', {}, { delay: -1 }), {
      code: 'ERR_INVALID_ARG',
      message: /'delay'/,
    });
    await assert.rejects(store.close({ timeout: 'soon' }), { code: 'ERR_INVALID_ARG', message: /'timeout'/ });
  });
});

describe('sizes', () => {
  it('are bytes or words, in powers of 1024 and either case', () => {
    for (const [word, bytes] of Object.entries({ '64kb': 65_536, '1.5MB': 1_572_864, '1Gb': 2 ** 30, '2048b': 2048 })) {
      const name = `cache-${names++}`;
      store.cache(name, { ttl: null, maxSize: word });
      store.cache(name, { ttl: null, maxSize: bytes });
    }
  });

  it('have a least and are nothing else', () => {
    for (const maxSize of [0, -1, 1023, 1.5, '1 mb', '1tb', 'mb', '', null, Number.NaN, Infinity]) {
      refuses(
        () => newCache({ ttl: null, maxSize }),
        /^option 'maxSize' of cache\(\) must be a size of at least 1kb.*'64kb'.*; got /,
      );
    }
  });
});

describe('other kinds', () => {
  it('numbers have a range', () => {
    for (const limit of [0, -1, 1.5, '5', 2 ** 32, Number.NaN]) {
      refuses(
        () => store.limiter('range', { limit, window: '1m' }),
        /^option 'limit' of limiter\(\) must be a whole number from 1 to 4294967295; got /,
      );
    }
    const jitter = (value) =>
      store.queue('range', { defaultJobOptions: { backoff: { type: 'fixed', delay: '1s', jitter: value } } });
    for (const value of [-0.1, 1.1, '0.5', Number.NaN]) refuses(() => jitter(value), /'jitter'.*from 0 to 1/);
  });

  it('words have a list', () => {
    const limiter = (algorithm) => store.limiter('words', { limit: 1, window: '1m', algorithm });
    refuses(() => limiter('leaky'), /must be 'sliding-window' or 'sliding-log' or .*'gcra'; got 'leaky'$/);
    refuses(() => limiter(true), /got true$/);
  });

  it('strange values are shown safely and shortly', () => {
    const hostile = new Proxy(
      {},
      {
        get() {
          throw new Error('trap');
        },
      },
    );
    refuses(() => newCache({ ttl: hostile }), /; got /);
    assert.throws(
      () => newCache({ ttl: 'x'.repeat(10_000) }),
      (error) => error.message.length < 300,
    );
  });
});
