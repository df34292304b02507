'use strict';
/** Methods that change things: where one succeeds, what is kept of its address is out of date (RFC 9111, 4.4). */
const keys = require('./keys.js');

/**
 * Before the client hears of the success, so that it does not get the old page after it. A handler may begin to answer
 * before it has made the change, and a page be made until it has: so again when it ends.
 * @param {import('./settings.js').Settings} settings
 * @param {any} res
 * @param {string} key
 */
function invalidateOnSuccess(settings, res, key) {
  const { writeHead, end } = res;
  const isSuccess = (/** @type {number} */ status) => status >= 200 && status < 400;
  res.writeHead = (/** @type {any[]} */ ...args) => {
    if (!res.headersSent && isSuccess(Number(args[0]))) invalidate(settings, key);
    return writeHead.apply(res, args);
  };
  res.end = (/** @type {any[]} */ ...args) => {
    // Otherwise the headers go now, and by the above.
    if (res.headersSent && isSuccess(res.statusCode)) invalidate(settings, key);
    return end.apply(res, args);
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
