'use strict';

// node_modules of the repo and of its examples. What is installed is compared with the lock entry by entry, so that
// neither a pull that changed the lock nor an `npm install` by hand is missed, and nothing is installed twice.

const fs = require('node:fs');
const path = require('node:path');
const { ROOT, Stop, run, npm, heartbeat } = require('../run.js');

const QUIET = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error'];

function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch {
    return undefined;
  }
}

const sameJson = (a, b) => JSON.stringify(a ?? {}) === JSON.stringify(b ?? {});

/** Whether node_modules of `folder` holds what package-lock.json asks for. Packages for other platforms may be absent. */
function modulesFit(folder) {
  const manifest = readJson(path.join(folder, 'package.json'));
  const lock = readJson(path.join(folder, 'package-lock.json'));
  const installed = readJson(path.join(folder, 'node_modules', '.package-lock.json'));
  if (!lock || !installed) return false;
  const { '': root, ...wanted } = lock.packages;
  for (const kind of ['dependencies', 'devDependencies']) {
    if (!sameJson(root[kind], manifest[kind])) return false;
  }
  return Object.entries(wanted).every(([where, entry]) => {
    if (!where.startsWith('node_modules/')) return true; // the target of a link: the folder is its own truth
    const found = installed.packages[where];
    if (!found) return entry.optional === true || entry.devOptional === true || entry.peer === true;
    return found.version === entry.version && fs.existsSync(path.join(folder, where));
  });
}

/** Installs node_modules of `folder` unless they fit its lock. */
async function installModules(folder, log) {
  if (modulesFit(folder)) return;
  const name = path.relative(ROOT, folder) || 'the repo';
  const locked = fs.existsSync(path.join(folder, 'package-lock.json'));
  log(`installing the npm packages of ${name}`);
  const stop = heartbeat((seconds) => log(`  npm is installing, ${seconds} s`));
  const [command, args] = npm([locked ? 'ci' : 'install', ...QUIET]);
  const { code, output, seconds } = await run(command, args, { cwd: folder }).finally(stop);
  if (code !== 0) {
    process.stderr.write(output);
    throw new Stop(`The npm packages of ${name} could not be installed; npm's own words are above.`);
  }
  log(`  installed in ${seconds.toFixed(0)} s`);
}

module.exports = { installModules, modulesFit };
