'use strict';
/**
 * One GET or HEAD request on its way through the cache.
 *
 * The cache's getOrSet does the hard part: one load a key however many ask, in whatever thread, and nothing kept that
 * was invalidated while it was made. The loader of a key is the handler itself, run with the request that came first: its
 * client is answered by the handler as the body comes, and the page goes to those who wait. What a load comes to is told by
 * kind, and only pages and indexes are kept:
 *
 *   page      answers whoever waited
 *   index     responses to this address vary: look again under the variant (keys.js)
 *   refused   not to be kept, known as soon as the headers are: each who waited runs the handler, all at once
 *   broken    the handler came to no end (its client left, it threw): one of those who waited takes its place
 *   failed    the handler failed, and an old page may be served in its stead
 *
 * A page in its stale-while-revalidate window: getOrSet hands it out and starts the loader of one caller, whose request
 * then runs the handler. So a reload always has a request of its own, and the client of that request waits for it; all
 * others get the old page meanwhile.
 */
const timers = require('node:timers');
const { instant } = require('./instant.js');
const keys = require('./keys.js');
const { isGone } = require('./outgoing.js');
const { isPage, ageOf, setPageHeaders, bodyFor } = require('./page.js');
const { ttlOf, mayBeStale } = require('./staleness.js');
const { tell } = require('./status.js');
const { isIndex, loadHead, loadVariant } = require('./variants.js');

// Taken before Jest's fake timers replace the global ones.
const { setTimeout, clearTimeout } = timers;

/** Times that a request looks again because what it waited for broke off, before it runs the handler by itself. */
const TRIES_MAX = 4;

/** @typedef {import('./page.js').Page} Page */
/** @typedef {import('./settings.js').Settings} Settings */

class Visit {
  /** The handler runs, or has run, for this request: it needs no other answer. */
  led = false;
  /** Why the handler has to run, in words of RFC 9211. */
  why = 'uri-miss';
  /** Headers that stood there before the handler ran. */
  before;
  /** The request as it came. Handlers may change it (before they pass it on), and what they answer is for who asked. */
  asked;
  #wishes;
  #arrived = instant();
  /** Where the page lies. */
  #at;
  /** Looks, and loads nothing. */
  #onlyLooks;
  /** @type {AbortController | undefined} Aborts when the request has waited for others as long as it may. */
  #patience;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;

  /**
   * @param {Settings} settings
   * @param {any} req
   * @param {any} res
   * @param {() => void} next
   * @param {string} key
   * @param {ReturnType<typeof import('./directives.js').wishesOf>} wishes
   */
  constructor(settings, req, res, next, key, wishes) {
    this.settings = settings;
    this.req = req;
    this.res = res;
    this.next = next;
    this.key = key;
    this.#at = key;
    this.#wishes = wishes;
    this.#onlyLooks = req.method === 'HEAD' || wishes.onlyIfCached;
    this.before = { ...res.getHeaders() };
    this.asked = { url: req.url, headers: { ...req.headers } };
  }

  /** Answers, or says that the handler is still to be run, without the cache. @returns {Promise<boolean>} */
  async serve() {
    try {
      if (await this.#isServed()) return false;
    } finally {
      clearTimeout(this.#timer);
    }
    if (!this.#wishes.onlyIfCached) {
      this.tellMiss();
      return true;
    }
    this.#tell('MISS', []);
    this.res.statusCode = 504;
    this.res.end();
    return false;
  }

  /** From the cache, or by the handler at the cache's behest. */
  async #isServed() {
    let { refresh } = this.#wishes;
    if (refresh) this.why = 'request';
    // What is kept will not do, and nothing is made for them.
    if (refresh && this.#onlyLooks) return false;
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const found = await this.#find(refresh);
      if (this.led || isGone(this.res) || this.res.headersSent) return true;
      const use = await this.#use(found, refresh);
      if (use === 'answered') return true;
      if (use === 'none') break;
      if (use === 'refresh') refresh = true;
    }
    return false;
  }

  /** @param {boolean} [isStored] */
  tellMiss(isStored = false) {
    this.#tell('MISS', [`fwd=${this.why}`, ...(isStored ? ['stored'] : [])]);
  }

  /**
   * Makes the response that of an old page because the handler failed.
   * @param {Page} page
   * @param {number} status
   * @returns {Uint8Array | undefined} The body.
   */
  turnInto(page, status) {
    return this.#dress(page, 'STALE', ['fwd=stale', `fwd-status=${status}`, ...ttlOf(page, this.settings.now())]);
  }

  /** Whether this request may have this page at all. @param {Page} page */
  mayHave(page) {
    return this.asked.headers.authorization === undefined || page.terms.shareable;
  }

  /** What there is, or comes of a load; undefined when there is none or the cache fails. @param {boolean} refresh */
  async #find(refresh) {
    try {
      return this.#onlyLooks ? await this.#kept() : await this.#loaded(refresh);
    } catch (error) {
      // A load that lasts too long is no failure of the cache, and its own client is being answered.
      const isFailure = /** @type {any} */ (error)?.code !== 'ERR_TIMEOUT' && error !== this.#patience?.signal.reason;
      if (isFailure) this.settings.report(error);
      return undefined;
    }
  }

