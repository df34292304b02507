'use strict';
/** Pages past their time. How long the cache hands them out at all is its own option; a response may allow less. */

/** @typedef {import('./page.js').Page} Page */

/** Seconds for which the page has been stale; undefined where the cache alone knows. @param {Page} page @param {number} nowMs */
function staleSeconds(page, nowMs) {
  const { lifetimeMs } = page.terms;
  return lifetimeMs === undefined ? undefined : (nowMs - page.at - lifetimeMs) / 1000;
}

/** @param {Page} page @param {number} nowMs @param {number | undefined} windowSeconds What the response allows, if it says. */
function mayBeStale(page, nowMs, windowSeconds) {
  if (page.terms.mustRevalidate) return false;
  if (windowSeconds === undefined) return true;
  const seconds = staleSeconds(page, nowMs);
  return seconds !== undefined && seconds < windowSeconds;
}

/** The negative ttl of a stale page, for Cache-Status. @param {Page} page @param {number} nowMs */
function ttlOf(page, nowMs) {
  const seconds = staleSeconds(page, nowMs);
  return seconds === undefined ? [] : [`ttl=${Math.min(0, -Math.ceil(seconds))}`];
}

module.exports = { mayBeStale, ttlOf };
