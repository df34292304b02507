'use strict';
const { parentPort, workerData } = require('node:worker_threads');
const { open } = require('redstart');

// Neither of the two closes its handle: a thread that ends does not take the store with it.
const store = open('memory:app');

async function leave() {
  await store.cache('pages', { ttl: null }).set('home', '<h1>');
  const { id } = await store.sessions('logins', { ttl: '1h' }).create({ user: 'ada' });
  await store.limiter('calls', { limit: 2, window: '1h' }).consume('ada');
  await store.queue('mail').add('welcome', { to: 'ada' }, { jobId: 'welcome-ada' });
  return { id };
}

async function find() {
  const queue = store.queue('mail');
  const worker = queue.process(({ data }) => `sent to ${data.to}`);
  const sent = await (await queue.getJob('welcome-ada')).result();
  await worker.close();
  return {
    page: await store.cache('pages').get('home'),
    session: await store.sessions('logins').get(workerData.id),
    remaining: (await store.limiter('calls').consume('ada')).remaining,
    sent,
  };
}

(workerData.task === 'leave' ? leave() : find()).then((report) => parentPort.postMessage(report));
