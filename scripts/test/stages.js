'use strict';

// The stages of `npm test`, what fails quickest first. A stage that runs tests returns their counts, by the runner's own
// word; any stage throws a Stop when it does not hold.

const fs = require('node:fs');
const path = require('node:path');
const { ROOT, Stop, run, mustRun, npm, tool } = require('../run.js');
const { installModules } = require('../setup/node-modules.js');
const { checkRust } = require('../setup/rust.js');
const addon = require('../setup/addon.js');
const { checkDependencies } = require('../dependencies.js');
const { check: checkInstructions } = require('../../bench/core/instructions.js');
const counts = require('./counts.js');
const { testFiles } = require('./files.js');

const GENERATED = ['native.js', 'native.d.ts'];

/** One test, or one whole file, may take this long before it counts as hanging. */
const NODE_TEST_TIMEOUT_MS = 300_000;

const show = { show: true };

function readText(file) {
  const full = path.join(ROOT, file);
  return fs.existsSync(full) ? fs.readFileSync(full, 'utf8') : undefined;
}

/** Runs a test runner; its failing tests become counts, so that the closing line can tell how many. */
async function runTests(command, args, parse, options = {}) {
  const { code, output } = await run(command, args, { ...show, ...options });
  const counted = parse(output);
  if (code !== 0 && counted.failed === 0) throw new Stop(`${path.basename(command)} ended with code ${code}.`);
  if (counted.passed + counted.failed === 0) throw new Stop(`${path.basename(command)} ran no test.`);
  return counted;
}

/** `__test__` under some Node: this one unless told otherwise. */
function runNodeTests(node = process.execPath, options = {}) {
  const args = ['--test', '--test-reporter=spec', `--test-timeout=${NODE_TEST_TIMEOUT_MS}`, ...testFiles()];
  return runTests(node, args, counts.nodeTest, options);
}

/** Installs what the repo, its examples and the suites of others need. */
async function modules() {
  await installModules(ROOT, console.log);
  for (const parent of ['examples', 'suites']) {
    for (const name of fs.readdirSync(path.join(ROOT, parent))) {
      const folder = path.join(ROOT, parent, name);
      if (fs.existsSync(path.join(folder, 'package.json'))) await installModules(folder, console.log);
    }
  }
}

/** Biome: format and lint of everything that is JavaScript, TypeScript or JSON. */
async function javascript() {
  await mustRun(...tool('@biomejs/biome/bin/biome', ['check', '--error-on-warnings']), show);
}

async function rustfmt() {
  await checkRust();
  await mustRun('cargo', ['fmt', '--all', '--check'], show);
}

/** lib/ and index.js against index.d.ts, and what index.d.ts promises against __test__/types. */
async function types() {
  await mustRun(...tool('typescript/bin/tsc', ['--project', 'tsconfig.json']), show);
}

async function clippy() {
  const scope = ['--workspace', '--all-targets', '--all-features', '--locked'];
  await mustRun('cargo', ['clippy', ...scope, '--', '-D', 'warnings'], show);
}

/** crates/core without Node. nextest where there is one, because it is quicker; the tests are the same. */
async function core() {
  const scope = ['-p', 'redstart-core', '--all-features', '--locked'];
  const hasNextest = (await run('cargo', ['nextest', '--version'])).code === 0;
  if (!hasNextest) return runTests('cargo', ['test', ...scope], counts.cargoTest);
  const tests = await runTests('cargo', ['nextest', 'run', ...scope], counts.nextest);
  const { code, output } = await run('cargo', ['test', '--doc', ...scope], show);
  const docs = counts.cargoTest(output);
  if (code !== 0 && docs.failed === 0) throw new Stop(`cargo test --doc ended with code ${code}.`);
  return counts.sum([tests, docs]);
}

/** The addon; what the napi CLI generates beside it must be what is committed. */
async function build() {
  const before = GENERATED.map(readText);
  await addon.ensure({ show: true, locked: true });
  const changed = GENERATED.filter((file, index) => readText(file) !== before[index]);
  if (changed.length) {
    throw new Stop(`The build changed ${changed.join(' and ')}: commit what it wrote, and never edit it.`);
  }
}

function probe() {
  return addon.ensure({ kind: 'probe', show: true, locked: true });
}

function node() {
  return runNodeTests();
}

/** Every option that the types declare is claimed by a test that fails without it. */
function options() {
  return runTests(process.execPath, ['scripts/options-covered.js'], counts.ownCheck);
}

/** The example project of a Jest user, as that user runs it. */
function jest() {
  const [command, args] = npm(['test']);
  return runTests(command, args, counts.jest, { cwd: path.join(ROOT, 'examples', 'jest-app') });
}

/** Keyv's own suite for storage adapters, over redstart/keyv. */
function keyv() {
  const [command, args] = npm(['test']);
  // Where CI is set it would colour its lines though nobody looks.
  const env = { ...process.env, NO_COLOR: '1' };
  return runTests(command, args, counts.vitest, { cwd: path.join(ROOT, 'suites', 'keyv'), env });
}

/** Packs the package as a release does and tries it where no compiler is. */
async function packages() {
  await mustRun(process.execPath, ['scripts/package.js'], show);
  return runTests(process.execPath, ['scripts/check-package.js'], counts.ownCheck);
}

const STAGES = {
  modules,
  javascript,
  rustfmt,
  types,
  dependencies: checkDependencies,
  clippy,
  core,
  // No call of core's costs over 5 % more instructions than bench/core/baseline.json says.
  instructions: checkInstructions,
  build,
  probe,
  node,
  options,
  jest,
  keyv,
  package: packages,
};

module.exports = { STAGES, runNodeTests };
