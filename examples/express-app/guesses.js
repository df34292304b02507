'use strict';

const { consumeAll, ipKey } = require('redstart');

// No account has a longer name, and what somebody types into the form may have any length.
const ACCOUNT_CHARACTERS_MAX = 255;

/**
 * Looks at a password with `check` unless too many were wrong lately: resolves with what it found, or with how long to
 * wait.
 *
 * A try is counted before it is looked at, so a thousand at once get no further than one after the other, and given back
 * when it was right. Accounts that do not exist are counted like those that do, so the answers do not tell them apart.
 * The pair of account and address is what gets blocked: nobody can lock a member out from elsewhere.
 */
async function withFewGuesses(state, { ip, account }, check) {
  const address = ipKey(ip);
  const name = account.toLowerCase().slice(0, ACCOUNT_CHARACTERS_MAX);
  const parts = [
    { limiter: state.guessesOfPair, key: JSON.stringify([address, name]) },
    { limiter: state.guessesOfAddress, key: address },
    { limiter: state.guessesOfAccount, key: name },
  ];
  const { allowed, retryAfterMs } = await consumeAll(parts);
  if (!allowed) {
    return { retryAfterSeconds: Math.ceil(retryAfterMs / 1000) };
  }
  let wrong = false;
  try {
    const user = await check();
    wrong = !user;
    return { user };
  } finally {
    // Neither a success nor a failure of ours is a guess.
    if (!wrong) {
      await Promise.all(parts.map(({ limiter, key }) => limiter.refund(key)));
    }
  }
}

module.exports = { withFewGuesses };
