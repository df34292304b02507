'use strict';
const options = require('./options.js');
const { encodeJson } = require('./codec.js');
const { invalidArg, show } = require('./errors.js');
const { ready, reply } = require('./lane.js');
const { isPlainObject } = require('./plain.js');

const SESSIONS_OPTIONS = {
  ttl: options.required(options.duration),
  maxSessionSize: options.bytes({ min: 64, max: 2 ** 30 }),
};
const TTL_OPTIONS = { ttl: options.duration };

/** Below this a number of milliseconds was probably meant as seconds. */
const TTL_MS_PLAUSIBLE = 60_000;
let warned = false;

/** For the doors to web frameworks alone: stores under an id that the framework made. */
const kAdopt = Symbol('redstart.sessions.adopt');

/** @template {object} T */
class Sessions {
  /** @type {import('../native.js').SessionsFunctions} */
  #native;
  /** @type {number} */
  #ttlMs;

  /** @param {string} name @param {import('../native.js').SessionsFunctions} native */
  constructor(name, native) {
    this.name = name;
    this.#native = native;
    this.#ttlMs = JSON.parse(native.options).ttl;
  }

  /** @param {T} data @param {{ ttl?: import('../index.js').Duration }} [given] */
  async create(data, given) {
    const text = encode(data);
    const id = await reply(this.#native.create(text, this.#ttl('create()', given)));
    return { id, data: JSON.parse(text) };
  }

  /** @param {string} id @returns {Promise<T | undefined>} */
  async get(id) {
    const text = ready(this.#native.get(checkId(id)));
    return text === undefined ? undefined : JSON.parse(text);
  }

  /** @param {string} id @param {T} data @param {{ ttl?: import('../index.js').Duration }} [given] */
  async set(id, data, given) {
    checkId(id);
    const text = encode(data);
    return reply(this.#native.set(id, text, this.#ttl('set()', given), false));
  }

  /** @param {string} id @param {{ ttl?: import('../index.js').Duration }} [given] */
  async touch(id, given) {
    return reply(this.#native.touch(checkId(id), this.#ttl('touch()', given)));
  }

  /** @param {string} id @returns {Promise<string | undefined>} */
  async regenerate(id) {
    return reply(this.#native.regenerate(checkId(id)));
  }

  /** @param {string} id */
  async destroy(id) {
    return reply(this.#native.destroy(checkId(id)));
  }

  /** @returns {Promise<number>} */
  async count() {
    return JSON.parse(ready(this.#native.stats())).live;
  }

  /** @param {string} id @param {T} data @param {number | undefined} ttlMs @returns {Promise<boolean>} */
  async [kAdopt](id, data, ttlMs) {
    checkId(id);
    const text = encode(data);
    return reply(this.#native.set(id, text, ttlMs ?? this.#ttlMs, true));
  }

  /** @param {string} what @param {unknown} given */
  #ttl(what, given) {
    if (given === undefined) return this.#ttlMs;
    return options.checkOptions(what, given, TTL_OPTIONS).ttl ?? this.#ttlMs;
  }
}

/** @param {unknown} id @returns {string} */
function checkId(id) {
  if (typeof id !== 'string') throw invalidArg(`a session id is a string; got ${show(id)}`);
  return id;
}

/** @param {any} data */
function encode(data) {
  const tellsItself = typeof data === 'object' && data !== null && typeof data.toJSON === 'function';
  if (!tellsItself && !isPlainObject(data)) {
    throw invalidArg(
      `session data must be a plain object, or one with a toJSON() that returns one; got ${show(data)}; ` +
        'store a Map as Object.fromEntries(map) and an instance of a class as { ...instance }',
    );
  }
  const text = encodeJson(data, 'session data');
  if (text.startsWith('{')) return text;
  throw invalidArg(`session data must be a plain object; its toJSON() makes it ${show(JSON.parse(text))}`);
}

/**
 * Options as core reads them.
 * @param {unknown} given
 * @param {Function} above
 */
function readSessionsOptions(given, above) {
  const checked = options.checkOptions('sessions()', given, SESSIONS_OPTIONS, above);
  const ttl = /** @type {any} */ (given).ttl;
  if (typeof ttl === 'number' && ttl < TTL_MS_PLAUSIBLE && !warned) {
    warned = true;
    process.emitWarning(`sessions live for ${ttl} milliseconds; if you meant seconds, write ttl: '${ttl}s'`, {
      code: 'REDSTART_SHORT_SESSION_TTL',
    });
  }
  return { ...checked };
}

module.exports = { Sessions, readSessionsOptions, kAdopt };
