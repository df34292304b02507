'use strict';
// Ways in which a process with threads ends by itself: they are closed, or do not count, whatever happens to them.
const path = require('node:path');
const { open } = require('redstart');

const stories = {
  close: async (queue, worker) => {
    await (await queue.add('say', 'said in a thread')).result();
    await worker.close();
  },
  unref: async (queue, worker) => {
    worker.unref();
    await (await queue.add('say', 'said in a thread')).result();
  },
  replaced: async (queue, worker) => {
    worker.unref();
    await (await queue.add('exit', null)).result().catch(() => {});
    await (await queue.add('tell', null)).result();
  },
};

const queue = open('memory:').queue('mail');
const worker = queue.process(path.join(__dirname, 'work.mjs'), { maxStalledCount: 0 });
worker.on('completed', () => {});
process.on('exit', () => console.log(worker.running ? 'ended running' : 'ended closed'));
stories[process.argv[2]](queue, worker);
