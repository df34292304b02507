'use strict';
// A job fills the memory of its thread, and runs again in another. Prints how that went.
const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');
const { open } = require('redstart');

(async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'redstart-queue-'));
  const queue = open('memory:').queue('mail');
  const worker = queue.process(path.join(__dirname, 'work.mjs'));
  let stalls = 0;
  queue.on('stalled', () => {
    stalls += 1;
  });
  const ranIn = await (await queue.add('fillMemoryOnce', path.join(folder, 'filled'))).result();
  const { running } = worker;
  await worker.close();
  rmSync(folder, { recursive: true });
  console.log(JSON.stringify({ stalls, ran: ranIn > 0, running }));
})();
