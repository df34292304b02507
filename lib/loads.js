'use strict';
/**
 * Loads: what getOrSet does after a miss.
 *
 * The addon knows of one load a key, whoever started it. A flight here either leads (the loader of its first caller runs
 * in this thread) or waits (another thread's does); either way the addon hears of this thread once, however many callers
 * it has. A load ends once: with a value, a failure, or because the addon says that it has lapsed (it took too long, or
 * nobody waits any more). What its loader still does then changes nothing.
 */
const timers = require('node:timers');
const { encodeUndefined, payloadToKeep } = require('./codec.js');
const { LoaderContext } = require('./loader-context.js');
const { RedstartError, show } = require('./errors.js');
const flights = require('./flights.js');
const lane = require('./lane.js');
const { rebuildFailure, tellFailure } = require('./load-failure.js');

const { scratch, STATUS_OK, STATUS_PENDING } = lane;
const { VALUE, NOTHING, FAILED, RETRY, TIMED_OUT } = flights;
// Taken before Jest's fake timers replace the global one.
const { setImmediate } = timers;

// Modes of joinLoad.
const NORMAL = 0;
const FORCE_FRESH = 1;
const BACKGROUND = 2;

// What joinLoad leaves in scratch[5].
const CAME = 0;
const LEADS = 1;

/** As CAME, but from the load of another thread, which ended while this one was about to wait: [kind, codec, payload]. */
const LANDED = 3;

/** What endLoad leaves in scratch[5] when the load was not under way any more. */
const OVER = 1;

// Reasons of a lapse.
const LAPSED_TIMEOUT = 1;

/** @typedef {import('./cache-options.js').LoadOptions} LoadOptions */
/** @typedef {(context: any) => any} Loader */
/**
 * One handle's cache, as its loads see it.
 * @typedef {object} Desk
 * @property {string} name
 * @property {string} prefix Of its keys among all flights of this thread.
 * @property {import('../native.js').CacheFunctions} native
 * @property {{ encode(value: unknown, path?: string): number }} codec
 * @property {number} ttlMs
 * @property {number | undefined} negativeTtlMs
 * @property {(key: string) => any} old The value that a loader is to replace.
 */

/** A load whose loader runs here. */
class Lead extends flights.Flight {
  #desk;
  #key;
  #how;
  #line;
  #background;
  #context;
  #hears = false;
  #deserted = false;

  /**
   * @param {Desk} desk
   * @param {string} key
   * @param {LoadOptions} how
   * @param {boolean} background Its first caller does not wait for it.
   */
  constructor(desk, key, how, background) {
    super(desk.prefix + key, scratch[6]);
    this.#desk = desk;
    this.#key = key;
    this.#how = how;
    this.#line = scratch[7];
    this.#background = background;
    this.#context = new LoaderContext(key, desk.old, (tags) => this.#tag(tags));
    if (!background) this.parent = flights.asking();
  }

