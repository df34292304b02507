'use strict';

const { open } = require('redstart');

// What these tests leave behind is judged when they are over: by the silence of --detectOpenHandles.

test('a forgotten store without a worker keeps nothing open: Jest ends in spite of this one', async () => {
  const forgotten = open('memory:');
  await forgotten.cache('pages', { ttl: '1h' }).set('home', '<h1>Tea</h1>');
  await forgotten.sessions('web', { ttl: '1h' }).create({ email: 'ada@example.com' });
  await forgotten.limiter('api', { limit: 3, window: '1h' }).consume('ada');
  const job = await forgotten.queue('mail').add('welcome', {}, { delay: '1h' });

  expect(await job.getState()).toBe('delayed');
});

test('a closed worker keeps nothing open, even where something still holds it', async () => {
  const store = open('memory:');
  const worker = store.queue('mail').process(() => 'sent');
  // Node's own modules outlive the environment of a test, and what hangs on them is not garbage.
  require('node:timers').heldByTheTestOfOpenHandles = worker;
  const job = await store.queue('mail').add('welcome', {});

  expect(await job.result()).toBe('sent');
  await store.close();
  expect(worker.running).toBe(false);
});

test('a listener that was taken off again keeps nothing open', async () => {
  const store = open('memory:');
  const queue = store.queue('mail');
  const seen = [];
  const added = new Promise((resolve) => queue.once('added', resolve));
  const note = (event) => seen.push(event);
  queue.on('waiting', note);

  const job = await queue.add('welcome', {}, { delay: '1h' });
  expect(await added).toMatchObject({ jobId: job.id });
  queue.off('waiting', note);
  expect(seen).toHaveLength(0);
});
