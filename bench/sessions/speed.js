/**
 * One fresh process of the sessions bench: nanoseconds for get and set of a session, one after the other, each awaited, over
 * so many sessions in random order. Prints JSON.
 */
const { CONTENDERS } = require('./contenders.js');

const VISITS = 1 << 16;
/** The fastest counts: the others were disturbed. */
const ROUNDS = 5;

/** Each session as likely as the other; the same draws in every process. @param {number} sessions */
function draws(sessions) {
  let seed = 42;
  return Uint32Array.from({ length: VISITS }, () => {
    // Park and Miller's minimal standard generator.
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % sessions;
  });
}

async function main() {
  const [contender, count] = process.argv.slice(2);
  const { begin, visit } = CONTENDERS[contender]();
  /** @type {string[]} */
  const ids = [];
  for (let number = 0; number < Number(count); number++) ids.push(await begin(number));
  const order = draws(ids.length);
  let best = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    for (const number of order) await visit(ids[number]);
    best = Math.min(best, Number(process.hrtime.bigint() - start) / VISITS);
  }
  console.log(JSON.stringify({ ns: best }));
  process.exit();
}

main();
