/** What a million entries take, and what keeping them does to the event loop. */
const { STEADY_HEAP } = require('../../figures.js');

const IN_MEMORY = { durability: 'memory' };
const MILLION = 1_000_000;
const DELAY_SECONDS = 3;

/** @param {number} millions */
const bytesCase = (millions) => ({
  id: `bytes-${millions}m`,
  title: `bytes an entry, ${(millions * MILLION).toLocaleString('en')} of 16 B key and 100 B value`,
  contenders: ['redstart', 'lru-cache', 'quick-lru', 'Map'],
  options: { what: 'bytes', entries: millions * MILLION },
  seconds: 0.8 + 1.4 * millions,
  // Five million do not fit what Node takes by itself on a small machine.
  node: [...STEADY_HEAP, '--max-old-space-size=8192'],
  metrics: { bytes: { title: 'bytes an entry', better: 'less' } },
});

/** @param {number} millions @param {string[]} contenders */
const delayCase = (millions, contenders) => ({
  id: `delay-${millions}m`,
  title: `event-loop delay under random writes, ${(millions * MILLION).toLocaleString('en')} entries of 16 B key and 100 B value`,
  contenders,
  options: { what: 'delay', entries: millions * MILLION, seconds: DELAY_SECONDS },
  seconds: DELAY_SECONDS + 0.6 + 1.6 * millions,
  node: ['--max-old-space-size=8192'],
  metrics: {
    p99: { title: 'p99 ms', better: 'less', digits: 2 },
    longest: { title: 'longest ms', better: 'less', digits: 1 },
    monitor: { title: "p99 ms by Node's monitor", better: 'less', digits: 2 },
    sets: { title: 'sets a second', better: 'more' },
  },
});

module.exports = {
  title: 'Memory and pauses',
  notes: [
    'Bytes are what the resident memory of the process grows by, after garbage collection, divided by the entries; keys and values are strings of their own, each in one piece.',
    'Delay: 100 sets a turn of the event loop, as fast as they go, of random keys out of twice as many as the cache holds, so that about half of the sets evict; key and value are made for each set.',
    'p99 is what 99 of 100 requests that come at any moment wait at most until the loop is free: each long turn counts by its length.',
    "Node's monitor (perf_hooks.monitorEventLoopDelay, resolution 1 ms) counts a long turn once however many would have waited in it, and its own millisecond is part of each figure.",
    'A Map has no bound and no TTL: it shows what V8 takes for keys and values alone.',
  ],
  notMeasured: ['Pauses under a heap that is full for other reasons, which makes each garbage collection longer.'],
  contenders: {
    redstart: { ...IN_MEMORY, deviations: 'maxSize out of the way; max: the entries, under random writes' },
    'lru-cache': { ...IN_MEMORY, package: 'lru-cache', deviations: 'max: the entries; ttl' },
    'quick-lru': {
      ...IN_MEMORY,
      package: 'quick-lru',
      deviations: 'maxSize: the entries, of which it holds up to twice as many; maxAge',
    },
    Map: IN_MEMORY,
  },
  /** @param {boolean} full */
  cases: (full) => [
    bytesCase(1),
    delayCase(1, ['redstart', 'lru-cache']),
    ...(full ? [bytesCase(5), delayCase(5, ['redstart', 'lru-cache'])] : []),
  ],
  bars: [
    {
      text: 'bytes an entry, 1,000,000 of 16 B key and 100 B value, against lru-cache',
      case: 'bytes-1m',
      metric: 'bytes',
      ours: 'redstart',
      peer: 'lru-cache',
      atMost: 0.7,
    },
    {
      text: 'event-loop delay p99 under random writes, 1,000,000 entries, against lru-cache',
      case: 'delay-1m',
      metric: 'p99',
      ours: 'redstart',
      peer: 'lru-cache',
      atMost: 0.2,
    },
  ],
  why: {
    Map: 'A Map keeps keys and values alone; redstart also keeps for each entry when it ends and who goes first.',
  },
};
