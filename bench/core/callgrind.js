'use strict';

/**
 * Counts instructions: builds the scenarios of bench/core for a fixed processor, runs each under callgrind, and reads what it
 * wrote. What happens in our binary is told from what happens outside it, in the C library, because the latter differs from
 * one system to the next: which memcpy() runs depends on the processor, what malloc() costs on the version.
 */
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { ROOT, Stop, run, mustRun } = require('../../scripts/run.js');

const PACKAGE = 'redstart-bench-core';
const PROFILE = 'counted';
/** Every x86-64 has it, so that the compiler's choices do not depend on the machine. */
const TARGET_CPU = 'x86-64';
/** SHA-256 by instructions that a processor may have, or valgrind may know, would be another count. */
const RUSTFLAGS = ['-C', `target-cpu=${TARGET_CPU}`, '--cfg', 'sha2_backend="soft"'];
/** Of its own: other flags would make cargo build everything anew, back and forth. */
const TARGET_DIR = path.join(ROOT, 'target', PROFILE);
/** See src/main.rs. */
const COUNTED = '*what_is_counted*';
/** In our binary, and many times what our code costs: it would hide changes of it, and processors have instructions for it. */
const FOREIGN = /^sha2::/;
/** A scenario takes a second. */
const ONE_MAX_MS = 120_000;

/** What a call costs: instructions in our binary, calls that leave it, instructions outside.
 * @typedef {{ own: number, leaves: number, outside: number }} Cost */

/** @param {string} [toolchain] A version that rustup has; otherwise the one that is there. */
function cargoEnv(toolchain) {
  // Whatever a developer has set for other builds must not change this one.
  const kept = Object.entries(process.env).filter(([name]) => !/^CARGO_(BUILD|PROFILE|TARGET)_|^RUSTFLAGS$/.test(name));
  const env = {
    ...Object.fromEntries(kept),
    CARGO_ENCODED_RUSTFLAGS: RUSTFLAGS.join('\x1f'),
    CARGO_TARGET_DIR: TARGET_DIR,
  };
  return toolchain ? { ...env, RUSTUP_TOOLCHAIN: toolchain } : env;
}

/** Builds the scenarios; where the binary is. @param {string} [toolchain] */
async function build(toolchain) {
  const args = ['build', '--package', PACKAGE, '--bins', '--profile', PROFILE, '--locked'];
  await mustRun('cargo', args, { env: cargoEnv(toolchain), show: true });
  return path.join(TARGET_DIR, PROFILE, PACKAGE);
}

/** The scenarios and how many calls each makes. @param {string} binary */
async function scenarios(binary) {
  const { stdout } = await mustRun(binary, []);
  const lines = stdout.trim().split('\n');
  return lines.map((line) => ({ name: line.slice(line.indexOf('\t') + 1), calls: Number.parseInt(line, 10) }));
}

/**
 * Sums up callgrind's output ("Callgrind Format Specification" in valgrind's manual): `ob=` and `fn=` name the object and the
 * function that the costs below are of, a line that begins with a digit; the one after `calls=` is what that call cost, which
 * is told at its own function again.
 * @param {string} text @param {string} binary
 * @returns {Cost}
 */
function sumUp(text, binary) {
  const total = { own: 0, leaves: 0, outside: 0 };
  let isBinary = false;
  let isOwn = false;
  let callsOut = false;
  let isCall = false;
  for (const line of text.split('\n')) {
    if (line.startsWith('ob=')) {
      isBinary = line.slice(3) === binary;
      callsOut = false;
    } else if (line.startsWith('fn=')) {
      isOwn = isBinary && !FOREIGN.test(line.slice(3));
    } else if (line.startsWith('cob=')) {
      callsOut = line.slice(4) !== binary;
    } else if (line.startsWith('calls=')) {
      if (isBinary && callsOut) total.leaves += Number.parseInt(line.slice(6), 10);
      isCall = true;
      callsOut = false;
    } else if (/^\d/.test(line)) {
      if (!isCall) total[isOwn ? 'own' : 'outside'] += Number(line.split(' ')[1]);
      isCall = false;
    }
  }
  return total;
}

/** @param {string} binary @param {{ name: string, calls: number }} scenario @param {string} folder @returns {Promise<Cost>} */
async function countOne(binary, { name, calls }, folder) {
  const out = path.join(folder, `${name.replace(/\W+/g, '-')}.out`);
  const plain = ['--compress-strings=no', '--compress-pos=no'];
  const options = ['--tool=callgrind', `--callgrind-out-file=${out}`, `--toggle-collect=${COUNTED}`, ...plain];
  const { code, output } = await run('valgrind', [...options, binary, name], { timeoutMs: ONE_MAX_MS });
  if (code !== 0) throw new Stop(`${output}\nThe scenario '${name}' ended with code ${code} under valgrind.`);
  const { own, leaves, outside } = sumUp(fs.readFileSync(out, 'utf8'), binary);
  if (own === 0) throw new Stop(`callgrind counted nothing for '${name}': is ${COUNTED} still a function of its own?`);
  return { own: own / calls, leaves: leaves / calls, outside: outside / calls };
}

/**
 * What a call of each scenario costs, several at a time.
 * @param {string} binary @param {(name: string, cost: Cost) => void} [tell] In the order of the list.
 * @returns {Promise<Map<string, Cost>>}
 */
async function countAll(binary, tell = () => {}) {
  const all = await scenarios(binary);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'redstart-callgrind-'));
  /** @type {Promise<Cost>[]} */
  const lanes = Array.from({ length: Math.min(os.availableParallelism(), 4) }, () => Promise.resolve());
  try {
    const counts = all.map((scenario, index) => {
      const lane = index % lanes.length;
      lanes[lane] = lanes[lane].then(() => countOne(binary, scenario, folder));
      return lanes[lane];
    });
    await Promise.all(counts);
    const costs = new Map();
    for (const [index, { name }] of all.entries()) {
      costs.set(name, await counts[index]);
      tell(name, costs.get(name));
    }
    return costs;
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

module.exports = { FLAGS: RUSTFLAGS.join(' '), build, countAll, sumUp };
