'use strict';

const { UnrecoverableError } = require('redstart');
const { sign } = require('../receivers.js');
const { requirePublic } = require('../public-address.js');

// Who asks for more than this is asked again all the same.
const RETRY_AFTER_MS_MAX = 60 * 60 * 1000;

/** The receiver is there and cannot take it now; `retryAfterMs` when it said how long to wait. */
class NotNow extends Error {
  constructor(message, retryAfterMs) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

/** The handler of the queue "webhooks". What to do with an answer is the receiver's business, said by its status. */
function createDelivery({ config, receivers }) {
  return async function deliver(job) {
    const receiver = receivers.get(job.data.receiver);
    if (receiver === undefined) {
      throw new UnrecoverableError('the receiver was unregistered');
    }
    const url = new URL(receiver.url);
    await requirePublic(url, { allowLoopback: config.webhooksToLoopback });
    const body = JSON.stringify({ type: job.name, data: job.data.payload });
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...sign(receiver.secret, job.id, body) },
      body,
      // A redirect could lead where requirePublic() would not have let it go.
      redirect: 'manual',
      // Aborted after the job's timeout (queues.js), and when the app ends and is out of patience.
      signal: job.signal,
    });
    // The body is of no interest, but an unread one would keep the connection busy.
    await response.body?.cancel();
    await job.log(`attempt ${job.attempt}: ${response.status}`);
    if (response.ok) {
      return response.status;
    }
    const message = `the receiver answered ${response.status}`;
    if (response.status === 410) {
      await receivers.remove(receiver.id);
      throw new UnrecoverableError(`${message} and was unregistered`);
    }
    // 408, 429 and 5xx are about time. All others say "not like this": the same again would get the same.
    if (response.status >= 500 || response.status === 429 || response.status === 408) {
      throw new NotNow(message, retryAfterMs(response.headers.get('retry-after')));
    }
    throw new UnrecoverableError(message);
  };
}

/** The worker's backoff: what the receiver asked for, else what the queue says. */
function waitBeforeNextTry({ error }) {
  if (!(error instanceof NotNow) || error.retryAfterMs === undefined) return undefined;
  return Math.min(error.retryAfterMs, RETRY_AFTER_MS_MAX);
}

/** Retry-After holds seconds or a date. undefined for none, and for one that makes no sense. */
function retryAfterMs(text) {
  const ms = /^\d+$/.test(text ?? '') ? Number(text) * 1000 : Date.parse(text ?? '') - Date.now();
  return Number.isFinite(ms) ? Math.max(0, ms) : undefined;
}

module.exports = { createDelivery, waitBeforeNextTry };
