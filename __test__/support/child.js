'use strict';
// Child processes that end in time: what hangs or aborts is a failure that says so, not a suite that is stuck.
const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const path = require('node:path');

const ROOT = path.join(__dirname, '..', '..');
const TIMEOUT_MS = 60_000;

/**
 * Runs Node with `args` and resolves with how it ended and all it said.
 * @param {string[]} args
 * @param {{ env?: Record<string, string>, timeoutMs?: number }} [options]
 */
function run(args, { env = {}, timeoutMs = TIMEOUT_MS } = {}) {
  // The child is no test file of the runner above.
  const { NODE_TEST_CONTEXT, ...inherited } = process.env;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: ROOT,
      env: { ...inherited, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = { code: null, signal: null, timedOut: false, stdout: '', stderr: '' };
    const timer = setTimeout(() => {
      ended.timedOut = true;
      child.kill('SIGKILL');
    }, timeoutMs);
    child.stdout.setEncoding('utf8').on('data', (text) => {
      ended.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
      ended.stderr += text;
    });
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ ...ended, code, signal });
    });
  });
}

/**
 * As run, for a child that must end by itself with exit code 0. Resolves with its lines, parsed where they are JSON.
 * @param {string[]} args
 * @param {{ env?: Record<string, string>, timeoutMs?: number }} [options]
 */
async function endsByItself(args, options) {
  const { code, signal, timedOut, stdout, stderr } = await run(args, options);
  const how = timedOut ? 'did not end by itself and was killed' : `ended with ${signal ?? `code ${code}`}`;
  assert.ok(code === 0 && !timedOut, `the child ${how}\nstdout: ${stdout}\nstderr: ${stderr}`);
  return stdout.split('\n').filter(Boolean).map(parsed);
}

/** @param {string} line */
function parsed(line) {
  try {
    return JSON.parse(line);
  } catch {
    return line;
  }
}

/**
 * A script of this folder: runs it, prints what it reports on its last line.
 * @param {string} script
 * @param {{ args?: string[], node?: string[], env?: Record<string, string>, timeoutMs?: number }} [options]
 */
async function report(script, { args = [], node = [], ...options } = {}) {
  const lines = await endsByItself([...node, path.join(__dirname, script), ...args], options);
  return lines.at(-1);
}

/**
 * Arguments of Node that run `story` in a process of its own, given what redstart exports. It sees nothing of the file
 * in which it is written.
 * @param {Function} story
 */
function told(story) {
  return ['-e', `(${story})(require('redstart'))`];
}

module.exports = { ROOT, run, endsByItself, report, told };
