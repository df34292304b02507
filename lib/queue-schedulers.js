'use strict';
/** Schedulers: a repeat and a template of a job, to core as JSON and back as they were given. */
const options = require('./options.js');
const { invalidArg, show } = require('./errors.js');
const { isName, NAME_EXPECTED } = require('./names.js');
const { INSTANT, readNewJob } = require('./queue-options.js');

/** What goes with what, core says. */
const REPEAT = {
  every: options.duration,
  offset: options.durationOrZero,
  immediately: options.boolean,
  pattern: options.string(),
  tz: options.string(),
  startDate: INSTANT,
  endDate: INSTANT,
  limit: options.integer({ min: 1 }),
  missed: options.oneOf(['skip', 'once', 'all']),
};

/** As core tells of one. @typedef {{ id: string, repeat: any, name: string, data: string, options: any,
 *   next: number | null, iterations: number }} Told */

/** @param {unknown} id @param {Function} above As in invalidArg. */
function checkSchedulerId(id, above) {
  if (!isName(id)) throw invalidArg(`a scheduler's id is ${NAME_EXPECTED}; got ${show(id)}`, above);
}

/**
 * The JSON of what upsertJobScheduler() was given.
 * @param {unknown} repeat
 * @param {unknown} template
 * @param {Function} above
 */
function schedulerText(repeat, template, above) {
  const checked = options.checkOptions('the repeat of upsertJobScheduler()', repeat, REPEAT, above);
  return JSON.stringify({ repeat: checked, ...readNewJob(template, 'the template of upsertJobScheduler()', above) });
}

/**
 * What getJobSchedulers() answers: repeat and template may be given to upsertJobScheduler() again.
 * @param {string} text
 */
function readSchedulers(text) {
  return JSON.parse(text).map(readScheduler);
}

/** @param {Told} told */
function readScheduler({ id, repeat, name, data, options: opts, next, iterations }) {
  const template = { name, data: JSON.parse(data), opts: asGiven(opts) };
  return { id, repeat: withDates(repeat), template, next: next ?? undefined, iterations };
}

/** @param {any} repeat */
function withDates(repeat) {
  const { startDate, endDate, ...rest } = repeat;
  if (typeof startDate === 'number') rest.startDate = new Date(startDate);
  if (typeof endDate === 'number') rest.endDate = new Date(endDate);
  return rest;
}

/** @param {any} opts */
function asGiven(opts) {
  const { removeOnComplete, removeOnFail, ...rest } = opts;
  if (removeOnComplete) rest.removeOnComplete = retentionAsGiven(removeOnComplete);
  if (removeOnFail) rest.removeOnFail = retentionAsGiven(removeOnFail);
  return rest;
}

/** @param {{ age?: number | null, count?: number | null, forever?: boolean }} retention */
function retentionAsGiven({ age, count, forever }) {
  if (forever) return false;
  /** @type {{ age?: string, count?: number }} */
  const given = {};
  if (typeof age === 'number') given.age = `${age}ms`;
  if (typeof count === 'number') given.count = count;
  return given;
}

module.exports = { checkSchedulerId, schedulerText, readSchedulers };
