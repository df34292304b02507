'use strict';

// npm run mutants              every patch of mutants/ must turn the test it names red
// npm run mutants -- token     only the patches whose names contain a word
//
// A test that cannot fail proves nothing. Each patch breaks one promise on purpose, in a copy of the work tree, and its
// "Caught by" test has to see it: green before, red after. "Still green" is a hole in the tests.

require('./setup.js');
const fs = require('node:fs');
const path = require('node:path');
const { ROOT, Stop, main, run } = require('./run.js');
const { installModules } = require('./setup/node-modules.js');
const { readPatches } = require('./mutants/patches.js');
const { TREE, ENV, syncTree, applyPatch, revertPatch } = require('./mutants/tree.js');
const { runTest, BUILD_TIMEOUT_MS } = require('./mutants/verdict.js');

const EXAMPLE_OF = { jest: 'jest-app', demo: 'express-app' };

/** Whether the test loads the addon's build with the functions that only tests call. */
function usesProbe({ kind, file }) {
  return kind === 'js' && fs.readFileSync(path.join(TREE, file), 'utf8').includes('probe');
}

/**
 * Builds what a test loads, from the tree's sources by the tree's scripts, unless what was last built there is the same
 * sources still. Returns the compiler's output when it cannot be built.
 */
async function buildFor(test) {
  if (test.kind === 'core') return undefined; // cargo test compiles for itself
  for (const args of [['scripts/build.js'], ...(usesProbe(test) ? [['scripts/build.js', '--probe']] : [])]) {
    const options = { cwd: TREE, env: ENV, timeoutMs: BUILD_TIMEOUT_MS };
    const { code, output } = await run(process.execPath, [...args, '--if-needed'], options);
    if (code !== 0) return output;
  }
  return undefined;
}

/** Lays out what the tests need, unbroken, and returns the names of those that are not green even so. */
async function prepare(patches) {
  syncTree();
  const tests = new Map(patches.map(({ test }) => [test.text, test]));
  const kinds = new Set([...tests.values()].map(({ kind }) => kind));
  for (const kind of kinds) {
    if (EXAMPLE_OF[kind]) await installModules(path.join(TREE, 'examples', EXAMPLE_OF[kind]), console.log);
  }
  const notGreen = new Map();
  for (const test of tests.values()) {
    const broken = await buildFor(test);
    if (broken) throw new Stop(`${broken}\nThe addon cannot be built even without a patch.`);
    const { verdict, output } = await runTest(test);
    console.log(`unbroken: ${test.text}: ${verdict}`);
    if (verdict === 'green') continue;
    console.log(output);
    notGreen.set(test.text, verdict);
  }
  return notGreen;
}

async function tryPatch(patch) {
  if (!(await applyPatch(patch))) return { verdict: 'does not apply' };
  const broken = await buildFor(patch.test);
  if (broken) return { verdict: 'does not build', output: broken };
  return runTest(patch.test);
}

main(async () => {
  const patches = readPatches(process.argv[2]);
  await installModules(ROOT, console.log);
  if (!patches.length) throw new Stop('There is no such patch in mutants/.');
  const notGreen = await prepare(patches);
  const rows = [];
  for (const patch of patches) {
    if (notGreen.has(patch.test.text)) {
      rows.push({ patch, verdict: `${notGreen.get(patch.test.text)} without the patch` });
      continue;
    }
    const started = Date.now();
    const { verdict, output } = await tryPatch(patch).finally(() => revertPatch(patch));
    console.log(`${patch.file}: ${verdict}, ${((Date.now() - started) / 1000).toFixed(0)} s`);
    if (verdict !== 'red' && output) console.log(output);
    rows.push({ patch, verdict: verdict === 'green' ? 'STILL GREEN' : verdict });
  }
  const verdictWidth = Math.max(...rows.map(({ verdict }) => verdict.length));
  const fileWidth = Math.max(...patches.map(({ file }) => file.length));
  console.log('\nmutant, what it breaks, the test that must see it');
  for (const { patch, verdict } of rows) {
    console.log(`${verdict.padEnd(verdictWidth)}  ${patch.file.padEnd(fileWidth)}  ${patch.breaks}`);
    console.log(`${' '.repeat(verdictWidth + fileWidth + 4)}${patch.test.text}`);
  }
  const passed = rows.filter(({ verdict }) => verdict === 'red').length;
  console.log(`\n${passed} passed, ${rows.length - passed} failed`);
  if (passed !== rows.length) process.exitCode = 1;
  fs.rmSync(path.join(TREE, '.cache', 'jest.json'), { force: true });
});
