'use strict';

// npm run lock:complete [-- folder …]
//
// A registry mirror that carries only this machine's platform makes `npm install` leave every other platform's optional
// package out of package-lock.json, and `npm ci` then refuses that lock everywhere, here included. This adds what is
// missing: name, version and the platform it is for, so that npm skips it where it does not fit. The version is known
// because such packages are asked for by exact version; the integrity is not, and npm fills it in where it can see it.

const fs = require('node:fs');
const path = require('node:path');

const OS = ['aix', 'android', 'darwin', 'freebsd', 'linux', 'netbsd', 'openbsd', 'openharmony', 'sunos', 'win32'];
const CPU = ['arm64', 'arm', 'ia32', 'loong64', 'mips64el', 'ppc64', 'riscv64', 's390x', 'wasm32', 'x64'];

/** Whether the lock holds `name` where `from` would find it, by Node's rule: its own node_modules, then each above. */
function holds(packages, from, name) {
  const folders = from.split('/node_modules/');
  return folders.some((_, depth) => {
    const above = folders.slice(0, depth + 1).join('/node_modules/');
    return packages[`${above}/node_modules/${name}`] || packages[`node_modules/${name}`];
  });
}

function platformOf(name) {
  const words = name.replace('gnueabihf', 'gnu').split(/[-/]/);
  const os = words.filter((word) => OS.includes(word));
  const cpu = words.filter((word) => CPU.includes(word));
  if (words.includes('wasm32')) return { cpu: ['wasm32'] };
  if (!os.length || !cpu.length) return undefined;
  if (os[0] !== 'linux') return { cpu, os };
  return { cpu, os, libc: [words.includes('musl') ? 'musl' : 'glibc'] };
}

/** Names of the platform packages that the lock asks for and does not hold; the lock is changed in place. */
function completeLock(lock) {
  const added = [];
  for (const [from, entry] of Object.entries(lock.packages)) {
    for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
      const platform = platformOf(name);
      if (!platform || !/^\d/.test(version) || holds(lock.packages, from, name)) continue;
      lock.packages[`node_modules/${name}`] = { version, ...platform, ...(entry.dev && { dev: true }), optional: true };
      added.push(name);
    }
  }
  const sorted = Object.entries(lock.packages).sort(([a], [b]) => a.localeCompare(b, 'en'));
  lock.packages = Object.fromEntries(sorted);
  return added;
}

if (require.main === module) {
  for (const folder of process.argv.length > 2 ? process.argv.slice(2) : [path.join(__dirname, '..')]) {
    const file = path.join(folder, 'package-lock.json');
    const lock = JSON.parse(fs.readFileSync(file, 'utf8'));
    const added = completeLock(lock);
    if (added.length) fs.writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
    console.log(`${file}: ${added.length} platform packages added`);
  }
}

module.exports = { completeLock };
