'use strict';
/**
 * Loads that callers in this thread wait for, so that those who miss together share one.
 *
 * A flight is one load and all who wait for it here: this thread runs its loader, or another one does. Loaders may ask for
 * other keys, so flights wait for flights; one that would come round to itself would wait for ever, and is refused
 * instead. Who waits for whom is known because each loader runs in an async context that names its flight. What a loader
 * leaves behind (a server, a timer) keeps that context, so a flight that has landed counts for nothing.
 *
 * In Node before 24 an async context in use makes every promise of the process two or three times as dear, a hit of
 * getOrSet too. So it is out of use while no loader runs.
 */
const { AsyncLocalStorage } = require('node:async_hooks');
const timers = require('node:timers');
const { offAbort, onAbort } = require('./abort.js');

// Taken before Jest's fake timers replace the global one.
const { setImmediate } = timers;

// What a flight came to. The first three are the end of the matter, the others are not for everyone.
const VALUE = 0;
/** The loader returned undefined, and that is not kept. */
const NOTHING = 1;
const FAILED = 2;
/** Its loader is no more: who waits asks again. */
const RETRY = 3;
/** As RETRY, except for the caller whose loader it was. */
const TIMED_OUT = 4;

/** @typedef {{ kind: number, codec?: number, payload?: any, error?: unknown }} Landing */

/** @type {AsyncLocalStorage<Flight>} */
const current = new AsyncLocalStorage();

/** @type {Map<string, Flight>} Under way now, of all caches, by the cache's prefix and the key. */
const flights = new Map();

/** Flights whose loader runs. */
let running = 0;
let disabling = false;

class Flight {
  /** Callers here that wait. */
  callers = 0;
  landed = false;
  running = false;
  /** @type {Map<Flight, number>} The flights that its loader waits for, and how often. */
  waitsFor = new Map();
  /** @type {Flight | undefined} Whose loader asked for this one. */
  parent;
  /** @type {(landing: Landing) => void} */
  #resolve = () => {};

  /**
   * A flight under way for the same key makes room: it was overtaken, and who asks after an invalidation is not to be
   * given what was read before.
   * @param {string} at Prefix and key.
   * @param {number} ticket The addon's: tells whether the load was overtaken.
   */
  constructor(at, ticket) {
    this.at = at;
    this.ticket = ticket;
    /** @type {Promise<Landing>} Never rejects, so that nobody has to hear of a failure. */
    this.landing = new Promise((resolve) => {
      this.#resolve = resolve;
    });
    flights.set(at, this);
  }

  /** @param {Landing} landing */
  land(landing) {
    this.landed = true;
    this.parent = undefined;
    this.waitsFor.clear();
    if (flights.get(this.at) === this) flights.delete(this.at);
    if (this.running) ran();
    this.#resolve(landing);
  }

  /** The first caller after all had left. */
  returned() {}

  /** The last caller has left. */
  deserted() {}
}

/**
 * The flight that loads `at`, prefix and key, if there is one.
 * @param {string} at
 */
function underWay(at) {
  return flights.get(at);
}

/** The flight whose loader asks now. */
function asking() {
  const flight = current.getStore();
  return flight === undefined || flight.landed ? undefined : flight;
}

/**
 * Runs a loader, or part of one, in the name of its flight.
 * @template T
 * @param {Flight} flight
 * @param {(argument: T) => any} loader
 * @param {T} argument
 */
function runAs(flight, loader, argument) {
  flight.running = true;
  running += 1;
  return current.run(flight, loader, argument);
}

/** A loader has ended. To switch takes longer than a short load, so it is done at most once a turn of the event loop. */
function ran() {
  running -= 1;
  if (running > 0 || disabling) return;
  disabling = true;
  setImmediate(disableIfIdle);
}

function disableIfIdle() {
  disabling = false;
  if (running === 0) current.disable();
}

/** Whether who asks now loads this very key already, itself or for others. @param {string} at */
function isOwn(at) {
  for (let flight = asking(); flight !== undefined && !flight.landed; flight = flight.parent) {
    if (flight.at === at) return true;
  }
  return false;
}

/** Whether who asks now would wait for itself if it waited for this flight. @param {Flight} flight */
function isCircle(flight) {
  const waiter = asking();
  return waiter !== undefined && leadsTo(flight, waiter, new Set());
}

/**
 * @param {Flight} from
 * @param {Flight} to
 * @param {Set<Flight>} seen Flights that wait for the same ones are looked at once.
 * @returns {boolean}
 */
function leadsTo(from, to, seen) {
  if (from === to) return true;
  if (seen.has(from)) return false;
  seen.add(from);
  for (const next of from.waitsFor.keys()) if (leadsTo(next, to, seen)) return true;
  return false;
}

/**
 * One caller more waits for a flight. Rejects with the signal's reason when it aborts first; that caller has then left.
 * @param {Flight} flight
 * @param {AbortSignal | undefined} signal
 * @returns {Promise<Landing>}
 */
function join(flight, signal) {
  flight.callers += 1;
  if (flight.callers === 1) flight.returned();
  const waiter = asking();
  if (signal === undefined && waiter === undefined) return flight.landing;
  waiter?.waitsFor.set(flight, (waiter.waitsFor.get(flight) ?? 0) + 1);
  return new Promise((resolve, reject) => {
    const leave = () => {
      if (waiter !== undefined) waitsNoMore(waiter, flight);
      reject(signal?.reason);
      if (flight.landed) return;
      flight.callers -= 1;
      if (flight.callers === 0) flight.deserted();
    };
    if (signal !== undefined) onAbort(signal, leave);
    flight.landing.then((landing) => {
      if (signal !== undefined && !offAbort(signal, leave)) return;
      if (waiter !== undefined) waitsNoMore(waiter, flight);
      resolve(landing);
    });
  });
}

/** @param {Flight} waiter @param {Flight} flight */
function waitsNoMore(waiter, flight) {
  const times = waiter.waitsFor.get(flight) ?? 0;
  if (times > 1) waiter.waitsFor.set(flight, times - 1);
  else waiter.waitsFor.delete(flight);
}

module.exports = { VALUE, NOTHING, FAILED, RETRY, TIMED_OUT, Flight, underWay, asking, runAs, isOwn, isCircle, join };
