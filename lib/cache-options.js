'use strict';
/** The options of a cache and of its calls, checked and as core reads them. */
const options = require('./options.js');
const { invalidArg, show } = require('./errors.js');

const KB = 1024;
const MB = 1024 * KB;
const MAX_SIZE_DEFAULT = 64 * MB;
const MAX_SIZE_MIN = KB;
const MAX_ENTRY_SIZE_DEFAULT = MB;
const NEAR_MAX_DEFAULT = 1_000;
const NEAR_MAX_SIZE_DEFAULT = 4 * MB;
/** A Map holds no more than 2^24 entries. */
const NEAR_MAX_MAX = 10_000_000;
const LOAD_MS_MAX_DEFAULT = 30_000;
/** What the addon takes for a TTL that never ends. */
const NEVER = -1;
/** Under which options carry what does not go to core: functions. */
const CODEC_PAIR = Symbol('codec pair');
/** @type {readonly string[]} */
const NO_TAGS = Object.freeze([]);

/** @typedef {{ encode(value: any): Uint8Array, decode(bytes: Uint8Array): any }} CodecPair */
/** @typedef {{ max: number, maxSize: number, objects: boolean }} NearOptions */

/**
 * What a call of getOrSet asks for; ttlMs undefined: the TTL of the cache.
 * @typedef {{ ttlMs: number | undefined, tags: readonly string[], signal: AbortSignal | undefined, forceFresh: boolean,
 *   timeoutMs: number }} LoadOptions
 */

/** @type {import('./options.js').Checker<string | CodecPair>} */
const CODEC = {
  expected: "'structured', 'json', 'raw' or an object with the functions encode and decode",
  read: (value) => {
    if (value === 'structured' || value === 'json' || value === 'raw') return value;
    if (typeof value !== 'object' || value === null) return undefined;
    const pair = /** @type {CodecPair} */ (value);
    return typeof pair.encode === 'function' && typeof pair.decode === 'function' ? pair : undefined;
  },
};
/** @type {import('./options.js').Checker<number | false | Partial<NearOptions>>} */
const NEAR = {
  expected: `false, a whole number of entries from 0 to ${NEAR_MAX_MAX}, or a plain object with max, maxSize, objects`,
  read: (value) => (value === false ? false : options.integer({ min: 0, max: NEAR_MAX_MAX }).read(value)),
  schema: {
    max: options.integer({ min: 0, max: NEAR_MAX_MAX }),
    maxSize: options.bytes({ min: 1 }),
    objects: options.boolean,
  },
};
/** @type {import('./options.js').Checker<string>} */
const VERSION = {
  expected: 'a string or a finite number',
  // As text: 1 and '1' are one version, as they are in a deploy's environment variables.
  read: (value) => (typeof value === 'string' || Number.isFinite(value) ? String(value) : undefined),
};
/** @type {import('./options.js').Checker<string[]>} */
const TAGS = {
  expected: 'an array of strings',
  read: readStrings,
};

const CACHE_OPTIONS = {
  ttl: options.required(options.durationOrNever),
  ttlJitter: options.number({ min: 0, max: 1 }),
  updateAgeOnGet: options.boolean,
  max: options.integer({ min: 1 }),
  maxSize: options.bytes({ min: MAX_SIZE_MIN }),
  maxEntrySize: options.bytes({ min: 1 }),
  eviction: options.oneOf(['s3-fifo', 'lru']),
  staleWhileRevalidate: options.duration,
  staleIfError: options.duration,
  negativeTtl: options.duration,
  codec: CODEC,
  near: NEAR,
  version: VERSION,
};
const SET_OPTIONS = { ttl: options.durationOrNever, tags: TAGS };
const GET_OR_SET_OPTIONS = {
  ...SET_OPTIONS,
  signal: options.signal,
  forceFresh: options.boolean,
  timeout: options.duration,
};
const MEMOIZE_OPTIONS = { ...SET_OPTIONS, key: options.func };
const ITERATE_OPTIONS = { prefix: options.string() };

/** @type {LoadOptions} */
const LOAD_DEFAULTS = Object.freeze({
  ttlMs: undefined,
  tags: NO_TAGS,
  signal: undefined,
  forceFresh: false,
  timeoutMs: LOAD_MS_MAX_DEFAULT,
});

/**
 * Options as core reads them; it compares them with those of other callers, except for what is in `handle`.
 * @param {unknown} given
 * @param {Function} above
 */
