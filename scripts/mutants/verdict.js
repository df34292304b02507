'use strict';

// Runs one named test in the tree and says how it went: 'green', 'red', or 'did not run' with the output that tells why.
// A test that was not found must never count as red, so every runner is asked what it ran and not only how it ended.

const fs = require('node:fs');
const path = require('node:path');
const { run, npm } = require('../run.js');
const { TREE, ENV } = require('./tree.js');

/** A broken program may hang; that is as red as failing. */
const TEST_TIMEOUT_MS = 180_000;
const BUILD_TIMEOUT_MS = 900_000;

const verdict = (results, output) => {
  if (!results.length) return { verdict: 'did not run', output };
  return { verdict: results.every(Boolean) ? 'green' : 'red', output };
};

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

const inTree = (command, args, options) =>
  run(command, args, { cwd: TREE, env: ENV, timeoutMs: TEST_TIMEOUT_MS, ...options });

/** Compiled first and apart: a mutant that does not compile proves nothing. */
async function core({ name }) {
  const scope = ['test', '-p', 'redstart-core', '--lib', '--tests'];
  const compiled = await inTree('cargo', [...scope, '--no-run'], { timeoutMs: BUILD_TIMEOUT_MS });
  if (compiled.code !== 0) return { verdict: 'did not run', output: compiled.output };
  const { code, output } = await inTree('cargo', [...scope, '--no-fail-fast', '--', '--exact', name]);
  const results = [...output.matchAll(/^test (\S+)(?: - should panic)? \.\.\. (ok|FAILED)$/gm)];
  if (code === 124) return { verdict: 'red', output };
  // A crash takes the runner with it before it could say anything of the test.
  if (!results.length && /signal: \d+/.test(output)) return { verdict: 'red', output };
  return verdict(
    results.filter((match) => match[1] === name).map((match) => match[2] === 'ok'),
    output,
  );
}

async function js({ file, name }) {
  const reporter = path.join(TREE, 'scripts', 'mutants', 'reporter.js');
  const pattern = `--test-name-pattern=/(^| )${escaped(name)}$/`;
  // What the hooks of suites that the pattern leaves out would have closed must not keep the process.
  const args = [
    '--test',
    '--test-force-exit',
    `--test-reporter=${reporter}`,
    '--test-reporter-destination=stdout',
    pattern,
    file,
  ];
  const { code, output, stdout } = await inTree(process.execPath, args);
  if (code === 124) return { verdict: 'red', output };
  const events = stdout.split('\n').filter((line) => line.startsWith('{"name"'));
  const ran = events.map((line) => JSON.parse(line));
  const results = ran.filter((event) => event.name === name).map((event) => event.passed);
  // A process that dies takes its tests' reports with it; then the runner reports the file itself as failed.
  const died = ran.some((event) => !event.passed && path.resolve(TREE, event.name) === path.resolve(TREE, file));
  return verdict(results.length || !died ? results : [false], output);
}

async function jest({ file, name }) {
  const report = path.join(TREE, '.cache', 'jest.json');
  fs.rmSync(report, { force: true });
  const pattern = `${escaped(name)}$`;
  const [command, args] = npm(['test', '--', file, '-t', pattern, '--json', `--outputFile=${report}`]);
  const { code, output } = await inTree(command, args, { cwd: path.join(TREE, 'examples', 'jest-app') });
  if (code === 124) return { verdict: 'red', output };
  if (!fs.existsSync(report)) return { verdict: 'did not run', output };
  const ran = JSON.parse(fs.readFileSync(report, 'utf8')).testResults.flatMap((one) => one.assertionResults);
  const named = ran.filter((one) => one.title === name && one.status !== 'pending');
  return verdict(
    named.map((one) => one.status === 'passed'),
    output,
  );
}

/** The demo marks each step that holds, and the first that does not, at which it stops. */
async function demo({ name }) {
  const { output } = await inTree(process.execPath, ['scripts/demo.js', '--once']);
  const step = new RegExp(`^([✓✗]) ${escaped(name)}:`, 'm').exec(output);
  return verdict(step ? [step[1] === '✓'] : [], output);
}

const RUNNERS = { core, js, jest, demo };

module.exports = { runTest: (test) => RUNNERS[test.kind](test), BUILD_TIMEOUT_MS };
