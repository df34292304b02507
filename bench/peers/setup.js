/** What a run needs before its first figure: packages, the addon, the one rival with native code of its own. */
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { ROOT, heartbeat, npm, run } = require('../../scripts/run.js');
const { ensureReady } = require('../../scripts/setup.js');
const { installModules } = require('../../scripts/setup/node-modules.js');

const SHOWN_LINES = 20;
const NATIVE = 'better-sqlite3';

/** Where a rival lies. Not by `require`: a package need not export its package.json. @param {string} name */
const folderOf = (name) => path.join(__dirname, 'node_modules', name);

/** The version of a rival that is installed. @param {string} name @returns {string | undefined} */
function versionOf(name) {
  const file = path.join(folderOf(name), 'package.json');
  return fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')).version : undefined;
}

/**
 * Packages are installed without their scripts; the binary of this one is fetched or built by its script.
 * @param {(line: string) => void} log @returns {Promise<string | undefined>} Why it cannot be used.
 */
async function buildNative(log) {
  if (versionOf(NATIVE) === undefined) return `${NATIVE} could not be installed`;
  if (fs.existsSync(path.join(folderOf(NATIVE), 'build', 'Release', 'better_sqlite3.node'))) return undefined;
  log(`fetching or building the binary of ${NATIVE}`);
  const stop = heartbeat((seconds) => log(`  ${NATIVE}, ${seconds} s`), 15_000);
  // Where this Node came with its headers, nothing has to be fetched to build it.
  const prefix = path.dirname(path.dirname(fs.realpathSync(process.execPath)));
  const headers = fs.existsSync(path.join(prefix, 'include', 'node', 'node_version.h'));
  const env = { ...process.env, ...(headers && { npm_config_nodedir: prefix }) };
  const [command, args] = npm(['rebuild', NATIVE, '--ignore-scripts=false', '--loglevel=error']);
  const { code, output } = await run(command, args, { cwd: __dirname, env }).finally(stop);
  if (code === 0) return undefined;
  log(output.trim().split('\n').slice(-SHOWN_LINES).join('\n'));
  return `${NATIVE} has no binary for this machine and could not be built`;
}

/**
 * Makes all ready; answers which packages cannot be used here, and why.
 * @param {{ name: string }[]} features @param {(line: string) => void} log
 */
async function prepare(features, log) {
  const wants = (/** @type {string} */ wanted) => features.some(({ name }) => name === wanted);
  const native = async () => {
    await installModules(__dirname, log);
    return wants('queue') ? buildNative(log) : undefined;
  };
  // Two compilers on a fresh clone, neither of which keeps all CPUs busy to its end.
  const [why] = await Promise.all([native(), ensureReady({ examples: wants('requests') ? ['express-app'] : [], log })]);
  /** @type {Record<string, string>} */
  const unusable = why === undefined ? {} : { [NATIVE]: why };
  return unusable;
}

/** Of the system, as it calls itself. */
function systemName() {
  const file = '/etc/os-release';
  const name = fs.existsSync(file) && /^PRETTY_NAME="?([^"\n]*)/m.exec(fs.readFileSync(file, 'utf8'))?.[1];
  return `${name ? `${name}, ` : ''}${os.type()} ${os.release()}`;
}

/** What was measured, and on what. */
async function circumstances() {
  const { version } = require(path.join(ROOT, 'package.json'));
  const commit = (await run('git', ['rev-parse', '--short=12', 'HEAD'])).stdout.trim();
  const changed = (await run('git', ['status', '--porcelain', '--untracked-files=no'])).stdout.trim() !== '';
  return {
    redstart: { version, commit, changed },
    machine: {
      cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
      cpus: os.cpus().length,
      memory: os.totalmem(),
      system: systemName(),
      arch: process.arch,
    },
    node: process.versions.node,
  };
}

module.exports = { circumstances, prepare, versionOf };
