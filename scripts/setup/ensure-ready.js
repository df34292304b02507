'use strict';

const path = require('node:path');
const { ROOT, Stop } = require('../run.js');
const { installModules } = require('./node-modules.js');
const addon = require('./addon.js');

/**
 * Leaves the repo ready to run: packages installed, a binary built from the present sources. Does only what is missing:
 * where nothing is, it starts no compiler and needs no network. What cannot be had ends the process with one sentence.
 */
async function ensureReady({ examples = [], log = console.log } = {}) {
  try {
    await installModules(ROOT, log);
    if (!addon.fits()) await addon.build({ log });
    for (const example of examples) await installModules(path.join(ROOT, 'examples', example), log);
  } catch (error) {
    if (!(error instanceof Stop)) throw error;
    console.error(error.message);
    process.exit(1);
  }
}

module.exports = { ensureReady };
