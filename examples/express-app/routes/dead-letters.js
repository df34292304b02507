'use strict';

const { Router } = require('express');
const { RedstartError } = require('redstart');
const { requireLogin } = require('../auth.js');

const SHOWN_MAX = 20;
const LOG_LINES = 5;

/** The letters that could not be sent, newest first, each with what its job noted along the way. */
async function listDeadLetters({ deadLetters, mail }) {
  const letters = await deadLetters.getJobs('waiting', { end: SHOWN_MAX - 1, asc: false });
  return Promise.all(
    letters.map(async ({ id, name, data, timestamp, deadLetter }) => {
      const log = (await mail.getJobLogs(deadLetter.jobId)).slice(-LOG_LINES);
      return { id, name, to: data.to, reason: deadLetter.failedReason, at: new Date(timestamp).toISOString(), log };
    }),
  );
}

/** The button beside each of them on /stats. */
function deadLetterRoutes({ state }) {
  const routes = Router();

  routes.post('/stats/dead-letters/retry', requireLogin, async (req, res) => {
    const letter = await state.deadLetters.getJob(String(req.body?.id ?? ''));
    if (letter) {
      await sendAgain(state.mail, letter);
      await letter.remove();
    }
    res.redirect(303, '/stats');
  });

  return routes;
}

/** The failed job itself once more, with all its attempts; a new one where it has been forgotten. Two clicks are one. */
async function sendAgain(mail, { id, name, data, deadLetter }) {
  const failed = await mail.getJob(deadLetter.jobId);
  if (failed === undefined) {
    await mail.add(name, data, { jobId: `again-${id}` });
    return;
  }
  try {
    await failed.retry();
  } catch (error) {
    // It is on its way already: somebody else clicked, too.
    if (!RedstartError.is(error, 'ERR_INVALID_STATE')) {
      throw error;
    }
  }
}

module.exports = { deadLetterRoutes, listDeadLetters };
