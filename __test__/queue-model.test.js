'use strict';
// Random histories of a queue, each step held against a model: see support/queue-model/state.js. REDSTART_MODEL_RUNS and
// REDSTART_MODEL_COMMANDS make more and longer ones; a history that fails is printed as short as it gets, with its seed.
const assert = require('node:assert/strict');
const { test } = require('node:test');
const fc = require('fast-check');
const { arbitraries, startWorker } = require('./support/queue-model/commands.js');
const { judge, judgeHistory } = require('./support/queue-model/judge.js');
const { newModel } = require('./support/queue-model/state.js');
const { WORKER } = require('./support/queue-model/values.js');
const { START, World } = require('./support/queue-model/world.js');

const RUNS = Number(process.env.REDSTART_MODEL_RUNS ?? 400);
const COMMANDS = Number(process.env.REDSTART_MODEL_COMMANDS ?? 60);
/** One that stands still is told as one that fails. */
const HISTORY_MS_MAX = 60_000;
const SEED = process.env.REDSTART_MODEL_SEED;

async function live(configs, commands) {
  const model = newModel(START);
  const world = new World();
  try {
    for (const config of configs) startWorker(model, world, config);
    await judge(model, world);
    await fc.asyncModelRun(() => ({ model, real: world }), commands);
    await comeToAnEnd(world);
  } finally {
    world.letGo();
    await world.store.close({ timeout: 0 });
  }
}

/** Whatever the history was: once all is let go, every job comes to an end, and the events still make sense. */
async function comeToAnEnd(world) {
  const { queue, clock, workers } = world;
  for (const { id } of await queue.getJobSchedulers()) await queue.removeJobScheduler(id);
  await queue.setGlobalConcurrency(null);
  await queue.setGlobalRateLimit(null);
  for (const worker of workers) worker.resume();
  await queue.resume();
  world.letGo();
  await clock.advanceAsync('1h');
  const { waiting, prioritized, delayed, active } = await queue.getJobCounts();
  assert.deepEqual({ waiting, prioritized, delayed, active }, { waiting: 0, prioritized: 0, delayed: 0, active: 0 });
  await world.quiet();
  judgeHistory(world.events, world.anew);
}

test('a queue does what its model does, whatever is done to it', async () => {
  const history = fc.asyncProperty(
    fc.array(WORKER, { minLength: 1, maxLength: 3 }),
    fc.commands(arbitraries, { maxCommands: COMMANDS, size: 'max' }),
    live,
  );
  const seed = SEED === undefined ? {} : { seed: Number(SEED) };
  await fc.assert(history, { numRuns: RUNS, includeErrorInReport: true, timeout: HISTORY_MS_MAX, ...seed });
});
