/** One contender, one case of memory: what is measured is named by the case. */
const { bytes } = require('./bytes.js');
const { delay } = require('./delay.js');

/** @type {Record<string, (name: string, options: any) => Promise<Record<string, number>>>} */
const MEASURES = { bytes, delay };

/** @param {string} name @param {{ what: string, entries: number, seconds: number }} options */
const measure = (name, options) => MEASURES[options.what](name, options);

module.exports = { measure };
