'use strict';
// Private stores come and go, each having used all four features: 'closed' or, as the argument says, only 'dropped'.
const { open } = require('redstart');
const { memory, median } = require('./figures.js');

const WARM_UP = 2_000;
const STORES = 10_000;
const STORES_A_SAMPLE = 250;
const close = process.argv[2] === 'closed';

async function useStore() {
  const store = open('memory:');
  await store.cache('pages', { ttl: '1h' }).set('home', '<h1>');
  await store.sessions('logins', { ttl: '1h' }).create({ user: 'ada' });
  await store.limiter('calls', { limit: 10, window: '1h' }).consume('ada');
  const queue = store.queue('mail');
  await queue.add('later', { to: 'ada' }, { delay: '1h' });
  const worker = close ? queue.process(() => null) : undefined;
  const done = worker && (await (await queue.add('now', null)).result());
  if (close) await store.close();
  return done;
}

async function main() {
  // A delayed job goes with its store, which is what is wanted here.
  process.removeAllListeners('warning');
  let dropped = 0;
  process.on('warning', ({ code }) => {
    if (code === 'REDSTART_JOBS_DROPPED') dropped += 1;
  });
  const rss = [];
  for (let n = 1; n <= WARM_UP + STORES; n++) {
    await useStore();
    if (n % STORES_A_SAMPLE !== 0) continue;
    const { rss: now } = await memory();
    if (n > WARM_UP) rss.push(now);
  }
  const { heapUsed, external } = await memory();
  const fifth = Math.floor(rss.length / 5);
  const first = median(rss.slice(0, fifth));
  const last = median(rss.slice(-fifth));
  console.log(
    JSON.stringify({ first, last, grown: last - first, heapUsed, external, dropped, rss: rss.map(Math.round) }),
  );
}

main();
