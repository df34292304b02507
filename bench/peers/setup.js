/** What a run needs before its first figure: packages, the addon, the one rival with native code of its own. */
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { ROOT, npm, run } = require('../../scripts/run.js');
const { ensureReady } = require('../../scripts/setup.js');
const { installModules } = require('../../scripts/setup/node-modules.js');

const BUILD_TIMEOUT_MS = 10 * 60_000;
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
  log(`fetching or building the binary of ${NATIVE}, which takes up to two minutes`);
  // Where this Node came with its headers, nothing has to be fetched to build it.
  const prefix = path.dirname(path.dirname(fs.realpathSync(process.execPath)));
  const headers = fs.existsSync(path.join(prefix, 'include', 'node', 'node_version.h'));
  const env = { ...process.env, ...(headers && { npm_config_nodedir: prefix }) };
  const [command, args] = npm(['rebuild', NATIVE, '--ignore-scripts=false', '--loglevel=error']);
  const { code, output } = await run(command, args, { cwd: __dirname, env, timeoutMs: BUILD_TIMEOUT_MS });
  if (code === 0) return undefined;
  return `${NATIVE} could not be built: ${output.trim().split('\n').slice(-3).join(' ')}`;
}

/**
 * Makes all ready; answers which packages cannot be used here, and why.
 * @param {{ name: string }[]} features @param {(line: string) => void} log
 */
async function prepare(features, log) {
  const example = features.some(({ name }) => name === 'requests');
  await ensureReady({ examples: example ? ['express-app'] : [], log });
  await installModules(__dirname, log);
  /** @type {Record<string, string>} */
  const unusable = {};
  if (features.some(({ name }) => name === 'queue')) {
    const why = await buildNative(log);
    if (why !== undefined) unusable[NATIVE] = why;
  }
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
