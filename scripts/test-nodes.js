'use strict';

// npm run test:nodes              __test__ on every Node line that is supported, by the same binary
// npm run test:nodes -- 22 24     on some of them
//
// The Nodes come from the npm registry and stay in .cache, so a second run needs no network.

require('./setup.js');
const fs = require('node:fs');
const path = require('node:path');
const { ROOT, Stop, main, mustRun, npm, run } = require('./run.js');
const { STAGES, runNodeTests } = require('./test/stages.js');
const counts = require('./test/counts.js');

const VERSIONS = { 20: '20.20.2', 22: '22.23.3', 24: '24.21.0' };

const QUIET = ['--no-save', '--no-audit', '--no-fund', '--loglevel=error'];

/** The executable of a Node line, installed if it is not there. */
async function nodeOf(line) {
  const folder = path.join(ROOT, '.cache', 'nodes', VERSIONS[line]);
  const executable = path.join(
    folder,
    'node_modules',
    'node',
    'bin',
    process.platform === 'win32' ? 'node.exe' : 'node',
  );
  if (!fs.existsSync(executable)) {
    console.log(`fetching Node.js ${VERSIONS[line]}`);
    fs.mkdirSync(folder, { recursive: true });
    // The one package whose install script we need: it fetches the binary's package for this platform.
    await mustRun(
      ...npm(['install', '--ignore-scripts=false', '--prefix', folder, ...QUIET, `node@${VERSIONS[line]}`]),
    );
  }
  const { output } = await run(executable, ['--version']);
  if (output.trim() !== `v${VERSIONS[line]}`) throw new Stop(`${executable} is not Node.js ${VERSIONS[line]}.`);
  return executable;
}

main(async () => {
  const lines = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(VERSIONS);
  const unknown = lines.find((line) => !VERSIONS[line]);
  if (unknown) throw new Stop(`Node.js ${unknown} is not among ${Object.keys(VERSIONS).join(', ')}.`);
  for (const stage of ['modules', 'build', 'probe']) await STAGES[stage]();

  const results = [];
  for (const line of lines) {
    const node = await nodeOf(line);
    console.log(`\n── Node.js ${VERSIONS[line]}`);
    const env = { ...process.env, PATH: `${path.dirname(node)}${path.delimiter}${process.env.PATH}` };
    results.push({ line, ...(await runNodeTests(node, { env })) });
  }
  console.log();
  for (const { line, passed, failed, skipped } of results) {
    console.log(`Node.js ${VERSIONS[line].padEnd(9)} ${passed} passed, ${failed} failed, ${skipped} skipped`);
  }
  const { passed, failed } = counts.sum(results);
  console.log(`\n${passed} passed, ${failed} failed`);
  if (failed) process.exitCode = 1;
});
