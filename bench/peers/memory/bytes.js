/** How much resident memory grows by entries of a 16 B key and a 100 B value, each string of its own. */
const { rssBytes } = require('../../figures.js');
const { strings } = require('../draws.js');
const { CONTENDERS, warmUp } = require('./contenders.js');

/** Each so many entries one is read back. */
const STEP = 9_973;
/** @param {string} name @param {{ entries: number }} options */
async function bytes(name, { entries }) {
  const keyFor = strings('user:cart', 16);
  const valueFor = strings('', 100);
  await warmUp(name, keyFor, valueFor);
  const before = await rssBytes();
  const { get, set, size } = await CONTENDERS[name](entries, false);
  for (let number = 0; number < entries; number++) set(keyFor(number), valueFor(number));
  const grown = (await rssBytes()) - before;

  const held = await size();
  let found = 0;
  let asked = 0;
  for (let number = 0; number < entries; number += STEP, asked++) {
    if (get(keyFor(number)) === valueFor(number)) found += 1;
  }
  if (held !== entries || found !== asked) {
    throw new Error(`${name} holds ${held} of ${entries} entries, and ${found} of ${asked} were found`);
  }
  return { bytes: grown / entries };
}

module.exports = { bytes };
