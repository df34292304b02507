'use strict';
const options = require('./options.js');

/** Core remembers when each of them began. */
const RATE_MAX = 100_000;

/** So many jobs begun in any span of so long, of a worker or of the whole queue. */
const RATE_OPTIONS = {
  max: options.required(options.integer({ min: 1, max: RATE_MAX })),
  duration: options.required(options.duration),
};

module.exports = { RATE_OPTIONS };
