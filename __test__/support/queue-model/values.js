'use strict';
/** What commands are made with: few values each, so that they meet. */
const fc = require('fast-check');
const { withoutUndefined } = require('./world.js');

const { constantFrom, nat, record, boolean } = fc;
const seldom = (arbitrary, weight = 1) => {
  return fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight, arbitrary });
};
const plain = (fields) => record(fields, { noNullPrototype: true }).map(withoutUndefined);

const ENDING = fc.oneof(
  { weight: 3, arbitrary: plain({ how: fc.constant('complete'), value: nat(9) }) },
  { weight: 2, arbitrary: plain({ how: fc.constant('fail'), value: constantFrom('no', 'never mind') }) },
  { weight: 1, arbitrary: plain({ how: fc.constant('unrecoverable'), value: fc.constant('gone') }) },
  { weight: 1, arbitrary: plain({ how: fc.constant('snooze'), value: constantFrom(500, 1_200) }) },
);
const PLANNED = fc.oneof(
  { weight: 2, arbitrary: fc.constant({ how: 'block' }) },
  { weight: 2, arbitrary: ENDING },
  { weight: 1, arbitrary: ENDING.map((ending) => ({ ...ending, later: true })) },
);
const RETENTION = constantFrom(true, false, 1, 2, { age: '800ms' }, { count: 1, age: '2000ms' });
const OPTIONS = plain({
  jobId: seldom(constantFrom('a', 'b', 'c')),
  delay: seldom(constantFrom(0, 500, 1_000, 2_500), 2),
  priority: seldom(constantFrom(0, 1, 2), 2),
  lifo: seldom(boolean()),
  group: seldom(constantFrom({ id: 'g' }, { id: 'h' }), 2),
  attempts: seldom(constantFrom(1, 2, 3), 2),
  backoff: seldom(constantFrom({ type: 'fixed', delay: 1_000 }, { type: 'exponential', delay: 300, maxDelay: 500 })),
  timeout: seldom(constantFrom(700, 1_500), 2),
  expiresIn: seldom(constantFrom(400, 1_000, 1_200)),
  deduplication: seldom(
    constantFrom(
      { id: 'd' },
      { id: 'd', ttl: 1_500 },
      { id: 'd', ttl: 1_500, extend: true },
      { id: 'e', replace: true },
      { id: 'e', ttl: 1_000, extend: true, replace: true },
    ),
    2,
  ),
  removeOnComplete: seldom(RETENTION, 2),
  removeOnFail: seldom(RETENTION, 2),
  // What would expire before it is due is refused.
}).map(({ expiresIn, ...rest }) => (expiresIn > (rest.delay ?? 0) ? { ...rest, expiresIn } : rest));
const JOB = plain({
  name: constantFrom('mail', 'video'),
  data: plain({ script: fc.array(PLANNED, { minLength: 1, maxLength: 3 }) }),
  opts: OPTIONS,
});
const TEMPLATE = plain({
  name: fc.constant('tick'),
  data: plain({ script: fc.array(PLANNED, { minLength: 1, maxLength: 1 }) }),
  opts: plain({ priority: seldom(constantFrom(1)), delay: seldom(constantFrom(300)), attempts: fc.constant(1) }),
});
const REPEAT = plain({
  every: constantFrom(1_000, 2_500),
  offset: seldom(constantFrom(0, 100)),
  immediately: seldom(boolean()),
  limit: seldom(constantFrom(1, 3)),
  missed: seldom(constantFrom('skip', 'once', 'all')),
});
const LIMITER = { max: 2, duration: 1_000 };
const WORKER = plain({
  concurrency: constantFrom(1, 2, 3),
  groupLimit: seldom(constantFrom(1, 2), 3),
  limiter: seldom(fc.constant(LIMITER)),
  // What the function answers; null: nothing, which leaves it to the job.
  backoff: seldom(constantFrom(0, 700, false, null), 2),
});

module.exports = { ENDING, JOB, REPEAT, TEMPLATE, WORKER };
