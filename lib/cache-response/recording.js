'use strict';
/**
 * Listens to a response while its handler makes it.
 *
 * Whatever way a handler answers (res.json, write, a pipe, writeHead, flushHeaders), the headers go through
 * res.writeHead and the body through res.write and res.end, so these three are replaced on the one object. When the headers
 * are complete and not sent yet, `atHead` decides: whether the body is kept, and whether the client gets it. The body goes
 * to the client as it comes. A response counts as complete when its handler ended it, with as many bytes as it said, while
 * the client was still there; one that was cut off looks the same on the way.
 */

/** @typedef {'send' | 'not-modified' | 'answered'} Way What the client gets: this response, a 304, or it has got another. */
/** @typedef {'complete' | 'refused' | 'broken'} End 'refused': not to be kept; 'broken': it came to no end. */
/**
 * @typedef {object} Listener
 * @property {number} maxBytes A longer body is not kept.
 * @property {(status: number, whole: Buffer | undefined) => { way: Way, keep: boolean }} atHead `whole` is the body where
 *   the handler gives all of it at once.
 * @property {(end: End, body: Buffer | undefined) => void} atEnd Called once, as soon as it is known.
 */

class Recording {
  /** @type {any} */
  #res;
  #own;
  #listener;
  #judged = false;
  #ended = false;
  /** @type {Way} */
  #way = 'send';
  /** @type {Buffer | undefined} */
  #whole;
  /** @type {Buffer[] | undefined} What came of the body, while it is to be kept. */
  #chunks;
  #bytes = 0;

  /** @param {any} res @param {Listener} listener */
  constructor(res, listener) {
    this.#res = res;
    this.#listener = listener;
    this.#own = { writeHead: res.writeHead, write: res.write, end: res.end };
    res.writeHead = (/** @type {any[]} */ ...args) => this.#writeHead(args);
    res.write = (/** @type {any[]} */ ...args) => this.#write(args);
    res.end = (/** @type {any[]} */ ...args) => this.#end(args);
    res.once('close', () => this.stop('broken'));
  }

  /** No more of it is kept. @param {End} end @param {Buffer} [body] */
  stop(end, body) {
    this.#chunks = undefined;
    if (this.#ended) return;
    this.#ended = true;
    this.#listener.atEnd(end, body);
  }

  /** @param {any[]} args */
  #writeHead(args) {
    const res = this.#res;
    if (this.#way === 'answered') return res;
    const status = Number(args[0]) | 0;
    // What Node refuses is for Node to refuse.
    if (this.#judged || res.headersSent || status < 100 || status > 999) return this.#own.writeHead.apply(res, args);
    const [reason, headers] = typeof args[1] === 'string' ? args.slice(1) : [undefined, args[2] ?? args[1]];
    absorb(res, headers);
    this.#judged = true;
    const { way, keep } = this.#listener.atHead(status, this.#whole);
    this.#way = way;
    if (way === 'answered') {
      this.stop('refused');
      return res;
    }
    if (this.#whole !== undefined && way === 'send') sayLength(res, status, this.#whole);
    try {
      if (way === 'not-modified') this.#own.writeHead.call(res, 304, 'Not Modified');
      else if (reason === undefined) this.#own.writeHead.call(res, status);
      else this.#own.writeHead.call(res, status, reason);
    } catch (error) {
      this.stop('broken');
      throw error;
    }
    // Middleware in front adds its cookie last of all (express-session does).
    if (!keep || res.hasHeader('set-cookie')) this.stop('refused');
    else this.#chunks = [];
    return res;
  }

  /** @param {any[]} args */
  #write(args) {
    const res = this.#res;
    if (!this.#judged && !res.headersSent) res.writeHead(res.statusCode);
    this.#keep(args[0], args[1]);
    if (this.#way === 'send') return this.#own.write.apply(res, args);
    callBack(args);
    return true;
  }

  /** @param {any[]} args */
  #end(args) {
    const res = this.#res;
    const chunk = typeof args[0] === 'function' ? undefined : args[0];
    if (!this.#judged && !res.headersSent) {
      this.#whole = toBytes(chunk ?? '', args[1]);
      // By its public name: whoever wrapped it (compression, sessions) has a header to add.
      res.writeHead(res.statusCode);
      this.#whole = undefined;
    }
    this.#keep(chunk, args[1]);
    const isComplete = this.#chunks !== undefined && !isCutOff(res, this.#bytes);
    try {
      if (this.#way === 'send') this.#own.end.apply(res, args);
      else if (this.#way === 'not-modified') this.#own.end.apply(res, args.filter(isFunction));
      else callBack(args);
    } catch (error) {
      this.stop('broken');
      throw error;
    }
    if (isComplete) this.stop('complete', Buffer.concat(this.#chunks ?? []));
    else this.stop('broken');
    return res;
  }

  /** @param {unknown} chunk @param {unknown} encoding */
  #keep(chunk, encoding) {
    if (this.#chunks === undefined) return;
    const bytes = toBytes(chunk, encoding);
    if (bytes === undefined || bytes.length === 0) return;
    this.#bytes += bytes.length;
    if (this.#bytes > this.#listener.maxBytes) this.stop('refused');
    else this.#chunks.push(bytes);
  }
}

/**
 * Sets what writeHead was given, so that all headers are in one place: an object, or names and values in a row, or in pairs.
 * @param {any} res
 * @param {any} headers
 */
function absorb(res, headers) {
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers ?? {})) if (value !== undefined) res.setHeader(name, value);
    return;
  }
  const flat = Array.isArray(headers[0]) ? headers.flat() : headers;
  const names = flat.filter((_, at) => at % 2 === 0);
  // As Node does it: they replace what is there, and a name may come twice.
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

/** A copy: the caller may use its buffer again. @param {any} chunk @param {unknown} encoding */
function toBytes(chunk, encoding) {
  if (typeof chunk === 'string') {
    return Buffer.from(chunk, typeof encoding === 'string' ? /** @type {BufferEncoding} */ (encoding) : 'utf8');
  }
  return chunk instanceof Uint8Array ? Buffer.from(chunk) : undefined;
}

/** @param {any} res @param {number} bytes Of the body, all of it. */
function isCutOff(res, bytes) {
  const said = res.getHeader('content-length');
  return isGone(res) || (said !== undefined && Number(said) !== bytes);
}

/** Nobody is there to be answered. @param {any} res */
function isGone(res) {
  return res.destroyed || res.writableEnded || res.closed === true || res.socket?.destroyed === true;
}

/** @param {unknown} value */
function isFunction(value) {
  return typeof value === 'function';
}

/** @param {any[]} args Of a write or an end that goes nowhere. */
function callBack(args) {
  const callback = args.find(isFunction);
  if (callback !== undefined) process.nextTick(callback);
}

module.exports = { Recording, isGone };
