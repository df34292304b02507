'use strict';

// The native addon: does the binary that lies here fit the sources, and how is one built? A binary fits when the stamp
// written after its build names both the sources and the outputs as they are now. File times decide nothing:
// a clone, a branch switch and a copied file all lie about them.

const { createHash } = require('node:crypto');
const fs = require('node:fs');
const path = require('node:path');
const { ROOT, Stop, run, tool, heartbeat } = require('../run.js');
const { platformHere } = require('../platforms.js');
const { checkRust } = require('./rust.js');

const SOURCES = ['Cargo.toml', 'Cargo.lock', 'build.rs', 'src', 'crates/core/Cargo.toml', 'crates/core/src'];
const CACHE = path.join(ROOT, '.cache');
// `npm run mutants` builds without optimisation, many times over; nothing else may take such a binary for a real one.
const PROFILE = process.env.REDSTART_PROFILE === 'dev' ? 'dev' : 'release';

const KINDS = {
  addon: { args: ['--platform', '--js', 'native.js', '--dts', 'native.d.ts'] },
  // The same addon with the functions that only bench/boundary and the tests of the door call.
  probe: { args: ['--output-dir', '.cache/probe', '--dts', 'native.d.ts', '--features', 'probe'] },
};

function binaryPath(kind) {
  if (kind === 'probe') return path.join(CACHE, 'probe', 'redstart-probe.node');
  const here = platformHere();
  if (!here) throw new Stop(`redstart has no build for ${process.platform} on ${process.arch}.`);
  return path.join(ROOT, here.binary);
}

const stampPath = (kind) => path.join(CACHE, `${kind}.json`);

function filesUnder(entry) {
  const full = path.join(ROOT, entry);
  if (!fs.existsSync(full)) return [];
  if (fs.statSync(full).isFile()) return [entry];
  const below = fs.readdirSync(full, { recursive: true, withFileTypes: true }).filter((one) => one.isFile());
  return below.map((one) => path.relative(ROOT, path.join(one.parentPath ?? one.path, one.name)));
}

/** A hash of all that the binary and its generated loader are made from. */
function sourcesHash() {
  const { version, napi } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  const hash = createHash('sha256').update(JSON.stringify({ version, napi, PROFILE }));
  for (const file of SOURCES.flatMap(filesUnder).sort()) {
    const data = fs.readFileSync(path.join(ROOT, file));
    hash.update(`\n${file.replaceAll('\\', '/')} ${data.length}\n`).update(data);
  }
  return hash.digest('hex');
}

/** A hash of what a build leaves: the binary and, for the addon proper, the loader that comes with it. */
function outputsHash(kind) {
  const generated = kind === 'addon' ? ['native.js', 'native.d.ts'].map((file) => path.join(ROOT, file)) : [];
  const hash = createHash('sha256');
  for (const file of [binaryPath(kind), ...generated]) hash.update(fs.readFileSync(file));
  return hash.digest('hex');
}

/** Whether the binary of this kind is there and was built from the present sources. */
function fits(kind = 'addon') {
  try {
    const stamp = JSON.parse(fs.readFileSync(stampPath(kind), 'utf8'));
    return stamp.sources === sourcesHash() && stamp.outputs === outputsHash(kind);
  } catch (error) {
    if (error.code === 'ENOENT') return false;
    throw error;
  }
}

/** Builds the addon and stamps it. `show` passes cargo's output through; otherwise it is summed up every few seconds. */
async function build({ kind = 'addon', log = console.log, show = false, locked = false } = {}) {
  await checkRust();
  const args = ['build', ...KINDS[kind].args, ...(PROFILE === 'release' ? ['--release'] : [])];
  log(`building the ${kind === 'probe' ? 'probe of the native addon' : 'native addon'}`);
  const sources = sourcesHash(); // taken before: sources that change under the compiler make the stamp fit nothing

  let crates = 0;
  const onLine = (line) => {
    if (/^\s*Compiling /.test(line)) crates += 1;
  };
  const stop = heartbeat((seconds) => {
    if (!show) log(`  compiling: ${crates} crates so far, ${seconds} s`);
  });
  const [command, all] = tool('@napi-rs/cli/cli.mjs', [...args, ...(locked ? ['--', '--locked'] : [])]);
  const { code, output, seconds } = await run(command, all, { onLine, show }).finally(stop);
  if (code !== 0) {
    if (/linker `\w+` not found/.test(output)) {
      throw new Stop("Rust needs the system's C linker and did not find it: install gcc or clang.");
    }
    if (!show) process.stderr.write(output);
    throw new Stop("The native addon could not be built; cargo's own words are above.");
  }

  if (kind === 'probe') fs.renameSync(path.join(CACHE, 'probe', 'redstart.node'), binaryPath(kind));
  fs.mkdirSync(CACHE, { recursive: true });
  const stamp = { sources, outputs: outputsHash(kind) };
  fs.writeFileSync(stampPath(kind), `${JSON.stringify(stamp, null, 2)}\n`);
  log(`  built in ${seconds.toFixed(0)} s`);
}

/** Builds the kind unless its binary fits. */
async function ensure(options = {}) {
  if (!fits(options.kind)) await build(options);
}

module.exports = { build, ensure, fits, binaryPath };