function readCacheOptions(given, above) {
  const checked = options.checkOptions('cache()', given, CACHE_OPTIONS, above);
  const maxSize = checked.maxSize ?? MAX_SIZE_DEFAULT;
  const codec = checked.codec ?? 'structured';
  return {
    ttl: checked.ttl,
    ttlJitter: checked.ttlJitter ?? 0,
    updateAgeOnGet: checked.updateAgeOnGet ?? false,
    max: checked.max ?? null,
    maxSize,
    maxEntrySize: checked.maxEntrySize ?? Math.min(MAX_ENTRY_SIZE_DEFAULT, maxSize),
    eviction: checked.eviction ?? 's3-fifo',
    staleWhileRevalidate: checked.staleWhileRevalidate ?? null,
    staleIfError: checked.staleIfError ?? null,
    negativeTtl: checked.negativeTtl ?? null,
    handle: {
      codec: typeof codec === 'string' ? codec : 'custom',
      near: readNear(checked.near),
      version: checked.version ?? null,
    },
    [CODEC_PAIR]: typeof codec === 'string' ? undefined : codec,
  };
}

/**
 * @param {number | false | Partial<NearOptions> | undefined} given
 * @returns {NearOptions | null}
 */
function readNear(given) {
  if (given === false) return null;
  const { max, maxSize, objects } = typeof given === 'object' ? given : { max: given };
  return {
    max: max ?? NEAR_MAX_DEFAULT,
    maxSize: maxSize ?? NEAR_MAX_SIZE_DEFAULT,
    objects: objects ?? false,
  };
}

/**
 * Milliseconds as the addon reads them; undefined where nothing was given.
 * @param {number | null | undefined} ttl As checked.
 */
function ttlMsOf(ttl) {
  return ttl === null ? NEVER : ttl;
}

/**
 * @param {string} what
 * @param {unknown} given
 * @param {Function} [above]
 */
function readSetOptions(what, given, above) {
  const { ttl, tags } = options.checkOptions(what, given, SET_OPTIONS, above);
  return { ttlMs: ttlMsOf(ttl), tags };
}

/**
 * @param {unknown} given
 * @returns {LoadOptions}
 */
function readLoadOptions(given) {
  const checked = options.checkOptions('getOrSet()', given, GET_OR_SET_OPTIONS);
  return {
    ttlMs: ttlMsOf(checked.ttl),
    tags: checked.tags ?? NO_TAGS,
    signal: checked.signal,
    forceFresh: checked.forceFresh ?? false,
    timeoutMs: checked.timeout ?? LOAD_MS_MAX_DEFAULT,
  };
}

/**
 * @param {unknown} given
 * @param {Function} above
 */
function readMemoizeOptions(given, above) {
  const { key, ttl, tags } = options.checkOptions('memoize()', given, MEMOIZE_OPTIONS, above);
  return { key, load: { ...LOAD_DEFAULTS, ttlMs: ttlMsOf(ttl), tags: tags ?? NO_TAGS } };
}

/**
 * @param {string} what
 * @param {unknown} given
 */
function readPrefix(what, given) {
  return options.checkOptions(what, given, ITERATE_OPTIONS).prefix ?? '';
}

/**
 * What deleteByTag and expireByTag take.
 * @param {string} what
 * @param {unknown} tags
 * @returns {string[]}
 */
function readTags(what, tags) {
  if (typeof tags === 'string') return [tags];
  const read = readStrings(tags);
  if (read !== undefined) return read;
  throw invalidArg(`${what} takes a tag or an array of tags, which are strings; got ${show(tags)}`);
}

/** The TTL of touch(); NaN, as the addon reads it, for the entry's own. @param {unknown} ttl */
function readTouchTtl(ttl) {
  if (ttl === undefined) return Number.NaN;
  const read = options.durationOrNever.read(ttl);
  if (read !== undefined) return read === null ? NEVER : read;
  throw invalidArg(`the ttl of touch() must be ${options.durationOrNever.expected}; got ${show(ttl)}`);
}

/**
 * The strings of an array, in an array of our own: the addon must meet neither getters nor a Proxy, which would run in the
 * middle of its call.
 * @param {unknown} value
 * @returns {string[] | undefined}
 */
function readStrings(value) {
  if (!Array.isArray(value)) return undefined;
  const strings = Array.from(value);
  return strings.every((one) => typeof one === 'string') ? strings : undefined;
}

module.exports = {
  NEVER,
  NO_TAGS,
  CODEC_PAIR,
  LOAD_DEFAULTS,
  readCacheOptions,
  readSetOptions,
  readLoadOptions,
  readMemoizeOptions,
  readPrefix,
  readTags,
  readTouchTtl,
};
