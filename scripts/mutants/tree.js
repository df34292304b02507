'use strict';

// A copy of the work tree, committed or not, to break things in. It stays between runs with its target folder, so that
// only what a patch touches is compiled again.

const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const path = require('node:path');
const { ROOT, run } = require('../run.js');

const FOLDER = path.join(ROOT, '.cache', 'mutants');
const TREE = path.join(FOLDER, 'tree');

const ENV = {
  ...process.env,
  CARGO_TARGET_DIR: path.join(FOLDER, 'target'),
  REDSTART_PROFILE: 'dev', // no optimisation: it would take longer than all the tests
  GIT_CEILING_DIRECTORIES: FOLDER, // else git apply takes the repo around the tree for the one to patch, and skips it
};

/** Makes one file of the tree equal to the repo's. The time is now, never the original's: cargo goes by file times. */
function syncFile(file) {
  const from = path.join(ROOT, file);
  const to = path.join(TREE, file);
  if (!fs.existsSync(from)) return fs.rmSync(to, { force: true });
  if (!fs.statSync(from).isFile()) return;
  const data = fs.readFileSync(from);
  if (fs.existsSync(to) && fs.readFileSync(to).equals(data)) return;
  fs.mkdirSync(path.dirname(to), { recursive: true });
  fs.writeFileSync(to, data);
}

/** Makes the tree equal to the repo, files that git ignores left out, and lends it the repo's node_modules. */
function syncTree() {
  fs.mkdirSync(TREE, { recursive: true });
  const list = ['ls-files', '--cached', '--others', '--exclude-standard', '-z'];
  const files = execFileSync('git', list, { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 })
    .split('\0')
    .filter(Boolean);
  const known = path.join(FOLDER, 'files.json');
  const before = fs.existsSync(known) ? JSON.parse(fs.readFileSync(known, 'utf8')) : [];
  for (const file of new Set([...files, ...before])) syncFile(file);
  fs.writeFileSync(known, JSON.stringify(files));
  const modules = path.join(TREE, 'node_modules');
  if (!fs.existsSync(modules)) fs.symlinkSync(path.join(ROOT, 'node_modules'), modules, 'junction');
}

/** Whether the patch applied. */
async function applyPatch(patch) {
  return (await run('git', ['apply', patch.path], { cwd: TREE, env: ENV })).code === 0;
}

function revertPatch(patch) {
  patch.files.forEach(syncFile);
}

module.exports = { TREE, ENV, syncTree, applyPatch, revertPatch };
