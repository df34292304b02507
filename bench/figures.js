/** What the benches share: figures of fresh processes, and how they are told. */
const { spawnSync } = require('node:child_process');

/** A young generation that does not grow, so that what grows is what is looked at. */
const STEADY_HEAP = ['--expose-gc', '--min-semi-space-size=16', '--max-semi-space-size=16'];

/**
 * The JSON that a fresh process prints.
 * @param {string} file
 * @param {unknown[]} args
 * @param {string[]} [options] Of Node.
 */
function child(file, args, options = []) {
  const run = spawnSync(process.execPath, [...options, file, ...args.map(String)], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(`${file} ${args.join(' ')} failed:\n${run.stderr}`);
  return JSON.parse(run.stdout);
}

/** @param {number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

/** @param {number} value */
const whole = (value) => Math.round(value).toLocaleString('en');

/** Median, and in brackets the least and the most. @param {number[]} values */
const range = (values) => `${whole(median(values))} (${whole(Math.min(...values))}, ${whole(Math.max(...values))})`;

/** A line of a table. @param {number} first @param {number} others How wide. */
function table(first, others) {
  return (/** @type {string} */ name, /** @type {string[]} */ ...cells) =>
    console.log(name.padEnd(first) + cells.map((cell) => cell.padStart(others)).join(''));
}

/** Whether all hold. @param {[string, boolean][]} checks */
function tell(checks) {
  for (const [what, holds] of checks) console.log(`  ${holds ? 'holds' : 'BROKEN'}: ${what}`);
  return checks.every(([, holds]) => holds);
}

/** Resident bytes without garbage of JavaScript; needs --expose-gc. */
async function rssBytes() {
  for (let time = 0; time < 3; time++) {
    globalThis.gc?.();
    // What V8 frees on its own threads, and finalizers.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return process.memoryUsage.rss();
}

module.exports = { STEADY_HEAP, child, median, whole, range, table, tell, rssBytes };
