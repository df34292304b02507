'use strict';
// Values that tell where they belong: whoever reads one knows the key it was stored under, how long it is and what its
// characters add up to, so that one torn in the middle or stored under another key is noticed.

const BODY_CHARS_MAX = 600;
const FORMS = ['one-byte', 'two-byte', 'json', 'v8'];

/** @param {string} text */
function checksum(text) {
  let sum = 17;
  for (let at = 0; at < text.length; at++) sum = (Math.imul(sum, 31) + text.charCodeAt(at)) | 0;
  return sum;
}

/**
 * @param {string} key
 * @param {number} seed Another value for each.
 */
function valueFor(key, seed) {
  const form = FORMS[seed % FORMS.length];
  const from = form === 'two-byte' ? 0x400 : 0x21;
  let state = seed;
  const units = Array.from({ length: (seed * 37) % BODY_CHARS_MAX }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return from + ((state >>> 8) % 0x5e);
  });
  const body = String.fromCharCode(...units);
  const parts = { form, key, length: body.length, sum: checksum(body), body };
  if (form === 'json') return parts;
  if (form === 'v8') return new Map(Object.entries(parts));
  return `${form} ${key} ${parts.length} ${parts.sum} ${body}`;
}

/**
 * Throws unless `value` is a whole one that was made for `key`.
 * @param {string} key
 * @param {any} value
 */
function check(key, value) {
  const parts = partsOf(value);
  const { body } = parts;
  const whole = parts.length === body.length && parts.sum === checksum(body);
  if (parts.key === key && whole) return;
  throw new Error(`read under ${key}: a ${whole ? 'whole' : 'torn'} value of ${parts.key}, in form ${parts.form}`);
}

/** @param {any} value */
function partsOf(value) {
  if (typeof value === 'object') return value instanceof Map ? Object.fromEntries(value) : value;
  const [form, key, length, sum] = value.split(' ', 4);
  const body = value.slice([form, key, length, sum].join(' ').length + 1);
  return { form, key, length: Number(length), sum: Number(sum), body };
}

module.exports = { valueFor, check };
