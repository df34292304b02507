'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { ROOT, Stop } = require('../run.js');

const FOLDER = path.join(ROOT, 'mutants');

/**
 * A test as a patch names it:
 *   core: cache::expiry::gone_at_the_millisecond          a test of crates/core, by its path
 *   js: __test__/cache.test.js: "expires"                 a test under node --test, by its file and name
 *   jest: test/shop.test.js: "limits"                     a test of examples/jest-app
 *   demo: "edit invalidates the cached pages"             a step of npm run demo -- --once
 */
function parseTest(text, file) {
  const [, kind, rest] = /^(core|js|jest|demo): (.+)$/.exec(text) ?? [];
  const [, test, quoted] = /^(?:(\S+): )?"(.+)"$/.exec(rest ?? '') ?? [];
  if (kind === 'core' && !quoted) return { kind, name: rest, text };
  if (kind === 'demo' && quoted && !test) return { kind, name: quoted, text };
  if ((kind === 'js' || kind === 'jest') && test) return { kind, file: test, name: quoted, text };
  throw new Stop(`mutants/${file}: "Caught by: ${text}" names no test; see scripts/mutants/patches.js.`);
}

/** The patches of mutants/ whose names contain `wanted`: what each breaks, the test that sees it, the files it changes. */
function readPatches(wanted = '') {
  const names = fs.readdirSync(FOLDER).filter((file) => file.endsWith('.patch') && file.includes(wanted));
  return names.sort().map((file) => {
    const text = fs.readFileSync(path.join(FOLDER, file), 'utf8');
    const header = (label) => new RegExp(`^(?:# )?${label}: (.+)$`, 'm').exec(text)?.[1].trim();
    const breaks = header('Breaks');
    const caughtBy = header('Caught by');
    if (!breaks || !caughtBy) throw new Stop(`mutants/${file} needs a line "Breaks: …" and a line "Caught by: …".`);
    const files = [...text.matchAll(/^(?:---|\+\+\+) [ab]\/(\S+)/gm)].map((match) => match[1]);
    return { file, path: path.join(FOLDER, file), breaks, test: parseTest(caughtBy, file), files: [...new Set(files)] };
  });
}

module.exports = { readPatches };
