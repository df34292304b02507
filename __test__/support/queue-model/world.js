'use strict';
/** The real queue beside the model: its workers, whose handlers end as they are told, and all that is heard of it. */
const { UnrecoverableError, manualClock, open } = require('redstart');
const { BACKOFF } = require('./terms.js');

const START = 1_700_000_000_000;
const EVENTS =
  'added waiting delayed active progress completed retrying failed stalled removed deduplicated paused resumed drained lagged';
const TELLS = ['active', 'completed', 'failed', 'retrying', 'lease-lost'];
/** What wakes a thread may take two turns of its loop, and what follows from it two more. */
const STILL_TURNS = 4;

const turn = () => new Promise((resolve) => setImmediate(resolve));

class World {
  clock = manualClock(START);
  store = open('memory:', { clock: this.clock });
  queue = this.store.queue('model', { defaultJobOptions: { backoff: BACKOFF } });
  /** Events in the order in which they came, and how many of them the model knows. */
  events = [];
  judged = 0;
  /** How many events had come each time the queue was obliterated. */
  anew = new Set();
  /** Runs of handlers by the id of their job, and by their worker. */
  runs = new Map();
  /** @type {any[][]} */
  runsOf = [];
  workers = [];
  /** The last handle of each job. */
  jobs = new Map();
  /** What result() of each new job came to, with the job of the model. */
  results = [];
  errors = [];
  endsAtOnce = false;
  #tells = new WeakMap();
  #changes = 0;
  #later = 0;

  constructor() {
    for (const event of EVENTS.split(' ')) {
      this.queue.on(event, (payload) => {
        this.#changes += 1;
        this.events.push({ event, payload });
      });
    }
  }

  startWorker({ concurrency, groupLimit, limiter, backoff }) {
    const number = this.workers.length;
    const options = { concurrency, limiter, group: groupLimit && { concurrency: groupLimit } };
    const given = backoff === undefined ? options : { ...options, backoff: () => backoff ?? undefined };
    this.runsOf.push([]);
    const worker = this.queue.process((job) => this.#run(number, job), withoutUndefined(given));
    for (const tell of TELLS) worker.on(tell, (job) => this.#note(job, tell));
    worker.on('error', (error) => this.errors.push(error));
    this.workers.push(worker);
    return number;
  }

  #tellsOf(job) {
    if (!this.#tells.has(job)) this.#tells.set(job, []);
    return this.#tells.get(job);
  }

  #note(job, tell) {
    this.#changes += 1;
    this.#tellsOf(job).push(tell);
  }

  /** How the n-th run of a job ends, the job says; with 'block' when a command does. */
  #run(worker, job) {
    this.#changes += 1;
    const { id, attempt, data } = job;
    if (!this.runs.has(id)) this.runs.set(id, []);
    const runs = this.runs.get(id);
    const ending = data.script[runs.length % data.script.length];
    const run = { id, worker, attempt, data, job, tells: this.#tellsOf(job), signal: job.signal, finish: undefined };
    runs.push(run);
    this.runsOf[worker].push(run);
    return new Promise((resolve, reject) => {
      run.finish = (how) => {
        run.ending = how;
        this.#changes += 1;
        end(job, how, resolve, reject);
      };
      if (this.endsAtOnce) run.finish({ how: 'complete', value: null });
      else if (ending.later) this.#finishLater(run, ending);
      else if (ending.how !== 'block') run.finish(ending);
    });
  }

  #finishLater(run, ending) {
    run.ending = ending;
    this.#later += 1;
    setImmediate(() => {
      this.#later -= 1;
      run.finish(ending);
    });
  }

  /** Runs whose handlers wait to be told how to end, those that lost their job too. */
  get blocked() {
    return this.runsOf.flat().filter(({ ending }) => ending === undefined);
  }

  noteAdded(job, ofModel) {
    this.jobs.set(job.id, job);
    if (!job.added) return;
    const result = { job: ofModel, came: undefined };
    this.results.push(result);
    const cameTo = (came) => {
      this.#changes += 1;
      result.came = came;
    };
    job.result().then(
      (value) => cameTo({ value }),
      ({ code, finishKind }) => cameTo(finishKind === undefined ? { code } : { code, finishKind }),
    );
  }

  /** When nothing happens any more until time goes by or somebody calls. */
  async quiet() {
    for (let still = 0; still < STILL_TURNS; ) {
      const before = this.#changes;
      await turn();
      still = this.#changes === before && this.#later === 0 ? still + 1 : 0;
    }
  }

  /** All that is blocked ends, and what begins from now on ends at once. */
  letGo() {
    this.endsAtOnce = true;
    for (const run of this.blocked) run.finish({ how: 'complete', value: null });
  }
}

function end(job, { how, value }, resolve, reject) {
  if (how === 'complete') resolve(value);
  else if (how === 'snooze') reject(job.snooze(value));
  else reject(how === 'unrecoverable' ? new UnrecoverableError(value) : new Error(value));
}

function withoutUndefined(given) {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

module.exports = { START, World, withoutUndefined };
