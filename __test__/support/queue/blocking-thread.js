'use strict';
// A worker in a thread of its own. Its handler says that it began and, where `blocksMs` is given, blocks the event loop for so long
// or until it is let go.
const { once } = require('node:events');
const { parentPort, workerData } = require('node:worker_threads');
const { open } = require('redstart');

const { url, name, options, gate, blocksMs } = workerData;
const tell = (what, more = {}) => parentPort.postMessage({ name, what, ...more });
const store = open(url);

const worker = store.queue('jobs').process(async (job) => {
  tell('began');
  if (blocksMs === undefined) return name;
  Atomics.wait(new Int32Array(gate), 0, 0, blocksMs);
  const late = await job.updateProgress('late').then(
    () => 'kept',
    ({ code }) => code,
  );
  // The news of it comes as soon as the loop turns.
  if (late !== 'kept' && !job.signal.aborted) await once(job.signal, 'abort');
  tell('ended', { progress: late, signal: job.signal.reason?.code });
  return name;
}, options);
for (const event of ['completed', 'failed', 'lease-lost', 'error']) worker.on(event, () => tell(event));
parentPort.once('message', async () => {
  await worker.close();
  await store.close();
  tell('closed');
});
tell('waits');
