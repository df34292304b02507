'use strict';
/** Schedulers of the model: intervals only, as calendars are tested elsewhere. */
const { isDeepStrictEqual } = require('node:util');
const { insert } = require('./adds.js');
const { isPending } = require('./state.js');

/** The first instant after that one. */
function nextAfter({ every, offset }, after) {
  return Math.floor((after + every - (offset % every)) / every) * every + (offset % every);
}

function upsert(model, id, repeat, template) {
  const known = model.schedulers.get(id);
  const isSameInterval = known?.repeat.every === repeat.every;
  const offset = repeat.offset ?? (isSameInterval ? known.repeat.offset : model.now % repeat.every);
  const given = { immediately: false, missed: 'skip', limit: undefined, ...repeat, offset };
  if (known && isDeepStrictEqual([known.repeat, known.template], [given, template])) return;
  const next = given.immediately ? model.now : nextAfter(given, model.now);
  model.schedulers.set(id, { id, repeat: given, template, next, iterations: 0, job: known?.job });
  tickDue(model);
}

function waits({ job }, model) {
  return job !== undefined && model.jobs.has(job) && isPending(job);
}

/** Those with a next instant, one that runs all only once its last job has begun; the first one first. */
function ready(model) {
  const all = [...model.schedulers.values()].filter(({ next }) => next !== undefined);
  const may = all.filter((one) => one.repeat.missed !== 'all' || !waits(one, model));
  return may.sort((one, other) => one.next - other.next || (one.id < other.id ? -1 : 1));
}

function nextScheduled(model) {
  return ready(model)[0]?.next;
}

function dueScheduler(model) {
  return ready(model).find(({ next }) => next <= model.now);
}

/** Its instant has come: a job, unless the one before still waits. */
function tick(model, scheduler) {
  const { repeat, next } = scheduler;
  if (!waits(scheduler, model)) {
    scheduler.job = insert(model, scheduler.template, undefined);
    scheduler.iterations += 1;
  }
  const more = repeat.limit === undefined || scheduler.iterations < repeat.limit;
  scheduler.next = more ? nextAfter(repeat, repeat.missed === 'all' ? next : model.now) : undefined;
}

/** All that are due: as time goes by, and when one is set. */
function tickDue(model) {
  for (let one = dueScheduler(model); one; one = dueScheduler(model)) tick(model, one);
}

module.exports = { upsert, nextScheduled, tickDue };
