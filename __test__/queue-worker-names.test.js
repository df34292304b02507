'use strict';
// A worker with a name is the only one of it: modules that are loaded anew call process() again.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { afterEach, beforeEach, test } = require('node:test');
const { Worker: Thread } = require('node:worker_threads');
const { open } = require('redstart');

const HERE = `redstart.test.worker-names.${process.pid}`;

let names = 0;
let url;
let store;
let queue;
let toClose;

beforeEach(() => {
  url = `memory:${HERE}-${names++}`;
  store = open(url);
  queue = store.queue('q');
  toClose = [store];
});
afterEach(async () => {
  process.removeAllListeners('warning');
  process.on('warning', () => {});
  await Promise.all(toClose.map((each) => each.close({ timeout: 0 })));
});

const soon = () => new Promise((resolve) => setImmediate(resolve));

/** @param {string} id */
function another(id = url) {
  const opened = open(id);
  toClose.push(opened);
  return opened;
}

test('a worker closes the one that has its name [WorkerOptions.name]', async () => {
  const former = queue.process(() => 'former', { name: 'mails' });
  const next = queue.process(() => 'next', { name: 'mails' });
  assert.deepEqual([former.running, next.running], [false, true]);
  for (let job = 0; job < 5; job++) assert.equal(await queue.addAndWait('j', job), 'next');
});

test('the former finishes the job it has, and takes no other', async () => {
  let end;
  const ran = [];
  const former = queue.process(
    ({ data }) => {
      ran.push(data);
      return new Promise((resolve) => (end = resolve));
    },
    { name: 'mails' },
  );
  const first = await queue.add('j', 'first');
  while (end === undefined) await soon();
  queue.process(() => 'next', { name: 'mails' });
  assert.equal(await queue.addAndWait('j', 'second'), 'next');
  end('former');
  assert.equal(await first.result(), 'former');
  await former.close();
  assert.deepEqual(ran, ['first']);
});

test('also one that was made through another handle of the store', async () => {
  const former = queue.process(() => 1, { name: 'mails' });
  another()
    .queue('q')
    .process(() => 2, { name: 'mails' });
  assert.equal(former.running, false);
  assert.equal(await queue.addAndWait('j', 0), 2);
});

test('workers without a name, of other names, queues and stores are left alone', async () => {
  const former = queue.process(() => 1, { name: 'mails' });
  const unnamed = queue.process(() => 1);
  const others = [
    queue.process(() => 1),
    queue.process(() => 1, { name: 'Mails' }),
    store.queue('other').process(() => 1, { name: 'mails' }),
    another('memory:')
      .queue('q')
      .process(() => 1, { name: 'mails' }),
    another('memory:')
      .queue('q')
      .process(() => 1, { name: 'mails' }),
    another(`${url}-other`)
      .queue('q')
      .process(() => 1, { name: 'mails' }),
  ];
  for (const worker of [former, unnamed, ...others]) assert.equal(worker.running, true);
});

test('a worker that has closed gives its name free; the next one is closed by the third', async () => {
  const former = queue.process(() => 1, { name: 'mails' });
  await former.close();
  const next = queue.process(() => 2, { name: 'mails' });
  assert.equal(next.running, true);
  const third = queue.process(() => 3, { name: 'mails' });
  assert.deepEqual([next.running, third.running], [false, true]);
});

test('a former that ends late does not free the name of the one that follows it', async () => {
  let end;
  const former = queue.process(() => new Promise((resolve) => (end = resolve)), { name: 'mails' });
  await queue.add('j', 1);
  while (end === undefined) await soon();
  const next = queue.process(() => 2, { name: 'mails' });
  end();
  await former.close();
  queue.process(() => 3, { name: 'mails' });
  assert.equal(next.running, false);
});

test('the store waits for a former that still runs its job when it closes', async () => {
  let end;
  let ended = false;
  queue.process(() => new Promise((resolve) => (end = resolve)), { name: 'mails' });
  await queue.add('j', 1);
  while (end === undefined) await soon();
  queue.process(() => 2, { name: 'mails' });
  const closing = store.close().then(() => (ended = true));
  await soon();
  assert.equal(ended, false);
  end();
  await closing;
});

test('a worker of the same name in another thread is left alone', async () => {
  const worker = queue.process(() => 1, { name: 'mails' });
  const thread = new Thread(
    `const { open } = require(${JSON.stringify(require.resolve('redstart'))});
     const { parentPort, workerData } = require('node:worker_threads');
     const store = open(workerData);
     const worker = store.queue('q').process(() => 2, { name: 'mails' });
     parentPort.postMessage(worker.running);
     parentPort.once('message', () => store.close());`,
    { eval: true, workerData: url },
  );
  assert.deepEqual(await once(thread, 'message'), [true]);
  assert.equal(worker.running, true);
  thread.postMessage('end');
  await once(thread, 'exit');
});
