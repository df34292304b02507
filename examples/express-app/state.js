'use strict';

const { open } = require('redstart');
const { openQueues } = require('./queues.js');

/** Calls of the API a minute. */
const PLANS = { visitor: 100, member: 300 };

/**
 * The app's temporary state, all of it, in one place. Both threads call this with the same URL and get the same store:
 * what one writes, the other reads. `options` are those of open(): a test hands in a clock of its own.
 */
function openState(url, options) {
  const store = open(url, options);
  return {
    store,
    // Rendered pages. The lifetime is a safety net: an edit deletes what it changes.
    content: store.cache('content', { ttl: '10m', maxSize: '32mb' }),
    // Two hours without a request and you are logged out, and a day after the login whatever you did: a stolen cookie that
    // is kept busy is worth no more than that.
    sessions: store.sessions('web', {
      ttl: '2h',
      absoluteTtl: '1d',
      // Whose a session is; none, a visitor's. It makes the page "your devices" possible: routes/devices.js.
      userId: (session) => session.userId,
      // Nobody has more browsers; one login more ends the oldest.
      maxPerUser: 20,
      // A page that sends you to the login begins a session, so visitors have some: the one unseen for longest goes first.
      maxAnonymous: 10_000,
      // All that is in a session is an id, a name of a browser, an address and a count.
      maxSessionSize: '4kb',
    }),
    // Visitors by address, members by account: app.js.
    apiLimit: store.limiter('api', { limit: PLANS.visitor, window: '1m' }),
    signupLimit: store.limiter('signup', { limit: 20, window: '5m' }),
    // Wrong passwords, for one account from one address, from one address, and for one account: guesses.js.
    guessesOfPair: store.limiter('guesses-pair', { limit: 5, window: '15m', block: '15m' }),
    guessesOfAddress: store.limiter('guesses-address', { limit: 30, window: '15m' }),
    guessesOfAccount: store.limiter('guesses-account', { limit: 100, window: '1d' }),
    ...openQueues(store),
  };
}

module.exports = { PLANS, openState };
