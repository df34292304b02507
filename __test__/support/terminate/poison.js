'use strict';
// A job that kills every thread which runs it, in the way that the argument names.
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const { open, RedstartError } = require('redstart');

const kind = process.argv[2];
const MAX_STALLED = 2;
const THREADS_MAX = 20;

/** One thread after the other until `finished`. */
async function startThreadsUntil(finished) {
  let over = false;
  let worker;
  finished.then(() => {
    over = true;
    worker.terminate();
  });
  for (let n = 0; !over; n++) {
    if (n === THREADS_MAX) throw new Error('the poison still runs');
    await new Promise((resolve) => {
      worker = new Worker(path.join(__dirname, 'poisoned.js'), { workerData: { kind, maxStalled: MAX_STALLED } });
      worker.on('message', () => worker.terminate());
      worker.on('error', () => {});
      worker.on('exit', resolve);
    });
  }
}

async function main() {
  const queue = open('memory:app').queue('mail');
  const events = [];
  const poison = await queue.add('poison', null, { attempts: 10 });
  const cure = await queue.add('cure', null);
  for (const event of ['active', 'stalled', 'failed']) {
    queue.on(event, ({ jobId }) => jobId === poison.id && events.push(event));
  }
  const outcomes = Promise.allSettled([poison.result(), cure.result()]);
  await startThreadsUntil(outcomes);
  const [{ reason }, { value }] = await outcomes;
  console.log(
    JSON.stringify({
      isFailure: RedstartError.is(reason, 'ERR_JOB_FAILED'),
      finishKind: reason.finishKind,
      state: await poison.getState(),
      events,
      cure: value,
      maxStalled: MAX_STALLED,
    }),
  );
}

main();
