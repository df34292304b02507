'use strict';

// npm run check:package    what `npm run package` left in dist/, tried as a user's machine would: an empty folder, no
// registry, no compiler and no Python on PATH, scripts of packages off.

require('./setup.js');
const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { ROOT, Stop, main, npm, run } = require('./run.js');
const { PLATFORMS, platformHere } = require('./platforms.js');
const { highestGlibc } = require('./package/elf.js');
const { GLIBC } = require('./package/zig.js');

const DIST = path.join(ROOT, 'dist');
const { name, version, dependencies } = require('../package.json');

/** Packages that a consumer has of its own; those for types belong to whoever compiles. */
const OF_THE_CONSUMER = [
  'express-session',
  '@types/express-session',
  '@types/node',
  'express',
  'express-rate-limit',
  'fastify',
  '@fastify/cookie',
  '@fastify/rate-limit',
  '@fastify/session',
  'keyv',
  'koa',
  'koa-session',
  'rate-limiter-flexible',
];
const BUILD_TOOLS = ['cargo', 'rustc', 'cc', 'gcc', 'clang', 'make', 'python3', 'python', 'node-gyp', 'zig'];
const FEATURES = [
  'cache',
  'sessions',
  'limiter',
  'queue',
  'threads',
  'express',
  'express-rate-limit',
  'better-auth',
  'express-session',
  'fastify-rate-limit',
  'fastify-session',
  'keyv',
  'koa-session',
  'nest-throttler',
  'rate-limiter-flexible',
];
const COMPILERS = { 'TypeScript 7': 'typescript', 'TypeScript 5': 'typescript-5' };

const tarballName = (packageName) => `${packageName.replace('@', '').replace('/', '-')}-${version}.tgz`;

/** Lays out the consumer's folder and the environment of everything that runs in it. */
function createConsumer() {
  const base = fs.mkdtempSync(path.join(os.tmpdir(), 'redstart-package-'));
  const folder = path.join(base, 'consumer');
  const bin = path.join(base, 'bin');
  fs.cpSync(path.join(__dirname, 'check-package', 'consumer'), folder, { recursive: true });
  fs.mkdirSync(bin);
  const node = path.join(bin, path.basename(process.execPath));
  try {
    fs.symlinkSync(process.execPath, node);
  } catch {
    fs.copyFileSync(process.execPath, node); // where links need a privilege
  }
  const npmSettings = {
    cache: path.join(base, 'npm'),
    registry: 'http://127.0.0.1:9/',
    userconfig: path.join(base, 'npmrc'),
  };
  const env = { PATH: bin, HOME: base, USERPROFILE: base, SystemRoot: process.env.SystemRoot, TEMP: base, TMP: base };
  for (const [key, value] of Object.entries(npmSettings)) env[`npm_config_${key}`] = value;
  return { base, folder, bin, node, env };
}

/** Copies packages and all they depend on out of the repo's own node_modules: what a registry would have given. */
function copyFromRepo(names, folder) {
  const modules = path.join(ROOT, 'node_modules');
  const seen = new Set();
  const copy = (packageName) => {
    if (seen.has(packageName)) return;
    seen.add(packageName);
    fs.cpSync(path.join(modules, packageName), path.join(folder, 'node_modules', packageName), { recursive: true });
    const { dependencies = {} } = JSON.parse(fs.readFileSync(path.join(modules, packageName, 'package.json'), 'utf8'));
    for (const dependency of Object.keys(dependencies)) {
      if (!fs.existsSync(path.join(modules, packageName, 'node_modules', dependency))) copy(dependency);
    }
  };
  names.forEach(copy);
}

function filesUnder(folder) {
  const entries = fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const full = entries.map((entry) => path.join(entry.parentPath ?? entry.path, entry.name));
  return full.map((file) => path.relative(folder, file).replaceAll('\\', '/')).sort();
}

