'use strict';
/** Runs the handler with a request and makes a page of its response, if it may be kept. */
const { headerText, namesIn } = require('./directives.js');
const { instant } = require('./instant.js');
const { isGone } = require('./outgoing.js');
const { headersToKeep, headersRemoved, turnsNotModified } = require('./page.js');
const { Recording } = require('./recording.js');
const { mayBeStale } = require('./staleness.js');
const { termsOf } = require('./storable.js');
const { etagOf } = require('./validators.js');

const REFUSED = Object.freeze({ redstart: 'refused' });
const BROKEN = Object.freeze({ redstart: 'broken' });
const CONDITIONS = ['if-none-match', 'if-modified-since'];
/** Headers of a response that decide whether it is kept, and for whom. */
const DECISIVE = ['cache-control', 'expires', 'pragma', 'set-cookie', 'vary'];

/** @typedef {import('./page.js').Page} Page */
/** @typedef {InstanceType<typeof import('./visit.js').Visit>} Visit */
/** `names`: the request headers that the response varies by, sorted. @typedef {{ page: Page, names: string[] }} Made */
/** @typedef {Made | { page: undefined, found: object }} Outcome */
/**
 * @typedef {Made & { tags: string[], ttl: number | undefined } | { page: undefined, found: object }} Tagged `ttl` undefined:
 *   the cache's.
 */

/**
 * @param {Visit} visit
 * @param {Page | undefined} stale An old page, for the case that the handler fails.
 * @returns {Promise<Tagged>}
 */
async function make(visit, stale) {
  const { req, res, settings } = visit;
  // It waited for another, and its client is gone.
  if (isGone(res) || res.headersSent) return { page: undefined, found: BROKEN };
  visit.led = true;
  const made = await run(visit, stale);
  if (made.page === undefined) return made;
  try {
    const tags = typeof settings.tags === 'function' ? await settings.tags(req, res) : settings.tags;
    return { ...made, tags: [...(tags ?? [])], ttl: made.page.terms.lifetimeMs };
  } catch (error) {
    settings.report(error);
    return { page: undefined, found: REFUSED };
  }
}

/** @param {Visit} visit @param {Page | undefined} stale @returns {Promise<Outcome>} */
function run(visit, stale) {
  const { req, res, asked, settings } = visit;
  takeConditions(req.headers);
  if (stale !== undefined && visit.why !== 'request') visit.why = 'stale';
  return new Promise((resolve) => {
    /** @type {ReturnType<typeof headOf>} */
    let head;
    const recording = new Recording(res, {
      maxBytes: settings.maxBodySize,
      atHead: (status, whole) => {
        if (status >= 500 && stale !== undefined && mayStandIn(visit, stale)) {
          // First, as the recording ends with nothing to keep.
          resolve({ page: undefined, found: { redstart: 'failed', status, page: stale } });
          return { way: 'other', keep: false, other: standIn(visit, stale, status) };
        }
        head = headOf(visit, status, whole);
        const isSure =
          whole !== undefined && whole.length <= settings.maxBodySize && typeof settings.tags !== 'function';
        visit.tellMiss(head !== undefined && isSure);
        const way = turnsNotModified(asked.headers, res, status) ? 'not-modified' : 'send';
        return { way, keep: head !== undefined };
      },
      afterHead: () => {
        head = head && headAsSent(visit, head);
        return head !== undefined;
      },
      atEnd: (end, body) => {
        if (head !== undefined && body !== undefined) resolve(pageOf(head, body));
        else resolve({ page: undefined, found: end === 'refused' ? REFUSED : BROKEN });
      },
    });
    try {
      visit.next();
    } catch (error) {
      recording.stop('broken');
      // The app's error, not the load's: it surfaces as it does without a cache in front.
      Promise.reject(error);
    }
  });
}

/** A handler that saw them might answer 304, and no body to keep. @param {any} headers */
function takeConditions(headers) {
  for (const name of CONDITIONS) delete headers[name];
}

/** @param {Visit} visit @param {Page} page */
function mayStandIn(visit, page) {
  return visit.mayHave(page) && mayBeStale(page, visit.settings.now(), page.terms.staleIfError);
}

/** The old page's body, with the headers as if the handler had not run. @param {Visit} visit @param {Page} page @param {number} status */
function standIn(visit, page, status) {
  const { res, before } = visit;
  for (const name of res.getHeaderNames()) res.removeHeader(name);
  for (const [name, value] of Object.entries(before)) res.setHeader(name, value);
  return visit.turnInto(page, status);
}

/**
 * A page but for its body, or undefined where the response may not be kept.
 * @param {Visit} visit
 * @param {number} status
 * @param {Buffer | undefined} whole
 */
function headOf(visit, status, whole) {
  const { res, asked, settings, before } = visit;
  const at = settings.now();
  addVary(res, settings.vary);
  const terms = termsOf(settings, asked, status, res.getHeaders(), at);
  if (terms === undefined) return undefined;
  if (status === 200 && whole !== undefined && !res.hasHeader('etag')) res.setHeader('ETag', etagOf(whole));
  const names = [...new Set(namesIn(res.getHeader('vary')))].sort();
  const all = res.getHeaders();
  const message = res.statusMessage || undefined;
  const [headers, removed] = [headersToKeep(all, before), headersRemoved(all, before)];
  return { status, message, all, headers, removed, names, at, terms };
}

/**
 * The same, now that middleware in front has set headers of its own, which it does last of all: what they forbid is
 * forbidden. What it takes away counts as before: it may hide from clients what is for caches.
 * @param {Visit} visit
 * @param {NonNullable<ReturnType<typeof headOf>>} head
 */
function headAsSent({ res, asked, settings }, head) {
  const sent = res.getHeaders();
  if (DECISIVE.every((name) => sent[name] === head.all[name])) return head;
  const all = { ...head.all, ...sent };
  const terms = termsOf(settings, asked, head.status, all, head.at);
  if (terms === undefined) return undefined;
  // Who adds that in front codes the body by it, and does so again for each answer from the cache.
  const late = namesIn(all.vary).filter((name) => name !== 'accept-encoding');
  return { ...head, terms, names: [...new Set([...head.names, ...late])].sort() };
}

/** @param {NonNullable<ReturnType<typeof headOf>>} head @param {Buffer} body @returns {Made} */
function pageOf({ status, message, headers, removed, names, at, terms }, body) {
  if (status === 200 && !headers.some(([name]) => name === 'etag')) headers.push(['etag', etagOf(body)]);
  const made = instant();
  return { page: { redstart: 'page', status, message, headers, removed, body, at, made, terms }, names };
}

/** @param {any} res @param {readonly string[]} names */
function addVary(res, names) {
  const there = namesIn(res.getHeader('vary'));
  const missing = names.filter((name) => !there.includes(name.toLowerCase()));
  if (missing.length === 0 || there.includes('*')) return;
  const before = headerText(res.getHeader('vary'));
  res.setHeader('Vary', [...(before === '' ? [] : [before]), ...missing].join(', '));
}

module.exports = { REFUSED, make };
