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
/** @typedef {{ key: string, landing: Promise<Landed>, waitsFor: Set<Flight> }} Flight */
/** @typedef {Map<string, Flight>} Flights */

/** @type {AsyncLocalStorage<Flight>} */
const current = new AsyncLocalStorage();

/** @type {Map<string, Flights>} Flights of named caches: every handle of this thread shares them. */
const byName = new Map();

/**
 * The flights of a cache of a named store.
 * @param {string} url
 * @param {string} name
 */
function flightsOf(url, name) {
  const at = `${url}\0${name}`;
  const known = byName.get(at);
  if (known !== undefined) return known;
  /** @type {Flights} */
  const flights = new Map();
  byName.set(at, flights);
  return flights;
}

/**
 * Starts a flight for `key`; it leaves `flights` when it has landed.
 * @param {Flights} flights
 * @param {string} key
 * @param {() => Promise<Landed>} load
 */
function takeOff(flights, key, load) {
  /** @type {(landing: Promise<Landed>) => void} */
  let land = () => {};
  // A promise before the loader runs: it may ask for its own key in its first line.
  const landing = new Promise((/** @type {(landed: any) => void} */ resolve) => {
    land = resolve;
  });
  /** @type {Flight} */
  const flight = { key, landing, waitsFor: new Set() };
  flights.set(key, flight);
  // Who takes off waits for it, and the loader, which runs now, must find that.
  current.getStore()?.waitsFor.add(flight);
  // Each waiter is told of a failure; with none left it is nobody's unhandled rejection.
  landing.catch(() => {});
  land(
    current.run(flight, load).finally(() => {
      if (flights.get(key) === flight) flights.delete(key);
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

/** @param {Flight} from @param {Flight} to @returns {boolean} */
function leadsTo(from, to) {
  if (from === to) return true;
  for (const next of from.waitsFor) if (leadsTo(next, to)) return true;
  return false;
}

module.exports = { flightsOf, takeOff, join };
