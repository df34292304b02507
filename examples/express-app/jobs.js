'use strict';

const nodemailer = require('nodemailer');
const { UnrecoverableError } = require('redstart');

const DELIVERY_TIMEOUT_MS = 5_000;

/**
 * Starts what works on the queues. A handler that throws has failed this attempt, and the queue tries again after the
 * backoff. A handler may also run twice for one job (the process can die between the work and the note that it is done),
 * so both handlers send an id by which the other side can recognise a repetition.
 */
function startJobs({ mail, webhooks }, { smtpUrl, webhookUrl }) {
  const transport = nodemailer.createTransport({
    url: smtpUrl,
    connectionTimeout: DELIVERY_TIMEOUT_MS,
    greetingTimeout: DELIVERY_TIMEOUT_MS,
    socketTimeout: DELIVERY_TIMEOUT_MS,
  });
  const workers = [
    // Mail is waiting on the network: a few at once cost nothing.
    mail.process((job) => sendMail(transport, job), { concurrency: 5 }),
    webhooks.process((job) => deliver(webhookUrl, job), { concurrency: 5 }),
  ];
  for (const worker of workers) {
    worker.on('retrying', (job, error) => {
      console.warn(`${job.name} ${job.id}: attempt ${job.attempt} failed (${reason(error)}), another follows`);
    });
    worker.on('failed', (job, error) => console.error(`${job.name} ${job.id} failed for good: ${reason(error)}`));
    worker.on('error', (error) => console.error('Job worker:', error));
  }
  // store.close() stops the workers and waits for what they are doing.
}

async function sendMail(transport, job) {
  const { to, name } = job.data;
  await transport.sendMail({
    from: { name: 'Ephemera', address: 'hello@ephemera.example' },
    // As an object: text from a form must not become a second recipient.
    to: { name, address: to },
    subject: `Welcome to Ephemera, ${name}`,
    text: `Hello ${name},\n\nyour account is ready. This letter was a job in a queue, and now it is a letter.\n`,
    messageId: `<${job.id}@ephemera.example>`,
  });
}

async function deliver(webhookUrl, job) {
  const response = await fetch(webhookUrl, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      // The same for every attempt: the receiver can tell a second delivery from a second event.
      'idempotency-key': job.id,
    },
    body: JSON.stringify({ event: job.name, ...job.data }),
    // Given up after a while, and at once when the app is shutting down and out of patience.
    signal: AbortSignal.any([job.signal, AbortSignal.timeout(DELIVERY_TIMEOUT_MS)]),
  });
  // The body is of no interest, but an unread one would keep the connection busy.
  await response.body?.cancel();
  if (response.ok) {
    return response.status;
  }
  const message = `the receiver answered ${response.status}`;
  // "Not like this": sending the same again would get the same answer. 408 and 429 are about time, like all 5xx.
  if (response.status < 500 && response.status !== 408 && response.status !== 429) {
    throw new UnrecoverableError(message);
  }
  throw new Error(message);
}

/** fetch says "fetch failed" and keeps the reason in the cause. */
function reason(error) {
  return error.cause?.message || error.message;
}

module.exports = { startJobs };
