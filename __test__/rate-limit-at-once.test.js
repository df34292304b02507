'use strict';
// What is there is taken at once, what is promised is waited for; and next() is called once, whoever throws.
const assert = require('node:assert/strict');
const { createHash } = require('node:crypto');
const { after, describe, it } = require('node:test');
const express = require('express');
const { manualClock, open } = require('redstart');
const { rateLimit } = require('redstart/express');
const { native } = require('../lib/lane.js');
const { atOnce, bySteps, partition } = require('../lib/rate-limit/partition.js');
const { serving, appWith } = require('./support/rate-limit/serving.js');

const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newLimiter = (options) => store.limiter(`at-once-${names++}`, { limit: 10, window: '1m', ...options });

/** Answers of every kind that is asked for on the way of an admitted request. */
const ANSWERS = { skip: false, cost: 2, limit: 5, window: '1h', key: 'k', identifier: 'plan' };
const asFunctions = (given) =>
  Object.fromEntries(Object.entries(given).map(([option, answer]) => [option, () => answer]));
/** With `limiters` three options are for each of them. */
const severally = ({ limit, window, identifier, ...common }) => ({
  ...common,
  limiters: [{ limiter: newLimiter(), limit, window, identifier }, newLimiter({ window: '1h' })],
});

/**
 * What next() was called with until the middleware had returned, and in the end.
 * @param {any} options
 */
async function passing(options) {
  const calls = [];
  let atReturn = -1;
  const limit = rateLimit(options);
  const listener = (req, res) => {
    limit(req, res, (error) => {
      calls.push(error);
      setImmediate(() => res.end());
    });
    atReturn = calls.length;
  };
  const { headers } = await serving(listener, (get) => get());
  return { atReturn, calls, headers };
}

describe('answers that are there', () => {
  it('are taken at once: the request has gone on when the middleware returns', async () => {
    const plain = asFunctions(ANSWERS);
    for (const options of [{ limiter: newLimiter() }, { ...plain, limiter: newLimiter() }, severally(plain)]) {
      const { atReturn, calls, headers } = await passing(options);
      assert.deepEqual([atReturn, calls], [1, [undefined]]);
      assert.ok(headers.has('ratelimit'));
    }
  });

  it('and one that is promised is waited for, whatever has a then()', async () => {
    const plain = asFunctions(ANSWERS);
    const told = await passing({ ...plain, limiter: newLimiter() });
    const termsOf = ({ headers }) => /^"plan"; .*?(?=; pk)/.exec(headers.get('ratelimit-policy'))[0];
    assert.equal(termsOf(told), '"plan"; q=5; w=3600');
    for (const option of Object.keys(ANSWERS)) {
      const answer = ANSWERS[option];
      // biome-ignore lint/suspicious/noThenProperty: as libraries make them that have promises of their own.
      const thenable = { then: (resolve) => setImmediate(resolve, answer) };
      for (const promised of [() => Promise.resolve(answer), () => thenable]) {
        const asked = { ...plain, [option]: promised };
        for (const options of [{ ...asked, limiter: newLimiter() }, severally(asked)]) {
          const passed = await passing(options);
          assert.deepEqual([passed.atReturn, passed.calls], [0, [undefined]], option);
          assert.equal(termsOf(passed), termsOf(told), option);
        }
      }
    }
  });

  it('are asked for once and in their order, whichever has to be waited for', async () => {
    for (const promised of [undefined, ...Object.keys(ANSWERS)]) {
      const asked = [];
      const noting = Object.fromEntries(
        Object.entries(ANSWERS).map(([option, answer]) => [
          option,
          () => {
            asked.push(option);
            return option === promised ? Promise.resolve(answer) : answer;
          },
        ]),
      );
      await passing({ ...noting, limiter: newLimiter() });
      assert.deepEqual(asked, Object.keys(ANSWERS), promised);
    }
  });
});

