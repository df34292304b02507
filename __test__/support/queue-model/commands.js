'use strict';
/** What may be done to a queue, each to the real one and to the model, which then have to agree. */
const assert = require('node:assert/strict');
const fc = require('fast-check');
const adds = require('./adds.js');
const changes = require('./changes.js');
const { release } = require('./ends.js');
const { judge } = require('./judge.js');
const schedulers = require('./schedulers.js');
const { advanceTo } = require('./time.js');
const { ENDING, JOB, REPEAT, TEMPLATE, WORKER } = require('./values.js');

const { constantFrom, nat, record } = fc;
const PICK = nat(15);
/** More often no than yes: little happens meanwhile. */
const PAUSE = constantFrom(true, false, false);

/** @param {string} name @param {unknown} args @param {(model: any, world: any) => Promise<void>} act */
function command(name, args, act) {
  return {
    check: () => true,
    toString: () => `${name} ${JSON.stringify(args)}`,
    async run(model, world) {
      await act(model, world);
      await judge(model, world);
    },
  };
}

/** Demands that a call comes to what the model says. */
async function comesTo(expected, call) {
  const came = await call.then(
    (value) => ({ value }),
    (error) => {
      if (error.code === undefined) throw error;
      return { code: error.code };
    },
  );
  assert.deepEqual(came, expected);
}

async function addAll(model, world, news, jobs) {
  for (const [index, job] of jobs.entries()) {
    const expected = adds.add(model, news[index], job.id);
    assert.deepEqual([job.id, job.added], [expected.id, expected.added]);
    world.noteAdded(job, expected.job);
  }
}

/** One of the jobs, those that are gone included. */
async function oneOf(model, world, at) {
  const ids = [...new Set([...[...model.jobs].map(({ id }) => id), ...world.jobs.keys()])];
  const id = ids[at % ids.length];
  const job = id === undefined ? undefined : await world.queue.getJob(id);
  return { id, job: job ?? world.jobs.get(id) };
}

/** A command on one job: what people may do to it. */
function ofJob(name, act) {
  return PICK.map((at) => {
    return command(name, at, async (model, world) => {
      const { id, job } = await oneOf(model, world, at);
      if (job !== undefined) await comesTo(act(model, id), job[name]());
    });
  });
}

function advance(model, world, by) {
  world.clock.advance(by);
  advanceTo(model, model.now + by);
}

function startWorker(model, world, config) {
  const number = world.startWorker(config);
  const { backoff, concurrency, groupLimit, limiter } = config;
  model.hadLimiter ||= limiter !== undefined;
  const terms = { backoff, concurrency, groupLimit, limiter };
  model.workers.set(number, { ...terms, open: true, paused: false, running: new Set(), begun: 0 });
}

const openOnes = (model) => [...model.workers].filter(([, { open }]) => open);

