'use strict';

/** A step that does not hold: what was expected, what was seen. */
class StepError extends Error {}

function expect(holds, expected, seen) {
  if (!holds) {
    throw new StepError(`expected ${expected}, saw ${seen}`);
  }
}

/** Asks again and again until `look` returns something, and says what it waited for when the time is up. */
async function waitFor(look, { timeoutMs, expected, seen }) {
  const end = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found) {
      return found;
    }
    expect(Date.now() < end, `${expected} within ${timeoutMs / 1000} s`, seen());
    await sleep(20);
  }
}

/** `promise`, or an error that says what was expected of it when the time is up. */
async function within(timeoutMs, expected, promise) {
  let timer;
  const late = new Promise((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new StepError(`expected ${expected} within ${timeoutMs / 1000} s, saw nothing of it`));
    }, timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

module.exports = { StepError, expect, waitFor, within };
