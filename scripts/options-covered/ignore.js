'use strict';

// Loaded before a test file (--require): makes redstart deaf to one option, as if nobody had given it. All options go
// through lib/options.js; the one meant is told by the schema, which has the same names as the declared interface.

const options = require('../../lib/options.js');

/** @type {{ path: string[], siblings: string[] }} */
const { path, siblings } = JSON.parse(process.env.REDSTART_IGNORED_OPTION);
const wanted = [...siblings].sort().join();
const real = options.checkOptions;

/** A copy of `given` without what lies at `at`. @param {any} given @param {string[]} at @returns {any} */
function without(given, [name, ...further]) {
  if (typeof given !== 'object' || given === null || !Object.hasOwn(given, name)) return given;
  const { [name]: value, ...others } = given;
  return further.length === 0 ? others : { ...others, [name]: without(value, further) };
}

options.checkOptions = function checkOptions(what, given, schema, above = checkOptions) {
  const meant = Object.keys(schema).sort().join() === wanted;
  return real(what, meant ? without(given, path) : given, schema, above);
};
