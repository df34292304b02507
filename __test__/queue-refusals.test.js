'use strict';
// What queues and jobs refuse. Each row: a call, and what its error says: what was wrong, what is allowed, what to do.
const assert = require('node:assert/strict');
const { afterEach, beforeEach, describe, it } = require('node:test');
const { open, manualClock } = require('redstart');

const ID_256 = 'i'.repeat(256);
const ID_257 = `${ID_256}i`;
const HALF_PAIR = '\ud83d';
const NAME = /a string of 1 to 256 characters without half a surrogate pair; got /;
const DURATION = /a duration above zero and of at most 100 years: milliseconds, or a string such as '250ms'.*; got /;

let clock;
let store;
let queue;

beforeEach(() => {
  clock = manualClock();
  store = open('memory:', { clock });
  queue = store.queue('q');
});
afterEach(async () => {
  process.removeAllListeners('warning');
  process.on('warning', () => {});
  await store.close({ timeout: 1 });
});

async function isEmpty() {
  for (const [state, count] of Object.entries(await queue.getJobCounts())) assert.equal(count, 0, state);
}

/** The stack leads here, to who called. */
function assertError(error, code, message) {
  assert.equal(error.code, code, error.stack);
  assert.match(error.message, message);
  assert.match(error.stack, /queue-refusals\.test\.js/);
  assert.equal(error.retryable, false);
  return true;
}

async function rejects(call, message, code = 'ERR_INVALID_ARG') {
  // Async methods never throw synchronously.
  const promise = call();
  await assert.rejects(promise, (error) => assertError(error, code, message));
}

/** A test for each row [what is refused, call, message], which must leave the queue as it was. */
function refused(rows) {
  for (const [what, call, message] of rows) {
    it(`${what} is refused`, async () => {
      await rejects(() => call(queue), message);
      await isEmpty();
    });
  }
}

/** The same for methods that throw. */
function thrown(rows) {
  for (const [what, call, message] of rows) {
    it(`${what} is refused`, async () => {
      assert.throws(
        () => call(queue),
        (error) => assertError(error, 'ERR_INVALID_ARG', message),
      );
      await isEmpty();
    });
  }
}

const adding = (options) => (queue) => queue.add('j', 1, options);

