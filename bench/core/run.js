'use strict';

/**
 * npm run bench:core: the structures of crates/core without Node.
 *
 *   npm run bench:core                        what calls take, then how many instructions, against the baseline
 *   npm run bench:core -- --times [filter]    only the former, of benches with the filter in their names
 *   npm run bench:core -- --instructions      only the latter; `npm test` does the same
 *   npm run bench:core -- --record            counts, and makes that the baseline
 */
const { Stop, main, mustRun } = require('../../scripts/run.js');
const { check, record } = require('./instructions.js');

/** @param {string[]} filters */
async function times(filters) {
  await mustRun('cargo', ['bench', '--package', 'redstart-bench-core', '--locked', '--', ...filters], { show: true });
}

async function instructions() {
  const { failed } = await check();
  if (failed) process.exitCode = 1;
}

main(async () => {
  const [what, ...rest] = process.argv.slice(2);
  if (what === '--times') return times(rest);
  if (rest.length || ![undefined, '--instructions', '--record'].includes(what)) {
    throw new Stop('Usage: npm run bench:core -- [--times [filter] | --instructions | --record]');
  }
  if (what === '--record') return record();
  if (what === undefined) await times([]);
  return instructions();
});
