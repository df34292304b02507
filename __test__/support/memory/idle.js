'use strict';
// A store with all there is to watch over and nothing to do: the CPU time of the whole process.
const { open } = require('redstart');
const { collect } = require('./figures.js');

const WARM_UP_MS = 1_000;
const IDLE_MS = 10_000;
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function main() {
  const store = open('memory:app');
  await store.cache('pages', { ttl: '1h' }).set('home', '<h1>');
  await store.sessions('logins', { ttl: '1h' }).create({ user: 'ada' });
  await store.limiter('calls', { limit: 10, window: '1h' }).consume('ada');
  const queue = store.queue('mail');
  queue.on('completed', () => {});
  const worker = queue.process(() => null);
  const adding = Array.from({ length: 100 }, (_, n) => queue.add('later', { n }, { delay: '1h' }));
  await Promise.all(adding);
  await collect();
  await wait(WARM_UP_MS);

  const before = process.cpuUsage();
  await wait(IDLE_MS);
  const { user, system } = process.cpuUsage(before);
  const { delayed } = await queue.getJobCounts();
  await worker.close();
  console.log(JSON.stringify({ cpuMs: (user + system) / 1000, delayed }));
}

main();
