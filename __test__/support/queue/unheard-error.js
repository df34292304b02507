'use strict';
// Nobody listens to 'error'.
const path = require('node:path');
const { open } = require('redstart');

open('memory:').queue('mail').process(path.join(__dirname, 'no-default.mjs'));
