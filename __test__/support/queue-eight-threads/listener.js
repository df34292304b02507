'use strict';
// A thread that does nothing but listen: what it hears of each job, and how much it misses.
const { parentPort, workerData } = require('node:worker_threads');
const { open } = require('redstart');

const store = open(workerData.url);
const queue = store.queue('eight');
const EVENTS = 'added waiting delayed active retrying stalled paused resumed drained completed failed lagged'.split(
  ' ',
);
const heard = { events: 0, missed: 0, completed: 0, failed: 0, stalled: 0, gaps: 0, twice: 0, lastSeq: 0 };
const ended = new Set();

for (const name of EVENTS) {
  queue.on(name, ({ seq, missed = 0, jobId }) => {
    // What lags says how many it missed, up to its own number.
    const expected = heard.lastSeq + (name === 'lagged' ? missed : 1);
    if (heard.lastSeq > 0 && seq !== expected) heard.gaps += 1;
    heard.lastSeq = seq;
    heard.missed += missed;
    if (name !== 'lagged') heard.events += 1;
    if (name in heard) heard[name] += 1;
    if (name !== 'completed' && name !== 'failed') return;
    if (ended.has(jobId)) heard.twice += 1;
    ended.add(jobId);
  });
}

parentPort.on('message', async () => {
  // Closing tells what is on its way.
  await store.close();
  parentPort.postMessage(heard);
  parentPort.close();
});
parentPort.postMessage('ready');
