'use strict';
/**
 * Durations and sizes as people write them: '5m', '64kb'. Strings are few and come back on every call (options of a
 * set), so what they mean is remembered in a bounded Map.
 */
const { invalidArg, show } = require('./errors.js');

const DAY_MS = 24 * 60 * 60 * 1000;
const DURATION_MS_MAX = 100 * 365 * DAY_MS;
/** @type {Record<string, number>} */
const MS_PER_UNIT = { ms: 1, s: 1000, m: 60 * 1000, h: 60 * 60 * 1000, d: DAY_MS };
/** @type {Record<string, number>} */
const BYTES_PER_UNIT = { b: 1, kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 };
const DURATION_PATTERN = /^(\d{1,15}(?:\.\d{1,15})?)(ms|s|m|h|d)$/;
const BYTES_PATTERN = /^(\d{1,15}(?:\.\d{1,15})?)(b|kb|mb|gb)$/i;
const REMEMBERED_MAX = 256;

const DURATION_EXPECTED =
  "a duration above zero and of at most 100 years: milliseconds, or a string such as '250ms', '30s', '5m', '2h' or '7d'";
const DURATION_OR_NEVER_EXPECTED = `${DURATION_EXPECTED}, or null for never`;

/**
 * @param {(text: string) => number | undefined} parse
 * @returns {(text: string) => number | undefined}
 */
function remembering(parse) {
  /** @type {Map<string, number | undefined>} */
  const known = new Map();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const parsed = parse(text);
    if (known.size >= REMEMBERED_MAX) known.clear();
    if (parsed !== undefined) known.set(text, parsed);
    return parsed;
  };
}

/**
 * @param {RegExp} pattern
 * @param {Record<string, number>} units
 */
function parser(pattern, units) {
  return remembering((text) => {
    const match = pattern.exec(text);
    return match === null ? undefined : Number(match[1]) * /** @type {number} */ (units[match[2].toLowerCase()]);
  });
}

const parseDuration = parser(DURATION_PATTERN, MS_PER_UNIT);
const parseBytes = parser(BYTES_PATTERN, BYTES_PER_UNIT);

/**
 * Whole milliseconds, or undefined for what is no duration.
 * @param {unknown} value
 * @returns {number | undefined}
 */
function readDuration(value) {
  const ms = typeof value === 'string' ? parseDuration(value) : value;
  if (typeof ms !== 'number' || !(ms > 0 && ms <= DURATION_MS_MAX)) return undefined;
  // Rounded up: nothing expires early. Cut to microseconds first: 1.1 * 1000 is a little more than 1100.
  return Number.isInteger(ms) ? ms : Math.max(1, Math.ceil(Number(ms.toFixed(3))));
}

/**
 * As readDuration; null for never.
 * @param {unknown} value
 * @returns {number | null | undefined}
 */
function readDurationOrNever(value) {
  return value === null || value === Infinity ? null : readDuration(value);
}

/**
 * Whole bytes, or undefined for what is no size.
 * @param {unknown} value
 * @returns {number | undefined}
 */
function readBytes(value) {
  if (typeof value === 'string') {
    const bytes = parseBytes(value);
    return bytes === undefined ? undefined : Math.ceil(bytes);
  }
  return Number.isSafeInteger(value) ? /** @type {number} */ (value) : undefined;
}

/**
 * Whole milliseconds, at least 1. Throws ERR_INVALID_ARG.
 * @param {unknown} value
 * @param {string} name How the message calls it.
 * @returns {number}
 */
function durationMs(value, name) {
  const ms = readDuration(value);
  if (ms === undefined) throw invalidArg(`${name} must be ${DURATION_EXPECTED}; got ${show(value)}`, durationMs);
  return ms;
}

/** @param {number} min @param {number} max */
function bytesExpected(min, max) {
  const most = max === Number.MAX_SAFE_INTEGER ? '' : ` and at most ${sizeText(max)}`;
  return `a size of at least ${sizeText(min)}${most}: whole bytes, or a string such as '64kb', '10mb' or '1gb'`;
}

/** @param {number} count */
function sizeText(count) {
  const unit = ['gb', 'mb', 'kb'].find((name) => count % BYTES_PER_UNIT[name] === 0);
  if (unit !== undefined && count > 0) return `${count / BYTES_PER_UNIT[unit]}${unit}`;
  return count === 1 ? '1 byte' : `${count} bytes`;
}

module.exports = {
  DURATION_MS_MAX,
  DURATION_EXPECTED,
  DURATION_OR_NEVER_EXPECTED,
  readDuration,
  readDurationOrNever,
  readBytes,
  bytesExpected,
  durationMs,
};
