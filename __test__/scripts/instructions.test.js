'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { compare, differs } = require('../../bench/core/baseline.js');
const { sumUp } = require('../../bench/core/callgrind.js');

const BINARY = '/tmp/bench';

/** Costs 7 + 5 itself, calls malloc() 3 times, which calls a hook of ours once; and SHA-256, which calls nothing. */
const PROFILE = `version: 1
positions: line
events: Ir

ob=${BINARY}
fl=???
fn=core::cache::get
0 7
cob=/lib/libc.so.6
cfi=malloc.c
cfn=malloc
calls=3 0
0 100
cfn=core::cache::hash
calls=2 0
0 20
0 5

fn=core::cache::hash
0 20

fn=sha2::sha256::compress256
0 1000

ob=/lib/libc.so.6
fn=malloc
12 80
cob=${BINARY}
cfn=core::hook
calls=1 0
13 20
`;

test('what our own code costs is told from what it calls', () => {
  assert.deepEqual(sumUp(PROFILE, BINARY), { own: 7 + 5 + 20, leaves: 3, outside: 80 + 1000 });
});

test('over 5 % more than the baseline is more, in instructions and in calls out', () => {
  const was = { own: 1000, leaves: 4 };
  const verdict = (now) => {
    const baseline = { scenarios: { get: was } };
    return compare(baseline, new Map(now ? [['get', { outside: 0, ...was, ...now }]] : []))[0].verdict;
  };
  assert.equal(verdict({ own: 1050 }), 'same');
  assert.equal(verdict({ own: 1051 }), 'more');
  assert.equal(verdict({ own: 950 }), 'same');
  assert.equal(verdict({ own: 949 }), 'less');
  assert.equal(verdict({ leaves: 4.4 }), 'same');
  assert.equal(verdict({ leaves: 5 }), 'more');
  assert.equal(verdict({ own: 900, leaves: 5 }), 'more');
  assert.equal(verdict(undefined), 'gone');
  assert.equal(compare({ scenarios: {} }, new Map([['set', was]]))[0].verdict, 'new');
});

test('counts of another compiler, target or set of flags are not compared', () => {
  const place = { rustc: 'rustc 1.95.0', target: 'x86_64-unknown-linux-gnu', flags: '-C target-cpu=x86-64' };
  assert.equal(differs(place, { ...place }), undefined);
  for (const what of Object.keys(place)) assert.match(differs(place, { ...place, [what]: 'other' }), /'other'/);
});
