/** One contender of the limiters in this process: what a decision costs and, where asked, what a key takes. */
const { rssBytes } = require('../../figures.js');
const { contenderOf } = require('./contenders.js');
const { Hits } = require('./hits.js');
const { nsOfCall } = require('./slices.js');

/** Keys before the first look at memory: V8 has compiled and touched its young generation by then. */
const KEYS_BEFORE = 20_000;

/**
 * How much resident memory grows by the keys, one hit each; needs STEADY_HEAP.
 * @param {import('./contenders.js').Contender} contender @param {Hits} hits @param {number} keys
 */
async function growth({ stats }, hits, keys) {
  for (let time = 0; time < 10; time++) await hits.fill(0, KEYS_BEFORE);
  const [before, saidBefore] = [await rssBytes(), await stats?.()];
  await hits.fill(KEYS_BEFORE, keys);
  const [after, saidAfter] = [await rssBytes(), await stats?.()];
  const added = keys - KEYS_BEFORE;
  const bytes = (after - before) / added;
  return saidAfter && saidBefore ? { bytes, said: (saidAfter.bytes - saidBefore.bytes) / added } : { bytes };
}

/** @param {string} name @param {any} options */
async function measure(name, options) {
  const contender = await contenderOf(name, options);
  const hits = new Hits(contender, options);
  const figures = options.bytes ? await growth(contender, hits, options.keys) : await hits.fill(0, options.keys);
  const ns = await nsOfCall(hits.inRandomOrder());
  hits.check();
  return { ns, ...figures };
}

module.exports = { measure };
