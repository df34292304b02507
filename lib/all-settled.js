'use strict';

/**
 * Waits for all of them, whatever becomes of each; then throws what the first that failed threw.
 * @param {Promise<unknown>[]} promises
 */
async function allSettled(promises) {
  const ends = await Promise.allSettled(promises);
  const failed = ends.find((end) => end.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}

module.exports = { allSettled };
