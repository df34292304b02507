'use strict';
// An error's code is the API, whichever copy of the package made it; its stack starts where the caller stands.
const assert = require('node:assert/strict');
const path = require('node:path');
const { after, describe, it } = require('node:test');
const { inspect } = require('node:util');
const vm = require('node:vm');
const { open, RedstartError, UnrecoverableError } = require('..');

const store = open('memory:');
const cache = store.cache('errors', { ttl: '1m' });
after(() => store.close());

function thrownBy(call) {
  try {
    call();
  } catch (error) {
    return error;
  }
  return assert.fail('nothing was thrown');
}

/** The package once more, as a second dependency or a Jest test file would load it. */
function secondCopy() {
  const root = path.dirname(require.resolve('..'));
  const before = { ...require.cache };
  for (const file of Object.keys(require.cache)) {
    if (file.startsWith(path.join(root, 'lib')) || file === require.resolve('..')) delete require.cache[file];
  }
  try {
    return require('..');
  } finally {
    Object.assign(require.cache, before);
  }
}

describe('RedstartError', () => {
  it('is an Error that says its code', () => {
    const error = thrownBy(() => cache.setSync('key', undefined));
    assert.ok(error instanceof RedstartError);
    assert.ok(error instanceof Error);
    assert.equal(error.name, 'RedstartError');
    assert.equal(error.code, 'ERR_INVALID_ARG');
    assert.equal(error.retryable, false);
    assert.deepEqual(Object.keys(error), ['code', 'retryable']);
    assert.match(inspect(error), /^RedstartError: value is undefined[\s\S]*code: 'ERR_INVALID_ARG'/);
  });

  it('is told from others, and by code', () => {
    const error = thrownBy(() => cache.setSync('key', undefined));
    assert.equal(RedstartError.is(error), true);
    assert.equal(RedstartError.is(error, 'ERR_INVALID_ARG'), true);
    assert.equal(RedstartError.is(error, 'ERR_CLOSED'), false);
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    const others = [undefined, null, 'ERR_INVALID_ARG', 5, {}, new Error('x'), { code: 'ERR_INVALID_ARG' }, proxy];
    for (const other of others) assert.equal(RedstartError.is(other), false);
  });

  it('is told across copies of the package', () => {
    const copy = secondCopy();
    assert.notEqual(copy.RedstartError, RedstartError);
    const theirs = copy.open('memory:');
    const error = thrownBy(() => theirs.cache('c', { ttl: 0 }));
    assert.equal(error instanceof RedstartError, false);
    assert.equal(RedstartError.is(error, 'ERR_INVALID_ARG'), true);
    assert.equal(copy.RedstartError.is(thrownBy(() => cache.setSync('key', undefined))), true);
    return theirs.close();
  });

  it('has a stack that comes to the caller within three lines', () => {
    const calls = [
      () => cache.setSync('key', undefined),
      () => cache.setSync('key', { f() {} }),
      () => cache.setSync('key', 1, { tll: 1 }),
      () => store.cache('stack', { tll: 1 }),
      () => store.limiter('stack', { limit: 0, window: '1m' }),
      () => store.cache('undefined'),
      () => open('ftp://x'),
    ];
    for (const call of calls) {
      const frames = thrownBy(call)
        .stack.split('\n')
        .filter((line) => line.startsWith('    at '));
      assert.match(frames.slice(0, 3).join('\n'), /errors\.test\.js/, String(call));
    }
  });
});

describe('a failed job', () => {
  const results = store.queue('results', { defaultJobOptions: { attempts: 1 } });
  const thrown = new Map();
  const worker = results.process((job) => {
    throw thrown.get(job.name);
  });
  after(() => worker.close());

  /** What whoever waits for the result is told when a handler throws this. */
  async function failWith(value) {
    const name = `job-${thrown.size}`;
    thrown.set(name, value);
    const job = await results.add(name, {});
    return job.result({ timeout: '10s' }).then(
      () => assert.fail('the job completed'),
      (error) => error,
    );
  }

  it('rejects with the error of its handler as cause', async () => {
    const cause = Object.assign(new TypeError('no such user'), { code: 'E_USER' });
    const error = await failWith(cause);
    assert.ok(RedstartError.is(error, 'ERR_JOB_FAILED'));
    assert.equal(error.finishKind, 'exhausted');
    assert.equal(error.retryable, false);
    assert.ok(error.cause instanceof Error);
    const { name, message, code, stack } = error.cause;
    assert.deepEqual(
      { name, message, code, stack },
      { name: 'TypeError', message: 'no such user', code: 'E_USER', stack: cause.stack },
    );
  });

  it('tells the causes in the stack', async () => {
    const error = await failWith(new Error('fetch failed', { cause: new Error('connect ECONNREFUSED') }));
    assert.match(error.cause.stack, /fetch failed[\s\S]*\n\[cause\]: Error: connect ECONNREFUSED/);
  });

  it('knows an UnrecoverableError of any copy, and what extends one', async () => {
    class Gone extends UnrecoverableError {}
    for (const Class of [UnrecoverableError, Gone, secondCopy().UnrecoverableError]) {
      const error = await failWith(new Class('no use'));
      assert.equal(error.finishKind, 'unrecoverable');
      assert.equal(error.cause.message, 'no use');
    }
    assert.equal(new UnrecoverableError('x').name, 'UnrecoverableError');
  });

  it('survives whatever is thrown', async () => {
    const cycle = new Error('cycle');
    cycle.cause = new Error('inner', { cause: cycle });
    const endless = {
      message: 'endless',
      get cause() {
        return { message: 'again', cause: endless.cause };
      },
    };
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    const cases = [
      [undefined, /^undefined was thrown/],
      [null, /^null was thrown/],
      ['just text', /^just text$/],
      [42, /^42 was thrown/],
      [Symbol('s'), /^Symbol\(s\) was thrown/],
      [{ some: 'object' }, /^\{ some: 'object' \} was thrown/],
      [{ message: 'like an error' }, /^like an error$/],
      [
        {
          get message() {
            throw new Error('hostile');
          },
        },
        /was thrown/,
      ],
      [revoked.proxy, /was thrown/],
      [cycle, /^cycle$/],
      [endless, /^endless$/],
      [vm.runInNewContext("new RangeError('elsewhere')"), /^elsewhere$/],
      ['\u{1F600}'.repeat(50_000), /^(\u{1F600})+$/u],
    ];
    for (const [value, message] of cases) {
      const error = await failWith(value);
      assert.ok(RedstartError.is(error, 'ERR_JOB_FAILED'), inspect(value));
      assert.match(error.cause.message, message);
    }
  });

  it('is kept within bounds', async () => {
    const huge = new Error('m'.repeat(1e6));
    huge.stack = 's'.repeat(1e6);
    const { cause } = await failWith(huge);
    assert.equal(cause.message.length, 4096);
    assert.equal(cause.stack.length, 16_384);
  });
});
