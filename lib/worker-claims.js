'use strict';
/** Claimed jobs as they come from core: rows of eleven values, one after the other, which parse faster than objects. */

/** @typedef {import('./job.js').JobView} JobView */
/** @typedef {import('./job-active.js').Token} Token */

const VALUES_A_ROW = 11;

/** How many jobs they are. @param {any[]} rows */
function countRows(rows) {
  return rows.length / VALUES_A_ROW;
}

/**
 * Calls `start` for each of them.
 * @param {any[]} rows
 * @param {(view: JobView, token: Token) => void} start
 */
function startRows(rows, start) {
  let nonce = 0;
  let name = '';
  let processedOn = 0;
  for (let at = 0; at < rows.length; at += VALUES_A_ROW) {
    // Null: as of the one before.
    nonce = rows[at + 2] ?? nonce;
    name = rows[at + 4] ?? name;
    processedOn = rows[at + 6] ?? processedOn;
    const attemptsMade = rows[at + 9];
    const others = rows[at + 10];
    const view = {
      id: rows[at + 3],
      name,
      data: rows[at + 5],
      state: 'active',
      priority: rows[at + 8],
      attemptsMade,
      attempt: attemptsMade + 1,
      progress: others?.progress,
      failedReason: others?.failedReason,
      timestamp: processedOn - rows[at + 7],
      processedOn,
      deadLetter: others?.deadLetter,
    };
    start(view, { job: rows[at], epoch: rows[at + 1], nonce });
  }
}

module.exports = { countRows, startRows };
