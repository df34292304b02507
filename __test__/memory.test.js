'use strict';
// State is in Rust: V8 does not see it, an idle store costs nothing, and what is closed or dropped is given back.
const assert = require('node:assert/strict');
const { describe, it } = require('node:test');
const { report } = require('./support/child.js');

// Without V8's own tidying up, which comes eight seconds after a program has become quiet and takes 5 to 20 ms, store or not.
const node = ['--expose-gc', '--no-memory-reducer'];
const measure = (script, ...args) => report(`memory/${script}`, { args, node, timeoutMs: 120_000 });
const figure = (number) => number.toFixed(1);

describe('memory', () => {
  it('of 200,000 entries of 1 KB is hardly any in V8', async (t) => {
    const { moved, size, entries, wrong } = await measure('heap.js');
    assert.equal(entries, 200_001);
    assert.equal(wrong, 0);
    assert.ok(moved.rss > size * 0.9, `200,000 entries take ${figure(moved.rss)} MB of RSS: are they there?`);
    for (const name of ['heapUsed', 'external', 'arrayBuffers']) {
      const share = (100 * moved[name]) / size;
      t.diagnostic(`${name} moved by ${figure(moved[name])} MB, ${figure(share)} % of ${figure(size)} MB`);
      assert.ok(share < 10, `${name} moved by ${figure(share)} % of the entries' size`);
    }
  });

  it('of a full cache is bounded, however much it is fed', async (t) => {
    const { grown, bytes, fed, evictions, held, entries } = await measure('bounded.js');
    t.diagnostic(`fed ${fed} MB, a cache of 8 MB made RSS grow by ${figure(grown)} MB at most`);
    assert.equal(evictions + held, entries);
    assert.ok(bytes <= 8, `${figure(bytes)} MB by its own count`);
    assert.ok(grown < 16, `RSS grew by ${figure(grown)} MB`);
  });

  for (const [kind, allowed] of [
    ['closed', 8],
    ['dropped', 16],
  ]) {
    it(`of 10,000 private stores that were ${kind} is given back`, async (t) => {
      const { first, last, grown, rss, dropped } = await measure('churn.js', kind);
      t.diagnostic(`RSS ${figure(first)} MB, 10,000 stores later ${figure(last)} MB`);
      assert.ok(grown < allowed, `RSS grew by ${figure(grown)} MB: ${rss.join(' ')}`);
      if (kind === 'closed') assert.equal(dropped, 12_000);
    });
  }
});

describe('an idle store', () => {
  it('with 100 delayed jobs, a worker and a listener takes under 5 ms of CPU in 10 s', async (t) => {
    const { cpuMs, delayed } = await measure('idle.js');
    assert.equal(delayed, 100);
    t.diagnostic(`${figure(cpuMs)} ms of CPU in 10 s`);
    assert.ok(cpuMs < 5, `${figure(cpuMs)} ms of CPU in 10 s`);
  });
});
