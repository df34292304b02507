'use strict';
// One of the threads of hammer.js.
const { parentPort, workerData } = require('node:worker_threads');
const { open, RedstartError, UnrecoverableError } = require('redstart');
const { Barrier } = require('../barrier.js');
const { valueFor, check } = require('../values.js');
const plan = require('./plan.js');

const { number, count } = workerData;
const barrier = new Barrier(workerData.barrier, count);
const store = open('memory:app');
const turn = () => new Promise((resolve) => setImmediate(resolve));

/** What this thread saw, to be compared with what the store counted. */
const seen = {
  cache: { hits: 0, misses: 0 },
  limiters: Object.fromEntries(Object.keys(plan.LIMITERS).map((name) => [name, { allowed: 0, denied: 0, keys: {} }])),
  jobs: { completed: 0, exhausted: 0, unrecoverable: 0, wrong: 0 },
};

const cache = store.cache('pages');
const READS_A_ROUND = 400;

/** Reads, writes and removes; every value read must be whole and its key's own. */
async function hammerCache(round) {
  for (let n = 0; n < READS_A_ROUND; n++) {
    const seed = 1 + number + count * (n + READS_A_ROUND * round);
    const key = plan.CACHE_KEYS[(seed * 7919) % plan.CACHE_KEYS.length];
    if (n % 5 === 0) cache.setSync(key, valueFor(key, seed));
    else if (n % 23 === 0) cache.deleteSync(key);
    else await readCache(key, seed, n % 7 === 0);
  }
}

async function readCache(key, seed, load) {
  let value;
  let missed;
  if (load) {
    value = await cache.getOrSet(key, () => {
      missed = true;
      return valueFor(key, seed);
    });
  } else {
    value = cache.getSync(key);
    missed = value === undefined;
  }
  seen.cache[missed ? 'misses' : 'hits'] += 1;
  if (value !== undefined) check(key, value);
}

/** Asks for more than there is, in costs of one and, under one key, of up to five. */
async function hammerLimiters(round) {
  for (const name in plan.LIMITERS) {
    for (const key of plan.LIMITER_KEYS) {
      const cost = key === 'costs' ? 1 + ((round + number) % 5) : 1;
      await consume(name, key, cost);
      await consume(name, key, cost);
    }
    await store.limiter(name).peek('a');
  }
}

async function consume(name, key, cost) {
  const limiter = store.limiter(name);
  const { allowed } = cost % 2 === 0 ? limiter.consumeSync(key, { cost }) : await limiter.consume(key, { cost });
  const tally = seen.limiters[name];
  tally[allowed ? 'allowed' : 'denied'] += 1;
  if (allowed) tally.keys[key] = (tally.keys[key] ?? 0) + cost;
  return allowed;
}

/** What larger costs have left over goes by ones, until the limit is met exactly. */
async function drainLimiters() {
  for (const name in plan.LIMITERS) {
    for (const key of plan.LIMITER_KEYS) while (await consume(name, key, 1));
  }
}

const ids = new Uint8Array(workerData.ids);
const idOf = (thread) => {
  const from = thread * plan.SESSION_ID_CHARS;
  return Buffer.from(ids.slice(from, from + plan.SESSION_ID_CHARS)).toString('latin1');
};

/** Each makes a session; all read all of them, at once; each destroys its own; nobody finds one any more. */
async function hammerSessions(round) {
  const sessions = store.sessions('logins');
  const { id } = await sessions.create({ number, round, visits: 0 });
  ids.set(Buffer.from(id, 'latin1'), number * plan.SESSION_ID_CHARS);
  barrier.wait();
  for (let thread = 0; thread < count; thread++) {
    const data = await sessions.get(idOf(thread));
    if (data?.number !== thread || data.round !== round)
      throw new Error(`session of ${thread}: ${JSON.stringify(data)}`);
  }
  barrier.wait();
  await sessions.set(id, { number, round, visits: 1 });
  barrier.wait();
  for (let thread = 0; thread < count; thread++) {
    const data = await sessions.get(idOf(thread));
    if (data?.visits !== 1) throw new Error(`session of ${thread}, set again: ${JSON.stringify(data)}`);
  }
  barrier.wait();
  // The last round's sessions stay, to be counted.
  if (round === plan.ROUNDS - 1) return;
  if (!(await sessions.destroy(id))) throw new Error('a session was gone before it was destroyed');
  barrier.wait();
  for (let thread = 0; thread < count; thread++) {
    if ((await sessions.get(idOf(thread))) !== undefined)
      throw new Error(`session of ${thread} outlived its destruction`);
  }
  // Not before all have looked does the next round write other ids.
  barrier.wait();
}

const queue = store.queue('mail');
const attempts = new Int32Array(workerData.attempts);
const doneBy = new Int32Array(workerData.doneBy);

async function handle({ data, attempt }) {
  const { job } = data;
  const fate = plan.fateOf(job);
  if (Atomics.add(attempts, job, 1) + 1 !== attempt)
    throw new UnrecoverableError(`job ${job}: attempt ${attempt} twice`);
  if (job % 2 === 0) await turn();
  if (fate.kind === 'unrecoverable') throw new UnrecoverableError('never');
  if (fate.kind === 'exhausted' || attempt < fate.attempts) throw new Error('not yet');
  if (Atomics.compareExchange(doneBy, job, 0, number + 1) !== 0) throw new UnrecoverableError(`job ${job} ran twice`);
  return { job, by: number };
}

/** Whoever adds a job waits for what became of it, whichever thread ran it. */
async function addJob(job) {
  const backoff = { type: 'fixed', delay: 1 };
  const added = await queue.add('job', { job }, { jobId: `job-${job}`, attempts: plan.ATTEMPTS, backoff });
  return added.result().then(
    (result) => (result.job === job && result.by + 1 === doneBy[job] ? 'completed' : 'wrong'),
    (error) => (RedstartError.is(error, 'ERR_JOB_FAILED') ? error.finishKind : Promise.reject(error)),
  );
}

async function main() {
  const worker = queue.process(handle, { concurrency: 4 });
  const outcomes = [];
  barrier.wait();
  for (let round = 0; round < plan.ROUNDS; round++) {
    await hammerCache(round);
    await hammerLimiters(round);
    for (let n = 0; n < plan.JOBS_A_ROUND; n++) {
      const job = (round * count + number) * plan.JOBS_A_ROUND + n;
      outcomes.push(addJob(job));
    }
    await hammerSessions(round);
    await turn();
  }
  await drainLimiters();
  parentPort.postMessage({ waitsForJobs: true });
  for (const outcome of await Promise.all(outcomes)) seen.jobs[outcome] += 1;
  await worker.close();
  await store.close();
  parentPort.postMessage(seen);
}

main();
