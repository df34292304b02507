'use strict';

// The native addon, through the loader that the napi CLI generates. That loader tries every place a binary may be and
// then lists what failed; a user needs to know one thing, what to do, so its failure becomes one sentence here.

/** @type {{ name: string, version: string, optionalDependencies?: Record<string, string> }} */
const { name, version, optionalDependencies } = require('../package.json');

const VERSION_CHECK = 'NAPI_RS_ENFORCE_VERSION_CHECK';

/** The generated loader takes a binary of another version unless this variable tells it not to. */
function loadChecked() {
  if (process.env[VERSION_CHECK] !== undefined) return require('../native.js');
  process.env[VERSION_CHECK] = '1';
  try {
    return require('../native.js');
  } finally {
    delete process.env[VERSION_CHECK];
  }
}

/** As npm's packages name this platform: linux-x64-gnu, linux-arm64-musl, darwin-arm64, win32-x64-msvc. */
function platformName() {
  const { platform, arch } = process;
  if (platform === 'win32') return `${platform}-${arch}-msvc`;
  if (platform !== 'linux') return `${platform}-${arch}`;
  const report = /** @type {{ header: { glibcVersionRuntime?: string } }} */ (process.report.getReport());
  return `${platform}-${arch}-${report.header.glibcVersionRuntime ? 'gnu' : 'musl'}`;
}

/**
 * What the loader tried, one line each: an error and its causes, which under Jest are not instances of its Error.
 * @param {any} error
 */
function linesOf(error) {
  const lines = [];
  for (let one = error; one; one = one.cause) lines.push(String(one.message).split('\n')[0]);
  return lines;
}

/** What to do about a loader that failed, in one sentence. @param {string[]} attempts */
function explain(attempts) {
  const here = platformName();
  const packageName = `@${name}/${name}-${here}`;
  const other = attempts.map((text) => /version mismatch, expected \S+ but got ([^\s]+)\. /.exec(text)).find(Boolean);
  if (other) return `${name} ${version} found ${packageName} ${other[1]}: reinstall, so that both have one version.`;
  if (optionalDependencies && !optionalDependencies[packageName]) {
    const platforms = Object.keys(optionalDependencies).map((one) => one.slice(packageName.length - here.length));
    return `${name} ${version} has no binary for ${here}, only for ${platforms.join(', ')}.`;
  }
  // Neither absent nor of another version: it is there and the system refuses it (an old libc, a damaged file).
  const refused = attempts.find((text) => !/^Cannot find (native binding|module)/.test(text));
  if (refused) return `${name} ${version} could not load its binary for ${here}, reinstall it: ${refused}.`;
  if (!optionalDependencies) return `${name} is not built in this clone: run \`npm run build\`.`;
  return (
    `${name} ${version} needs the package ${packageName}, which is not installed: ` +
    'reinstall on this platform and without --omit=optional.'
  );
}

function load() {
  try {
    return loadChecked();
  } catch (error) {
    // Not as `cause`: Node prints the causes of an uncaught error in full, which is the list of failed requires again.
    const attempts = linesOf(error);
    const missing = Object.assign(new Error(explain(attempts)), { code: 'ERR_NATIVE_BINARY_MISSING' });
    throw Object.defineProperty(missing, 'attempts', { value: attempts });
  }
}

module.exports = load();
