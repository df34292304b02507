'use strict';

const nodemailer = require('nodemailer');
const { UnrecoverableError } = require('redstart');

const CONNECT_TIMEOUT_MS = 5_000;

/** The handler of the queue "mail". */
function createMailer({ smtpUrl }) {
  const transport = nodemailer.createTransport({
    url: smtpUrl,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    greetingTimeout: CONNECT_TIMEOUT_MS,
  });

  return async function sendMail(job) {
    const { to, name } = job.data;
    try {
      const { response } = await transport.sendMail({
        from: { name: 'Ephemera', address: 'hello@ephemera.example' },
        // As an object: text from a form must not become a second recipient.
        to: { name, address: to },
        subject: `Welcome to Ephemera, ${name}`,
        text: `Hello ${name},\n\nyour account is ready. This letter was a job in a queue, and now it is a letter.\n`,
        // The same for every attempt: a mailbox that gets the letter twice shows it once.
        messageId: `<${job.id}@ephemera.example>`,
        // Hangs up when the job's time is over, when it was cancelled, and when the app is out of patience at its end.
        signal: job.signal,
      });
      await job.log(`attempt ${job.attempt}: ${response}`);
    } catch (error) {
      if (job.signal.aborted) {
        throw job.signal.reason;
      }
      await job.log(`attempt ${job.attempt}: ${error.message}`);
      // 5xx is "no such mailbox" and the like: the same again would get the same. 4xx is "not now".
      throw error.responseCode >= 500 ? new UnrecoverableError(error.message) : error;
    }
  };
}

module.exports = { createMailer };