  async #kept() {
    const { cache } = this.settings;
    const found = await cache.get(this.key);
    if (!isIndex(found)) return found;
    this.#at = keys.variantKey(found.id, keys.variantOf(found.names, this.asked.headers));
    return cache.get(this.#at);
  }

  /** @param {boolean} refresh */
  async #loaded(refresh) {
    const { cache, timeout } = this.settings;
    const options = { timeout, forceFresh: refresh };
    this.#at = this.key;
    // A refresh is of the one variant that was asked for.
    let found = refresh ? await cache.peek(this.key) : undefined;
    if (!isIndex(found)) {
      found = await cache.getOrSet(this.key, (/** @type {any} */ context) => loadHead(this, context), {
        ...options,
        signal: this.#patienceFor(this.key),
      });
    }
    if (this.led || !isIndex(found)) return found;
    const index = found;
    const variant = keys.variantOf(index.names, this.asked.headers);
    this.#at = keys.variantKey(index.id, variant);
    if (!refresh) this.why = 'vary-miss';
    const load = (/** @type {any} */ context) => loadVariant(this, context, index, variant);
    return cache.getOrSet(this.#at, load, { ...options, signal: this.#patienceFor(this.#at) });
  }

  /**
   * Ends the wait for others: the cache's own timeout is of one run of the handler, after which comes the next one's.
   * @param {string} key
   */
  #patienceFor(key) {
    // To be answered at once, for which a signal and a timer are dear.
    if (this.settings.cache.hasSync(key)) return undefined;
    if (this.#patience === undefined) {
      const patience = new AbortController();
      this.#patience = patience;
      // Once its own handler runs it waits for nobody.
      this.#timer = setTimeout(() => this.led || patience.abort(), this.settings.timeout).unref();
    }
    return this.#patience.signal;
  }

  /**
   * @param {any} found What lay there, or what a load came to.
   * @param {boolean} refreshed
   * @returns {Promise<'answered' | 'again' | 'refresh' | 'none'>}
   */
  async #use(found, refreshed) {
    const { settings } = this;
    if (found === undefined || found.redstart === 'refused') return 'none';
    if (found.redstart === 'broken') return 'again';
    const failed = found.redstart === 'failed';
    /** @type {Page} */
    const page = failed ? found.page : found;
    if (!isPage(page)) {
      settings.report(
        new TypeError(
          "what the cache holds is no response: cacheResponse() needs a cache of its own, with the codec 'structured'",
        ),
      );
      return 'none';
    }
    if (!this.mayHave(page)) return 'none';
    const nowMs = settings.now();
    if (failed) {
      this.res.end(this.turnInto(page, found.status));
      return 'answered';
    }
    const leftMs = await this.#leftMs(page);
    if (leftMs === undefined) {
      if (!mayBeStale(page, nowMs, page.terms.staleWhileRevalidate)) return 'none';
      this.#answer(page, 'STALE', ['hit', ...ttlOf(page, nowMs)]);
      return 'answered';
    }
    const { maxAge, minFresh } = this.#wishes;
    if (!refreshed && (ageOf(page, nowMs) > maxAge || leftMs < minFresh * 1000)) {
      this.why = 'request';
      return this.#onlyLooks ? 'none' : 'refresh';
    }
    this.#answer(page, 'HIT', ['hit', ...(Number.isFinite(leftMs) ? [`ttl=${Math.floor(leftMs / 1000)}`] : [])]);
    return 'answered';
  }

  /** Milliseconds for which the page is fresh; undefined for one that is stale. @param {Page} page */
  async #leftMs(page) {
    const { cache, report } = this.settings;
    try {
      const left = await cache.getRemainingTTL(this.#at);
      if (left !== undefined) return left;
    } catch (error) {
      report(error);
    }
    // Made while this request waited for it, and never kept or removed since.
    return page.made >= this.#arrived ? (page.terms.lifetimeMs ?? 0) : undefined;
  }

  /** @param {Page} page @param {import('./status.js').Outcome} outcome @param {string[]} parameters */
  #answer(page, outcome, parameters) {
    // For HEAD Node leaves the body out.
    this.res.end(this.#dress(page, outcome, parameters));
  }

  /** @param {Page} page @param {import('./status.js').Outcome} outcome @param {string[]} parameters @returns The body. */
  #dress(page, outcome, parameters) {
    setPageHeaders(this.res, page, this.settings.now());
    this.#tell(outcome, parameters);
    return bodyFor(this.asked.headers, this.res, page);
  }

  /** @param {import('./status.js').Outcome} outcome @param {string[]} parameters */
  #tell(outcome, parameters) {
    tell(this.settings, this.res, outcome, parameters, this.key);
  }
}

module.exports = { Visit };
