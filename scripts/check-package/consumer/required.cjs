'use strict';

const assert = require('node:assert/strict');
const { open, RedstartError } = require('redstart');

assert.throws(
  () => open('redis://localhost'),
  (error) => RedstartError.is(error, 'ERR_INVALID_ARG'),
);
assert.equal(require('redstart/package.json').name, 'redstart');
