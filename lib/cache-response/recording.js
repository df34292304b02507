'use strict';
/**
 * Listens to a response while its handler makes it.
 *
 * Whatever way a handler answers (res.json, write, a pipe, writeHead, flushHeaders), the headers go through
 * res.writeHead and the body through res.write and res.end, so these three are replaced on the one object. When the headers
 * are complete and not sent yet, `atHead` decides: whether the body is kept, and whether the client gets it. The body goes
 * to the client as it comes. A response counts as complete when its handler ended it, with as many bytes as it said, while
 * the client was still there; one that was cut off looks the same on the way.
 *
 * Others wait for a body that is to be kept, so its client must not hold it up by reading slowly: it is taken from the
 * handler as fast as that gives it, and lies here and with Node until the client has it.
 *
 * What is sent from here goes through what was there before (#own): whoever wrapped res.end since is in the middle of it.
 */
const { absorb, sayLength, isChunk, toBytes, isGone, onceClosed } = require('./outgoing.js');

/** What the client gets: this response, a 304, or this body with the headers that are set. @typedef {'send' | 'not-modified' | 'other'} Way */
/** @typedef {'complete' | 'refused' | 'broken'} End 'refused': not to be kept; 'broken': it came to no end. */
/**
 * @typedef {object} Listener
 * @property {number} maxBytes A longer body is not kept.
 * @property {(status: number, whole: Buffer | undefined) => { way: Way, keep: boolean, other?: Uint8Array }} atHead `whole`
 *   is the body where the handler gives all of it at once.
 * @property {() => boolean} afterHead Whether the body is to be kept still, now that middleware in front has had its say.
 * @property {(end: End, body: Buffer | undefined) => void} atEnd Called once, as soon as it is known.
 */

class Recording {
  /** @type {any} */
  #res;
  #own;
  #listener;
  #hearsNoMore;
  #judged = false;
  #ended = false;
  /** The client has got something else, all of it; what the handler still says goes nowhere. */
  #sent = false;
  /** @type {Way} */
  #way = 'send';
  /** @type {Buffer | undefined} */
  #whole;
  /** @type {Buffer[] | undefined} What came of the body, while it is to be kept. */
  #chunks;
  #bytes = 0;
  /** @type {unknown} The Content-Length of the handler: another one, or none, may go on the way. */
  #length;

  /** @param {any} res @param {Listener} listener */
  constructor(res, listener) {
    this.#res = res;
    this.#listener = listener;
    this.#own = { writeHead: res.writeHead, write: res.write, end: res.end };
    res.writeHead = (/** @type {any[]} */ ...args) => this.#writeHead(args);
    res.write = (/** @type {any[]} */ ...args) => this.#write(args);
    res.end = (/** @type {any[]} */ ...args) => this.#end(args);
    const broken = () => this.stop('broken');
    this.#hearsNoMore = onceClosed(res.req?.socket, broken);
    res.once('close', broken);
  }

