/** What is asked of caches: the default set, and with --full every combination of calls, values, keys and orders. */

const METRICS = { ns: { title: 'ns a call', better: 'less' } };
/** Filling leaves garbage, which would be collected while others are timed. */
const NODE = ['--expose-gc'];
/** A million large values do not fit what Node takes by itself. */
const LARGE_HEAP = '--max-old-space-size=8192';

const OTHERS = ['node-cache', 'keyv', 'cache-manager'];
const SERVERS = ['ioredis', 'node-redis'];

/** Microseconds to set a string when the cache is filled; the draws are made meanwhile. @type {Record<string, number>} */
const FILL_US = { 'node-cache': 3, keyv: 6, 'cache-manager': 3, ioredis: 12, 'node-redis': 12 };
const FILL_US_OTHERS = 1.5;
const SECONDS_BESIDE_FILLING = 0.6;

/** @type {Record<string, string>} */
const VALUE_TITLES = {
  string100: 'string of 100 B',
  string1k: 'string of 1 KB',
  object200: 'object of 200 B',
  object1k: 'object of 1 KB',
};
/** @type {Record<number, string>} */
const SIZES = { 1000: '1k', 100000: '100k', 1000000: '1m' };

/**
 * @typedef {object} Asked
 * @property {'get' | 'miss' | 'set'} call
 * @property {keyof typeof VALUE_TITLES} value
 * @property {number} keys
 * @property {'zipf' | 'uniform'} [distribution]
 * @property {boolean} [fresh]
 * @property {boolean} [inFlight]
 * @property {string} [name] What sets it apart from a case of the same work and other contenders.
 */

/** @param {Asked} asked @param {string[]} contenders */
function caseOf(
  { call, value, keys, distribution = 'uniform', fresh = false, inFlight = false, name = '' },
  contenders,
) {
  const id = [call, value, SIZES[keys], distribution, fresh ? 'fresh' : 'stable', inFlight ? 'flight' : '', name];
  const title = [
    call === 'miss' ? 'get that misses' : call,
    VALUE_TITLES[value],
    `${keys.toLocaleString('en')} keys`,
    distribution === 'zipf' ? 'Zipf 0.99' : 'uniform',
    fresh ? 'fresh keys' : 'stable keys',
    ...(inFlight ? ['1,000 in flight'] : []),
    ...(name ? [name] : []),
  ];
  const large = keys === 1_000_000 && value !== 'string100';
  return {
    id: id.filter(Boolean).join('-').replaceAll(' ', '-'),
    title: title.join(', '),
    contenders,
    options: { call, value, keys, distribution, fresh, inFlight },
    seconds: Object.fromEntries(
      contenders.map((contender) => [
        contender,
        SECONDS_BESIDE_FILLING + ((FILL_US[contender] ?? FILL_US_OTHERS) * (large ? 3 : 1) * keys) / 1e6,
      ]),
    ),
    node: large ? [...NODE, LARGE_HEAP] : NODE,
    metrics: METRICS,
  };
}

/** What the lines of the ratio table need, and around them a little of everything. */
function defaults() {
  const distribution = 'zipf';
  const bounded = ['redstart', 'redstart, near off', 'lru-cache'];
  const copies = ['redstart, awaited', ...OTHERS];
  return [
    caseOf({ call: 'get', value: 'string100', keys: 1_000 }, [...bounded, ...OTHERS]),
    caseOf({ call: 'get', value: 'string100', keys: 1_000, fresh: true }, bounded),
    caseOf({ call: 'get', value: 'string100', keys: 100_000, distribution, fresh: true }, bounded),
    caseOf({ call: 'get', value: 'string100', keys: 1_000_000, distribution }, bounded),
    caseOf({ call: 'get', value: 'string100', keys: 1_000_000, distribution, fresh: true }, bounded),
    caseOf({ call: 'get', value: 'string1k', keys: 1_000 }, bounded),
    caseOf({ call: 'get', value: 'object200', keys: 1_000, name: 'shared' }, ['redstart, near objects', 'lru-cache']),
    caseOf({ call: 'get', value: 'object200', keys: 1_000 }, [...copies, ...SERVERS]),
    caseOf({ call: 'get', value: 'object1k', keys: 1_000 }, copies),
    caseOf({ call: 'miss', value: 'string100', keys: 100_000, fresh: true }, ['redstart', 'lru-cache', 'keyv']),
    caseOf({ call: 'set', value: 'string100', keys: 1_000 }, ['redstart', 'lru-cache', ...OTHERS]),
    caseOf({ call: 'set', value: 'string100', keys: 1_000_000 }, ['redstart', 'lru-cache']),
    caseOf({ call: 'set', value: 'string100', keys: 1_000_000, fresh: true }, ['redstart', 'lru-cache']),
    caseOf({ call: 'set', value: 'object200', keys: 1_000 }, ['redstart', ...OTHERS]),
    ...servers('string100').slice(0, 3),
  ];
}

/** Redis: gets one after the other and many at a time, then sets. @param {string} value */
function servers(value) {
  return /** @type {const} */ (['get', 'set']).flatMap((call) =>
    [false, true].map((inFlight) =>
      caseOf({ call, value, keys: 1_000, inFlight, name: 'awaited' }, ['redstart, awaited', ...SERVERS]),
    ),
  );
}

/** Every value, number of keys and order, for every contender. */
function all() {
  const values = Object.keys(VALUE_TITLES);
  const every = values.flatMap((value) =>
    Object.keys(SIZES).flatMap((size) =>
      /** @type {const} */ (['zipf', 'uniform']).flatMap((distribution) =>
        [false, true].map((fresh) => ({ value, keys: Number(size), distribution, fresh })),
      ),
    ),
  );
  const cases = every.flatMap((work) => {
    const objects = work.value.startsWith('object');
    const ours = objects ? ['redstart', 'redstart, near objects'] : ['redstart', 'redstart, near off'];
    return [
      caseOf({ call: 'get', ...work }, [...ours, 'redstart, awaited', 'lru-cache', 'quick-lru', ...OTHERS]),
      caseOf({ call: 'set', ...work }, ['redstart', 'lru-cache', 'quick-lru', ...OTHERS]),
      // What a value would have been, and how often it is asked for, is all the same to a miss.
      ...(work.value === 'string100' && work.distribution === 'uniform'
        ? [caseOf({ call: 'miss', ...work }, ['redstart', 'lru-cache', 'quick-lru', ...OTHERS])]
        : []),
    ];
  });
  return [...cases, ...values.flatMap(servers)];
}

/** With --full the default set stays as it is, so that the lines of the ratio table stay comparable. @param {boolean} full */
function cases(full) {
  const core = defaults();
  if (!full) return core;
  const known = new Map(core.map((one) => [one.id, one]));
  return [...core, ...all().filter(({ id }) => !known.has(id))];
}

module.exports = { cases };
