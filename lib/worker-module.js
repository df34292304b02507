'use strict';
/** Where the module is that process() is given. */
const { fileURLToPath, pathToFileURL } = require('node:url');
const path = require('node:path');
const { invalidArg, show } = require('./errors.js');

const MODULE_EXPECTED = "a module is a file URL such as new URL('./jobs.mjs', import.meta.url), or an absolute path";

/**
 * The address of a module as import() takes it.
 * @param {unknown} given
 * @param {Function} above
 */
function moduleUrl(given, above) {
  if (typeof given === 'string' && path.isAbsolute(given)) return pathToFileURL(given).href;
  const href = typeof given === 'string' ? given : hrefOf(given);
  if (href?.startsWith('file:')) {
    try {
      // Says what is wrong with a host or an encoded slash.
      fileURLToPath(href);
      return href;
    } catch (cause) {
      throw invalidArg(`process() cannot run ${show(href)}: ${/** @type {Error} */ (cause).message}`, above);
    }
  }
  const remedy =
    typeof given === 'string' && href !== undefined && !/^[a-z]+:/.test(href)
      ? '; make it absolute with path.resolve() or require.resolve()'
      : '';
  throw invalidArg(
    `process() takes a handler function or a module; ${MODULE_EXPECTED}; got ${show(given)}${remedy}`,
    above,
  );
}

/** By its shape: a test environment brings a class of its own. @param {any} given @returns {string | undefined} */
function hrefOf(given) {
  return typeof given?.href === 'string' && typeof given.protocol === 'string' ? given.href : undefined;
}

module.exports = { moduleUrl };
