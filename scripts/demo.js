'use strict';

// npm run demo               shows the example app at work and leaves it running
// npm run demo -- --once     the same without leaving it running: exit code 0 when every step holds
//
// Must parse on any Node, as setup.js must, whose sentence an old one is to get: nothing newer than ES2015 in here.

const startedAt = Date.now();
const { ensureReady } = require('./setup.js');
const { main } = require('./run.js');

main(() => Promise.resolve().then(demo));

function demo() {
  const { readArguments, run } = require('./demo/demo.js');
  const once = readArguments(process.argv.slice(2));
  // Setup speaks only when there is something to install or to build.
  let prepared = false;
  const log = (line) => {
    prepared = true;
    console.log(line);
  };
  return ensureReady({ examples: ['express-app'], log }).then(() => run({ once, prepared, startedAt }));
}
