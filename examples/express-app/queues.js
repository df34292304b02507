'use strict';

/**
 * The app's queues, and how each takes failure. The other thread opens them as well and must say the same, so the options
 * have one place. What works on them is in jobs/.
 */
function openQueues(store) {
  return {
    // Mail servers have bad minutes, seldom bad hours. A letter that could not be sent at all is kept where somebody sees it.
    mail: store.queue('mail', {
      defaultJobOptions: {
        attempts: 5,
        backoff: { type: 'exponential', delay: '2s', maxDelay: '5m', jitter: 0.2 },
        timeout: '30s',
      },
      deadLetter: 'dead-letters',
    }),
    // Nobody works on this one: its jobs wait until a member looks at /stats and sends them again.
    deadLetters: store.queue('dead-letters'),
    // The receiver has a word in how long to wait: see jobs/webhooks.js.
    webhooks: store.queue('webhooks', {
      defaultJobOptions: {
        attempts: 8,
        timeout: '5s',
        backoff: { type: 'exponential', delay: '1s', maxDelay: '10m', jitter: 0.2 },
      },
    }),
    // What goes wrong with a picture goes wrong again, and a second try might come after the next upload and undo it. A
    // thread that dies is another matter: its job is given to the next thread, first of all.
    pictures: store.queue('pictures', { defaultJobOptions: { attempts: 1, timeout: '30s' } }),
    nightly: store.queue('nightly', { defaultJobOptions: { timeout: '5m' } }),
  };
}

module.exports = { openQueues };
