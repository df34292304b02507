'use strict';
/** Methods that change things: where one succeeds, what is kept of its address is out of date (RFC 9111, 4.4). */
const keys = require('./keys.js');

/**
 * Before the client hears of the success, so that it does not get the old page after it.
 * @param {import('./settings.js').Settings} settings
 * @param {any} res
 * @param {string} key
 */
function invalidateOnSuccess(settings, res, key) {
  const { writeHead } = res;
  res.writeHead = (/** @type {any[]} */ ...args) => {
    const status = Number(args[0]);
    if (!res.headersSent && status >= 200 && status < 400) invalidate(settings, key);
    return writeHead.apply(res, args);
  };
}

/** @param {import('./settings.js').Settings} settings @param {string} key */
function invalidate({ cache, report }, key) {
  try {
    // Also where nothing lies: a page may be in the making. Variants are out of reach then, and freed by their tag.
    if (cache.deleteSync(key)) cache.deleteByTag(keys.variantsTag(key)).catch(report);
  } catch (error) {
    report(error);
  }
}

module.exports = { invalidateOnSuccess };
