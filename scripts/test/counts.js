'use strict';

// How many tests a runner says it ran, read from its own closing lines. A colour code never stands inside a line that
// counts, because the runners write to a pipe.

const NONE = { passed: 0, failed: 0, skipped: 0 };

const number = (text, pattern) => Number(pattern.exec(text)?.[1] ?? 0);

/** The last match in a text that may hold several. */
const last = (text, pattern) => [...text.matchAll(pattern)].at(-1)?.[0] ?? '';

function sum(counts) {
  const total = { ...NONE };
  for (const one of counts) for (const key of Object.keys(total)) total[key] += one[key];
  return total;
}

/** `Summary [   0.9s] 12 tests run: 11 passed (1 slow), 1 failed, 0 skipped` */
function nextest(output) {
  const line = last(output, /^\s*Summary \[.*$/gm);
  return {
    passed: number(line, /(\d+) passed/),
    failed: number(line, /(\d+) (?:failed|timed out)/),
    skipped: number(line, /(\d+) skipped/),
  };
}

/** `test result: ok. 12 passed; 0 failed; 0 ignored; …`, once for each binary */
function cargoTest(output) {
  return sum(
    [...output.matchAll(/^test result: .*$/gm)].map(([line]) => ({
      passed: number(line, /(\d+) passed/),
      failed: number(line, /(\d+) failed/),
      skipped: number(line, /(\d+) ignored/),
    })),
  );
}

/** `ℹ pass 12`, `ℹ fail 0`, … and with the TAP reporter `# pass 12` */
function nodeTest(output) {
  const of = (word) => number(last(output, new RegExp(`^(?:ℹ|#) ${word} \\d+$`, 'gm')), /(\d+)/);
  return { passed: of('pass'), failed: of('fail') + of('cancelled'), skipped: of('skipped') + of('todo') };
}

/** `Tests:       1 failed, 1 skipped, 12 passed, 14 total` */
function jest(output) {
  const line = last(output, /^Tests: .*$/gm);
  return {
    passed: number(line, /(\d+) passed/),
    failed: number(line, /(\d+) failed/),
    skipped: number(line, /(\d+) (?:skipped|todo)/),
  };
}

/** `      Tests  1 failed | 12 passed | 1 skipped (14)` */
function vitest(output) {
  const line = last(output, /^\s*Tests {2}.*$/gm);
  return {
    passed: number(line, /(\d+) passed/),
    failed: number(line, /(\d+) failed/),
    skipped: number(line, /(\d+) (?:skipped|todo)/),
  };
}

/** `package: 12 passed, 0 failed`, the closing line of this repo's own checks */
function ownCheck(output) {
  const line = last(output, /^\w+: \d+ passed, \d+ failed$/gm);
  return { passed: number(line, /(\d+) passed/), failed: number(line, /(\d+) failed/), skipped: 0 };
}

module.exports = { NONE, sum, nextest, cargoTest, nodeTest, jest, vitest, ownCheck };
