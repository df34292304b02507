'use strict';

// What every command of this repo does first: is this Node new enough, are the packages there, does a binary fit?
// This file must parse on any Node, so that an old one is told what to install and not shown a SyntaxError: nothing
// newer than ES2015 in here. What needs more is behind the check, in setup/.

const NODE_MIN = [20, 17];
const NODE_HERE = process.versions.node.split('.').map(Number);

if (NODE_HERE[0] < NODE_MIN[0] || (NODE_HERE[0] === NODE_MIN[0] && NODE_HERE[1] < NODE_MIN[1])) {
  console.error(
    'redstart needs Node.js ' +
      NODE_MIN.join('.') +
      ' or newer and this is ' +
      process.version +
      ': install the current LTS from https://nodejs.org.'
  );
  process.exit(1);
}

module.exports = require('./setup/ensure-ready.js');