describe('add()', () => {
  refused([
    ['a name that is no string', (queue) => queue.add({ to: 'Ada' }), /a job's name is .*; got \{ to: 'Ada' \}/],
    ['an empty name', (queue) => queue.add('', 1), NAME],
    ['a name of 257 characters', (queue) => queue.add(ID_257, 1), NAME],
    ['half a surrogate pair', (queue) => queue.add(HALF_PAIR, 1), NAME],
    ['data that is a function', (queue) => queue.add('j', () => {}), /^job data is a function, which has no JSON form/],
    [
      'data with a BigInt',
      (queue) => queue.add('j', { total: 5n }),
      /^job data: \.total is a BigInt.*make it a string/,
    ],
    [
      'data that is nested too deep',
      (queue) => {
        let deep = [];
        for (let depth = 0; depth < 50_000; depth++) deep = [deep];
        return queue.add('j', deep);
      },
      /^job data has no JSON form: .*; it is nested too deep or too large: store less of it/,
    ],
    [
      'options with a prototype of their own',
      (queue) => queue.add('j', 1, Object.create({ attempts: 2 })),
      /^add\(\) takes its options as a plain object; got {}, which has a prototype of its own; spread it: /,
    ],
    [
      'data that leads back to itself',
      (queue) => {
        const order = { items: [] };
        order.items.push({ order });
        return queue.add('j', order);
      },
      /^job data: \.items\[0\]\.order leads back to an object that it is in.*leave it out$/,
    ],
    ['options that are no object', adding('5s'), /^add\(\) takes its options as a plain object; got '5s'$/],
    ['a misspelt option', adding({ priorty: 1 }), /^unknown option 'priorty' for add\(\); did you mean 'priority'\?$/],
    [
      'an option there is not',
      adding({ zebra: 1 }),
      /^unknown option 'zebra' for add\(\); it takes delay, priority, lifo/,
    ],
    ['an option of addAndWait()', adding({ waitTimeout: 5 }), /^unknown option 'waitTimeout' for add\(\)/],
  ]);
});

describe('an option of a job', () => {
  refused([
    [
      'a jobId that is a number',
      adding({ jobId: 7 }),
      /^option 'jobId' of add\(\) must be a string of 1 to 256.*got 7$/,
    ],
    ['an empty jobId', adding({ jobId: '' }), NAME],
    ['a jobId of 257 characters', adding({ jobId: ID_257 }), NAME],
    ['a negative delay', adding({ delay: -1 }), /^option 'delay' of add\(\) must be 0, or a duration.*; got -1$/],
    ['a delay without a unit', adding({ delay: '10' }), DURATION],
    ['a delay of more than 100 years', adding({ delay: '36501d' }), /at most 100 years.*; got '36501d'$/],
    ['a delay that is a Date', adding({ delay: new Date(0) }), /'delay'.*; got 1970-01-01T00:00:00.000Z$/],
    [
      'an instant that is a number',
      adding({ runAt: 1_000 }),
      /^option 'runAt' of add\(\) must be a valid Date; got 1000$/,
    ],
    ['an invalid Date', adding({ runAt: new Date('soon') }), /must be a valid Date; got Invalid Date$/],
    ['a negative priority', adding({ priority: -1 }), /'priority'.*a whole number from 0 to 2097151; got -1$/],
    ['a priority above the last', adding({ priority: 2_097_152 }), /from 0 to 2097151; got 2097152$/],
    ['a priority with a fraction', adding({ priority: 0.5 }), /a whole number from 0 to 2097151; got 0\.5$/],
    ['lifo that is no boolean', adding({ lifo: 1 }), /^option 'lifo' of add\(\) must be true or false; got 1$/],
    ['no attempts', adding({ attempts: 0 }), /'attempts'.*a whole number from 1 to 1000000; got 0$/],
    ['endless attempts', adding({ attempts: Infinity }), /a whole number from 1 to 1000000; got Infinity$/],
    ['a backoff that is a number', adding({ backoff: 5 }), /a plain object with type, delay, maxDelay, jitter; got 5$/],
    [
      'a backoff without a delay',
      adding({ backoff: { type: 'fixed' } }),
      /'backoff' of add\(\) needs the option 'delay'/,
    ],
    ['a backoff of no kind', adding({ backoff: { delay: 5 } }), /needs the option 'type': 'fixed' or 'exponential'$/],
    [
      'a backoff of another kind',
      adding({ backoff: { type: 'linear', delay: 5 } }),
      /^option 'type' of 'backoff' of add\(\) must be 'fixed' or 'exponential'; got 'linear'$/,
    ],
    [
      'more jitter than all',
      adding({ backoff: { type: 'fixed', delay: 5, jitter: 1.5 } }),
      /^option 'jitter' of 'backoff' of add\(\) must be a number from 0 to 1; got 1\.5$/,
    ],
    ['a timeout of 0', adding({ timeout: 0 }), /^option 'timeout' of add\(\) must be a duration above zero/],
    ['an expiry of 0', adding({ expiresIn: 0 }), /^option 'expiresIn' of add\(\) must be a duration above zero/],
    [
      'deduplication without an id',
      adding({ deduplication: { ttl: '5s' } }),
      /'deduplication' of add\(\) needs the option 'id'/,
    ],
    [
      'deduplication by a text',
      adding({ deduplication: 'a' }),
      /a plain object with id, ttl, extend, replace; got 'a'$/,
    ],
    ['a misspelt one of its options', adding({ deduplication: { id: 'a', tll: 5 } }), /did you mean 'ttl'\?$/],
    [
      'a group that is a text',
      adding({ group: 'tenant' }),
      /^option 'group' of add\(\) must be a plain object with id; got/,
    ],
    ['a group without an id', adding({ group: {} }), /^'group' of add\(\) needs the option 'id': a string of 1 to 256/],
    [
      'an age of retention in numbers',
      adding({ removeOnComplete: { age: 3_600 } }),
      /^option 'age' of 'removeOnComplete'.*a string such as '1h' \(no number: BullMQ counts seconds.*; got 3600$/,
    ],
    [
      'a negative count of retention',
      adding({ removeOnFail: { count: -1 } }),
      /^option 'count' of 'removeOnFail' of add\(\) must be a whole number of at least 0; got -1$/,
    ],
    [
      'retention that is a text',
      adding({ removeOnFail: '1h' }),
      /must be true, false, a whole number of jobs from 0, or a plain/,
    ],
    ['an instant beside a delay', adding({ runAt: new Date(0), delay: 5 }), /delay.*runAt|runAt.*delay/],
    ['a ttl to extend that is not there', adding({ deduplication: { id: 'a', extend: true } }), /give it a ttl/],
  ]);
});

describe('addBulk()', () => {
  refused([
    [
      'what is no array',
      (queue) => queue.addBulk({ name: 'j' }),
      /^addBulk\(\) takes an array of \{ name, data, opts \}; got/,
    ],
    [
      'more than 10,000 jobs',
      (queue) => queue.addBulk(new Array(10_001).fill({ name: 'j', data: 1 })),
      /at most 10000 jobs; got 10001; add them in several calls$/,
    ],
    ['a hole', (queue) => queue.addBulk(new Array(1)), /^job 0 of addBulk\(\) needs the option 'name'/],
    ['a job that is a text', (queue) => queue.addBulk(['j']), /^job 0 of addBulk\(\).*a plain object; got 'j'$/],
    [
      'one bad name among good ones',
      (queue) =>
        queue.addBulk([
          { name: 'a', data: 1 },
          { name: 'b', data: 1 },
          { name: '', data: 1 },
        ]),
      /^option 'name' of job 2 of addBulk\(\) must be a string of 1 to 256/,
    ],
    [
      'options under the name that add() has for them',
      (queue) => queue.addBulk([{ name: 'a', data: 1, options: { delay: 5 } }]),
      /^unknown option 'options' for job 0 of addBulk\(\); it takes name, data, opts$/,
    ],
    [
      'a misspelt option of one job',
      (queue) =>
        queue.addBulk([
          { name: 'a', data: 1 },
          { name: 'b', data: 1, opts: { dely: 5 } },
        ]),
      /^unknown option 'dely' for 'opts' of job 1 of addBulk\(\); did you mean 'delay'\?$/,
    ],
    [
      'data of one job that has no JSON form',
      (queue) =>
        queue.addBulk([
          { name: 'a', data: 1 },
          { name: 'b', data: { at: [1n] } },
        ]),
      /^data of job 1 of addBulk\(\): \.at\[0\] is a BigInt/,
    ],
  ]);
});

describe('addAndWait()', () => {
  refused([
    ['a bad name', (queue) => queue.addAndWait(5, 1), NAME],
    [
      'a wait of 0',
      (queue) => queue.addAndWait('j', 1, { waitTimeout: 0 }),
      /^option 'waitTimeout' of addAndWait\(\) must be/,
    ],
    ['a misspelt option', (queue) => queue.addAndWait('j', 1, { waitTimeot: 1 }), /did you mean 'waitTimeout'\?$/],
    [
      'a job that may run for no time',
      (queue) => queue.addAndWait('j', 1, { timeout: 0 }),
      /^option 'timeout' of addAndWait\(\)/,
    ],
  ]);
});

describe('process()', () => {
  const running = (options) => (queue) => queue.process(() => 1, options);
  thrown([
    [
      'nothing to run',
      (queue) => queue.process(),
      /^process\(\) takes a handler function or a module;.*; got undefined$/,
    ],
    [
      'a relative path',
      (queue) => queue.process('./jobs.js'),
      /got '\.\/jobs\.js'; make it absolute with path\.resolve\(\)/,
    ],
    ['an address of the web', (queue) => queue.process(new URL('https://x.test/j.mjs')), /a module is a file URL/],
    ['an object', (queue) => queue.process({ concurrency: 5 }), /takes a handler function or a module/],
    [
      'a misspelt option',
      running({ concurency: 5 }),
      /^unknown option 'concurency' for process\(\); did you mean 'concurrency'\?$/,
    ],
    [
      'no concurrency',
      running({ concurrency: 0 }),
      /^option 'concurrency' of process\(\) must be a whole number from 1 to 10000; got 0$/,
    ],
    ['more concurrency than there may be', running({ concurrency: 10_001 }), /from 1 to 10000; got 10001$/],
    ['an empty name', running({ name: '' }), /^option 'name' of process\(\) must be a string of 1 to 256/],
    ['a lease of less than a second', running({ leaseDuration: 999 }), /'leaseDuration'.*at least '1s'; got 999$/],
    ['a negative number of stalls', running({ maxStalledCount: -1 }), /'maxStalledCount'.*from 0 to.*; got -1$/],
    [
      'a limiter without a duration',
      running({ limiter: { max: 5 } }),
      /'limiter' of process\(\) needs the option 'duration'/,
    ],
    [
      'a limiter of none',
      running({ limiter: { max: 0, duration: '1s' } }),
      /'max' of 'limiter'.*from 1 to 100000; got 0$/,
    ],
    ['a group of none', running({ group: { concurrency: 0 } }), /'concurrency' of 'group'.*from 1 to.*; got 0$/],
    [
      'a backoff that is no function',
      running({ backoff: 500 }),
      /^option 'backoff' of process\(\) must be a function; got 500$/,
    ],
    [
      'a watchdog of less than a second',
      running({ stallAfter: '0.5s' }),
      /'stallAfter'.*at least '1s', or null for never; got/,
    ],
    [
      'autorun that is no boolean',
      running({ autorun: 'no' }),
      /^option 'autorun' of process\(\) must be true or false; got 'no'$/,
    ],
    ['threads of a function', running({ threads: 2 }), /'threads'.*module/],
    ['no thread', (queue) => queue.process(__filename, { threads: 0 }), /'threads'.*from 1 to 64; got 0$/],
    ['more than 64 threads', (queue) => queue.process(__filename, { threads: 65 }), /from 1 to 64; got 65$/],
    [
      'recycling after no job',
      (queue) => queue.process(__filename, { recycleAfter: 0 }),
      /^option 'recycleAfter' of process\(\) must be a whole number of at least 1; got 0$/,
    ],
    [
      'a function across threads',
      (queue) => queue.process(__filename, { backoff: () => 5 }),
      /functions do not cross threads/,
    ],
  ]);

  it('starts no worker for what it refuses', async () => {
    for (const options of [{ concurrency: 0 }, { zebra: 1 }]) assert.throws(() => queue.process(() => 1, options));
    const job = await queue.add('j', 1);
    await clock.advanceAsync('1s');
    assert.equal(await job.getState(), 'waiting');
  });

  it('leaves the worker of a name alone when it refuses the next one of that name', async () => {
    const worker = queue.process(() => 'first', { name: 'w' });
    assert.throws(() => queue.process(() => 'second', { name: 'w', concurrency: 0 }), { code: 'ERR_INVALID_ARG' });
    assert.equal(worker.running, true);
    assert.equal(await queue.addAndWait('j', 1), 'first');
  });

  it('of a store that closes is ERR_CLOSED', () => {
    store.close();
    assert.throws(
      () => queue.process(() => 1),
      (error) => assertError(error, 'ERR_CLOSED', /^queue 'q' is closing with its store: it takes no more workers/),
    );
  });
});

describe('the stack of a refusal', () => {
  const wrong = () => {};
  /** @type {[string, (queue: any, job: any) => unknown][]} */
  const calls = [
    ['add(), by its name', (queue) => queue.add(1)],
    ['add(), by its options', (queue) => queue.add('j', 1, { attemps: 1 })],
    ['add(), by its data', (queue) => queue.add('j', wrong)],
    ['addAndWait()', (queue) => queue.addAndWait('j', 1, { waitTimeout: 0 })],
    ['addAndWait(), by its data', (queue) => queue.addAndWait('j', 1n)],
    ['addBulk()', (queue) => queue.addBulk({})],
    ['addBulk(), by a job', (queue) => queue.addBulk([{ name: 'j', data: 1, opts: { delay: -1 } }])],
    ['addBulk(), by data', (queue) => queue.addBulk([{ name: 'j', data: wrong }])],
    ['getJob()', (queue) => queue.getJob(1)],
    ['getJobs()', (queue) => queue.getJobs('done')],
    ['getJobs(), by its options', (queue) => queue.getJobs('failed', { end: -1 })],
    ['clean()', (queue) => queue.clean('active', { olderThan: 0 })],
    ['clean(), by its options', (queue) => queue.clean('failed')],
    ['retryFailed()', (queue) => queue.retryFailed(1)],
    ['obliterate()', (queue) => queue.obliterate(true)],
    ['setGlobalConcurrency()', (queue) => queue.setGlobalConcurrency(0)],
    ['setGlobalRateLimit()', (queue) => queue.setGlobalRateLimit(1)],
    ['upsertJobScheduler()', (queue) => queue.upsertJobScheduler(1)],
    ['upsertJobScheduler(), by its repeat', (queue) => queue.upsertJobScheduler('s', { evry: 1 }, { name: 'j' })],
    ['upsertJobScheduler(), by its template', (queue) => queue.upsertJobScheduler('s', { every: 1_000 }, {})],
    ['upsertJobScheduler(), by core', (queue) => queue.upsertJobScheduler('s', { every: 1 }, { name: 'j' })],
    ['removeJobScheduler()', (queue) => queue.removeJobScheduler(1)],
    ['getJobLogs()', (queue) => queue.getJobLogs(1)],
    ['result()', (_queue, job) => job.result({ timeout: 0 })],
    ['cancel()', (_queue, job) => job.cancel(1)],
  ];
  for (const [what, call] of calls) {
    it(`of ${what} begins where it was called`, async () => {
      const job = await queue.add('j', 1);
      await assert.rejects(
        async () => call(queue, job),
        (error) => {
          const [first] = error.stack.split('\n').filter((line) => /^ +at /.test(line));
          assert.match(first, /queue-refusals\.test\.js/, error.stack);
          return true;
        },
      );
    });
  }
});

describe('events', () => {
  thrown([
    [
      'an event there is not',
      (queue) => queue.on('complete', () => {}),
      /^a queue has no event 'complete'; it has added, .*, lagged$/,
    ],
    ['the same once', (queue) => queue.once('closed', () => {}), /^a queue has no event 'closed'; it has added/],
    ['the same of off()', (queue) => queue.off('closed', () => {}), /^a queue has no event 'closed'; it has added/],
    ['a listener that is no function', (queue) => queue.on('completed'), /^a listener is a function; got undefined$/],
    ['the same of an error', (queue) => queue.on('error', 'log'), /^a listener is a function; got 'log'$/],
    ['the same of off()', (queue) => queue.off('completed', 1), /^a listener is a function; got 1$/],
  ]);

  it('a listener that comes while the store closes is ERR_CLOSED', () => {
    store.close();
    for (const method of ['on', 'once']) {
      assert.throws(
        () => queue[method]('completed', () => {}),
        (error) => assertError(error, 'ERR_CLOSED', /it takes no more workers and listeners; open\(\) the store anew$/),
      );
    }
  });
});

describe('looking at jobs', () => {
  refused([
    ['an id that is no string', (queue) => queue.getJob(7), /^a job id is a string; got 7$/],
    ['a state there is not', (queue) => queue.getJobs('wait'), /out of waiting, prioritized, .*failed; got 'wait'$/],
    [
      'one bad state among good ones',
      (queue) => queue.getJobs(['failed', 'done']),
      /takes one state or an array of them.*got 'done'$/,
    ],
    ['no state', (queue) => queue.getJobs([]), /at least one state of waiting.*; got an empty array$/],
    ['no states at all', (queue) => queue.getJobs(), /got undefined$/],
    [
      'a negative end',
      (queue) => queue.getJobs('failed', { end: -1 }),
      /^option 'end' of getJobs\(\).*whole number.*0.*; got -1$/,
    ],
    [
      'numbers where options go',
      (queue) => queue.getJobs('failed', 0, 9),
      /takes its options as a plain object; got 0$/,
    ],
    [
      'an order that is no boolean',
      (queue) => queue.getJobs('failed', { asc: 'yes' }),
      /'asc'.*true or false; got 'yes'$/,
    ],
    ['logs of an id that is no string', (queue) => queue.getJobLogs(), /^a job id is a string; got undefined$/],
    [
      'a start of logs before all',
      (queue) => queue.getJobLogs('a', { start: -1 }),
      /'start' of getJobLogs\(\).*; got -1$/,
    ],
  ]);

  it('what can be no id names no job', async () => {
    for (const id of ['', ID_257, HALF_PAIR]) assert.equal(await queue.getJob(id), undefined);
    assert.equal(await queue.getJob(ID_256), undefined);
    for (const id of ['', ID_257, HALF_PAIR, 'unknown']) assert.deepEqual(await queue.getJobLogs(id), []);
  });
});

describe('many jobs at once', () => {
  refused([
    [
      'a state that clean() has not',
      (queue) => queue.clean('active', { olderThan: 0 }),
      /one of completed, failed, delayed, waiting,.*got 'active'$/,
    ],
    [
      'the order of arguments of others',
      (queue) => queue.clean(5_000, 100, 'completed'),
      /takes a state.*then \{ olderThan, limit \}; got 5000$/,
    ],
    [
      'clean() without an age',
      (queue) => queue.clean('failed', {}),
      /^clean\(\) needs the option 'olderThan': 0, or a duration/,
    ],
    ['clean() without options', (queue) => queue.clean('failed'), /^clean\(\) needs the option 'olderThan'/],
    [
      'clean() of none',
      (queue) => queue.clean('failed', { olderThan: 0, limit: 0 }),
      /'limit' of clean\(\).*1.*; got 0$/,
    ],
    ['a misspelt option of clean()', (queue) => queue.clean('failed', { olderThen: 0 }), /did you mean 'olderThan'\?$/],
    [
      'retryFailed() of none',
      (queue) => queue.retryFailed({ limit: 0 }),
      /^option 'limit' of retryFailed\(\).*1.*; got 0$/,
    ],
    [
      'retryFailed() by a number',
      (queue) => queue.retryFailed(5),
      /^retryFailed\(\) takes its options as a plain object; got 5$/,
    ],
    [
      'force that is no boolean',
      (queue) => queue.obliterate({ force: 1 }),
      /^option 'force' of obliterate\(\) must be true or false; got 1$/,
    ],
  ]);

  it('obliterate() while a job is active is ERR_INVALID_STATE, and removes nothing', async () => {
    const over = deferred();
    queue.process(() => over.promise);
    const job = await queue.add('j', 1);
    await queue.add('j', 2);
    await until(async () => (await job.getState()) === 'active');
    await rejects(() => queue.obliterate(), /active.*force|force.*active/, 'ERR_INVALID_STATE');
    assert.deepEqual([(await queue.getJobCounts()).active, (await queue.getJobCounts()).waiting], [1, 1]);
    over.resolve();
  });
});

describe('limits of a queue', () => {
  refused([
    [
      'no concurrency',
      (queue) => queue.setGlobalConcurrency(0),
      /from 1 to 1000000, or null for no bound; got 0; pause\(\) lets no job begin$/,
    ],
    ['a concurrency of undefined', (queue) => queue.setGlobalConcurrency(), /or null for no bound; got undefined$/],
    [
      'a concurrency with a fraction',
      (queue) => queue.setGlobalConcurrency(1.5),
      /a whole number from 1 to 1000000.*; got 1\.5$/,
    ],
    [
      'a rate of undefined',
      (queue) => queue.setGlobalRateLimit(),
      /takes \{ max, duration \}, or null for no bound; got undefined$/,
    ],
    ['a rate without a duration', (queue) => queue.setGlobalRateLimit({ max: 5 }), /needs the option 'duration'/],
    [
      'a rate of none',
      (queue) => queue.setGlobalRateLimit({ max: 0, duration: 5 }),
      /'max' of setGlobalRateLimit\(\).*from 1 to 100000; got 0$/,
    ],
    [
      'a rate of too many',
      (queue) => queue.setGlobalRateLimit({ max: 100_001, duration: 5 }),
      /from 1 to 100000; got 100001$/,
    ],
  ]);
});

describe('schedulers', () => {
  const job = { name: 'j', data: 1 };
  const repeating = (repeat) => (queue) => queue.upsertJobScheduler('s', repeat, job);
  refused([
    [
      'an id that is no string',
      (queue) => queue.upsertJobScheduler(5, { every: '1m' }, job),
      /^a scheduler's id is a string of 1 to 256.*; got 5$/,
    ],
    [
      'an empty id',
      (queue) => queue.upsertJobScheduler('', { every: '1m' }, job),
      /a scheduler's id is a string of 1 to 256/,
    ],
    ['removal by a number', (queue) => queue.removeJobScheduler(5), /^a scheduler's id is a string; got 5$/],
    [
      'a repeat that is a pattern alone',
      repeating('0 3 * * *'),
      /^the repeat of upsertJobScheduler\(\).*a plain object; got '0 3 \* \* \*'$/,
    ],
    [
      'a misspelt repeat',
      repeating({ evry: '1m' }),
      /^unknown option 'evry' for the repeat of .*; did you mean 'every'\?$/,
    ],
    [
      'an interval of 0',
      repeating({ every: 0 }),
      /^option 'every' of the repeat of upsertJobScheduler\(\) must be a duration/,
    ],
    [
      'a start that is no Date',
      repeating({ every: '1m', startDate: '2030-01-01' }),
      /'startDate'.*a valid Date; got '2030-01-01'$/,
    ],
    ['no iteration at all', repeating({ every: '1m', limit: 0 }), /'limit' of the repeat.*1.*; got 0$/],
    [
      'another word for what is missed',
      repeating({ every: '1m', missed: 'never' }),
      /must be 'skip' or 'once' or 'all'; got 'never'$/,
    ],
    [
      'a template without a name',
      (queue) => queue.upsertJobScheduler('s', { every: '1m' }, { data: 1 }),
      /^the template of upsertJobScheduler\(\) needs the option 'name'/,
    ],
    [
      'data of a template that has no JSON form',
      (queue) => queue.upsertJobScheduler('s', { every: '1m' }, { name: 'j', data: 1n }),
      /^data of the template of upsertJobScheduler\(\) is a BigInt/,
    ],
    [
      'a misspelt option of a template',
      (queue) => queue.upsertJobScheduler('s', { every: '1m' }, { name: 'j', data: 1, opts: { atempts: 1 } }),
      /^unknown option 'atempts' for 'opts' of the template of .*; did you mean 'attempts'\?$/,
    ],
    ['neither interval nor pattern', repeating({}), /every.*pattern/],
    ['interval and pattern', repeating({ every: '1m', pattern: '* * * * *' }), /every.*pattern/],
    ['an interval of less than 10 ms', repeating({ every: 9 }), /every.*9 ms.*10 ms/],
    ['a time zone of an interval', repeating({ every: '1m', tz: 'UTC' }), /tz goes with a pattern/],
    ['an offset of a pattern', repeating({ pattern: '* * * * *', offset: 5 }), /offset.*every/],
    [
      'what is no pattern',
      repeating({ pattern: 'daily at three' }),
      /'daily at three' is no cron pattern.*five fields/,
    ],
    [
      'a time zone there is not',
      repeating({ pattern: '* * * * *', tz: 'Europe/Berln' }),
      /no time zone 'Europe\/Berln'/,
    ],
    [
      'one jobId for all iterations',
      (queue) => queue.upsertJobScheduler('s', { every: '1m' }, { name: 'j', data: 1, opts: { jobId: 'a' } }),
      /jobId/,
    ],
  ]);

  it('what was refused is no scheduler and changes none', async () => {
    await queue.upsertJobScheduler('s', { every: '1m' }, job);
    const before = await queue.getJobSchedulers();
    for (const repeat of [{}, { every: 5 }, { every: '1m', missed: 'x' }, { pattern: 'x' }]) {
      await assert.rejects(queue.upsertJobScheduler('s', repeat, job), { code: 'ERR_INVALID_ARG' });
      await assert.rejects(queue.upsertJobScheduler('t', repeat, job), { code: 'ERR_INVALID_ARG' });
    }
    assert.deepEqual(await queue.getJobSchedulers(), before);
    for (const id of ['', ID_257, HALF_PAIR, 't']) assert.equal(await queue.removeJobScheduler(id), false);
  });
});

describe('a job', () => {
  it('has a result that is waited for no time at all: refused', async () => {
    const job = await queue.add('j', 1);
    await rejects(
      () => job.result({ timeout: 0 }),
      /^option 'timeout' of result\(\) must be a duration above zero.*; got 0$/,
    );
    await rejects(() => job.result(5_000), /^result\(\) takes its options as a plain object; got 5000$/);
    await rejects(() => job.result({ timout: 5 }), /did you mean 'timeout'\?$/);
  });

  it('is cancelled for a reason of at most 2,000 characters', async () => {
    const job = await queue.add('j', 1);
    await rejects(() => job.cancel(5), /^the reason of cancel\(\) is a string of at most 2000 characters; got 5$/);
    await rejects(() => job.cancel(null), /; got null$/);
    await rejects(() => job.cancel('r'.repeat(2_001)), /at most 2000 characters; got 2001; shorten it$/);
    assert.equal(await job.getState(), 'waiting');
    assert.equal(await job.cancel(`${'r'.repeat(1_999)}${HALF_PAIR}`), true);
    assert.equal((await queue.getJob(job.id)).failedReason, `${'r'.repeat(1_999)}\ufffd`);
  });

  it('that waits is neither retried nor promoted', async () => {
    const job = await queue.add('j', 1, { jobId: 'a' });
    await rejects(
      () => job.retry(),
      /^retry\(\) takes a completed or failed job; job 'a' is waiting: it will run/,
      'ERR_INVALID_STATE',
    );
    await rejects(
      () => job.promote(),
      /^promote\(\) takes a delayed job; job 'a' is waiting: it waits/,
      'ERR_INVALID_STATE',
    );
    assert.equal(await job.getState(), 'waiting');
  });

  it('that is delayed is promoted, not retried', async () => {
    const job = await queue.add('j', 1, { jobId: 'a', delay: '1h' });
    await rejects(() => job.retry(), /job 'a' is delayed: promote\(\) lets it run now$/, 'ERR_INVALID_STATE');
    assert.equal(await job.getState(), 'delayed');
  });

  it('that is active is neither retried, promoted nor removed', async () => {
    const over = deferred();
    const job = await queue.add('j', 1, { jobId: 'a' });
    queue.process(() => over.promise);
    await until(async () => (await job.getState()) === 'active');
    await rejects(
      () => job.retry(),
      /job 'a' is active: wait until it has finished, or cancel\(\) it first$/,
      'ERR_INVALID_STATE',
    );
    await rejects(() => job.promote(), /job 'a' is active: it is running already$/, 'ERR_INVALID_STATE');
    await rejects(
      () => job.remove(),
      /job 'a' is active: cancel\(\) it, and remove\(\) it when it has ended$/,
      'ERR_INVALID_STATE',
    );
    over.resolve('well');
    assert.equal(await job.result(), 'well');
    await rejects(() => job.promote(), /job 'a' is completed: retry\(\) lets it run once more$/, 'ERR_INVALID_STATE');
  });

  it('that is gone is not retried or promoted, and there is nothing to remove or cancel', async () => {
    const job = await queue.add('j', 1, { jobId: 'a' });
    assert.equal(await job.remove(), true);
    await rejects(() => job.retry(), /job 'a' is not there: it was removed .*; add it again$/, 'ERR_INVALID_STATE');
    await rejects(() => job.promote(), /job 'a' is not there: .*; add it again$/, 'ERR_INVALID_STATE');
    assert.deepEqual([await job.remove(), await job.cancel()], [false, false]);
    assert.equal(await job.getState(), 'unknown');
    await rejects(() => job.result(), /./, 'ERR_NOT_FOUND');
  });
});

describe('a queue', () => {
  const made = (options) => () => store.queue('other', options);
  thrown([
    ['a name that is no string', () => store.queue(5), /^a queue name is a string of 1 to 256/],
    [
      'a misspelt option',
      made({ deadLeter: 'd' }),
      /^unknown option 'deadLeter' for queue\(\); did you mean 'deadLetter'\?$/,
    ],
    ['data of no size', made({ maxDataSize: 0 }), /'maxDataSize'.*at least 1 byte and at most 256mb.*; got 0$/],
    ['data of more than 256 MB', made({ maxDataSize: '257mb' }), /at most 256mb.*; got '257mb'$/],
    [
      'a dead-letter queue that is no name',
      made({ deadLetter: '' }),
      /^option 'deadLetter' of queue\(\) must be a string of 1/,
    ],
    [
      'an id for all jobs',
      made({ defaultJobOptions: { jobId: 'a' } }),
      /^unknown option 'jobId' for 'defaultJobOptions' of queue\(\)/,
    ],
    [
      'an instant for all jobs',
      made({ defaultJobOptions: { runAt: new Date(0) } }),
      /^unknown option 'runAt' for 'defaultJobOptions'/,
    ],
    [
      'a bad default',
      made({ defaultJobOptions: { priority: 1.5 } }),
      /^option 'priority' of 'defaultJobOptions' of queue\(\).*; got 1\.5$/,
    ],
  ]);

  it('refuses data that is larger than its jobs may be with ERR_TOO_LARGE', async () => {
    const small = store.queue('small', { maxDataSize: 100 });
    const large = 'x'.repeat(100);
    await rejects(() => small.add('j', large), /100/, 'ERR_TOO_LARGE');
    await rejects(
      () =>
        small.addBulk([
          { name: 'j', data: 1 },
          { name: 'j', data: large },
        ]),
      /100/,
      'ERR_TOO_LARGE',
    );
    await rejects(() => small.addAndWait('j', large), /100/, 'ERR_TOO_LARGE');
    assert.equal((await small.getJobCounts()).waiting, 0);
  });
});

describe('close() of a store', () => {
  for (const [what, options, message] of [
    ['a misspelt option', { drian: true }, /^unknown option 'drian' for close\(\); did you mean 'drain'\?$/],
    ['drain that is no boolean', { drain: 1 }, /^option 'drain' of close\(\) must be true or false; got 1$/],
    ['a negative timeout', { timeout: -1 }, /^option 'timeout' of close\(\) must be 0, or a duration.*; got -1$/],
  ]) {
    it(`${what} is refused, and the store stays open`, async () => {
      await rejects(() => store.close(options), message);
      assert.equal(store.closed, false);
      queue.on('added', () => {});
    });
  }

  it('leaves every method of its queues ERR_CLOSED', async () => {
    const job = await queue.add('j', 1);
    await store.close();
    const calls = {
      add: () => queue.add('j', 1),
      addBulk: () => queue.addBulk([{ name: 'j', data: 1 }]),
      addAndWait: () => queue.addAndWait('j', 1),
      getJob: () => queue.getJob('a'),
      getJobs: () => queue.getJobs('failed'),
      getJobCounts: () => queue.getJobCounts(),
      getMetrics: () => queue.getMetrics(),
      pause: () => queue.pause(),
      resume: () => queue.resume(),
      isPaused: () => queue.isPaused(),
      drain: () => queue.drain(),
      clean: () => queue.clean('failed', { olderThan: 0 }),
      retryFailed: () => queue.retryFailed(),
      obliterate: () => queue.obliterate(),
      setGlobalConcurrency: () => queue.setGlobalConcurrency(1),
      setGlobalRateLimit: () => queue.setGlobalRateLimit(null),
      upsertJobScheduler: () => queue.upsertJobScheduler('s', { every: '1m' }, { name: 'j', data: 1 }),
      removeJobScheduler: () => queue.removeJobScheduler('s'),
      getJobSchedulers: () => queue.getJobSchedulers(),
      getJobLogs: () => queue.getJobLogs('a'),
      getState: () => job.getState(),
      result: () => job.result(),
      retry: () => job.retry(),
      promote: () => job.promote(),
      remove: () => job.remove(),
      cancel: () => job.cancel(),
    };
    for (const [name, call] of Object.entries(calls)) {
      await assert.rejects(call(), (error) => assertError(error, 'ERR_CLOSED', /closed/), name);
    }
  });
});

function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  return parts;
}

async function until(condition) {
  for (let turn = 0; turn < 1_000; turn++) {
    if (await condition()) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.fail('it did not come to that');
}
