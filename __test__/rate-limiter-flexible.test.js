'use strict';
// The limiter by itself and inside the real rate-limiter-flexible, beside its RateLimiterMemory, which it must not differ from
// where it does not say so. Times are those of the store's clock, except where the library waits by itself.
const assert = require('node:assert/strict');
const { after, describe, it } = require('node:test');
const {
  BurstyRateLimiter,
  RLWrapperBlackAndWhite,
  RateLimiterMemory,
  RateLimiterQueue,
  RateLimiterRes,
  RateLimiterUnion,
} = require('rate-limiter-flexible');
const { RedstartError, manualClock, open } = require('..');
const { RateLimiterRedstart } = require('redstart/rate-limiter-flexible');
const { countOf, serving, times } = require('./support/limiter-doors/http.js');

const clock = manualClock();
const store = open('memory:', { clock });
after(() => store.close());

let names = 0;
const newLimiter = (options) =>
  new RateLimiterRedstart({ store, keyPrefix: `api-${names++}`, points: 5, duration: 60, ...options });

/** What a call resolves or rejects with, and which. */
async function outcome(call) {
  try {
    return { passed: true, res: await call };
  } catch (res) {
    if (res instanceof Error) throw res;
    return { passed: false, res };
  }
}
const consumed = async (limiter, key = 'k', points = 1) =>
  (await times(20, () => outcome(limiter.consume(key, points)))).filter(({ passed }) => passed).length;

describe('consume', () => {
  it('lets as many points through as there are, for a duration [RateLimiterRedstartOptions.points]', async () => {
    const limiter = newLimiter({ points: 3 });
    const first = await limiter.consume('k', 2);
    assert.ok(first instanceof RateLimiterRes);
    assert.deepEqual(first.toJSON(), {
      remainingPoints: 1,
      msBeforeNext: 60_000,
      consumedPoints: 2,
      isFirstInDuration: true,
    });
    clock.advance(20_000);
    const { passed, res } = await outcome(limiter.consume('k', 2));
    assert.equal(passed, false);
    assert.deepEqual(res.toJSON(), {
      remainingPoints: 0,
      msBeforeNext: 40_000,
      consumedPoints: 4,
      isFirstInDuration: false,
    });
    clock.advance(40_000);
    assert.equal(await consumed(limiter), 3);
  });

  it('answers as RateLimiterMemory does, call for call [RateLimiterRedstartOptions.blockDuration]', async () => {
    for (const options of [{}, { blockDuration: 600 }, { points: 0 }]) {
      const ours = newLimiter(options);
      const theirs = new RateLimiterMemory({ points: 5, duration: 60, ...options });
      for (const [method, points] of [
        ['consume', 2],
        ['reward', 1],
        ['penalty', 2],
        ['consume', 1],
        ['consume', 1],
        ['consume', 4],
        ['get'],
      ]) {
        const [our, their] = [await outcome(ours[method]('k', points)), await outcome(theirs[method]('k', points))];
        // What a block refuses is not counted, as the types say.
        const counted = ({ passed, res }) => [passed, Math.min(res.consumedPoints, 6), res.remainingPoints];
        assert.deepEqual(counted(our), counted(their), `${method} of ${JSON.stringify(options)}`);
        assert.ok(Math.abs(our.res.msBeforeNext - their.res.msBeforeNext) < 2000);
      }
    }
  });

  it('over real requests that come at once passes as many as there are points [RateLimiterRedstartOptions.store]', async () => {
    const limiter = newLimiter();
    const listener = async (_req, res) => {
      const { passed } = await outcome(limiter.consume('k'));
      res.writeHead(passed ? 200 : 429).end();
    };
    await serving(listener, async (visit) => {
      assert.equal(countOf(await times(40, () => visit()), 200), 5);
    });
  });

  it('lasts as long as it says [RateLimiterRedstartOptions.duration]', async () => {
    const limiter = newLimiter({ duration: 0.5 });
    assert.equal(await consumed(limiter), 5);
    clock.advance(500);
    assert.equal(await consumed(limiter), 5);
  });

  it('counts with others of its keyPrefix, in a union by that name [RateLimiterRedstartOptions.keyPrefix]', async () => {
    const [one, same, other] = [newLimiter({ keyPrefix: 'a' }), newLimiter({ keyPrefix: 'a' }), newLimiter()];
    await one.consume('k', 4);
    assert.deepEqual([await consumed(same), await consumed(other)], [1, 5]);
    assert.equal(one.keyPrefix, 'a');
  });
});

