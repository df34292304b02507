'use strict';

// npm run lint and npm test: what may be depended on. The rules are those of deny.toml, which cargo-deny reads too; here
// they are held with `cargo metadata` and the sources alone, so that it works offline and installs nothing. cargo-deny
// knows the advisories besides.

const fs = require('node:fs');
const path = require('node:path');
const { ROOT, Stop, mustRun, main } = require('./run.js');

const CRATES_IO = 'registry+https://github.com/rust-lang/crates.io-index';

const RULES = fs.readFileSync(path.join(ROOT, 'deny.toml'), 'utf8');
const LICENCES = new Set([.../^allow = \[([^\]]*)\]/m.exec(RULES)[1].matchAll(/"(.+?)"/g)].map((match) => match[1]));
const BANNED = new Map([...RULES.matchAll(/crate = "(.+?)", reason = "(.+?)"/g)].map((match) => match.slice(1)));

/** Whether an SPDX expression can be met with LICENCES. OR binds weaker than AND, as SPDX says. */
function licenceAllowed(expression) {
  const tokens = expression.replaceAll('/', ' OR ').match(/\(|\)|[^\s()]+/g) ?? [];
  let at = 0;
  const one = () => {
    if (tokens[at] === '(') {
      at += 1;
      const inner = or();
      at += 1; // the closing bracket
      return inner;
    }
    let licence = tokens[at++];
    if (tokens[at] === 'WITH') {
      licence += ` WITH ${tokens[at + 1]}`;
      at += 2;
    }
    return LICENCES.has(licence);
  };
  const chain = (operator, operand, join) => {
    let value = operand();
    while (tokens[at] === operator) {
      at += 1;
      value = join(operand(), value);
    }
    return value;
  };
  const and = () => chain('AND', one, (a, b) => a && b);
  const or = () => chain('OR', and, (a, b) => a || b);
  return tokens.length > 0 && or();
}

/** Sources of a crate that a dependency of this kind may be used in, without comments. */
function sourcesFor(manifest, kind) {
  const folder = path.dirname(manifest);
  const folders = { null: ['src'], dev: ['src', 'tests', 'benches', 'examples'], build: ['build.rs'] }[String(kind)];
  const files = folders.flatMap((entry) => {
    const full = path.join(folder, entry);
    if (!fs.existsSync(full)) return [];
    if (fs.statSync(full).isFile()) return [full];
    return fs
      .readdirSync(full, { recursive: true })
      .filter((file) => file.endsWith('.rs'))
      .map((file) => path.join(full, file));
  });
  return files.map((file) => fs.readFileSync(file, 'utf8').replace(/\/\/.*$/gm, '')).join('\n');
}

/** The dependencies a crate of this workspace declares and never names in its code. */
function unusedDependencies({ dependencies, manifest_path: manifest }) {
  return dependencies.filter(({ name, rename, kind }) => {
    const ident = (rename ?? name).replaceAll('-', '_');
    // In a path (`tokio::spawn`), in an import (`use tokio;`, `use {tokio as t}`) or as an attribute's path.
    const used = new RegExp(`\\b${ident}\\s*::|\\b(?:use|extern crate)\\s+(?:::)?${ident}\\b`);
    return !used.test(sourcesFor(manifest, kind));
  });
}

/** The npm packages that a user would install for nothing: dependencies that no file of lib/ requires. */
function unusedPackages() {
  const { dependencies = {} } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  const lib = path.join(ROOT, 'lib');
  const files = fs.readdirSync(lib, { recursive: true }).filter((file) => file.endsWith('.js'));
  const code = files.map((file) => fs.readFileSync(path.join(lib, file), 'utf8')).join('\n');
  return Object.keys(dependencies).filter((name) => !new RegExp(`require\\('${name}[/']`).test(code));
}

function faultsOf(metadata) {
  const ours = new Set(metadata.workspace_members);
  const faults = [];
  for (const crate of metadata.packages) {
    const label = `${crate.name} ${crate.version}`;
    if (BANNED.has(crate.name)) faults.push(`${label} is banned: ${BANNED.get(crate.name)}`);
    if (ours.has(crate.id)) {
      for (const { name, kind } of unusedDependencies(crate)) {
        faults.push(`${crate.name} declares the ${kind ? `${kind} ` : ''}dependency ${name} and does not use it`);
      }
    } else {
      if (crate.source !== CRATES_IO)
        faults.push(`${label} does not come from crates.io but from ${crate.source ?? 'a path'}`);
      if (!licenceAllowed(crate.license ?? '')) faults.push(`${label} has the licence ${crate.license ?? '(none)'}`);
    }
  }
  for (const name of unusedPackages())
    faults.push(`package.json declares the dependency ${name} and lib/ does not use it`);
  return faults;
}

/** Crates that are there in several versions: told, not forbidden, because it is rarely ours to mend. */
function duplicatesOf({ packages }) {
  const versions = new Map();
  for (const { name, version } of packages) versions.set(name, [...(versions.get(name) ?? []), version]);
  return [...versions].filter(([, all]) => all.length > 1);
}

/** Stops unless licences, sources, bans and use of all dependencies are as they should be. */
async function checkDependencies() {
  const { stdout } = await mustRun('cargo', ['metadata', '--format-version', '1', '--locked', '--quiet']);
  const metadata = JSON.parse(stdout);
  const faults = faultsOf(metadata);
  for (const [name, all] of duplicatesOf(metadata)) {
    console.log(`note: ${name} is there in ${all.length} versions: ${all.join(', ')}`);
  }
  console.log(`${metadata.packages.length} crates: licences, sources, bans and use checked`);
  if (faults.length) throw new Stop(`\n  ${faults.join('\n  ')}`);
}

if (require.main === module) main(checkDependencies);

module.exports = { checkDependencies, licenceAllowed, unusedDependencies };