describe('next()', () => {
  const failing = new Error('no database');

  for (const option of Object.keys(ANSWERS)) {
    it(`hears once of an error of ${option}, thrown or promised`, async () => {
      const throwing = () => {
        throw failing;
      };
      for (const [wrong, before] of [
        [throwing, 1],
        [() => Promise.reject(failing), 0],
      ]) {
        const asked = { ...asFunctions(ANSWERS), [option]: wrong };
        for (const options of [{ ...asked, limiter: newLimiter() }, severally(asked)]) {
          const { atReturn, calls } = await passing(options);
          assert.deepEqual([atReturn, calls], [before, [failing]]);
        }
      }
    });
  }

  it('that throws is the app’s own error and is not called again', async () => {
    const limit = rateLimit({
      limiter: newLimiter({ limit: 2 }),
      key: () => 'k',
      skip: (req) => req.url === '/skipped',
    });
    const wrong = rateLimit({ limiter: newLimiter(), key: () => assert.fail('no key') });
    let calls = 0;
    const thrown = [];
    const listener = (req, res) => {
      const next = () => {
        calls += 1;
        throw failing;
      };
      try {
        (req.url === '/wrong' ? wrong : limit)(req, res, next);
      } catch (error) {
        thrown.push(error);
      }
      setImmediate(() => res.end());
    };
    await serving(listener, async (get) => {
      for (const path of ['/', '/skipped', '/wrong']) await get(path);
    });
    assert.deepEqual([calls, thrown], [3, [failing, failing, failing]]);
  });

  it('may lead from limit to limit without end, as far as Express goes', async () => {
    const limits = Array.from({ length: 300 }, () => rateLimit({ limiter: newLimiter(), standardHeaders: false }));
    const app = express().use(...limits, (_req, res) => res.send('through'));
    assert.equal((await serving(app, (get) => get())).text, 'through');
  });
});

describe('what is kept of a policy', () => {
  it('is told of that policy alone: limits and windows that take turns', async () => {
    const limit = rateLimit({
      limiter: newLimiter(),
      limit: (req) => Number(req.query.limit ?? 10),
      window: (req) => req.query.window,
    });
    await serving(appWith(limit), async (get) => {
      const termsOf = async (path) => {
        const { headers } = await get(path);
        return [/q=\d+; w=\d+/.exec(headers.get('ratelimit-policy'))[0], headers.get('x-ratelimit-limit')];
      };
      for (let turn = 0; turn < 2; turn++) {
        assert.deepEqual(await termsOf('/'), ['q=10; w=60', '10']);
        assert.deepEqual(await termsOf('/?limit=20'), ['q=20; w=60', '20']);
        assert.deepEqual(await termsOf('/?limit=20&window=1h'), ['q=20; w=3600', '20']);
        assert.deepEqual(await termsOf('/?window=1h'), ['q=10; w=3600', '10']);
      }
    });
  });

  it('is no part of the request: it keeps the fields of the limiter’s answer, and the key', async () => {
    for (const many of [false, true]) {
      const limiter = newLimiter({ limit: 1 });
      let seen;
      const handler = (req, res) => {
        seen = req.rateLimit;
        res.status(429).end();
      };
      const source = many ? { limiters: [limiter] } : { limiter };
      await serving(appWith(rateLimit({ ...source, handler, key: () => 'k' })), async (get) => {
        const { json } = await get();
        await get();
        const own = [await newLimiter().consume('k'), await limiter.consume('k')];
        const kept = many ? [json.seen.results[0], seen.results[0]] : [json.seen, seen];
        const added = many ? ['key', 'name'] : ['key'];
        for (const [at, info] of kept.entries()) {
          assert.deepEqual(Object.keys(info).sort(), [...Object.keys(own[at]), ...added].sort());
        }
        assert.deepEqual([seen.reason, seen.key], ['limit', 'k']);
      });
    }
  });
});

describe('a partition key', () => {
  const KEYS = ['', 'ada', '127.0.0.1', 'zwölf', '\u{1F600}', '\udc00 alone', 'alone \ud83d', 'long'.repeat(5000)];

  it('is the same text from either way to hash, in every version of Node', () => {
    for (const key of KEYS) {
      const digest = createHash('sha256').update(native.partitionSalt()).update(key).digest();
      const expected = digest.subarray(0, 9).toString('base64');
      for (const way of [undefined, bySteps, atOnce ?? bySteps]) assert.equal(partition(key, way), expected, key);
    }
  });
});
