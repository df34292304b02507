/** Sessions: what is compared, and what has to hold. */
const { STEADY_HEAP } = require('../../figures.js');

const IN_MEMORY = { durability: 'memory' };
const BOUNDS = { maxMemory: '4gb', maxAnonymous: 2_000_000 };
const AT_A_MILLION =
  'maxMemory 4 GB and maxAnonymous 2,000,000 at 1,000,000 sessions, which are more than its default bounds';

const contenders = {
  redstart: { ...IN_MEMORY, deviations: AT_A_MILLION },
  'redstart/express-session': { ...IN_MEMORY, deviations: AT_A_MILLION },
  'express-session MemoryStore': { ...IN_MEMORY, package: 'express-session' },
  memorystore: { ...IN_MEMORY, package: 'memorystore', deviations: 'checkPeriod of a day, as in its README; no max' },
  'connect-redis': {
    durability: 'server in memory',
    redis: true,
    package: ['connect-redis', 'redis'],
    deviations: 'through node-redis, as in its README',
  },
  "redstart, users' sessions": { ...IN_MEMORY, deviations: `userId; ${AT_A_MILLION}` },
};
const IN_PROCESS = Object.keys(contenders).slice(0, 4);
const DEFAULT = Object.keys(contenders).slice(0, 5);
const ALL_IN_PROCESS = ['redstart', "redstart, users' sessions", ...IN_PROCESS.slice(1)];

const NS = { title: 'ns for get and set', better: 'less' };
const BYTES = { title: 'bytes a session', better: 'less' };

const DEFAULT_CASES = [
  {
    id: '1k',
    title: 'get, a change, set; 1,000 sessions of 500 B',
    contenders: DEFAULT,
    options: { sessions: 1_000 },
    seconds: 0.7,
    metrics: { ns: NS },
  },
  {
    id: '100k',
    title: 'get, a change, set; 100,000 sessions of 500 B',
    contenders: IN_PROCESS,
    options: { sessions: 100_000, bytes: true },
    seconds: 2,
    node: STEADY_HEAP,
    metrics: { ns: NS, bytes: BYTES },
  },
];

const FULL_CASES = [
  {
    id: 'apart-1k',
    title: 'get and set together and apart; 1,000 sessions of 500 B',
    contenders: [...ALL_IN_PROCESS, 'connect-redis'],
    options: { sessions: 1_000, apart: true },
    seconds: 1.6,
    metrics: { ns: NS, get: { title: 'ns for get', better: 'less' }, set: { title: 'ns for set', better: 'less' } },
  },
  {
    id: '1m',
    title: 'get, a change, set; 1,000,000 sessions of 500 B',
    contenders: ALL_IN_PROCESS,
    options: { sessions: 1_000_000, bytes: true, bounds: BOUNDS },
    seconds: 12,
    node: STEADY_HEAP,
    metrics: { ns: NS, bytes: BYTES },
  },
];

/** @param {string} ours @param {string} peer @param {string} text */
const bar = (ours, peer, text) => ({ text, case: '1k', metric: 'ns', ours, peer, atLeast: 1.5 });

const READ_AS =
  'JSON.parse, createSession and JSON.stringify are most of either; redstart/express-session also remembers as what text and version a session was read, compares its cookie, and crosses into the addon twice, so that of requests at once none undoes the changes of another.';
const COPIED =
  'JSON.parse and JSON.stringify are most of either; redstart also hashes the id, checks versions and keeps the orders by age.';

module.exports = {
  title: 'Sessions',
  notes: [
    'redstart is store.sessions(), sessions of visitors: get, a change, set; redstart/express-session and the rivals are called as express-session calls a Store: get, createSession, a change, set.',
    'Each call is awaited before the next is made, sessions in uniformly random order, the same for all; every visit has to be found in its session at the end.',
    'express-session MemoryStore and memorystore call back by setImmediate: a turn of the event loop a call, which many requests at once would share. They are measured as they are; callbacks are made promises by util.promisify.',
    'redstart/express-session does more a request than they do: it remembers as what text and version a session was read, and compares its cookie, so that of requests at once none undoes the changes of another.',
    'ns: the middle one of 7 batches of some 45 ms, after a warm-up.',
    'bytes: growth of resident memory from 10,000 sessions to all, garbage collected; such a case runs with a young generation of fixed size (--min-semi-space-size=16 --max-semi-space-size=16, --expose-gc), its visits too.',
  ],
  notMeasured: [
    'The middleware around a store, cookies and their signatures: see the requests.',
    'The memory that Redis itself takes, and a real network: Redis runs on the same machine.',
    'Sessions that expire, and floods of visitors: see `npm run bench:sessions`.',
  ],
  contenders,
  /** @param {boolean} full */
  cases: (full) => (full ? [...DEFAULT_CASES, ...FULL_CASES] : DEFAULT_CASES),
  bars: [
    bar('redstart', 'express-session MemoryStore', 'session get and set, serial await, against MemoryStore'),
    bar('redstart', 'memorystore', 'session get and set, serial await, against memorystore'),
    bar(
      'redstart/express-session',
      'express-session MemoryStore',
      'session get and set through redstart/express-session, serial await, against MemoryStore',
    ),
    bar(
      'redstart/express-session',
      'memorystore',
      'session get and set through redstart/express-session, serial await, against memorystore',
    ),
  ],
  why: {
    'redstart/express-session/express-session MemoryStore': READ_AS,
    'redstart/express-session/memorystore': READ_AS,
    'express-session MemoryStore': COPIED,
    memorystore: COPIED,
  },
};
