/**
 * One fresh process of the sessions bench: how much its memory grows by so many sessions under the contender named. Prints
 * JSON.
 */
const { CONTENDERS } = require('./contenders.js');
const { rssBytes } = require('../figures.js');

/** Sessions and visits before the first look: V8 has compiled and touched its young generation by then. */
const SESSIONS_BEFORE = 20_000;
const VISITS_BEFORE = 100_000;

async function main() {
  const [contender, count] = process.argv.slice(2);
  const sessions = Number(count);
  const { begin, visit, stats } = CONTENDERS[contender]();
  /** @type {string[]} */
  const ids = [];
  for (let number = 0; number < SESSIONS_BEFORE; number++) ids.push(await begin(number));
  for (let number = 0; number < VISITS_BEFORE; number++) await visit(ids[number % SESSIONS_BEFORE]);
  const [before, saidBefore] = [await rssBytes(), await stats?.()];
  for (let number = 0; number < sessions; number++) await begin(SESSIONS_BEFORE + number);
  const [after, saidAfter] = [await rssBytes(), await stats?.()];
  // They are in use to the end; V8 would collect a store that nobody comes back to.
  await visit(ids[0]);
  const said = saidAfter && saidBefore && (saidAfter.bytes - saidBefore.bytes) / sessions;
  console.log(JSON.stringify({ perSession: (after - before) / sessions, said }));
  process.exit();
}

main();
