/** One cache in two threads: what the second thread adds. */

const IN_MEMORY = { durability: 'memory' };
const METRICS = { operations: { title: 'calls a second', better: 'more' } };
const KEYS = 100_000;
const MS = 600;

const ONE = 'redstart, one thread';
const TWO = 'redstart, two threads';
const [NEAR_OFF_ONE, NEAR_OFF_TWO] = ['redstart, near off, one thread', 'redstart, near off, two threads'];
const LRU = 'lru-cache, one in each of two threads';

/** @param {string} id @param {string} title @param {string[]} contenders */
const caseOf = (id, title, contenders) => ({
  id,
  title: `${title}, 90 % reads, 10 % sets, 100 B string, 100,000 keys`,
  contenders,
  options: { keys: KEYS, ms: MS },
  seconds: 1.2,
  metrics: METRICS,
});
const CASES = [
  caseOf('one-and-two', 'one and two threads', [ONE, TWO, NEAR_OFF_ONE, NEAR_OFF_TWO]),
  caseOf('two', 'two threads', [TWO, NEAR_OFF_TWO, LRU]),
];

module.exports = {
  title: 'Threads',
  notes: [
    'Each thread makes 90 % getSync and 10 % setSync of a 100 B string, 100,000 keys, uniform, stable keys, for 0.6 s; threads start at one moment, and the main thread sleeps.',
    'Both threads of redstart work on one cache: what one sets, the other reads. With lru-cache each thread has a cache of its own, which takes the memory twice and knows nothing of what the other sets; no two threads can share one.',
  ],
  notMeasured: ['More than two threads, which need as many cores.'],
  contenders: {
    [ONE]: IN_MEMORY,
    [TWO]: IN_MEMORY,
    [NEAR_OFF_ONE]: IN_MEMORY,
    [NEAR_OFF_TWO]: IN_MEMORY,
    [LRU]: { ...IN_MEMORY, package: 'lru-cache', deviations: 'max, ttl; not shared' },
  },
  cases: () => CASES,
  bars: [
    {
      text: 'two threads against one, 90 % reads, 100,000 keys',
      case: 'one-and-two',
      metric: 'operations',
      ours: TWO,
      peer: ONE,
      atLeast: 1.6,
    },
  ],
  why: {
    [LRU]:
      'Each of its threads reads and writes a heap of its own, without a call into an addon and without seeing what the other has set.',
  },
};
