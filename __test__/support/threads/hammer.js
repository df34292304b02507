'use strict';
// Eight threads on one store, all four features at once. Main compares what the store counted with what the threads
// counted themselves and prints both. With --frozen the store runs on a manual clock that stands still meanwhile.
const path = require('node:path');
const { manualClock, open } = require('redstart');
const { Barrier } = require('../barrier.js');
const { crew } = require('../crew.js');
const { CACHE_KEYS, JOBS, LIMITERS, SESSION_ID_CHARS, THREADS } = require('./plan.js');

async function main() {
  const clock = process.argv.includes('--frozen') ? manualClock() : undefined;
  const store = open('memory:app', { clock });
  const cache = store.cache('pages', { ttl: '1h', maxSize: '64mb' });
  const sessions = store.sessions('logins', { ttl: '1h' });
  for (const name in LIMITERS) store.limiter(name, LIMITERS[name]);
  const heard = listen(store.queue('mail'));

  const shared = {
    barrier: new SharedArrayBuffer(Barrier.BYTES),
    ids: new SharedArrayBuffer(THREADS * SESSION_ID_CHARS),
    attempts: new SharedArrayBuffer(JOBS * Int32Array.BYTES_PER_ELEMENT),
    doneBy: new SharedArrayBuffer(JOBS * Int32Array.BYTES_PER_ELEMENT),
  };
  let waiting = 0;
  const reports = await crew(path.join(__dirname, 'hammer-thread.js'), THREADS, shared, ({ waitsForJobs }) => {
    if (waitsForJobs) waiting += 1;
    // Retries are due a little later; where time stands still, they wait for it to move.
    if (waiting === THREADS) clock?.advanceAsync('1s');
  });

  console.log(
    JSON.stringify({
      reports,
      heard: await heard.all(),
      stats: await store.stats(),
      cached: CACHE_KEYS.filter((key) => cache.hasSync(key)).length,
      sessions: await sessions.count(),
      attempts: [...new Int32Array(shared.attempts)],
      doneBy: [...new Int32Array(shared.doneBy)],
    }),
  );
}

/** Counts events by name, and gaps in their numbers. */
function listen(queue) {
  const counts = { gaps: 0 };
  let seq;
  const told = (event) => (payload) => {
    counts[event] = (counts[event] ?? 0) + 1;
    if (seq !== undefined && payload.seq !== seq + 1) counts.gaps += 1;
    seq = payload.seq;
  };
  for (const event of [
    'added',
    'waiting',
    'delayed',
    'active',
    'completed',
    'retrying',
    'failed',
    'stalled',
    'drained',
    'lagged',
  ]) {
    queue.on(event, told(event));
  }
  return {
    // Events come in order: when a job added last has completed, all before it have been heard.
    async all() {
      const worker = queue.process(() => null);
      const job = await queue.add('last', null);
      await new Promise((resolve) => {
        queue.on('completed', ({ jobId }) => jobId === job.id && resolve());
      });
      await worker.close();
      return counts;
    },
  };
}

main();
