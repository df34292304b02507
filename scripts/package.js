'use strict';

// npm run package                               this machine's binary, its package and the main package, under dist/
// node scripts/package.js --build <triple>      only the binary of one target: a job of the release
// node scripts/package.js --from <folder>       all packages from binaries built elsewhere: the last job of the release
//
// The main package carries no binary. It names one package per platform as an optional dependency, at its own exact
// version, and npm installs the one that fits. Those names are written here and not committed: a clone has its own build.

require('./setup.js');
const fs = require('node:fs');
const path = require('node:path');
const { ROOT, Stop, main, mustRun, npm } = require('./run.js');
const { PLATFORMS, platformHere } = require('./platforms.js');
const { installModules } = require('./setup/node-modules.js');
const { buildBinary } = require('./package/binary.js');
const { highestGlibc } = require('./package/elf.js');

const DIST = path.join(ROOT, 'dist');
const STAGE = path.join(ROOT, '.cache', 'package', 'stage');

const manifest = require('../package.json');

const kilobytes = (bytes) => `${Math.ceil(bytes / 1024)} KB`;

/** What an install needs of package.json: nothing that only a clone can use. */
function mainManifest() {
  const { scripts, devDependencies, napi, ...published } = manifest;
  const platforms = PLATFORMS.map(({ packageName }) => [packageName, manifest.version]);
  return { ...published, optionalDependencies: Object.fromEntries(platforms) };
}

function platformManifest({ packageName, binary, os, cpu, libc, triple }) {
  const { version, license, engines, repository, homepage } = manifest;
  return {
    name: packageName,
    version,
    description: `The binary of ${manifest.name} for ${triple}`,
    license,
    ...(repository && { repository }),
    ...(homepage && { homepage }),
    main: binary,
    files: [binary],
    engines,
    os: [os],
    cpu: [cpu],
    ...(libc && { libc: [libc] }),
  };
}

/** Lays a package out in a folder of its own and packs it into dist/. Returns the tarball's path. */
async function pack(packageManifest, files) {
  const folder = path.join(STAGE, packageManifest.name.replaceAll('/', '-'));
  fs.mkdirSync(folder, { recursive: true });
  fs.writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(packageManifest, null, 2)}\n`);
  for (const [name, source] of files) fs.cpSync(source, path.join(folder, name), { recursive: true });
  const [command, args] = npm(['pack', '--json', '--ignore-scripts', '--loglevel=error', '--pack-destination', DIST]);
  const { stdout } = await mustRun(command, args, { cwd: folder });
  const packed = JSON.parse(stdout);
  const { filename, size, unpackedSize } = Array.isArray(packed) ? packed[0] : Object.values(packed)[0];
  const tarball = path.join(DIST, path.basename(filename));
  console.log(`${path.relative(ROOT, tarball)}: ${kilobytes(size)} packed, ${kilobytes(unpackedSize)} unpacked`);
  return tarball;
}

async function packAll(platforms, binaryOf) {
  fs.rmSync(DIST, { recursive: true, force: true });
  fs.rmSync(STAGE, { recursive: true, force: true });
  fs.mkdirSync(DIST);
  const licence = ['LICENSE', path.join(ROOT, 'LICENSE')];
  for (const platform of platforms) {
    const binary = binaryOf(platform);
    if (!fs.existsSync(binary)) throw new Stop(`${platform.binary} is missing: a release has every target's binary.`);
    await pack(platformManifest(platform), [[platform.binary, binary], licence]);
    if (platform.libc === 'glibc') console.log(`  highest glibc version needed: ${highestGlibc(binary).join('.')}`);
  }
  const files = manifest.files.map((name) => [name, path.join(ROOT, name)]);
  await pack(mainManifest(), files);
}

main(async () => {
  const [option, value] = process.argv.slice(2);
  await installModules(ROOT, console.log);
  if (option === '--build') {
    const platform = PLATFORMS.find(({ triple }) => triple === value);
    if (!platform) throw new Stop(`--build takes one of ${PLATFORMS.map(({ triple }) => triple).join(', ')}.`);
    await buildBinary(platform);
  } else if (option === '--from') {
    await packAll(PLATFORMS, ({ binary }) => path.resolve(value, binary));
  } else {
    const here = platformHere();
    if (!here) throw new Stop(`There is no package for ${process.platform} on ${process.arch}.`);
    const binary = await buildBinary(here);
    await packAll([here], () => binary);
  }
});
