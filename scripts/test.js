'use strict';

// npm test                              what CI does, in its order; stops at the first stage that does not hold
// npm test -- --only core,node          only these stages
//
// The last line adds up the tests of all runners, by their own word.

require('./setup.js');
const { Stop, main } = require('./run.js');
const { STAGES } = require('./test/stages.js');
const counts = require('./test/counts.js');

function wanted(args) {
  if (!args.length) return Object.keys(STAGES);
  const names = args[0] === '--only' && args.length === 2 ? args[1].split(',') : [];
  const unknown = names.filter((name) => !STAGES[name]);
  if (!names.length || unknown.length) {
    throw new Stop(
      `Usage: npm test -- --only <stage>[,<stage>], a stage being one of ${Object.keys(STAGES).join(', ')}.`,
    );
  }
  return names;
}

/** Runs a stage and returns what became of it; never throws. */
async function runStage(name) {
  console.log(`\n── ${name}`);
  const started = Date.now();
  let counted = counts.NONE;
  let broken;
  try {
    counted = (await STAGES[name]()) || counts.NONE;
  } catch (error) {
    broken = error instanceof Stop ? error.message : error.stack;
  }
  const holds = !broken && counted.failed === 0;
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`── ${name}: ${holds ? 'ok' : 'FAILED'}, ${seconds} s${broken ? `: ${broken}` : ''}`);
  return { name, holds, seconds, counted };
}

function report(done, startedAt) {
  console.log('\nstage            seconds   tests');
  for (const { name, holds, seconds, counted } of done) {
    const tests = counted.passed + counted.failed;
    console.log(
      `${name.padEnd(14)} ${seconds.padStart(9)} ${(tests || '').toString().padStart(7)}${holds ? '' : '   FAILED'}`,
    );
  }
  console.log(`${'all'.padEnd(14)} ${((Date.now() - startedAt) / 1000).toFixed(1).padStart(9)}`);
  const { passed, failed, skipped } = counts.sum(done.map((stage) => stage.counted));
  // A stage that broke without a failing test still is one failure: the closing line must never look green.
  const broken = done.filter((stage) => !stage.holds && stage.counted.failed === 0).length;
  console.log(`\n${passed} passed, ${failed + broken} failed${skipped ? `, ${skipped} skipped` : ''}`);
}

main(async () => {
  const startedAt = Date.now();
  const done = [];
  for (const name of wanted(process.argv.slice(2))) {
    done.push(await runStage(name));
    if (!done.at(-1).holds) break;
  }
  report(done, startedAt);
  if (!done.every((stage) => stage.holds)) process.exitCode = 1;
});
