'use strict';

const assert = require('node:assert/strict');
const { test } = require('node:test');
const counts = require('../../scripts/test/counts.js');

const CASES = {
  nextest: [
    ['     Summary [   1.204s] 12 tests run: 11 passed (1 slow), 1 failed, 2 skipped', 11, 1, 2],
    ['     Summary [   0.100s] 3/9 tests run: 2 passed, 1 timed out, 0 skipped', 2, 1, 0],
    ['error: could not compile `redstart-core`', 0, 0, 0],
  ],
  cargoTest: [
    [
      'test result: ok. 7 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n' +
        'test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s\n',
      9,
      3,
      1,
    ],
  ],
  nodeTest: [
    ['ℹ tests 5\nℹ suites 1\nℹ pass 3\nℹ fail 1\nℹ cancelled 0\nℹ skipped 1\nℹ todo 0\nℹ duration_ms 86.3\n', 3, 1, 1],
    ['# tests 2\n# pass 1\n# fail 0\n# cancelled 1\n# skipped 0\n# todo 0\n', 1, 1, 0],
    // What a test printed is no summary.
    ['the word pass 99\nℹ pass 1\nℹ fail 0\nℹ cancelled 0\nℹ skipped 0\nℹ todo 0\n', 1, 0, 0],
  ],
  jest: [
    ['Tests:       1 failed, 2 skipped, 12 passed, 15 total\nSnapshots:   0 total', 12, 1, 2],
    ['Tests:       9 passed, 9 total', 9, 0, 0],
  ],
  vitest: [
    [
      ' Test Files  1 failed (1)\n      Tests  1 failed | 40 passed | 2 skipped (43)\n   Start at  03:13:59\n',
      40,
      1,
      2,
    ],
    [' Test Files  1 passed (1)\n      Tests  42 passed (42)\n', 42, 0, 0],
    [' Test Files  1 failed (1)\n      Tests  no tests\n', 0, 0, 0],
  ],
  ownCheck: [['ok require works\npackage: 22 passed, 1 failed\n', 22, 1, 0]],
};

for (const [runner, cases] of Object.entries(CASES)) {
  test(`the counts of ${runner} are read from its closing lines`, () => {
    for (const [output, passed, failed, skipped] of cases) {
      assert.deepEqual(counts[runner](output), { passed, failed, skipped });
    }
  });
}
