'use strict';

const { open } = require('redstart');

/**
 * The app's temporary state, all of it, in one place. Both threads call this with the same URL and get the same store:
 * what one writes, the other reads.
 */
function openState(url) {
  const store = open(url);
  return {
    store,
    // Rendered pages. The lifetime is a safety net: an edit deletes what it changes.
    content: store.cache('content', { ttl: '10m', maxSize: '32mb' }),
    // Two hours without a request and you are logged out.
    sessions: store.sessions('web', { ttl: '2h' }),
    // Per address: the API for everyone, and a much smaller one for guessing passwords.
    apiLimit: store.limiter('api', { limit: 100, window: '1m' }),
    loginLimit: store.limiter('login', { limit: 20, window: '5m' }),
    // Mail servers have bad minutes, seldom bad hours.
    mail: store.queue('mail', {
      defaultJobOptions: { attempts: 5, backoff: { type: 'exponential', delay: '2s', maxDelay: '5m', jitter: 0.2 } },
    }),
    // A receiver that fails is likely being deployed: soon again, then more and more patiently.
    webhooks: store.queue('webhooks', {
      defaultJobOptions: { attempts: 6, backoff: { type: 'exponential', delay: '1s', maxDelay: '10m', jitter: 0.2 } },
    }),
  };
}

module.exports = { openState };
