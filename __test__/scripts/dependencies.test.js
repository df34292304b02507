'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');
const { completeLock } = require('../../scripts/complete-lock.js');
const { licenceAllowed, unusedDependencies } = require('../../scripts/dependencies.js');

test('a licence is allowed when its expression can be met with those of deny.toml', () => {
  const allowed = [
    'MIT',
    'MIT OR GPL-3.0',
    'MIT/Apache-2.0',
    '(MIT OR GPL-2.0) AND Unicode-3.0',
    'MIT AND GPL-2.0 OR ISC',
  ];
  for (const expression of [...allowed, 'Apache-2.0 WITH LLVM-exception OR GPL-3.0']) {
    assert.equal(licenceAllowed(expression), true, expression);
  }
  for (const expression of [
    '',
    'GPL-3.0',
    'MIT AND GPL-3.0',
    'GPL-2.0 WITH Classpath-exception-2.0',
    '(MIT OR ISC) AND GPL-2.0',
  ]) {
    assert.equal(licenceAllowed(expression), false, expression);
  }
});

test('a dependency that no source names is found, each kind in its own folder', (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'redstart-unused-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  fs.mkdirSync(path.join(folder, 'src', 'deep'), { recursive: true });
  fs.mkdirSync(path.join(folder, 'tests'));
  fs.writeFileSync(path.join(folder, 'src', 'lib.rs'), 'use used_here::Thing;\n// forgotten::call()\n');
  fs.writeFileSync(path.join(folder, 'src', 'deep', 'mod.rs'), 'fn f() { inline::call(); new_name::call(); }');
  fs.writeFileSync(path.join(folder, 'tests', 'all.rs'), 'use proptest::prelude::*; only_in_tests::call();');
  const of = (name, kind = null, rename = null) => ({ name, kind, rename });
  const unused = unusedDependencies({
    manifest_path: path.join(folder, 'Cargo.toml'),
    dependencies: [
      of('used-here'),
      of('inline'),
      of('old-name', null, 'new-name'),
      of('forgotten'),
      of('only-in-tests'),
      of('proptest', 'dev'),
      of('napi-build', 'build'),
    ],
  });
  assert.deepEqual(
    unused.map(({ name }) => name),
    ['forgotten', 'only-in-tests', 'napi-build'],
  );
});

test('a lock written where only one platform could be seen is completed for the others', () => {
  const lock = {
    packages: {
      '': { name: 'app' },
      'node_modules/tool': {
        version: '2.0.0',
        dev: true,
        optionalDependencies: { 'tool-linux-x64-musl': '2.0.0', 'tool-darwin-arm64': '2.0.0', fsevents: '^2.0.0' },
      },
      'node_modules/tool-darwin-arm64': { version: '2.0.0', integrity: 'known', optional: true },
    },
  };
  assert.deepEqual(completeLock(lock), ['tool-linux-x64-musl']);
  assert.deepEqual(lock.packages['node_modules/tool-linux-x64-musl'], {
    version: '2.0.0',
    cpu: ['x64'],
    os: ['linux'],
    libc: ['musl'],
    dev: true,
    optional: true,
  });
  assert.equal(lock.packages['node_modules/tool-darwin-arm64'].integrity, 'known');
  assert.deepEqual(completeLock(lock), []);
});

test('the locks of this repo hold every platform', () => {
  for (const folder of ['', 'examples/express-app', 'examples/jest-app']) {
    const file = path.join(__dirname, '..', '..', folder, 'package-lock.json');
    assert.deepEqual(completeLock(JSON.parse(fs.readFileSync(file, 'utf8'))), [], file);
  }
});
