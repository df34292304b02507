'use strict';
/**
 * npm run bench:boundary: what a call through the door costs on this machine, beside what the rest of the house would
 * cost. Medians of five fresh processes a line; the processes of all groups take turns, so that a machine that slows
 * down slows all of them. Below the table: the ratios that the design promises, taken from that same run.
 */
const { spawnSync } = require('node:child_process');
const os = require('node:os');
const path = require('node:path');
const { GROUPS } = require('./measure.js');

const PROCESSES = 5;
const ROOT = path.join(__dirname, '..', '..');
const PROBE = path.join(ROOT, '.cache', 'probe', 'redstart-probe.node');

/** @type {{ name: string, of: string, to: string, atMost: number }[]} */
const PROMISES = [
  { name: 'a raw call to a #[napi] function', of: 'empty call, raw', to: 'empty call, #[napi] function', atMost: 0.5 },
  {
    name: 'consumeSync to a raw call that only reads a key',
    of: 'consumeSync, 1,000 keys, result object included',
    to: 'key in, raw',
    atMost: 5,
  },
  {
    name: 'getSync to lru-cache with ttl',
    of: 'getSync, 100 B string, 1,000 keys',
    to: 'lru-cache with ttl, get',
    atMost: 3,
  },
];

function build() {
  const built = spawnSync(process.execPath, [path.join(ROOT, 'scripts', 'build.js'), '--probe'], { stdio: 'inherit' });
  if (built.status !== 0) process.exit(built.status ?? 1);
}

/** @param {string} group */
function measure(group) {
  const env = { ...process.env, NAPI_RS_NATIVE_LIBRARY_PATH: PROBE };
  const child = spawnSync(process.execPath, [path.join(__dirname, 'measure.js'), group], { env, encoding: 'utf8' });
  if (child.status !== 0) throw new Error(`${group} failed:\n${child.stderr}`);
  return JSON.parse(child.stdout);
}

/** @param {number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

/** @param {number} ns */
function show(ns) {
  return ns < 100 ? ns.toFixed(1) : Math.round(ns).toLocaleString('en');
}

build();
/** @type {Map<string, number[]>} */
const lines = new Map();
for (let round = 1; round <= PROCESSES; round++) {
  process.stderr.write(`round ${round} of ${PROCESSES}\n`);
  for (const group of GROUPS) {
    for (const [line, ns] of Object.entries(measure(group))) {
      if (!lines.has(line)) lines.set(line, []);
      lines.get(line).push(ns);
    }
  }
}

console.log(`\nNode ${process.versions.node}, ${os.cpus()[0].model}, ${os.cpus().length} CPUs; ns an operation`);
console.log(`median of ${PROCESSES} processes (least, most); caches: keys drawn by Zipf 0.99\n`);
for (const [line, values] of lines) {
  const range = `(${show(Math.min(...values))}, ${show(Math.max(...values))})`;
  console.log(`${line.padEnd(52)}${show(median(values)).padStart(9)}  ${range}`);
}
console.log('');
let broken = 0;
for (const { name, of, to, atMost } of PROMISES) {
  const ratio = median(lines.get(of)) / median(lines.get(to));
  const holds = ratio <= atMost;
  if (!holds) broken += 1;
  console.log(`${holds ? 'holds' : 'BROKEN'}: ${name}: ${ratio.toFixed(2)}, at most ${atMost}`);
}
console.log('\nNot measured here: other threads at work, other processors, first calls before V8 has optimised.');
process.exitCode = broken === 0 ? 0 : 1;
