'use strict';

// Zig as a linker with the symbol versions of any glibc: a binary built here then loads on every distribution since 2014,
// whatever this machine runs. From PyPI and crates.io at pinned versions, into .cache, never into the system.

const fs = require('node:fs');
const path = require('node:path');
const { ROOT, Stop, run, mustRun, heartbeat } = require('../run.js');

const ZIG = '0.14.1';
const CARGO_ZIGBUILD = '0.20.1';
const GLIBC = [2, 17];

const FOLDER = path.join(ROOT, '.cache', 'zig');
const ZIG_FOLDER = path.join(FOLDER, `ziglang-${ZIG}`);
const ZIGBUILD_FOLDER = path.join(FOLDER, `cargo-zigbuild-${CARGO_ZIGBUILD}`);

async function step(what, command, args) {
  console.log(what);
  const stop = heartbeat((seconds) => console.log(`  still at it, ${seconds} s`), 10_000);
  await mustRun(command, args).finally(stop);
}

/** Installs what is missing and returns the PATH on which cargo finds both. */
async function zigPath() {
  if (!fs.existsSync(path.join(ZIG_FOLDER, 'ziglang'))) {
    if ((await run('python3', ['-m', 'pip', '--version'])).code !== 0) {
      throw new Stop('Packing a Linux binary needs zig, which comes from PyPI: install python3 with pip.');
    }
    const args = ['install', '--quiet', '--disable-pip-version-check', '--no-deps', '--target', ZIG_FOLDER];
    await step(`fetching zig ${ZIG}`, 'python3', ['-m', 'pip', ...args, `ziglang==${ZIG}`]);
  }
  if (!fs.existsSync(path.join(ZIGBUILD_FOLDER, 'bin'))) {
    // Unoptimised: it only starts cargo and zig, and is compiled in half the time.
    const args = ['install', '--quiet', '--debug', '--locked', '--root', ZIGBUILD_FOLDER, '--version', CARGO_ZIGBUILD];
    await step(`building cargo-zigbuild ${CARGO_ZIGBUILD}`, 'cargo', [...args, 'cargo-zigbuild']);
  }
  return [path.join(ZIG_FOLDER, 'ziglang'), path.join(ZIGBUILD_FOLDER, 'bin'), process.env.PATH].join(path.delimiter);
}

/** Keeps what zig and cargo-zigbuild store between builds with the rest. */
function zigCaches() {
  return {
    ZIG_GLOBAL_CACHE_DIR: path.join(FOLDER, 'zig-cache'),
    CARGO_ZIGBUILD_CACHE_DIR: path.join(FOLDER, 'zigbuild-cache'),
  };
}

module.exports = { zigPath, zigCaches, GLIBC };
