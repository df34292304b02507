/** One cache in two threads: what the second thread adds. */

const IN_MEMORY = { durability: 'memory' };
const METRICS = { operations: { title: 'calls a second', better: 'more' } };
const KEYS = 100_000;
const MS = 600;

const CASE = 'read90-string100-100k';
const ONE = 'redstart, one thread';
const TWO = 'redstart, two threads';
const LRU = ['lru-cache, one thread', 'lru-cache, one in each of two threads'];

module.exports = {
  title: 'Threads',
  notes: [
    'Each thread makes 90 % getSync and 10 % setSync of a 100 B string, 100,000 keys, uniform, stable keys, for 0.6 s; threads start at one moment, and the main thread sleeps.',
    'Both threads of redstart work on one cache: what one sets, the other reads. With lru-cache each thread has a cache of its own, which takes the memory twice and knows nothing of what the other sets: there is no sharing it.',
  ],
  notMeasured: ['More than two threads, which need as many cores.'],
  contenders: {
    [ONE]: IN_MEMORY,
    [TWO]: IN_MEMORY,
    'redstart, near off, one thread': IN_MEMORY,
    'redstart, near off, two threads': IN_MEMORY,
    [LRU[0]]: { ...IN_MEMORY, package: 'lru-cache', deviations: 'max, ttl' },
    [LRU[1]]: { ...IN_MEMORY, package: 'lru-cache', deviations: 'max, ttl; not shared' },
  },
  /** @param {boolean} _full The same. */
  cases: (_full) => [
    {
      id: CASE,
      title: '90 % reads, 10 % sets, 100 B string, 100,000 keys',
      contenders: [ONE, TWO, 'redstart, near off, one thread', 'redstart, near off, two threads', ...LRU],
      options: { keys: KEYS, ms: MS },
      seconds: 1.3,
      metrics: METRICS,
    },
  ],
  bars: [
    {
      text: 'two threads against one, 90 % reads, 100,000 keys',
      case: CASE,
      metric: 'operations',
      ours: TWO,
      peer: ONE,
      atLeast: 1.6,
    },
  ],
  why: {},
};
