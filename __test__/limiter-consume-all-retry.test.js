'use strict';
// What consumeAll says of when the same call would pass, where several of its parts are of one key.
const assert = require('node:assert/strict');
const { test } = require('node:test');
const { open, manualClock, consumeAll } = require('redstart');
const { ALGORITHMS, START_MS, drawing } = require('./support/limiter/algorithms.js');

for (const algorithm of ALGORITHMS) {
  test(`${algorithm}: parts of one key pass together after retryAfterMs, and not one millisecond earlier`, async () => {
    const clock = manualClock(START_MS + 137);
    const store = open('memory:', { clock });
    const draw = drawing(ALGORITHMS.indexOf(algorithm));
    const limiter = store.limiter('l', { limit: 12, window: 1_600, algorithm });
    let denials = 0;
    for (let step = 0; step < 300; step++) {
      limiter.consumeSync('k', { cost: 1 + draw(4) });
      clock.advance(1 + draw(300));
      const parts = Array.from({ length: 2 + draw(2) }, () => ({ limiter, key: 'k', cost: 1 + draw(4) }));
      const answer = await consumeAll(parts);
      if (answer.allowed) continue;
      denials += 1;
      const story = JSON.stringify({ step, costs: parts.map(({ cost }) => cost), answer });
      if (answer.retryAfterMs > 1) clock.advance(answer.retryAfterMs - 1);
      assert.equal((await consumeAll(parts)).allowed, false, `too late: ${story}`);
      clock.advance(1);
      assert.equal((await consumeAll(parts)).allowed, true, `too early: ${story}`);
    }
    assert.ok(denials > 20, `${denials}`);
    await store.close();
  });
}