describe('a block', () => {
  it('begins when a key is over its points and ends with one that is as new, however short', async () => {
    const limiter = newLimiter({ blockDuration: 10 });
    assert.equal(await consumed(limiter), 5);
    clock.advance(9000);
    const { passed, res } = await outcome(limiter.consume('k'));
    assert.deepEqual([passed, res.msBeforeNext, res.consumedPoints], [false, 1000, 6]);
    assert.equal((await limiter.get('k')).consumedPoints, 6);
    clock.advance(1000);
    assert.equal(await limiter.get('k'), null);
    assert.equal(await consumed(limiter), 5);
  });

  it('does not begin where points were over by a penalty, as with RateLimiterMemory', async () => {
    for (const limiter of [
      newLimiter({ blockDuration: 600 }),
      new RateLimiterMemory({ points: 5, duration: 60, blockDuration: 600 }),
    ]) {
      await limiter.penalty('k', 7);
      const { passed, res } = await outcome(limiter.consume('k'));
      assert.deepEqual([passed, res.consumedPoints], [false, 8]);
      assert.ok(res.msBeforeNext <= 60_000);
    }
  });

  it('ends with a key that is as new also after penalties, as with RateLimiterMemory', async () => {
    const limiter = newLimiter();
    await limiter.block('k', 1);
    assert.equal((await limiter.penalty('k', 5)).consumedPoints, 6);
    clock.advance(1000);
    assert.equal(await consumed(limiter), 5);
  });

  it('may be put on any key, and taken off it', async () => {
    const limiter = newLimiter();
    const { msBeforeNext, consumedPoints } = await limiter.block('k', 3600);
    assert.deepEqual([msBeforeNext, consumedPoints], [3_600_000, 6]);
    clock.advance('59m');
    assert.equal(await consumed(limiter), 0);
    assert.equal(await limiter.delete('k'), true);
    assert.equal(await consumed(limiter), 5);
    assert.equal(await limiter.delete('unknown'), false);
  });
});

describe('what an app reads', () => {
  it('with get() is over the points once a call was refused, so that it need not look at a password', async () => {
    const limiter = newLimiter();
    assert.equal(await limiter.get('k'), null);
    await limiter.consume('k', 5);
    assert.equal((await limiter.get('k')).consumedPoints > limiter.points, false);
    await outcome(limiter.consume('k'));
    assert.equal((await limiter.get('k')).consumedPoints > limiter.points, true);
  });

  it('after reward() and penalty() is what they left', async () => {
    const limiter = newLimiter();
    assert.equal((await limiter.penalty('k', 7)).consumedPoints, 7);
    assert.equal(await consumed(limiter), 0);
    await limiter.delete('k');
    await limiter.consume('k', 5);
    assert.equal((await limiter.reward('k', 2)).remainingPoints, 2);
    assert.equal((await limiter.reward('k', 9)).remainingPoints, 5);
  });
});

describe('in the library', () => {
  it('a RateLimiterUnion refuses when one of its limiters does, and names it', async () => {
    const [short, long] = [newLimiter({ keyPrefix: 'short', points: 2 }), newLimiter({ keyPrefix: 'long' })];
    const union = new RateLimiterUnion(short, long);
    const passed = await union.consume('k', 2);
    assert.deepEqual([passed.short.remainingPoints, passed.long.remainingPoints], [0, 3]);
    const refused = await union.consume('k').catch((error) => error);
    assert.deepEqual(Object.keys(refused), ['short']);
  });

  it('a RateLimiterQueue waits for points instead of refusing', async () => {
    const own = open('memory:');
    const limiter = new RateLimiterRedstart({ store: own, keyPrefix: 'queue', points: 2, duration: 0.2 });
    const queue = new RateLimiterQueue(limiter);
    assert.equal(await queue.getTokensRemaining('limiter'), 2);
    assert.deepEqual(await times(4, () => queue.removeTokens(1)), [1, 0, 1, 0]);
    await own.close();
  });

  it('a BurstyRateLimiter and a list of keys let through what they should', async () => {
    const bursty = new BurstyRateLimiter(newLimiter({ points: 1 }), newLimiter({ points: 2, duration: 10 }));
    assert.equal(await consumed(bursty), 3);
    const listed = new RLWrapperBlackAndWhite({ limiter: newLimiter(), whiteList: ['good'], blackList: ['bad'] });
    assert.deepEqual(
      [await consumed(listed, 'good'), await consumed(listed, 'bad'), await consumed(listed)],
      [20, 0, 5],
    );
  });
});

describe('options', () => {
  it('keys beyond maxKeys share their points, blocked or not [RateLimiterRedstartOptions.maxKeys]', async () => {
    const limiter = newLimiter({ maxKeys: 1, blockDuration: 600 });
    await limiter.consume('first', 5);
    const others = await times(20, (index) => outcome(limiter.consume(`other-${index}`)));
    assert.equal(others.filter(({ passed }) => passed).length, 5);
    assert.equal((await outcome(limiter.consume('first'))).passed, false);
  });

  it('and methods that the limiter does not have are refused', async () => {
    const invalid = (error) => RedstartError.is(error, 'ERR_INVALID_ARG');
    const limiter = newLimiter();
    limiter.execEvenly = false;
    assert.throws(() => {
      limiter.execEvenly = true;
    }, invalid);
    await assert.rejects(limiter.set('k', 1, 1), invalid);
    for (const method of ['consume', 'penalty', 'reward']) {
      await assert.rejects(limiter[method]('k', 1, { customDuration: 5 }), invalid);
    }
    await assert.rejects(limiter.consume('k', 0), invalid);
    assert.throws(() => newLimiter({ keyPrefx: 'a' }), /did you mean 'keyPrefix'/);
    for (const wrong of [{ store: {} }, { keyPrefix: '' }, { points: -1 }, { duration: 0 }, { duration: '1m' }]) {
      assert.throws(() => newLimiter(wrong), invalid);
    }
    for (const wrong of [{ blockDuration: -1 }, { maxKeys: 0 }]) assert.throws(() => newLimiter(wrong), invalid);
  });
});
