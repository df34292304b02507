'use strict';
// What `npm run options-covered` takes for an option, and how redstart is made deaf to one.
const assert = require('node:assert/strict');
const path = require('node:path');
const { describe, it } = require('node:test');
const { declaredOptions } = require('../../scripts/options-covered/declared.js');
const { ROOT, run } = require('../support/child.js');

const declared = declaredOptions();
const find = (name) => declared.find((option) => option.name === name);

describe('the declared options', () => {
  it('are those of the cache and of every door', () => {
    for (const name of [
      'CacheOptions.ttl',
      'LimiterOptions.window',
      'RateLimitOptions.key',
      'SessionStoreOptions.sessions',
    ]) {
      assert.ok(find(name), name);
    }
  });

  it('are inherited ones too, and nested ones', () => {
    for (const name of ['GetOrSetOptions.tags', 'CacheOptions.near.max', 'QueueOptions.defaultJobOptions.backoff']) {
      assert.ok(find(name), name);
    }
  });

  it('are no properties of what is handed over', () => {
    const deep = declared.filter(({ name }) => /^RateLimitOptions\.limiter\.|^GetOrSetOptions\.signal\./.test(name));
    assert.deepEqual(deep, []);
  });
});

describe('an ignored option', () => {
  const withoutOption = (name, story) => {
    const { path: at, siblings } = find(name);
    const env = { REDSTART_IGNORED_OPTION: JSON.stringify({ path: at, siblings }) };
    const ignore = path.join(ROOT, 'scripts', 'options-covered', 'ignore.js');
    return run(['--require', ignore, '-e', `(${story})(require('redstart').open('memory:'))`], { env });
  };

  it('is as if it had not been given', async () => {
    const story = (store) => {
      const limiter = store.limiter('l', { limit: 1, window: '1m', maxKeys: 1 });
      limiter.consumeSync('a');
      console.log(limiter.consumeSync('b').reason ?? 'a bucket of its own');
    };
    assert.equal((await withoutOption('LimiterOptions.maxKeys', story)).stdout, 'a bucket of its own\n');
    const { code, stderr } = await withoutOption('LimiterOptions.window', story);
    assert.deepEqual([code, /needs the option 'window'/.test(stderr)], [1, true]);
  });

  it('leaves its namesakes elsewhere alone', async () => {
    const story = (store) => {
      store.cache('c', { ttl: '1m' });
      console.log('a cache has its ttl');
      store.sessions('s', { ttl: '1h' });
    };
    const { stdout, stderr } = await withoutOption('SessionsOptions.ttl', story);
    assert.equal(stdout, 'a cache has its ttl\n');
    assert.match(stderr, /sessions\(\) needs the option 'ttl'/);
  });
});
