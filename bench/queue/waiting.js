/**
 * One fresh process of the queue bench: with so many jobs waiting, what each of them takes, and what it costs to add one more
 * and to run one. Prints JSON.
 */
const { open } = require('../../index.js');
const { rssBytes } = require('../figures.js');

const BULK = 10_000;
const ROUNDS = 20;
const JOBS_A_ROUND = 1_000;
const CONCURRENCY = 10;
/** Before the first look: V8 has compiled and grown by then. */
const JOBS_BEFORE = 20_000;

/** Kinds of jobs, by the options of the n-th. @type {Record<string, (n: number) => import('../../index.js').JobOptions>} */
const KINDS = {
  plain: () => ({}),
  prioritized: (n) => ({ priority: 1 + (n % 100) }),
  grouped: (n) => ({ group: { id: `user:${n % 10_000}` } }),
};

async function main() {
  const [waiting, kind] = [Number(process.argv[2]), process.argv[3]];
  const optionsOf = KINDS[kind];
  const store = open('memory:', { maxMemory: '8gb' });
  const queue = store.queue('mail', { defaultJobOptions: { removeOnComplete: true } });
  let added = 0;
  const job = () => ({ name: 'welcome', data: { to: 'someone@example.org', n: added }, opts: optionsOf(added++) });
  const fill = async (/** @type {number} */ count) => {
    for (let left = count; left > 0; left -= BULK) {
      await queue.addBulk(Array.from({ length: Math.min(left, BULK) }, job));
    }
  };
  let ran = 0;
  /** @type {() => void} */
  let enough = () => {};
  let until = 0;
  const worker = queue.process(
    () => {
      ran += 1;
      if (ran === until) {
        worker.pause();
        enough();
      }
    },
    { concurrency: CONCURRENCY },
  );
  /** Runs about so many; nanoseconds a job. @param {number} count */
  const run = async (count) => {
    const [before, start] = [ran, process.hrtime.bigint()];
    until = before + count;
    const done = new Promise((resolve) => {
      enough = () => resolve(undefined);
    });
    worker.resume();
    await done;
    return Number(process.hrtime.bigint() - start) / (ran - before);
  };
  worker.pause();
  await fill(JOBS_BEFORE);
  await run(JOBS_BEFORE - 2 * CONCURRENCY);
  const [rssBefore, bytesBefore] = [await rssBytes(), (await store.stats()).queues.mail.bytes];
  await fill(waiting);
  const [rssAfter, bytesAfter] = [await rssBytes(), (await store.stats()).queues.mail.bytes];
  const ns = { add: 0, take: 0 };
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.hrtime.bigint();
    for (let each = 0; each < JOBS_A_ROUND; each++) {
      const { name, data, opts } = job();
      await queue.add(name, data, opts);
    }
    ns.add += Number(process.hrtime.bigint() - start) / JOBS_A_ROUND / ROUNDS;
    ns.take += (await run(JOBS_A_ROUND)) / ROUNDS;
  }
  const rss = (rssAfter - rssBefore) / waiting;
  console.log(JSON.stringify({ ...ns, rss, said: (bytesAfter - bytesBefore) / waiting }));
  process.exit();
}

main();
