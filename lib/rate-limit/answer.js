'use strict';
const { RedstartError } = require('../errors.js');

/**
 * How a denied request is answered where the app has no handler of its own.
 * @param {any} res
 * @param {{ statusCode: number, message: any }} denial
 */
function answer(res, { statusCode, message }) {
  // Somebody else has answered by now (a timeout, say), or nobody listens any more.
  if (res.writableEnded || res.destroyed) return;
  if (res.headersSent) {
    // Whoever sent them waits for next(), which does not come: without an error the client would wait for ever.
    throw new RedstartError(
      'rateLimit() denied a request after headers of its response had been sent, so it cannot answer 429: ' +
        'put rateLimit() before what sends them',
      { code: 'ERR_INVALID_STATE' },
    );
  }
  res.statusCode = statusCode;
  if (typeof res.send === 'function') {
    res.send(message);
  } else if (typeof message === 'string' || message instanceof Uint8Array) {
    if (typeof message === 'string') res.setHeader('Content-Type', 'text/plain; charset=utf-8');
    res.end(message);
  } else {
    res.setHeader('Content-Type', 'application/json; charset=utf-8');
    res.end(JSON.stringify(message));
  }
}

module.exports = { answer };
