/** The fresh processes: each in a group of its own, which ends with it and with the parent. */
const { spawn } = require('node:child_process');
const path = require('node:path');
const { ROOT } = require('../../scripts/run.js');

const KEPT_LINES = 20;

/** @type {Set<number>} */
const running = new Set();

/** Ends a child with all that it has started. @param {number} pid */
function endGroup(pid) {
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

process.on('exit', () => running.forEach(endGroup));
// By default a signal ends the process at once, without 'exit'.
for (const [signal, code] of /** @type {const} */ ([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
])) {
  process.once(signal, () => process.exit(code));
}

/** The end of what a child said, without where the repo lies. @param {string} text */
const lastWords = (text) => text.replaceAll(ROOT, '.').trim().split('\n').slice(-KEPT_LINES).join('\n');

/**
 * What one contender answers for one case, or how it failed.
 * @param {{ feature: string, contender: string, options: object }} asked @param {string[]} flags @param {number} limitMs
 * @returns {Promise<{ figures: Record<string, number> } | { failed: string }>}
 */
function ask(asked, flags, limitMs) {
  return new Promise((resolve) => {
    const file = path.join(__dirname, 'measure.js');
    const child = spawn(process.execPath, [...flags, file, JSON.stringify(asked)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: process.platform !== 'win32',
    });
    const { pid } = child;
    if (pid !== undefined) running.add(pid);
    let late = false;
    const end = () => {
      if (pid !== undefined) endGroup(pid);
    };
    const timer = setTimeout(() => {
      late = true;
      end();
    }, limitMs);
    const said = { stdout: '', stderr: '' };
    for (const name of /** @type {const} */ (['stdout', 'stderr'])) {
      child[name].setEncoding('utf8').on('data', (text) => {
        said[name] += text;
      });
    }
    // What it left behind would keep its pipes open, and compute while the next one is measured.
    child.on('exit', end);
    child.on('error', (error) => resolve({ failed: String(error) }));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      if (pid !== undefined) running.delete(pid);
      if (late) return resolve({ failed: `not done after ${limitMs / 1_000} s\n${lastWords(said.stderr)}`.trim() });
      if (code !== 0) return resolve({ failed: `ended with ${signal ?? code}\n${lastWords(said.stderr)}`.trim() });
      try {
        // Above its one line there may be what a rival printed.
        const figures = JSON.parse(said.stdout.trim().split('\n').at(-1) ?? '');
        if (Object.values(figures).some(Number.isFinite)) return resolve({ figures });
      } catch {
        // Said below, as for an answer without any number.
      }
      return resolve({ failed: `answered no figures: ${lastWords(said.stdout)}` });
    });
  });
}

module.exports = { ask };
