'use strict';

const path = require('node:path');
const { createMailer } = require('./mail.js');
const { scheduleNights, sweep } = require('./nightly.js');
const { createDelivery, waitBeforeNextTry } = require('./webhooks.js');

/**
 * Starts what works on the queues. A handler that throws has failed this attempt, and the queue tries again after the
 * backoff. A handler may also run twice for one job (the process can die between the work and the note that it is done),
 * so each is written to do no harm the second time.
 *
 * store.close() stops the workers and waits for what they are doing.
 */
async function startJobs({ config, receivers, state }) {
  const { deadLetters, mail, nightly, pictures, webhooks } = state;
  const workers = [
    // Mail is waiting on the network: a few at once cost nothing.
    mail.process(createMailer(config), { concurrency: 5 }),
    // Many receivers at once, and of each one webhook at a time: who is slow keeps nobody else waiting.
    webhooks.process(createDelivery({ config, receivers }), {
      concurrency: 20,
      group: { concurrency: 1 },
      backoff: waitBeforeNextTry,
    }),
    // Scaling a picture is work for a processor, so it happens in two threads of its own, and requests do not feel it.
    // One picture a member at a time: the one that was uploaded last is the one that stays.
    pictures.process(path.join(__dirname, 'pictures.js'), { threads: 2, group: { concurrency: 1 } }),
    nightly.process((job) => sweep(job, { dataDir: config.dataDir, deadLetters })),
  ];
  for (const worker of workers) {
    worker.on('retrying', (job, error) => {
      console.warn(`${job.name} ${job.id}: attempt ${job.attempt} failed (${reason(error)}), another follows`);
    });
    worker.on('failed', (job, error) => console.error(`${job.name} ${job.id} failed for good: ${reason(error)}`));
    worker.on('error', (error) => console.error('Job worker:', error));
  }
  await scheduleNights(nightly);
}

/** fetch says "fetch failed" and keeps the reason in the cause. */
function reason(error) {
  return error.cause?.message || error.message;
}

module.exports = { startJobs };
