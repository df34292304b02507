'use strict';

/** The check on instruction counts: counts here, compares with the baseline and tells. */
const { Stop, run } = require('../../scripts/run.js');
const { systemCommand } = require('../../scripts/setup/system-package.js');
const baseline = require('./baseline.js');
const callgrind = require('./callgrind.js');

const RECORD = 'npm run bench:core -- --record';
const VERDICTS = {
  same: '',
  less: 'less: record it',
  more: 'MORE',
  new: 'NOT IN THE BASELINE',
  gone: 'NOT COUNTED ANY MORE',
};

/** What `rustc --version --verbose` says, of the toolchain of a version or of the one that is there. @param {string} [toolchain] */
async function rustc(toolchain) {
  const [command, ...args] = toolchain ? ['rustup', 'run', toolchain, 'rustc', '-vV'] : ['rustc', '-vV'];
  const { code, stdout } = await run(command, args);
  const target = /^host: (.+)$/m.exec(stdout)?.[1];
  return code === 0 && target ? { rustc: stdout.split('\n')[0], target } : undefined;
}

/**
 * A toolchain whose counts compare with the baseline's: the one that is there, or the baseline's own where rustup has it
 * besides.
 * @param {baseline.Baseline} wanted
 * @returns {Promise<{ toolchain?: string, why?: string }>}
 */
async function comparable(wanted) {
  const flags = callgrind.FLAGS;
  const here = await rustc();
  if (!here) throw new Stop('rustc was not found: install Rust from https://rustup.rs.');
  const why = baseline.differs(wanted, { ...here, flags });
  if (!why) return {};
  const toolchain = /^rustc (\S+)/.exec(wanted.rustc)?.[1];
  const other = toolchain && (await rustc(toolchain));
  return other && !baseline.differs(wanted, { ...other, flags }) ? { toolchain } : { why };
}

/** What keeps this machine from counting; undefined where nothing does. */
async function unable() {
  if (process.platform !== 'linux') return `callgrind does not run on ${process.platform}`;
  const { found, why } = await systemCommand('valgrind', 'valgrind');
  return found ? undefined : why;
}

/** @param {number} value @param {number} [digits] */
const shown = (value, digits = 0) =>
  value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });

/** @param {baseline.Line[]} lines */
function tell(lines) {
  const row = (/** @type {string[]} */ first, ...cells) =>
    console.log(`${first.padEnd(33)}${cells.map((cell) => cell.padStart(12)).join('')}`.trimEnd());
  row('a call, in our own code', 'baseline', 'now', '', 'calls out', 'outside');
  for (const { name, was, now, growth, verdict } of lines) {
    const percent = was && now ? `${growth < 0 ? '' : '+'}${(growth * 100).toFixed(1)} %` : '';
    const leaves = now ? shown(now.leaves, 1) : '';
    row(name, was ? shown(was.own) : '', now ? shown(now.own) : '', percent, leaves, now ? shown(now.outside) : '');
    const leavesMore = verdict === 'more' && was && now && now.leaves - was.leaves > 0.05;
    const more = leavesMore ? `, calls out were ${shown(was.leaves, 1)}` : '';
    if (VERDICTS[verdict]) console.log(`  ^ ${VERDICTS[verdict]}${more}`);
  }
  console.log(
    'outside: instructions of the C library and of SHA-256; they differ from machine to machine and are not judged',
  );
}

/**
 * Counts all scenarios and holds them against the baseline.
 * @returns {Promise<{ passed: number, failed: number, skipped: number }>} Scenarios.
 */
async function check() {
  const wanted = baseline.read();
  const { toolchain, why } = await comparable(wanted);
  const obstacle = why ?? (await unable());
  if (obstacle) {
    // A gate that nobody notices to be open is none: who relies on it says so.
    if (process.env.REDSTART_INSTRUCTIONS === 'required')
      throw new Stop(`Instructions cannot be counted: ${obstacle}.`);
    console.log(`instructions are not counted: ${obstacle}.`);
    if (why) console.log(`Counts of another compiler say nothing. To count with this one from now on: ${RECORD}`);
    return { passed: 0, failed: 0, skipped: Object.keys(wanted.scenarios).length };
  }
  const costs = await callgrind.countAll(await callgrind.build(toolchain));
  const lines = baseline.compare(wanted, costs);
  tell(lines);
  const failed = lines.filter(({ verdict }) => !['same', 'less'].includes(verdict)).length;
  const less = lines.filter(({ verdict }) => verdict === 'less').length;
  if (less) console.log(`${less} cost less by over 5 %: so that it stays so, ${RECORD}`);
  if (failed) console.log(`${failed} cost more by over 5 %, or are new or gone. Where that is meant: ${RECORD}`);
  return { passed: lines.length - failed, failed, skipped: 0 };
}

/** Counts all scenarios and makes that the baseline. */
async function record() {
  const obstacle = await unable();
  if (obstacle) throw new Stop(`Instructions cannot be counted: ${obstacle}.`);
  const here = await rustc();
  if (!here) throw new Stop('rustc was not found: install Rust from https://rustup.rs.');
  const binary = await callgrind.build();
  const costs = await callgrind.countAll(binary);
  tell(baseline.compare(baseline.read(), costs));
  const valgrind = (await run('valgrind', ['--version'])).stdout.trim();
  baseline.write({ ...here, flags: callgrind.FLAGS, valgrind }, costs);
  console.log(`recorded in bench/core/baseline.json, for ${here.rustc} on ${here.target}`);
}

module.exports = { check, record };
