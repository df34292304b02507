'use strict';

const os = require('node:os');
const path = require('node:path');
const { ROOT, mustRun, tool, heartbeat } = require('../run.js');
const { checkRust } = require('../setup/rust.js');
const { zigPath, zigCaches, GLIBC } = require('./zig.js');

const FOLDER = path.join(ROOT, '.cache', 'package');

/** Where the binaries to be packed are put. */
const BINARIES = path.join(FOLDER, 'binaries');

/** A panic's message names its source file; in a published binary that is not a path of whoever built it. */
function rustFlags() {
  const cargoHome = process.env.CARGO_HOME ?? path.join(os.homedir(), '.cargo');
  const folders = { [cargoHome]: 'cargo', [ROOT]: 'redstart' };
  const remaps = Object.entries(folders).map(([from, to]) => `--remap-path-prefix=${from}=${to}`);
  // RUSTFLAGS is split at spaces, whatever the quotes; such a folder stays named.
  return [process.env.RUSTFLAGS, ...remaps.filter((flag) => !flag.includes(' '))].filter(Boolean).join(' ');
}

/**
 * Builds the binary that is published for a platform. Linux goes through zig: against an old glibc, or against musl
 * without a musl toolchain. It has a target folder of its own, because cargo sees no difference between a library linked
 * by zig and one linked by the system.
 */
async function buildBinary(platform) {
  await checkRust();
  const zig = platform.os === 'linux';
  const triple = platform.libc === 'glibc' ? `${platform.triple}.${GLIBC.join('.')}` : platform.triple;
  const env = { ...process.env, RUSTFLAGS: rustFlags(), ...(zig && { ...zigCaches(), PATH: await zigPath() }) };
  const folders = ['--output-dir', BINARIES, '--target-dir', path.join(FOLDER, 'target')];
  const args = ['build', '--platform', '--release', '--target', triple, ...(zig ? ['-x'] : []), '--no-js', ...folders];
  console.log(`building ${platform.binary} for ${triple}`);
  const stop = heartbeat((seconds) => console.log(`  compiling, ${seconds} s`), 10_000);
  const [command, all] = tool('@napi-rs/cli/cli.mjs', [...args, '--dts', 'native.d.ts', '--', '--locked']);
  const { seconds } = await mustRun(command, all, { env }).finally(stop);
  console.log(`  built in ${seconds.toFixed(0)} s`);
  return path.join(BINARIES, platform.binary);
}

module.exports = { buildBinary, BINARIES };
