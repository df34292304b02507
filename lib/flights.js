'use strict';
/**
 * Loads under way in this thread, so that callers who miss together share one.
 *
 * A flight is one running loader and all who wait for it. Loaders may ask for other keys, so flights wait for flights;
 * one that would come round to itself would wait for ever, and is refused instead. Who waits for whom is known because
 * each loader runs in an async context that names its flight.
 */
const { AsyncLocalStorage } = require('node:async_hooks');

/** @typedef {{ codec: number, payload: any } | undefined} Landed What a loader came to; undefined: nothing to keep. */
/**
 * `ticket` is the addon's: it no longer counts once the key was set, deleted or cleared, by whichever thread.
 * @typedef {{ ticket: number, landing: Promise<Landed>, waitsFor: Set<Flight> }} Flight
 */

/** @type {AsyncLocalStorage<Flight>} */
const current = new AsyncLocalStorage();

/** @type {Map<string, Flight>} Under way now, of all caches. */
const flights = new Map();
let privateCaches = 0;

/**
 * What stands before the keys of a cache in `flights`. Handles of one named store share it, so they share loads; a private
 * cache has one of its own.
 * @param {string | undefined} url
 * @param {string} name
 */
function flightPrefix(url, name) {
  if (url === undefined) return `${++privateCaches}:`;
  // Lengths, because names may contain whatever would separate them.
  return `${url.length},${name.length}:${url}${name}`;
}

/**
 * The flight that loads `at`, prefix and key, if there is one.
 * @param {string} at
 */
function underWay(at) {
  return flights.get(at);
}

/**
 * Starts a flight; it ends when it has landed. One that was overtaken and is still up makes room for it: who asks after
 * an invalidation is not to be given what was read before.
 * @param {string} at Prefix and key.
 * @param {number} ticket
 * @param {() => Promise<Landed>} load
 */
function takeOff(at, ticket, load) {
  /** @type {(landing: Promise<Landed>) => void} */
  let land = () => {};
  // A promise before the loader runs: it may ask for its own key in its first line.
  const landing = new Promise((/** @type {(landed: any) => void} */ resolve) => {
    land = resolve;
  });
  /** @type {Flight} */
  const flight = { ticket, landing, waitsFor: new Set() };
  flights.set(at, flight);
  // Who takes off waits for it, and the loader, which runs now, must find that.
  current.getStore()?.waitsFor.add(flight);
  // Each waiter is told of a failure; with none left it is nobody's unhandled rejection.
  landing.catch(() => {});
  land(
    current.run(flight, load).finally(() => {
      if (flights.get(at) === flight) flights.delete(at);
    }),
  );
  return flight;
}

/**
 * Waits for a flight to land; undefined when that would never happen.
 * @param {Flight} flight
 * @returns {Promise<Landed> | undefined}
 */
function join(flight) {
  const waiter = current.getStore();
  if (waiter === undefined) return flight.landing;
  if (leadsTo(flight, waiter)) return undefined;
  waiter.waitsFor.add(flight);
  return flight.landing.finally(() => waiter.waitsFor.delete(flight));
}

/**
 * @param {Flight} from
 * @param {Flight} to
 * @param {Set<Flight>} [seen] Flights that wait for the same ones are looked at once.
 * @returns {boolean}
 */
function leadsTo(from, to, seen = new Set()) {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  for (const next of from.waitsFor) if (leadsTo(next, to, seen)) return true;
  return false;
}

module.exports = { flightPrefix, underWay, takeOff, join };
