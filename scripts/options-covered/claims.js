'use strict';

// Which tests claim which options. A claim stands in a test's title: `[CacheOptions.ttlJitter]`.

const fs = require('node:fs');
const path = require('node:path');
const { ROOT, run } = require('../run.js');
const { testFiles } = require('../test/files.js');

const CLAIM = /\[(\w+Options(?:\.\w+)+)\]/g;

const TIMEOUT_MS = 60_000;
/**
 * A test that waits for what an ignored option would have brought is as red as one that fails, and it need not wait long:
 * heard, the same tests take less than a second.
 */
const IGNORED_TIMEOUT_MS = 5_000;

const REPORTER = path.join(ROOT, 'scripts', 'mutants', 'reporter.js');
const IGNORE = path.join(__dirname, 'ignore.js');

/** @param {string} text */
const claimsIn = (text) => [...text.matchAll(CLAIM)].map(([, name]) => name);

/** The options that each test file claims. @returns {Map<string, Set<string>>} */
function claimsByFile() {
  const claims = testFiles().map((file) => {
    const text = fs.readFileSync(path.join(ROOT, file), 'utf8');
    return /** @type {const} */ ([file, new Set(claimsIn(text))]);
  });
  return new Map(claims.filter(([, names]) => names.size > 0));
}

/**
 * Runs the tests of a file that claim one of `names` and tells for each of these whether a test that claims it passed, and
 * whether one failed. With `ignored`, redstart does not hear of that option.
 * @param {string} file
 * @param {string[]} names
 * @param {import('./declared.js').Declared} [ignored]
 */
async function runClaims(file, names, ignored) {
  const pattern = names.map((name) => `\\[${name.replaceAll('.', '\\.')}\\]`).join('|');
  const args = [`--test-name-pattern=${pattern}`, `--test-reporter=${REPORTER}`, file];
  const env = { ...process.env };
  delete env.NODE_TEST_CONTEXT;
  if (ignored !== undefined) {
    env.REDSTART_IGNORED_OPTION = JSON.stringify({ path: ignored.path, siblings: ignored.siblings });
    // In NODE_OPTIONS, so that the processes a test starts are deaf as well.
    env.NODE_OPTIONS = `${env.NODE_OPTIONS ?? ''} --require=${JSON.stringify(IGNORE)}`;
  }
  const timeoutMs = ignored === undefined ? TIMEOUT_MS : IGNORED_TIMEOUT_MS;
  const ended = await run(process.execPath, args, { env, timeoutMs });
  const passed = new Set();
  const failed = new Set();
  for (const line of ended.stdout.split('\n')) {
    if (!line.startsWith('{"name":')) continue;
    const test = JSON.parse(line);
    for (const name of claimsIn(test.name)) (test.passed ? passed : failed).add(name);
  }
  return { passed, failed, ...ended };
}

module.exports = { claimsByFile, runClaims };
