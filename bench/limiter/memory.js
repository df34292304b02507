/**
 * One fresh process of the limiter bench: how much its memory grows by a million keys of one hit each, under the contender
 * named. Prints JSON.
 */
const { CONTENDERS, keyOf } = require('./contenders.js');
const { rssBytes } = require('../figures.js');

const KEYS = 1_000_000;
/** Calls before the first look, on few keys: V8 has compiled and touched its young generation by then. */
const CALLS_BEFORE = 400_000;
const KEYS_BEFORE = 20_000;

async function main() {
  const { consume, awaited, stats } = CONTENDERS[process.argv[2]]();
  const hit = async (/** @type {number} */ calls, /** @type {(call: number) => number} */ numberOf) => {
    for (let call = 0; call < calls; call++) {
      const answer = consume(keyOf(numberOf(call)));
      if (awaited) await answer;
    }
  };
  await hit(CALLS_BEFORE, (call) => call % KEYS_BEFORE);
  const [before, saidBefore] = [await rssBytes(), await stats?.()];
  await hit(KEYS, (call) => KEYS_BEFORE + call);
  const [after, saidAfter] = [await rssBytes(), await stats?.()];
  const said = saidAfter && saidBefore && (saidAfter.bytes - saidBefore.bytes) / KEYS;
  console.log(JSON.stringify({ perKey: (after - before) / KEYS, said }));
  // A rival's million timers would be cleared one by one.
  process.exit();
}

main();
