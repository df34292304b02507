/**
 * One contender, one case, one fresh process: what run.js starts. Takes JSON ({ feature, contender, options }) and prints
 * the figures as one line of JSON.
 */
const path = require('node:path');

async function main() {
  const { feature, contender, options } = JSON.parse(process.argv[2]);
  const { measure } = require(path.join(__dirname, feature, 'measure.js'));
  const figures = JSON.stringify(await measure(contender, options));
  // What a contender keeps open (timers, connections) does not keep the process.
  process.stdout.write(`${figures}\n`, () => process.exit());
}

main();
