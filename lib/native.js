'use strict';

// The native addon, through the loader that the napi CLI generates. That loader tries every place a binary may be and
// then lists what failed; a user needs to know one thing, what to do, so its failure becomes one sentence here.

/** @type {{ name: string, version: string, optionalDependencies?: Record<string, string> }} */
const { name, version, optionalDependencies } = require('../package.json');

const VERSION_CHECK = 'NAPI_RS_ENFORCE_VERSION_CHECK';

/** `cause` is kept but not an own property, so that an uncaught error prints its sentence and not a list of requires. */
class MissingBinaryError extends Error {
  #cause;

  /** @param {string} message @param {unknown} cause */
  constructor(message, cause) {
    super(message);
    this.#cause = cause;
    this.code = 'ERR_NATIVE_BINARY_MISSING';
  }

  /** @override */
  get cause() {
    return this.#cause;
  }
}

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

/** The messages of an error and of its causes. @param {unknown} error */
function messagesOf(error) {
  const messages = [];
  for (let one = error; one instanceof Error; one = one.cause) messages.push(one.message.split('\n')[0]);
  return messages;
}

/** What to do about a loader that failed, in one sentence. @param {unknown} cause */
function explain(cause) {
  const here = platformName();
  const packageName = `@${name}/${name}-${here}`;
  const messages = messagesOf(cause);
  const other = messages.map((text) => /version mismatch, expected \S+ but got ([^\s]+)\. /.exec(text)).find(Boolean);
  if (other) return `${name} ${version} found ${packageName} ${other[1]}: reinstall, so that both have one version.`;
  // Neither absent nor of another version: it is there and the system refuses it (an old libc, a damaged file).
  const refused = messages.find((text) => !/^Cannot find (native binding|module)/.test(text));
  if (refused) return `${name} ${version} could not load its binary for ${here}, reinstall it: ${refused}.`;
  if (!optionalDependencies) return `${name} is not built in this clone: run \`npm run build\`.`;
  if (!optionalDependencies[packageName]) {
    const platforms = Object.keys(optionalDependencies).map((one) => one.slice(packageName.length - here.length));
    return `${name} ${version} has no binary for ${here}, only for ${platforms.join(', ')}.`;
  }
  return (
    `${name} ${version} needs the package ${packageName}, which is not installed: ` +
    'reinstall on this platform and without --omit=optional.'
  );
}

function load() {
  try {
    return loadChecked();
  } catch (error) {
    throw new MissingBinaryError(explain(error), error);
  }
}

module.exports = load();
