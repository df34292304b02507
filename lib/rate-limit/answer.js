'use strict';

/**
 * How a denied request is answered where the app has no handler of its own.
 * @param {any} res
 * @param {{ statusCode: number, message: any }} denial
 */
function answer(res, { statusCode, message }) {
  // Whoever has answered by now (a timeout, say) goes on with it.
  if (res.headersSent || res.writableEnded) return;
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