const COMMANDS = [
  [
    10,
    JOB.map((job) =>
      command('add', job, async (model, world) => {
        const added = await world.queue.add(job.name, job.data, job.opts);
        await addAll(model, world, [job], [added]);
      }),
    ),
  ],
  [
    3,
    fc.array(JOB, { maxLength: 4 }).map((jobs) =>
      command('addBulk', jobs, async (model, world) => {
        await addAll(model, world, jobs, await world.queue.addBulk(jobs));
      }),
    ),
  ],
  [
    8,
    fc.tuple(PICK, ENDING).map(([at, ending]) =>
      command('finish', [at, ending], async (_model, world) => {
        const { blocked } = world;
        if (blocked.length > 0) blocked[at % blocked.length].finish(ending);
      }),
    ),
  ],
  [
    2,
    fc.tuple(PICK, nat(9)).map(([at, value]) =>
      command('progress', [at, value], async (model, world) => {
        const run = world.blocked[at % world.blocked.length];
        if (run) await comesTo(changes.progress(model, run, value), run.job.updateProgress(value));
      }),
    ),
  ],
  [
    10,
    constantFrom(1, 300, 500, 1_000, 2_500, 10_000).map((by) =>
      command('advance', by, async (model, world) => {
        advance(model, world, by);
      }),
    ),
  ],
  [
    4,
    constantFrom(1_000, 2_500, 5_000).map((by) =>
      command('walk', by, async (model, world) => {
        for (let step = 0; step < 5; step++) {
          advance(model, world, by / 5);
          await judge(model, world);
        }
      }),
    ),
  ],
  [1, fc.constant(command('advance', '2h', async (model, world) => advance(model, world, 2 * 3_600_000)))],
  [
    3,
    fc.tuple(PICK, PAUSE).map(([at, pause]) =>
      command('pause a worker', [at, pause], async (model, world) => {
        const [number, worker] = openOnes(model)[at % openOnes(model).length];
        worker.paused = pause;
        if (pause) world.workers[number].pause();
        else world.workers[number].resume();
      }),
    ),
  ],
  [
    4,
    PAUSE.map((pause) =>
      command('pause', pause, async (model, world) => {
        changes.setPaused(model, pause);
        await (pause ? world.queue.pause() : world.queue.resume());
      }),
    ),
  ],
  [3, ofJob('cancel', changes.cancel)],
  [2, ofJob('promote', changes.promote)],
  [2, ofJob('retry', changes.retry)],
  [2, ofJob('remove', changes.remove)],
  [1, fc.constant(command('drain', [], async (model, world) => comesTo(changes.drain(model), world.queue.drain())))],
  [
    1,
    fc.constant(
      command('obliterate', [], async (model, world) => {
        world.anew.add(world.events.length);
        await comesTo(changes.obliterate(model), world.queue.obliterate({ force: true }));
      }),
    ),
  ],
  [
    2,
    record({
      state: constantFrom('completed', 'failed', 'delayed', 'waiting'),
      olderThan: constantFrom(0, 1_000),
      limit: constantFrom(1, 2, 50),
    }).map(({ state, ...rest }) =>
      command('clean', { state, ...rest }, async (model, world) => {
        await comesTo(changes.clean(model, state, rest.olderThan, rest.limit), world.queue.clean(state, rest));
      }),
    ),
  ],
  [
    1,
    constantFrom(1, 50).map((limit) =>
      command('retryFailed', limit, async (model, world) => {
        await comesTo(changes.retryFailed(model, limit), world.queue.retryFailed({ limit }));
      }),
    ),
  ],
  [
    2,
    constantFrom(1, 2, null).map((limit) =>
      command('setGlobalConcurrency', limit, async (model, world) => {
        model.concurrency = limit ?? undefined;
        await world.queue.setGlobalConcurrency(limit);
      }),
    ),
  ],
  [
    2,
    constantFrom({ max: 1, duration: 700 }, { max: 3, duration: 2_000 }, null).map((rate) => {
      return command('setGlobalRateLimit', rate, async (model, world) => {
        changes.setRate(model, rate ?? undefined);
        await world.queue.setGlobalRateLimit(rate);
      });
    }),
  ],
  [
    2,
    fc.tuple(PICK, WORKER).map(([at, config]) =>
      command('replace a worker', [at, config], async (model, world) => {
        const [number, worker] = openOnes(model)[at % openOnes(model).length];
        worker.open = false;
        for (const job of [...worker.running]) release(model, job);
        await world.workers[number].close({ timeout: 0 });
        startWorker(model, world, config);
      }),
    ),
  ],
  [
    2,
    fc.tuple(constantFrom('s', 't'), REPEAT, TEMPLATE).map(([id, repeat, template]) => {
      return command('upsertJobScheduler', [id, repeat, template], async (model, world) => {
        schedulers.upsert(model, id, repeat, template);
        await world.queue.upsertJobScheduler(id, repeat, template);
      });
    }),
  ],
  [
    1,
    constantFrom('s', 't').map((id) =>
      command('removeJobScheduler', id, async (model, world) => {
        await comesTo({ value: model.schedulers.delete(id) }, world.queue.removeJobScheduler(id));
      }),
    ),
  ],
];

/** Each as often as it weighs. */
const arbitraries = COMMANDS.flatMap(([weight, arbitrary]) => Array(weight).fill(arbitrary));

module.exports = { arbitraries, startWorker };
