/** Rate limiters: what is compared, and what has to hold. */
const { STEADY_HEAP } = require('../../figures.js');

const IN_MEMORY = { durability: 'memory' };
const IN_REDIS = { durability: 'server in memory', redis: true };

const contenders = {
  redstart: IN_MEMORY,
  'redstart, awaited': IN_MEMORY,
  'redstart gcra': IN_MEMORY,
  'express-rate-limit': { package: 'express-rate-limit', ...IN_MEMORY },
  'rate-limiter-flexible': { package: 'rate-limiter-flexible', ...IN_MEMORY },
  'rate-limit-redis': { package: ['rate-limit-redis', 'redis'], ...IN_REDIS, deviations: 'through node-redis' },
  'rate-limiter-flexible, Redis': {
    package: ['rate-limiter-flexible', 'ioredis'],
    ...IN_REDIS,
    deviations: 'through ioredis',
  },
  'redstart gcra, awaited': IN_MEMORY,
  'redstart sliding-log': IN_MEMORY,
  'redstart sliding-counter': IN_MEMORY,
  'redstart fixed-window': IN_MEMORY,
  'redstart token-bucket': IN_MEMORY,
};
const MAIN = ['redstart', 'express-rate-limit', 'rate-limiter-flexible'];
const ALGORITHMS = Object.keys(contenders).filter((name) => /^redstart( [a-z-]+)?$/.test(name));

const NS = { title: 'ns a decision', better: 'less' };
const BYTES = { title: 'bytes a key', better: 'less' };

const DEFAULT_CASES = [
  {
    id: 'fresh-10k',
    title: '10,000 keys, a string made anew for each call',
    contenders: Object.keys(contenders).slice(0, 7),
    options: { keys: 10_000, fresh: true },
    seconds: 0.7,
    metrics: { ns: NS },
  },
  {
    id: 'stable-10k',
    title: '10,000 keys, the same strings at each call',
    contenders: MAIN,
    options: { keys: 10_000, fresh: false },
    seconds: 0.6,
    metrics: { ns: NS },
  },
  {
    id: 'fresh-1m',
    title: '1,000,000 keys, a string made anew for each call',
    contenders: MAIN,
    options: { keys: 1_000_000, fresh: true, bytes: true },
    seconds: { redstart: 2, 'express-rate-limit': 3, 'rate-limiter-flexible': 5 },
    node: STEADY_HEAP,
    metrics: { ns: NS, bytes: BYTES },
  },
];

const FULL_CASES = [
  {
    id: 'stable-1m',
    title: '1,000,000 keys, the same strings at each call',
    contenders: MAIN,
    options: { keys: 1_000_000, fresh: false },
    seconds: { redstart: 2, 'express-rate-limit': 3, 'rate-limiter-flexible': 4 },
    metrics: { ns: NS },
  },
  {
    id: 'awaited-1m',
    title: '1,000,000 keys, a string made anew for each call, awaited',
    contenders: ['redstart, awaited', 'redstart gcra, awaited'],
    options: { keys: 1_000_000, fresh: true },
    seconds: 2,
    metrics: { ns: NS },
  },
  {
    id: 'algorithms-1m',
    title: "redstart's algorithms, 1,000,000 keys, a string made anew for each call",
    contenders: ALGORITHMS,
    options: { keys: 1_000_000, fresh: true, bytes: true },
    seconds: 2,
    node: STEADY_HEAP,
    metrics: { ns: NS, bytes: BYTES, said: { title: 'bytes a key by stats()', better: 'less' } },
  },
];

module.exports = {
  title: 'Rate limits',
  notes: [
    'redstart is consumeSync of the default algorithm, sliding-window, where nothing else is said; its defaults hold at all sizes.',
    'Of express-rate-limit and rate-limit-redis the store is called, with what the middleware awaits for each request: increment().',
    'A limit of 60,000 an hour that nobody reaches, as rate-limiter-flexible rejects a denial, which costs more than the limiter.',
    'Keys such as user:1234567 in uniformly random order, the same for all, each hit once before; the units that all answers tell are added up and checked.',
    "A request's key is a string that V8 has neither hashed nor seen, such as the address of a connection or a header, so the bars are on strings made anew; they are made 512 at a time just before and that is not timed.",
    'Strings of 12 characters in one piece; rate-limiter-flexible puts its prefix before them itself.',
    'ns: the median of batches of 10 ms, one call after the other.',
    'bytes: growth of resident memory from 20,000 keys to 1,000,000, garbage collected; that case runs with a young generation of fixed size (--min-semi-space-size=16 --max-semi-space-size=16, --expose-gc), its decisions too.',
    'A sliding log holds one call a key there, in room for four; each further one takes 8 bytes.',
  ],
  notMeasured: [
    'Denials, blocks, expiry of windows, and many requests at once, which would share the round trips to Redis.',
    'The memory that Redis itself takes.',
    'A real network: Redis runs on the same machine.',
  ],
  contenders,
  /** @param {boolean} full */
  cases: (full) => (full ? [...DEFAULT_CASES, ...FULL_CASES] : DEFAULT_CASES),
  bars: [
    {
      text: "consumeSync, sliding-window, 10,000 keys, against express-rate-limit's MemoryStore",
      case: 'fresh-10k',
      metric: 'ns',
      ours: 'redstart',
      peer: 'express-rate-limit',
      atLeast: 2,
    },
    {
      text: "consumeSync, sliding-window, 1,000,000 keys, against express-rate-limit's MemoryStore",
      case: 'fresh-1m',
      metric: 'ns',
      ours: 'redstart',
      peer: 'express-rate-limit',
      atLeast: 2,
    },
    {
      text: 'consumeSync, 10,000 keys, against rate-limiter-flexible in memory',
      case: 'fresh-10k',
      metric: 'ns',
      ours: 'redstart',
      peer: 'rate-limiter-flexible',
      atLeast: 5,
    },
    {
      text: 'bytes a limiter key at 1,000,000, against express-rate-limit',
      case: 'fresh-1m',
      metric: 'bytes',
      ours: 'redstart',
      peer: 'express-rate-limit',
      atMost: 0.4,
    },
    {
      text: 'bytes a limiter key at 1,000,000, against rate-limiter-flexible',
      case: 'fresh-1m',
      metric: 'bytes',
      ours: 'redstart',
      peer: 'rate-limiter-flexible',
      atMost: 0.2,
    },
  ],
  why: {},
};
