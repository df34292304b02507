'use strict';
// A thread that has threads of its own.
const path = require('node:path');
const { parentPort, threadId } = require('node:worker_threads');
const { open } = require('redstart');

(async () => {
  const queue = open('memory:').queue('inner');
  const worker = queue.process(path.join(__dirname, 'work.mjs'), { threads: 2 });
  const ranIn = await (await queue.add('tell', null)).result();
  await worker.close();
  parentPort.postMessage({ threadId, ranIn });
})();
