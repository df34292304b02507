'use strict';
// retryAfterMs is exact: the same call is denied one millisecond earlier and passes then, whatever happened before.
const assert = require('node:assert/strict');
const { test, beforeEach, afterEach } = require('node:test');
const { open, manualClock } = require('redstart');
const { ALGORITHMS, REFILLING, START_MS, drawing } = require('./support/limiter/algorithms.js');

const STEPS = 400;

let clock;
let store;

beforeEach(() => {
  clock = manualClock(START_MS + 137);
  store = open('memory:', { clock });
});
afterEach(() => store.close());

/** A call's options, at times with a limit or a window of its own; the cost fits always. */
function drawCall(draw, { varied, burst }) {
  const limit = varied && draw(3) === 0 ? 1 + draw(40) : undefined;
  const window = varied && draw(4) === 0 ? [700, 5_000][draw(2)] : undefined;
  return { cost: 1 + draw(Math.min(burst ?? limit ?? 12, 6)), limit, window };
}

/** Moves to just before and then to when `call` is said to pass. */
async function assertTight(limiter, call, { retryAfterMs }, story) {
  if (retryAfterMs > 1) clock.advance(retryAfterMs - 1);
  assert.equal((await limiter.peek('k', call)).allowed, false, `too early: ${story}`);
  clock.advance(1);
  assert.equal((await limiter.peek('k', call)).allowed, true, `too late: ${story}`);
}

/** Any of the other things that happen to a key. */
async function disturb(draw, limiter, call) {
  const { limit, window } = call;
  const kind = draw(8);
  if (kind === 0) await limiter.refund('k', 1 + draw(4), { limit, window });
  else if (kind === 1) await limiter.penalty('k', 1 + draw(4), { limit, window });
  else if (kind === 2) clock.advance(1 + draw(900));
  else if (kind === 3) await limiter.block('k', 1 + draw(300));
}

for (const algorithm of ALGORITHMS) {
  const bursts = REFILLING.includes(algorithm) ? [undefined, 5, 30] : [undefined];
  for (const burst of bursts) {
    for (const varied of [false, true]) {
      for (const block of [undefined, 250]) {
        const which = `${algorithm}${burst ? `, burst ${burst}` : ''}${varied ? ', limits and windows of calls' : ''}${block ? ', block' : ''}`;
        test(`retryAfterMs is tight: ${which}`, async () => {
          const draw = drawing(which.length + 1_000 * ALGORITHMS.indexOf(algorithm) + (burst ?? 0));
          const limiter = store.limiter('l', { limit: 12, window: 1_600, algorithm, burst, block });
          let denials = 0;
          for (let step = 0; step < STEPS; step++) {
            const call = drawCall(draw, { varied, burst });
            await disturb(draw, limiter, call);
            if (draw(4) === 0) clock.advance(1 + draw(200));
            const before = await limiter.peek('k', call);
            const answer = limiter.consumeSync('k', call);
            assert.equal(before.allowed, answer.allowed);
            const limit = call.limit ?? 12;
            assert.equal(answer.limit, limit);
            assert.ok(answer.remaining >= 0 && answer.remaining <= (burst ?? limit), `${answer.remaining}`);
            if (answer.allowed) {
              assert.deepEqual([answer.retryAfterMs, answer.remaining], [0, before.remaining - call.cost]);
            } else {
              denials += 1;
              assert.ok(answer.retryAfterMs >= 1 && answer.retryAfterMs <= answer.resetAfterMs, JSON.stringify(answer));
              await assertTight(limiter, call, answer, JSON.stringify({ step, call, answer }));
            }
          }
          assert.ok(denials > 20, `${denials} denials`);
        });
      }
    }
  }

  test(`refund at the instant of a consume undoes it: ${algorithm}`, async () => {
    const draw = drawing(7);
    const used = store.limiter('used', { limit: 12, window: 1_600, algorithm });
    const spared = store.limiter('spared', { limit: 12, window: 1_600, algorithm });
    for (let step = 0; step < STEPS; step++) {
      const cost = 1 + draw(6);
      if (draw(2) === 0) {
        assert.deepEqual(used.consumeSync('k', { cost }), spared.consumeSync('k', { cost }), `step ${step}`);
      } else if (used.consumeSync('k', { cost }).allowed) {
        await used.refund('k', cost);
      }
      assert.deepEqual(await used.peek('k'), await spared.peek('k'), `step ${step}`);
      clock.advance(1 + draw(150));
    }
  });

  test(`a denial changes nothing: ${algorithm}`, async () => {
    const draw = drawing(11);
    const asked = store.limiter('asked', { limit: 12, window: 1_600, algorithm });
    const spared = store.limiter('spared', { limit: 12, window: 1_600, algorithm });
    for (let step = 0; step < STEPS; step++) {
      const cost = 1 + draw(12);
      const { allowed } = await spared.peek('k', { cost });
      assert.equal(asked.consumeSync('k', { cost }).allowed, allowed);
      if (allowed) spared.consumeSync('k', { cost });
      assert.deepEqual(await asked.peek('k'), await spared.peek('k'), `step ${step}`);
      clock.advance(1 + draw(300));
    }
  });
}
