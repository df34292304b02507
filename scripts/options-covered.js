'use strict';

// npm run options-covered [-- CacheOptions.ttl …]
//
// Every option that the types declare must be claimed by a test that sees a difference when it is given. A test claims
// an option in its title:
//
//     test('entries written together do not expire together [CacheOptions.ttlJitter]', …)
//
// A claim is not believed. The test has to pass, and it has to fail when redstart is made deaf to that option
// (options-covered/ignore.js): a test that only names the option, or that was skipped, proves nothing. A claim of an
// option that does not exist is an error too, so a renamed option cannot leave its tests behind.

require('./setup.js');
const os = require('node:os');
const { Stop, main } = require('./run.js');
const { declaredOptions } = require('./options-covered/declared.js');
const { claimsByFile, runClaims } = require('./options-covered/claims.js');

/** Child processes at once. */
const AT_ONCE = Math.min(4, os.availableParallelism());

/** Runs `work` over the items, some at once. @template T @param {T[]} items @param {(item: T) => Promise<void>} work */
async function overAll(items, work) {
  const left = [...items];
  const hand = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, hand));
}

/** The options that a passing test claims; complaints about the other claims. @param {Map<string, Set<string>>} claims */
async function passing(claims) {
  /** @type {Map<string, string[]>} */
  const files = new Map();
  /** @type {string[]} */
  const complaints = [];
  await overAll([...claims], async ([file, names]) => {
    const { passed, failed, output } = await runClaims(file, [...names]);
    for (const name of names) {
      if (failed.has(name)) complaints.push(`${name}: a test of ${file} that claims it fails\n${output}`);
      else if (!passed.has(name)) complaints.push(`${name}: no test of ${file} ran that has it in its title`);
      else files.set(name, [...(files.get(name) ?? []), file]);
    }
  });
  return { files, complaints };
}

/** What is wrong with how this option is covered, or undefined. @param {string[] | undefined} files */
async function complaintOf(option, files) {
  const { name, file, line } = option;
  if (files === undefined) return `${name} (${file}:${line}): no test that passes has [${name}] in its title`;
  for (const testFile of files) {
    const { passed, failed, code } = await runClaims(testFile, [name], option);
    if (failed.has(name) || (code !== 0 && !passed.has(name))) return undefined;
  }
  return `${name} (${file}:${line}): ignored, and the tests that claim it stay green: ${files.join(', ')}`;
}

/** @param {string[]} only Names of options; none: all. */
async function check(only) {
  const declared = declaredOptions();
  const known = new Set(declared.map(({ name }) => name));
  const unknown = only.filter((name) => !known.has(name));
  if (unknown.length > 0) throw new Stop(`There is no option ${unknown.join(', ')}.`);
  const chosen = declared.filter(({ name }) => only.length === 0 || only.includes(name));
  const claims = claimsByFile();
  /** @type {string[]} */
  const complaints = [];
  for (const [file, names] of claims) {
    for (const name of names) {
      if (!known.has(name)) complaints.push(`${name}: claimed in ${file}, and no type declares it`);
      if (!chosen.some((option) => option.name === name)) names.delete(name);
    }
    if (names.size === 0) claims.delete(file);
  }
  const proven = await passing(claims);
  complaints.push(...proven.complaints);
  let covered = 0;
  await overAll(chosen, async (option) => {
    const complaint = await complaintOf(option, proven.files.get(option.name));
    if (complaint === undefined) covered += 1;
    else complaints.push(complaint);
  });
  for (const complaint of complaints) console.log(complaint);
  console.log(`\noptions: ${covered} passed, ${complaints.length} failed`);
  return complaints.length === 0;
}

main(async () => {
  if (!(await check(process.argv.slice(2)))) process.exitCode = 1;
});
