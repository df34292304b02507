'use strict';

// The targets a release is built for, and which of them this machine is. The names are those of the napi CLI.

const { napi } = require('../package.json');

const OS = { linux: 'linux', darwin: 'darwin', windows: 'win32' };
const CPU = { x86_64: 'x64', aarch64: 'arm64' };

/** { triple, abi, os, cpu, libc?, packageName, binary } of a Rust target. */
function platform(triple) {
  const [arch, , system, env] = triple.split('-');
  const os = OS[system];
  const cpu = CPU[arch];
  const abi = [os, cpu, env].filter(Boolean).join('-');
  const libc = { gnu: 'glibc', musl: 'musl' }[env];
  const names = { packageName: `${napi.packageName}-${abi}`, binary: `${napi.binaryName}.${abi}.node` };
  return { triple, abi, os, cpu, ...(os === 'linux' && { libc }), ...names };
}

const PLATFORMS = napi.targets.map(platform);

/** The platform of this machine, or undefined when no binary is published for it. */
function platformHere() {
  const libc = process.platform === 'linux' ? (isGlibc() ? 'glibc' : 'musl') : undefined;
  return PLATFORMS.find((one) => one.os === process.platform && one.cpu === process.arch && one.libc === libc);
}

function isGlibc() {
  process.report.excludeNetwork = true; // resolving every open socket's name can take seconds
  return Boolean(process.report.getReport().header.glibcVersionRuntime);
}

module.exports = { PLATFORMS, platformHere };
