'use strict';

// examples/jest-app is what a user's Jest project looks like. Its own tests say that the features hold under Jest; here
// they are run as that user would run them, and what is judged is how Jest ends: everything passed, nothing left open, no
// complaint about a process that would not exit, and an end of its own within a bound.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { test } = require('node:test');

const APP = path.join(__dirname, '..', 'examples', 'jest-app');
const JEST = path.join(APP, 'node_modules', 'jest', 'bin', 'jest.js');
const { scripts } = JSON.parse(readFileSync(path.join(APP, 'package.json'), 'utf8'));
const FILES = readdirSync(path.join(APP, 'test')).filter((name) => name.endsWith('.test.js'));

/** Far above the ten seconds a run takes, far below the patience of a build server. */
const RUN_MS_MAX = 120_000;

const COMPLAINTS = [
  /open handle/i,
  /did not exit/i,
  /failed to exit gracefully/i,
  /force exit/i,
  /cannot log after tests are done/i,
  /after the Jest environment has been torn down/i,
  /\[REDSTART_/,
];

/** Runs one script of the app's package.json, and says what Jest reported, printed and how it ended. */
async function runScript(name) {
  assert.ok(existsSync(JEST), 'examples/jest-app is not installed; run: npm test -- --only modules');
  const [command, ...args] = scripts[name].split(' ');
  assert.equal(command, 'jest');
  const folder = mkdtempSync(path.join(tmpdir(), 'redstart-jest-'));
  const reportFile = path.join(folder, 'report.json');
  try {
    const ended = await run([JEST, ...args, '--json', `--outputFile=${reportFile}`]);
    const report = existsSync(reportFile) ? JSON.parse(readFileSync(reportFile, 'utf8')) : undefined;
    return { ...ended, report };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(args) {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, CI: 'true', FORCE_COLOR: '0' };
    const child = spawn(process.execPath, args, { cwd: APP, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill('SIGKILL');
    }, RUN_MS_MAX);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (chunk) => {
        output += chunk;
      });
    }
    child.once('error', reject);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, timedOut, output });
    });
  });
}

function assertEndedWell({ code, signal, timedOut, output, report }) {
  assert.equal(timedOut, false, `Jest did not end by itself within ${RUN_MS_MAX / 1000} s:\n${output}`);
  assert.equal(signal, null, output);
  assert.equal(code, 0, output);
  assert.equal(report.success, true, output);
  assert.equal(report.numPassedTestSuites, FILES.length, output);
  assert.equal(report.numPassedTests, report.numTotalTests, 'a test of the app was skipped');
  assert.deepEqual(report.openHandles, []);
  for (const complaint of COMPLAINTS) assert.doesNotMatch(output, complaint);
}

test('no script of the Jest app forces Jest to exit', () => {
  for (const script of Object.values(scripts)) assert.doesNotMatch(script, /forceExit/i);
  assert.match(scripts.test, /--detectOpenHandles/);
});

test('the Jest app passes in one process, leaves no handle open and Jest ends by itself', async () => {
  assertEndedWell(await runScript('test'));
});

test('the Jest app passes in two worker processes, and both exit gracefully', async () => {
  assertEndedWell(await runScript('test:parallel'));
});

test('the Jest app passes in two worker threads of one process', async () => {
  assertEndedWell(await runScript('test:threads'));
});
