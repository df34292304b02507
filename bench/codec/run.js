'use strict';
/**
 * npm run bench:codec: the structured codec beside what could stand in its place. Medians of five fresh processes a line;
 * the processes take turns, so that a machine that slows down slows all of them. A way that does not give back what it was
 * given is not timed for that shape. msgpackr is installed here, from this folder's own lock.
 */
const { spawnSync } = require('node:child_process');
const os = require('node:os');
const path = require('node:path');
const { installModules } = require('../../scripts/setup/node-modules.js');
const { WAYS } = require('./measure.js');
const { SHAPES } = require('./values.js');

const PROCESSES = 5;
const LINES = ['encode', 'decode', 'set', 'get', 'bytes'];

/** @param {string} way @param {string} shape */
function measure(way, shape) {
  const child = spawnSync(process.execPath, [path.join(__dirname, 'measure.js'), way, shape], { encoding: 'utf8' });
  if (child.status !== 0) throw new Error(`${way}, ${shape} failed:\n${child.stderr}`);
  return JSON.parse(child.stdout);
}

/** @param {number[]} values */
function median(values) {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}

/** @param {number} number */
function show(number) {
  return Math.round(number).toLocaleString('en').padStart(9);
}

async function main() {
  await installModules(__dirname, console.error);
  /** @type {Map<string, Record<string, number>[]>} */
  const measured = new Map();
  for (let round = 1; round <= PROCESSES; round++) {
    console.error(`round ${round} of ${PROCESSES}`);
    for (const shape of SHAPES) {
      for (const way of WAYS) {
        const at = `${shape}\n${way}`;
        measured.set(at, [...(measured.get(at) ?? []), measure(way, shape)]);
      }
    }
  }
  console.log(`Node ${process.versions.node}, ${os.cpus()[0].model}, ${os.cpus().length} CPUs`);
  console.log(`ns an operation, median of ${PROCESSES} processes; set and get through a cache, near cache off`);
  for (const shape of SHAPES) {
    console.log(`\n${shape.padEnd(35)}${LINES.map((line) => line.padStart(9)).join('')}`);
    for (const way of WAYS) {
      const results = measured.get(`${shape}\n${way}`) ?? [];
      const kept = results.every((result) => 'get' in result);
      if (!kept) {
        console.log(`  ${way.padEnd(33)}gives back something else`);
        continue;
      }
      const cells = LINES.map((line) => show(median(results.map((result) => result[line]))));
      console.log(`  ${way.padEnd(33)}${cells.join('')}`);
    }
  }
}

main();
