'use strict';
const { invalidArg, show } = require('./errors.js');

/**
 * The text of an argument list, and of no other one: strings are quoted, so nothing in them passes for a comma, a number
 * or a bigint. -0 is kept apart from 0, as functions can tell them apart.
 * @param {unknown[]} args
 * @returns {string}
 */
function argumentsKey(args) {
  // By index, so that holes of an array that was spread are arguments too.
  let text = '';
  for (let at = 0; at < args.length; at++) text += (at === 0 ? '' : ',') + argumentText(args[at], at);
  return text;
}

/** @param {unknown} arg @param {number} at */
function argumentText(arg, at) {
  switch (typeof arg) {
    case 'string':
      return JSON.stringify(arg);
    case 'number':
      return Object.is(arg, -0) ? '-0' : String(arg);
    case 'boolean':
      return String(arg);
    case 'bigint':
      return `${arg}n`;
    default:
      throw invalidArg(
        `argument ${at + 1} of a memoized function is ${show(arg)}; without the option 'key' it must be a string, ` +
          'number, boolean or bigint: give memoize() a key, such as (user) => user.id',
      );
  }
}

/**
 * @param {(key: string, loader: () => any) => Promise<any>} load
 * @param {string} prefix
 * @param {(...args: any[]) => any} fn
 * @param {((...args: any[]) => string) | undefined} key
 */
function memoized(load, prefix, fn, key) {
  return async function (/** @type {any[]} */ ...args) {
    const text = key === undefined ? argumentsKey(args) : key(...args);
    if (typeof text !== 'string') {
      throw invalidArg(`the option 'key' of memoize() must return a string; it returned ${show(text)}`);
    }
    // @ts-expect-error: whatever it is called on, as fn itself would be.
    return load(`${prefix}:${text}`, () => fn.apply(this, args));
  };
}

module.exports = { memoized };