  /** No more of it is kept. @param {End} end @param {Buffer} [body] */
  stop(end, body) {
    if (this.#chunks !== undefined) delete this.#res.writableNeedDrain;
    this.#chunks = undefined;
    if (this.#ended) return;
    this.#ended = true;
    this.#hearsNoMore();
    this.#listener.atEnd(end, body);
  }

  /** @param {any[]} args */
  #writeHead(args) {
    const res = this.#res;
    if (this.#sent) return res;
    const status = Number(args[0]) | 0;
    // What Node refuses is for Node to refuse.
    if (this.#judged || res.headersSent || status < 100 || status > 999) return this.#own.writeHead.apply(res, args);
    const [reason, headers] = typeof args[1] === 'string' ? args.slice(1) : [undefined, args[2] ?? args[1]];
    absorb(res, headers);
    if (reason !== undefined) res.statusMessage = reason;
    this.#judged = true;
    this.#length = res.getHeader('content-length');
    const { way, keep, other } = this.#listener.atHead(status, this.#whole);
    this.#way = way;
    if (this.#whole !== undefined && way === 'send') sayLength(res, status, this.#whole);
    try {
      if (way === 'not-modified') this.#own.writeHead.call(res, 304, 'Not Modified');
      else this.#own.writeHead.call(res, way === 'other' ? res.statusCode : status);
    } catch (error) {
      this.stop('broken');
      throw error;
    }
    if (keep && !(Number(this.#length) > this.#listener.maxBytes) && this.#listener.afterHead()) this.#chunks = [];
    else this.stop('refused');
    if (way === 'other') this.#sendAll(other);
    else if (way === 'not-modified' && this.#whole === undefined) this.#sendNotModified();
    return res;
  }

  /** @param {any[]} args */
  #write(args) {
    const res = this.#res;
    if (this.#way === 'send' && !isChunk(args[0])) return this.#own.write.apply(res, args);
    if (!this.#judged && !res.headersSent) res.writeHead(res.statusCode);
    const bytes = this.#keep(args[0], args[1]);
    if (this.#way !== 'send') {
      callBack(args);
      return true;
    }
    if (bytes === undefined) return this.#own.write.apply(res, args);
    // The copy, as the caller may use its buffer again when it is called back.
    const goesOn = this.#own.write.apply(
      res,
      typeof args[0] === 'string' ? args.filter((arg) => !isFunction(arg)) : [bytes],
    );
    callBack(args);
    // For pipes that begin now.
    if (goesOn === false) Object.defineProperty(res, 'writableNeedDrain', { configurable: true, value: false });
    return true;
  }

  /** @param {any[]} args */
  #end(args) {
    const res = this.#res;
    const chunk = typeof args[0] === 'function' ? undefined : args[0];
    if (this.#way === 'send' && chunk && !isChunk(chunk)) return this.#own.end.apply(res, args);
    if (!this.#judged && !res.headersSent) {
      this.#whole = toBytes(chunk ?? '', args[1]);
      // By its public name: whoever wrapped it (compression, sessions) has a header to add.
      res.writeHead(res.statusCode);
      this.#whole = undefined;
    }
    this.#keep(chunk, args[1]);
    const isComplete = this.#chunks !== undefined && !isGone(res) && this.#isWhole();
    try {
      if (this.#sent) callBack(args);
      else this.#own.end.apply(res, this.#way === 'send' ? args : args.filter(isFunction));
    } catch (error) {
      this.stop('broken');
      throw error;
    }
    if (isComplete) this.stop('complete', Buffer.concat(this.#chunks ?? []));
    else this.stop('broken');
    return res;
  }

  /** @param {unknown} chunk @param {unknown} encoding @returns {Buffer | undefined} What is kept of it. */
  #keep(chunk, encoding) {
    if (this.#chunks === undefined) return undefined;
    const bytes = toBytes(chunk, encoding);
    if (bytes === undefined || bytes.length === 0) return undefined;
    this.#bytes += bytes.length;
    if (this.#bytes <= this.#listener.maxBytes) {
      this.#chunks.push(bytes);
      return bytes;
    }
    this.stop('refused');
    if (this.#way === 'not-modified') this.#sendNotModified();
    return undefined;
  }

  #isWhole() {
    return this.#length === undefined || Number(this.#length) === this.#bytes;
  }

  /** The client has its 304 at once. The handler goes on only where somebody else may have the body. */
  #sendNotModified() {
    if (this.#chunks === undefined) this.#sendAll();
    else this.#res.flushHeaders();
  }

  /** @param {Uint8Array} [body] */
  #sendAll(body) {
    if (this.#sent) return;
    this.#sent = true;
    // What is piped into a response that has ended would stay open for ever.
    this.#res.on('unpipe', (/** @type {any} */ source) => source.resume());
    this.#own.end.call(this.#res, ...(body === undefined ? [] : [body]));
  }
}

/** @param {unknown} value */
function isFunction(value) {
  return typeof value === 'function';
}

/** @param {any[]} args Of a write or an end whose bytes are taken care of, or go nowhere. */
function callBack(args) {
  const callback = args.find(isFunction);
  if (callback !== undefined) process.nextTick(callback);
}

module.exports = { Recording };
