'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { ROOT, Stop, run } = require('../run.js');

/** Stops with one sentence unless cargo and rustc are new enough for Cargo.toml's rust-version. */
async function checkRust() {
  const wanted = /^rust-version = "(\d+)\.(\d+)"/m.exec(fs.readFileSync(path.join(ROOT, 'Cargo.toml'), 'utf8'));
  const [major, minor] = [Number(wanted[1]), Number(wanted[2])];
  for (const command of ['cargo', 'rustc']) {
    const { code, output } = await run(command, ['--version']);
    const found = code === 0 && /(\d+)\.(\d+)\.\d+/.exec(output);
    if (found && (Number(found[1]) > major || (Number(found[1]) === major && Number(found[2]) >= minor))) continue;
    throw new Stop(
      `redstart is built here from its Rust sources, which needs Rust ${major}.${minor} or newer, and ` +
        `${found ? `${command} is ${found[0]}: run \`rustup update stable\`` : `${command} was not found: install Rust from https://rustup.rs`}.`,
    );
  }
}

module.exports = { checkRust };
