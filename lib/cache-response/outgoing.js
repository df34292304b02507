'use strict';
/** What node:http does with a response, where a middleware has to do it itself. */

/**
 * Sets what writeHead was given, so that all headers are in one place: an object, or names and values in a row, or in pairs.
 * @param {any} res
 * @param {any} headers
 */
function absorb(res, headers) {
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers ?? {})) if (name !== '') res.setHeader(name, value);
    return;
  }
  const flat = Array.isArray(headers[0]) ? headers.flat() : headers;
  const names = flat.filter((_, at) => at % 2 === 0);
  // They replace what is there, and a name may come twice.
  for (const name of names) res.removeHeader(name);
  names.forEach((name, at) => {
    res.appendHeader(name, flat[2 * at + 1]);
  });
}

/**
 * As Node does it when the headers go with the end; here they go before it.
 * @param {any} res
 * @param {number} status
 * @param {Buffer} whole
 */
function sayLength(res, status, whole) {
  const hasNone = status < 200 || status === 204 || status === 304;
  if (hasNone || ['content-length', 'transfer-encoding', 'trailer'].some((name) => res.hasHeader(name))) return;
  res.setHeader('Content-Length', whole.length);
}

/** What may be written. @param {unknown} chunk */
function isChunk(chunk) {
  return typeof chunk === 'string' || chunk instanceof Uint8Array;
}

/** A copy: the caller may use its buffer again. @param {any} chunk @param {unknown} encoding */
function toBytes(chunk, encoding) {
  if (typeof chunk === 'string') {
    return Buffer.from(chunk, typeof encoding === 'string' ? /** @type {BufferEncoding} */ (encoding) : 'utf8');
  }
  return chunk instanceof Uint8Array ? Buffer.from(chunk) : undefined;
}

/**
 * Nobody is there to be answered. A response that waits behind another of its connection has no socket of its own yet.
 * @param {any} res
 */
function isGone(res) {
  const socket = res.socket ?? res.req?.socket;
  return res.destroyed || res.writableEnded || res.closed === true || socket?.destroyed === true;
}

/** @type {WeakMap<object, Set<() => void>>} Of each socket, who wants to hear of its end. */
const listeners = new WeakMap();

/**
 * Node tells a response nothing of its connection's end while it waits behind another one, and many may wait on one socket:
 * so one listener a socket.
 * @param {any} socket
 * @param {() => void} listener
 * @returns {() => void} Takes the listener away.
 */
function onceClosed(socket, listener) {
  if (socket === undefined || socket === null) return () => {};
  let all = listeners.get(socket);
  if (all === undefined) {
    const those = new Set();
    socket.once('close', () => {
      for (const each of those) each();
    });
    listeners.set(socket, those);
    all = those;
  }
  all.add(listener);
  return () => all.delete(listener);
}

module.exports = { absorb, sayLength, isChunk, toBytes, isGone, onceClosed };