/** Every check of the package, in an order in which each finds what it needs. */
function checksOf({ base, folder, bin, node, env }) {
  const here = platformHere();
  const installed = path.join(folder, 'node_modules', name);
  const platform = path.join(folder, 'node_modules', here.packageName);
  const tarballs = [name, here.packageName].map((one) => path.join(DIST, tarballName(one)));
  const inFolder = (command, args) => run(command, args, { cwd: folder, env });
  const holds = async (command, args) => {
    const { code, output } = await inFolder(command, args);
    assert.equal(code, 0, output);
    return output;
  };
  /** Tarballs of what the package depends on, as a registry would give them: npm takes one for the range that it fits. */
  const packFromRepo = async (names) => {
    const folders = names.map((one) => path.join(ROOT, 'node_modules', one));
    await holds(...npm(['pack', '--ignore-scripts', '--pack-destination', base, ...folders]));
    const packed = fs.readdirSync(base).filter((file) => file.endsWith('.tgz'));
    assert.equal(packed.length, names.length);
    return packed.map((file) => path.join(base, file));
  };
  const readJson = (file) => JSON.parse(fs.readFileSync(file, 'utf8'));
  /** What requiring the package throws, and what a process that does not catch it prints. */
  const failure = async () => {
    const caught = "try { require('redstart') } catch (error) { console.log(error.code + '\\n' + error.message) }";
    const [code, ...message] = (await holds(node, ['-e', caught])).trim().split('\n');
    const { output } = await inFolder(node, ['-e', "require('redstart')"]);
    return { code, message: message.join('\n'), printed: output };
  };
  const isOneSentence = (text) => assert.match(text, /^redstart [^\n]+[^.]\.$/);

  const checks = {
    'no compiler, no Python and no make is on PATH': () => {
      for (const tool of BUILD_TOOLS)
        assert.deepEqual(
          fs.readdirSync(bin).filter((file) => file.startsWith(tool)),
          [],
        );
    },
    'npm installs both tarballs without scripts and without a registry': async () => {
      const all = [...tarballs, ...(await packFromRepo(Object.keys(dependencies)))];
      const [command, args] = npm(['install', '--ignore-scripts', '--offline', '--no-audit', '--no-fund', ...all]);
      await holds(command, args);
      copyFromRepo(OF_THE_CONSUMER, folder);
    },
    'the main package holds its door, its facade and its papers, and nothing else': () => {
      const lib = filesUnder(path.join(ROOT, 'lib')).map((file) => `lib/${file}`);
      const papers = ['CHANGELOG.md', 'LICENSE', 'README.md'];
      const expected = [...papers, 'index.d.ts', 'index.js', 'native.js', 'package.json', ...lib].sort();
      assert.deepEqual(filesUnder(installed), expected);
      assert.deepEqual(
        lib.filter((file) => !/\.(js|d\.ts)$/.test(file)),
        [],
      );
    },
    'the platform package holds its binary and nothing else': () => {
      assert.deepEqual(filesUnder(platform), ['LICENSE', 'package.json', here.binary].sort());
    },
    'the main package brings what it needs at run time, and nothing else': () => {
      assert.deepEqual(readJson(path.join(installed, 'package.json')).dependencies, dependencies);
    },
    'neither package runs anything when it is installed': () => {
      for (const one of [installed, platform])
        assert.equal(readJson(path.join(one, 'package.json')).scripts, undefined);
    },
    'the main package asks for every platform at its own version': () => {
      const { optionalDependencies } = readJson(path.join(installed, 'package.json'));
      const expected = PLATFORMS.map(({ packageName }) => [packageName, version]);
      assert.deepEqual(optionalDependencies, Object.fromEntries(expected));
    },
    'require works': () => holds(node, ['required.cjs']),
    'import works, named and default': () => holds(node, ['named.mjs']),
  };

  for (const feature of FEATURES) checks[`runs: ${feature}`] = () => holds(node, ['feature.cjs', feature]);

  for (const [compiler, packageName] of Object.entries(COMPILERS)) {
    for (const resolution of ['node16', 'bundler']) {
      checks[`${compiler} compiles a strict consumer, resolution ${resolution}`] = () =>
        holds(node, [path.join(ROOT, 'node_modules', packageName, 'bin', 'tsc'), '-p', `tsconfig.${resolution}.json`]);
    }
  }

  if (here.libc === 'glibc') {
    checks[`the binary needs no glibc newer than ${GLIBC.join('.')}`] = () => {
      const [major, minor] = highestGlibc(path.join(platform, here.binary));
      console.log(`  highest glibc version needed: ${major}.${minor}`);
      assert.ok(major === GLIBC[0] && minor <= GLIBC[1], `it needs ${major}.${minor}`);
    };
  }

  checks['the binary names no folder of the machine it was built on'] = () => {
    const binary = fs.readFileSync(path.join(platform, here.binary));
    for (const home of [os.homedir(), ROOT]) assert.equal(binary.includes(home + path.sep), false, home);
  };
  checks['a binary of another version is refused in one sentence'] = async () => {
    const file = path.join(platform, 'package.json');
    const manifest = readJson(file);
    fs.writeFileSync(file, JSON.stringify({ ...manifest, version: '0.0.1' }));
    const { code, message } = await failure();
    fs.writeFileSync(file, JSON.stringify(manifest));
    assert.equal(code, 'ERR_NATIVE_BINARY_MISSING');
    isOneSentence(message);
    assert.ok(message.includes('0.0.1') && message.includes(version), message);
  };
  checks['a damaged binary is refused in one sentence'] = async () => {
    const file = path.join(platform, here.binary);
    fs.renameSync(file, `${file}.kept`);
    fs.writeFileSync(file, 'not a binary');
    const { code, message } = await failure();
    fs.renameSync(`${file}.kept`, file);
    assert.equal(code, 'ERR_NATIVE_BINARY_MISSING');
    isOneSentence(message);
  };
  checks['a missing platform package is one sentence that says what to do'] = async () => {
    fs.rmSync(platform, { recursive: true });
    const { code, message, printed } = await failure();
    console.log(`  ${message}`);
    assert.equal(code, 'ERR_NATIVE_BINARY_MISSING');
    isOneSentence(message);
    assert.ok(message.includes(here.packageName) && message.includes('--omit=optional'), message);
    assert.doesNotMatch(printed, /Cannot find|Require stack/);
  };
  return checks;
}

main(async () => {
  for (const file of [name, platformHere().packageName].map((one) => path.join(DIST, tarballName(one)))) {
    if (!fs.existsSync(file)) throw new Stop(`${path.relative(ROOT, file)} is missing: run \`npm run package\` first.`);
    console.log(`${path.basename(file)}: ${Math.ceil(fs.statSync(file).size / 1024)} KB`);
  }
  const consumer = createConsumer();
  let passed = 0;
  let failed = 0;
  for (const [title, check] of Object.entries(checksOf(consumer))) {
    try {
      await check();
      passed += 1;
      console.log(`ok ${title}`);
    } catch (error) {
      failed += 1;
      console.log(`NOT OK ${title}\n${error.message}`);
    }
  }
  fs.rmSync(consumer.base, { recursive: true, force: true });
  console.log(`package: ${passed} passed, ${failed} failed`);
  if (failed) process.exitCode = 1;
});
