'use strict';

// What a newcomer lacks is said in one sentence: no stack, no SyntaxError, no compiler's words.

const assert = require('node:assert/strict');
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { test } = require('node:test');

const ROOT = path.join(__dirname, '..', '..');

function refused(args, env = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  assert.notEqual(status, 0);
  assert.equal(stdout, '');
  assert.match(stderr, /^redstart [^\n]+\.\n$/);
  return stderr;
}

function temporaryFolder(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'redstart-setup-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  return folder;
}

test('too old a Node is told which one to install', (t) => {
  const older = path.join(temporaryFolder(t), 'older.js');
  fs.writeFileSync(older, "Object.defineProperty(process, 'versions', { value: { node: '18.20.8' } });");
  for (const script of ['demo', 'test', 'build', 'package']) {
    const said = refused(['--require', older, `scripts/${script}.js`]);
    assert.match(said, /needs Node\.js 20\.17 or newer/);
  }
});

// No binary fits another profile, so a build is due, and it gets no further than the question for Rust.
const BUILD = { REDSTART_PROFILE: 'dev' };

test('missing Rust is told where to get it', (t) => {
  const said = refused(['scripts/build.js'], { ...BUILD, PATH: temporaryFolder(t) });
  assert.match(said, /needs Rust 1\.95 or newer, and cargo was not found: install Rust from https:\/\/rustup\.rs/);
});

test('too old a Rust is told how to update', {
  skip: process.platform === 'win32' && 'a script cannot stand for cargo.exe',
}, (t) => {
  const folder = temporaryFolder(t);
  fs.writeFileSync(path.join(folder, 'cargo'), '#!/bin/sh\necho "cargo 1.80.1 (376290515 2024-07-16)"\n', {
    mode: 0o755,
  });
  const said = refused(['scripts/build.js'], { ...BUILD, PATH: folder });
  assert.match(said, /cargo is 1\.80\.1: run `rustup update stable`/);
});
