'use strict';
/**
 * JSON with tags: what JSON cannot carry becomes { $: class, v: content }. Text that holds a tag starts with a space, so
 * that text without one needs no second look when it is read. Objects are copied only above a tag. Neither cycles nor one
 * object in two places are kept.
 */

/** @param {any} value @returns {any} */
function tag(value) {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0) ? value : { $: 'number', v: String(value) };
    case 'bigint':
      return { $: 'bigint', v: String(value) };
    case 'undefined':
      return { $: 'undefined' };
    case 'object':
      return value === null ? null : tagObject(value);
    default:
      return value;
  }
}

/** @param {any} object */
function tagObject(object) {
  if (Array.isArray(object)) return tagItems(object, object);
  if (object instanceof Date) return { $: 'Date', v: object.getTime() };
  if (object instanceof Map) return { $: 'Map', v: [...object].map((pair) => pair.map(tag)) };
  if (object instanceof Set) return { $: 'Set', v: [...object].map(tag) };
  if (Buffer.isBuffer(object)) return { $: 'Buffer', v: object.toString('base64') };
  const tagged = tagItems(object, undefined);
  return Object.hasOwn(object, '$') ? { $: 'Object', v: tagged } : tagged;
}

/** The object itself when nothing in it needs a tag. @param {any} object @param {any[] | undefined} array */
function tagItems(object, array) {
  let copy;
  for (const key in object) {
    const item = object[key];
    const tagged = tag(item);
    if (tagged === item) continue;
    copy ??= array === undefined ? { ...object } : [...array];
    copy[key] = tagged;
  }
  return copy ?? object;
}

/** @param {any} value @returns {any} */
function untag(value) {
  if (typeof value !== 'object' || value === null) return value;
  const { $, v } = value;
  switch ($) {
    case 'number':
      return Number(v);
    case 'bigint':
      return BigInt(v);
    case 'undefined':
      return undefined;
    case 'Date':
      return new Date(v);
    case 'Map':
      return new Map(untag(v));
    case 'Set':
      return new Set(untag(v));
    case 'Buffer':
      return Buffer.from(v, 'base64');
    default: {
      const items = $ === 'Object' ? v : value;
      for (const key in items) items[key] = untag(items[key]);
      return items;
    }
  }
}

/** @param {any} value */
function stringify(value) {
  const tagged = tag(value);
  const text = JSON.stringify(tagged);
  return tagged === value ? text : ` ${text}`;
}

/** @param {string} text */
function parse(text) {
  const value = JSON.parse(text);
  return text.charCodeAt(0) === 0x20 ? untag(value) : value;
}

module.exports = { stringify, parse };
