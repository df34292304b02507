'use strict';
// What the sources of the door say about themselves.
const fs = require('node:fs');
const path = require('node:path');
const { ROOT } = require('../child.js');

const read = (file) => fs.readFileSync(path.join(ROOT, file), 'utf8');

/** Rust files below a folder, by their path in the repository. */
function rustFiles(folder) {
  const below = fs.readdirSync(path.join(ROOT, folder), { recursive: true });
  return below
    .filter((file) => file.endsWith('.rs'))
    .map((file) => path.posix.join(folder, file.replaceAll('\\', '/')));
}

/** A Rust file without its comments. */
function code(file) {
  return read(file).replace(/^\s*\/\/.*$/gm, '');
}

/** Each #[napi] attribute that stands above a function: what it says, and the function's name. */
function boundFunctions(file) {
  const attributes = code(file).matchAll(/#\[napi(?<says>[^\]]*)\]\s*(?:#\[[^\]]*\]\s*)*pub fn (?<name>\w+)/g);
  return Array.from(attributes, ({ groups }) => ({ file, name: groups.name, says: groups.says }));
}

/** The interfaces of src/raw.d.ts: the names that each declares. */
function declared() {
  const bare = read('src/raw.d.ts').replace(/\/\*[\s\S]*?\*\//g, '');
  const interfaces = bare.matchAll(/export interface (\w+) \{([^}]*)\}/g);
  const names = (body) => Array.from(body.matchAll(/^ {2}(?:readonly )?(\w+)[(:]/gm), ([, name]) => name);
  return Object.fromEntries(Array.from(interfaces, ([, name, body]) => [name, names(body).sort()]));
}

module.exports = { read, rustFiles, code, boundFunctions, declared };