  /** @param {Loader} loader */
  run(loader) {
    let result;
    try {
      result = flights.runAs(this, loader, this.#context);
      if (!isThenable(result)) return this.#end(result);
    } catch (error) {
      return this.#fail(error);
    }
    // At once: who else wakes this thread may bring the news of a lapse.
    lane.expect(this.#line, { lapsed: (reason) => this.#lapse(reason) });
    hearLater(this);
    Promise.resolve(result).then(
      (value) => this.#end(value),
      (error) => this.#fail(error),
    );
  }

  /** From now on lapses wake this thread; while somebody waits for the load, the process stays alive for them. */
  hear() {
    if (this.landed) return;
    this.#hears = true;
    lane.beWoken(!this.#background);
  }

  /** @override */
  returned() {
    if (!this.#deserted) return;
    this.#deserted = false;
    this.#desk.native.leaveLoad(this.#key, this.ticket, false);
  }

  /** @override */
  deserted() {
    if (this.#background) return;
    this.#deserted = true;
    const alone = this.#desk.native.leaveLoad(this.#key, this.ticket, true);
    if (alone === true) this.#abandon();
  }

  /** @override @param {import('./flights.js').Landing} landing */
  land(landing) {
    lane.expectNoMore(this.#line, this.#hears, !this.#background);
    super.land(landing);
  }

  /** @param {unknown} value */
  #end(value) {
    if (this.landed) return;
    const { ttlMs, tags, skipped } = LoaderContext.said(this.#context);
    const { native, negativeTtlMs } = this.#desk;
    if (value === undefined && (skipped || negativeTtlMs === undefined)) {
      native.failLoad(this.#key, this.ticket, '');
      this.land({ kind: NOTHING });
      return;
    }
    let codec;
    try {
      codec =
        value === undefined
          ? encodeUndefined()
          : this.#desk.codec.encode(value, `what the loader of ${quoted(this.#key)} returned`);
    } catch (error) {
      this.#fail(error);
      return;
    }
    const payload = payloadToKeep();
    const negative = value === undefined || value === null ? negativeTtlMs : undefined;
    const lives = ttlMs ?? negative ?? this.#how.ttlMs ?? this.#desk.ttlMs;
    const tagged = /** @type {string[]} */ (tags ?? this.#how.tags);
    const stored = native.endLoad(this.#key, this.ticket, payload, codec, lives, tagged, !skipped);
    // A tag that is none.
    if (scratch[0] !== STATUS_OK) return this.#fail(lane.takeError());
    // A loader that blocks its thread has had its time before this thread could hear of it.
    if (!stored && scratch[5] === OVER) return this.#timeOut();
    this.land({ kind: VALUE, codec, payload });
  }

  /** What the value will be deleted by, as soon as it is known. @param {readonly string[]} tags */
  #tag(tags) {
    if (this.landed) return;
    this.#desk.native.tagLoad(this.#key, this.ticket, /** @type {string[]} */ (tags));
    if (scratch[0] !== STATUS_OK) throw lane.takeError();
  }

  /** @param {unknown} error */
  #fail(error) {
    if (this.landed) return;
    this.#desk.native.failLoad(this.#key, this.ticket, tellFailure(error));
    this.land({ kind: FAILED, error });
  }

  /** @param {number} reason */
  #lapse(reason) {
    if (this.landed) return;
    if (reason === LAPSED_TIMEOUT) this.#timeOut();
    // Someone may have come here since it was told; asked once more, the addon knows.
    else if (this.callers === 0) this.deserted();
  }

  #timeOut() {
    const error = new RedstartError(
      `the loader of ${show(this.#key)} in the cache '${this.#desk.name}' took longer than its timeout of ` +
        `${this.#how.timeoutMs} ms; make it faster, let it watch context.signal, or give getOrSet() a longer timeout`,
      { code: 'ERR_TIMEOUT', retryable: true },
    );
    this.land({ kind: TIMED_OUT, error });
    LoaderContext.abort(this.#context, error);
  }

  #abandon() {
    this.#desk.native.abandonLoad(this.#key, this.ticket);
    this.land({ kind: RETRY });
    const message = `nobody waits for the load of ${show(this.#key)} any more`;
    LoaderContext.abort(this.#context, new DOMException(message, 'AbortError'));
  }
}

/** @type {Lead[]} */
let deaf = [];

/**
 * A loader that is done within a turn of the event loop needs no ears: to set up what wakes a thread takes longer than such
 * a load.
 * @param {Lead} lead
 */
function hearLater(lead) {
  if (deaf.push(lead) === 1) setImmediate(hear);
}

function hear() {
  const leads = deaf;
  deaf = [];
  for (const lead of leads) lead.hear();
}

/** A load whose loader runs in another thread. */
class Wait extends flights.Flight {
  #number;

  /** @param {Desk} desk @param {string} key */
  constructor(desk, key) {
    super(desk.prefix + key, scratch[6]);
    this.#number = scratch[1];
    lane.pending(this.#number).then(
      (landed) => this.land(landingOf(landed)),
      (error) => this.land({ kind: FAILED, error }),
    );
  }

  /** @override */
  deserted() {
    lane.cancel(this.#number);
    this.land({ kind: RETRY });
  }
}

/** As show(), which takes longer than many a load, for keys that need no care. @param {string} key */
function quoted(key) {
  return key.length <= 50 && /^[\w:./@-]*$/.test(key) ? `'${key}'` : show(key);
}

/**
 * What the addon tells of another thread's load.
 * @param {any} landed
 * @returns {import('./flights.js').Landing}
 */
function landingOf([kind, codec, payload]) {
  return kind === FAILED ? { kind, error: rebuildFailure(payload) } : { kind, codec, payload };
}

/** @param {any} result */
function isThenable(result) {
  return typeof result === 'object' && result !== null && typeof result.then === 'function';
}

/** The loads of one handle. */
class Loads {
  #desk;

  /** @param {Desk} desk */
  constructor(desk) {
    this.#desk = desk;
  }

  /**
   * What `key` came to: a value, nothing, or how the load failed. Rejects with the reason of the caller's signal, and for
   * a circle.
   * @param {string} key
   * @param {Loader} loader
   * @param {LoadOptions} how
   * @returns {Promise<import('./flights.js').Landing>}
   */
  async load(key, loader, how) {
    for (let mode = how.forceFresh ? FORCE_FRESH : NORMAL; ; mode = NORMAL) {
      const known = mode === FORCE_FRESH ? undefined : this.#underWay(key);
      const flight = known ?? this.#takeOff(key, how, mode);
      // It came meanwhile.
      if (!(flight instanceof flights.Flight)) {
        if (flight.kind === RETRY) continue;
        return flight;
      }
      if (known !== undefined && flights.isCircle(known)) throw this.#circle(key);
      const landing = flights.join(flight, how.signal);
      const leads = known === undefined && flight instanceof Lead;
      // It has its caller before it runs: a loader may ask for its own key in its first line.
      if (leads) flight.run(loader);
      const landed = await landing;
      if (landed.kind <= FAILED || (landed.kind === TIMED_OUT && leads)) return landed;
      if (how.signal?.aborted) throw how.signal.reason;
    }
  }

  /**
   * Loads anew while nobody waits for it, unless someone does so already.
   * @param {string} key
   * @param {Loader} loader
   * @param {LoadOptions} how
   * @param {(error: unknown) => void} failed
   */
  refresh(key, loader, how, failed) {
    if (this.#underWay(key) !== undefined) return;
    this.#desk.native.joinLoad(key, how.timeoutMs, BACKGROUND, /** @type {string[]} */ (how.tags));
    if (scratch[0] !== STATUS_OK) return failed(lane.takeError());
    if (scratch[5] !== LEADS) return;
    const lead = new Lead(this.#desk, key, how, true);
    lead.landing.then(({ kind, error }) => {
      if (kind === FAILED || kind === TIMED_OUT) failed(error);
    });
    lead.run(loader);
  }

  /** The flight for this key here, unless it was overtaken. @param {string} key */
  #underWay(key) {
    const known = flights.underWay(this.#desk.prefix + key);
    return known !== undefined && this.#desk.native.loadCounts(key, known.ticket) === true ? known : undefined;
  }

  /**
   * @param {string} key
   * @param {LoadOptions} how
   * @param {number} mode
   * @returns {Lead | Wait | import('./flights.js').Landing}
   */
  #takeOff(key, how, mode) {
    if (flights.isOwn(this.#desk.prefix + key)) throw this.#circle(key);
    const payload = this.#desk.native.joinLoad(key, how.timeoutMs, mode, /** @type {string[]} */ (how.tags));
    if (scratch[0] === STATUS_PENDING) return new Wait(this.#desk, key);
    if (scratch[0] !== STATUS_OK) throw lane.takeError();
    if (scratch[5] === CAME) return { kind: VALUE, codec: scratch[1], payload };
    if (scratch[5] === LANDED) return landingOf(payload);
    return new Lead(this.#desk, key, how, false);
  }

  /** @param {string} key */
  #circle(key) {
    return new RedstartError(
      `the loader of ${show(key)} in the cache '${this.#desk.name}' waits for its own key; load what it needs another way`,
      { code: 'ERR_INVALID_STATE' },
    );
  }
}

module.exports = { Loads };
