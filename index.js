'use strict';
/** The public door. The exports are literal, so that `import { open } from 'redstart'` finds them too. */
const { open } = require('./lib/store.js');
const { manualClock } = require('./lib/clock.js');
const { ipKey } = require('./lib/ip.js');
const { consumeAll } = require('./lib/limiter.js');
const { RedstartError, UnrecoverableError } = require('./lib/errors.js');

module.exports = { open, manualClock, consumeAll, ipKey, RedstartError, UnrecoverableError };
