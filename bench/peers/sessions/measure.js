/** One store of sessions in this process: what get and set cost and, where asked, what a session takes. */
const { rssBytes } = require('../../figures.js');
const { uniform } = require('../draws.js');
const { awaited, timed } = require('../timed.js');
const { VISITS, contenderOf } = require('./contenders.js');

const AT_ONCE = 500;
/** Sessions and visits before the first look at memory: V8 has compiled and touched its young generation by then. */
const SESSIONS_BEFORE = 10_000;
const VISITS_BEFORE = 50_000;
/** Whose visits are counted at the end. */
const COUNTED = 1_000;

/** @typedef {import('./contenders.js').Contender} Contender */

/** Makes sessions until there are so many. @param {Contender} contender @param {string[]} ids @param {number} sessions */
async function begin(contender, ids, sessions) {
  while (ids.length < sessions) {
    const length = Math.min(AT_ONCE, sessions - ids.length);
    const first = ids.length;
    ids.push(...(await Promise.all(Array.from({ length }, (_, index) => contender.begin(first + index)))));
  }
}

/** Get, a change, set. @param {Contender} contender @param {string} id */
async function visit({ get, open, set }, id) {
  const session = open(id, await get(id));
  session.visits += 1;
  await set(id, session);
  return 1;
}

/**
 * How much resident memory grows by the sessions; needs STEADY_HEAP.
 * @param {Contender} contender @param {string[]} ids @param {number} sessions
 */
async function growth(contender, ids, sessions) {
  await begin(contender, ids, SESSIONS_BEFORE);
  for (let visits = 0; visits < VISITS_BEFORE; visits += AT_ONCE) {
    const some = ids.slice(visits % SESSIONS_BEFORE, (visits % SESSIONS_BEFORE) + AT_ONCE);
    await Promise.all(some.map((id) => visit(contender, id)));
  }
  const [before, saidBefore] = [await rssBytes(), await contender.stats?.()];
  await begin(contender, ids, sessions);
  const [after, saidAfter] = [await rssBytes(), await contender.stats?.()];
  const added = sessions - SESSIONS_BEFORE;
  const bytes = (after - before) / added;
  return saidAfter && saidBefore ? { bytes, said: (saidAfter.bytes - saidBefore.bytes) / added } : { bytes };
}

/**
 * The same for get and for set alone; a session is set as it was last got, changed.
 * @param {Contender} contender @param {string[]} ids @param {(index: number) => number} drawn
 */
async function apart({ get, open, set }, ids, drawn) {
  /** @type {any[]} */
  const got = [];
  for (const id of ids) got.push(open(id, await get(id)));
  const getting = await timed(
    awaited(
      async (index) => {
        const id = ids[drawn(index)];
        return open(id, await get(id));
      },
      (session) => Number(session.visits >= VISITS),
    ),
  );
  if (getting.sum !== getting.calls) throw new Error(`${getting.calls - getting.sum} sessions were not found`);
  const setting = await timed(
    awaited(
      (index) => {
        const number = drawn(index);
        got[number].visits += 1;
        return set(ids[number], got[number]);
      },
      () => 1,
    ),
  );
  return { get: getting.ns, set: setting.ns, sets: setting.calls };
}

/** Each visit must be found in its session. @param {Contender} contender @param {string[]} ids @param {Uint32Array} visits */
async function check({ get }, ids, visits) {
  for (const [number, id] of ids.slice(0, COUNTED).entries()) {
    const found = (await get(id)).visits - VISITS;
    if (found !== visits[number]) throw new Error(`session ${number} tells ${found} visits, not ${visits[number]}`);
  }
}

/** @param {string} name @param {any} options */
async function measure(name, options) {
  const contender = await contenderOf(name, options);
  /** @type {string[]} */
  const ids = [];
  const figures = options.bytes ? await growth(contender, ids, options.sessions) : undefined;
  await begin(contender, ids, options.sessions);

  const numbers = uniform(ids.length);
  const drawn = (/** @type {number} */ index) => numbers[index & (numbers.length - 1)];
  const visits = new Uint32Array(ids.length);
  if (options.bytes) visits.fill(VISITS_BEFORE / SESSIONS_BEFORE, 0, SESSIONS_BEFORE);
  const count = (/** @type {number} */ calls) => {
    for (let index = 0; index < calls; index++) visits[drawn(index)] += 1;
  };

  const { ns, calls } = await timed(
    awaited(
      (index) => visit(contender, ids[drawn(index)]),
      (visited) => visited,
    ),
  );
  count(calls);
  if (!options.apart) {
    await check(contender, ids, visits);
    return { ns, ...figures };
  }
  const { sets, ...parts } = await apart(contender, ids, drawn);
  count(sets);
  await check(contender, ids, visits);
  return { ns, ...parts, ...figures };
}

module.exports = { measure };
