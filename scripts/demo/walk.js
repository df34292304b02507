'use strict';

const { StepError, within } = require('./expect.js');
const { loginChangesId, loginSurvives, logoutEndsSession, signUp } = require('./steps/accounts.js');
const { deadLetterIsSentAgain, mailArrives, mailIsTriedAgain } = require('./steps/deliveries.js');
const { deviceIsLoggedOut, devicesAreListed, othersAreLoggedOut } = require('./steps/devices.js');
const { queuesAreCounted } = require('./steps/figures.js');
const { guessingIsSlowed } = require('./steps/guesses.js');
const { limitHolds, planAllowsMore, threadShares } = require('./steps/limits.js');
const { sweepRuns } = require('./steps/nights.js');
const { editInvalidates, listIsCached, pageIsCached } = require('./steps/pages.js');
const { pictureIsResized, uploadIsBounded } = require('./steps/pictures.js');
const { endsCleanly, restartForgets, startsAgain } = require('./steps/restart.js');
const { goneIsUnregistered, postIsAnnounced, webhookArrives, webhooksAreRegistered } = require('./steps/webhooks.js');

// Above every bounded wait inside a step: only a step that forgot to bound one ever comes here.
const STEP_TIMEOUT_MS = 60_000;

/** In the order of a visitor's day. The webhook waits for its third try while other steps go on. */
const STEPS = [
  ['app starts', async ({ app }) => `answers after ${(await app.start()).toFixed(0)} ms`],
  ['page is cached', pageIsCached],
  ['list is cached', listIsCached],
  ['sign-up', signUp],
  ['mail arrives over SMTP', mailArrives],
  ['login changes the session id', loginChangesId],
  ['login survives two requests', loginSurvives],
  ['webhooks are registered', webhooksAreRegistered],
  ['edit invalidates the cached pages', editInvalidates],
  ['picture is resized in another thread', pictureIsResized],
  ['upload is bounded and looked at', uploadIsBounded],
  ['receiver that is gone is unregistered', goneIsUnregistered],
  ['logout ends the session', logoutEndsSession],
  ['devices are listed', devicesAreListed],
  ['one device is logged out', deviceIsLoggedOut],
  ['all others are logged out', othersAreLoggedOut],
  ['101st API call is limited', limitHolds],
  ['second thread shares limiter and cache', threadShares],
  ["a member's plan allows more", planAllowsMore],
  ['guessing passwords is slowed', guessingIsSlowed],
  ['letter is tried again', mailIsTriedAgain],
  ['dead letter is sent again by a click', deadLetterIsSentAgain],
  ['sweep of the night runs by hand', sweepRuns],
  ['webhook arrives on its third try', webhookArrives],
  ['new post is announced', postIsAnnounced],
  ['queues are counted and timed', queuesAreCounted],
  ['app ends on SIGTERM', endsCleanly],
  ['app starts again', startsAgain],
  ['restart forgets what was in memory', restartForgets],
];

/** Takes the steps one after the other; false at the first that does not hold. */
async function walk(demo, print) {
  for (const [name, step] of STEPS) {
    try {
      const [line, ...more] = [await within(STEP_TIMEOUT_MS, 'the step to end', step(demo))].flat();
      print(`✓ ${name}: ${line}`);
      for (const detail of more) {
        print(`    ${detail}`);
      }
    } catch (error) {
      print(`✗ ${name}: ${error instanceof StepError ? error.message : error.stack}`);
      return false;
    }
  }
  return true;
}

module.exports = { walk };
