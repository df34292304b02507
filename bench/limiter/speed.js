/**
 * One fresh process of the limiter bench: nanoseconds a decision of the contender named, over so many keys in random
 * order. Prints JSON.
 */
const { CONTENDERS, keyOf } = require('./contenders.js');

const DECISIONS = 1 << 20;
/** The fastest counts: the others were disturbed. */
const ROUNDS = 5;

/** Each key as likely as the other; the same draws in every process. @param {number} keys */
function draws(keys) {
  let seed = 42;
  return Uint32Array.from({ length: DECISIONS }, () => {
    // Park and Miller's minimal standard generator.
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % keys;
  });
}

async function main() {
  const [contender, count] = process.argv.slice(2);
  const { consume, awaited } = CONTENDERS[contender]();
  // Made before, so that making them is not timed; all have been hit once, so no state is made either.
  const keys = Array.from({ length: Number(count) }, (_, number) => keyOf(number));
  for (const key of keys) await consume(key);
  const order = draws(keys.length);
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    if (awaited) for (const number of order) await consume(keys[number]);
    else for (const number of order) consume(keys[number]);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / DECISIONS);
  }
  console.log(JSON.stringify({ ns: best }));
  process.exit();
}

main();
