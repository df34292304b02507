'use strict';
const { closed, startingAt } = require('./errors.js');
const { Job, newView } = require('./job.js');
const { STATUS_PENDING, ready, reply, scratch } = require('./lane.js');
const read = require('./queue-arguments.js');
const { QueueListeners } = require('./queue-events.js');
const { bulkText, checkJobName, dataText, jobOptionsText, readAddAndWait } = require('./queue-options.js');
const schedulers = require('./queue-schedulers.js');
const steps = require('./queue-steps.js');
const { QueueWorkers } = require('./queue-workers.js');

class Queue {
  /** @type {import('../native.js').QueueFunctions} */
  #native;
  /** @type {import('./queue-workers.js').OfStore} */
  #store;
  #listeners;
  #workers;

  /**
   * @param {string} name
   * @param {import('../native.js').QueueFunctions} native
   * @param {import('./queue-workers.js').OfStore} store
   */
  constructor(name, native, store) {
    this.name = name;
    this.#native = native;
    this.#store = store;
    this.#listeners = new QueueListeners(native, (above) => this.#refuseIfClosing(above));
    this.#workers = new QueueWorkers(native, name, store);
  }

  /** @param {string} name @param {unknown} data @param {import('../index.js').JobOptions} [given] */
  async add(name, data, given) {
    checkJobName(name, this.add);
    const options = jobOptionsText(given, this.add);
    const text = dataText(data, this.add);
    let answer = this.#native.add(name, text, options);
    if (scratch[0] === STATUS_PENDING) {
      try {
        answer = await reply(answer);
      } catch (error) {
        throw startingAt(this.add, error);
      }
    } else {
      answer = ready(answer, this.add);
      // The id of a new job, of which the rest is known here.
      const timestamp = scratch[1];
      if (timestamp > 0) return new Job(this.#native, newView(answer, name, text, scratch[2], timestamp), true);
    }
    const [view, added] = JSON.parse(/** @type {string} */ (answer));
    return new Job(this.#native, view, added);
  }

  /** @param {readonly import('../index.js').NewJob<unknown>[]} jobs */
  async addBulk(jobs) {
    const text = bulkText(jobs, this.addBulk);
    try {
      /** @type {[import('./job.js').JobView, boolean][]} */
      const answers = JSON.parse(await reply(this.#native.addBulk(text)));
      return answers.map(([view, added]) => new Job(this.#native, view, added));
    } catch (error) {
      throw startingAt(this.addBulk, error);
    }
  }

  /**
   * @param {string} name
   * @param {unknown} data
   * @param {import('../index.js').JobOptions & { waitTimeout?: import('../index.js').Duration }} [given]
   */
  async addAndWait(name, data, given) {
    checkJobName(name, this.addAndWait);
    const { text: options, waitMs } = readAddAndWait(given, this.addAndWait);
    const text = dataText(data, this.addAndWait);
    try {
      return JSON.parse(await reply(this.#native.addAndWait(name, text, options, waitMs)));
    } catch (error) {
      throw startingAt(this.addAndWait, error);
    }
  }

  /**
   * @param {((job: any) => unknown) | URL | string} work
   * @param {import('../index.js').WorkerOptions} [given]
   */
  process(work, given) {
    this.#refuseIfClosing(this.process);
    return this.#workers.start(work, given, this.process);
  }

  /** @param {string} id */
  async getJob(id) {
    if (!read.mayBeId(id, 'a job id', this.getJob)) return undefined;
    const text = await reply(this.#native.getJob(id), this.getJob);
    return text === undefined ? undefined : new Job(this.#native, JSON.parse(text), false);
  }

  /**
   * @param {import('../index.js').JobState | readonly import('../index.js').JobState[]} states
   * @param {{ start?: number, end?: number, asc?: boolean }} [given]
   */
  async getJobs(states, given) {
    const { states: wanted, start, end, asc } = read.readGetJobs(states, given, this.getJobs);
    /** @type {import('./job.js').JobView[]} */
    const views = JSON.parse(ready(this.#native.getJobs(wanted, start, end, asc), this.getJobs));
    return views.map((view) => new Job(this.#native, view, false));
  }

  async getJobCounts() {
    return JSON.parse(ready(this.#native.counts(), this.getJobCounts));
  }

  async getMetrics() {
    return JSON.parse(ready(this.#native.metrics(), this.getMetrics));
  }

  async pause() {
    await reply(this.#native.pause(), this.pause);
  }

  async resume() {
    await reply(this.#native.resume(), this.resume);
  }

  async isPaused() {
    return ready(this.#native.isPaused(), this.isPaused);
  }

  async drain() {
    return await steps.drain(this.#native, this.drain);
  }

  /**
   * @param {'completed' | 'failed' | 'delayed' | 'waiting'} state
   * @param {{ olderThan: import('../index.js').Duration | 0, limit?: number }} given
   */
  async clean(state, given) {
    const { olderThan, limit } = read.readClean(state, given, this.clean);
    return await steps.clean(this.#native, state, olderThan, limit, this.clean);
  }

  /** @param {{ limit?: number }} [given] */
  async retryFailed(given) {
    return await steps.retryFailed(this.#native, read.readRetryFailed(given, this.retryFailed), this.retryFailed);
  }

  /** @param {{ force?: boolean }} [given] */
  async obliterate(given) {
    await reply(this.#native.obliterate(read.readObliterate(given, this.obliterate)), this.obliterate);
  }

  /** @param {number | null} limit */
  async setGlobalConcurrency(limit) {
    const checked = read.readGlobalConcurrency(limit, this.setGlobalConcurrency);
    await reply(this.#native.setGlobalConcurrency(checked), this.setGlobalConcurrency);
  }

  /** @param {{ max: number, duration: import('../index.js').Duration } | null} limit */
  async setGlobalRateLimit(limit) {
    const { max, duration } = read.readGlobalRateLimit(limit, this.setGlobalRateLimit);
    await reply(this.#native.setGlobalRateLimit(max, duration), this.setGlobalRateLimit);
  }

  /**
   * @param {string} id
   * @param {import('../index.js').Repeat} repeat
   * @param {import('../index.js').NewJob<unknown>} template
   */
  async upsertJobScheduler(id, repeat, template) {
    schedulers.checkSchedulerId(id, this.upsertJobScheduler);
    const text = schedulers.schedulerText(repeat, template, this.upsertJobScheduler);
    await reply(this.#native.upsertScheduler(id, text), this.upsertJobScheduler);
  }

  /** @param {string} id */
  async removeJobScheduler(id) {
    if (!read.mayBeId(id, "a scheduler's id", this.removeJobScheduler)) return false;
    return await reply(this.#native.removeScheduler(id), this.removeJobScheduler);
  }

  async getJobSchedulers() {
    return schedulers.readSchedulers(ready(this.#native.schedulers(), this.getJobSchedulers));
  }

  /** @param {string} id @param {{ start?: number, end?: number }} [given] */
  async getJobLogs(id, given) {
    const { start, end } = read.readLogs(given, this.getJobLogs);
    if (!read.mayBeId(id, 'a job id', this.getJobLogs)) return [];
    return JSON.parse(ready(this.#native.logs(id, start, end), this.getJobLogs));
  }

  /** @param {string} event @param {(payload: any) => void} listener */
  on(event, listener) {
    this.#listeners.add(event, listener, false, this.on);
    return this;
  }

  /** @param {string} event @param {(payload: any) => void} listener */
  once(event, listener) {
    this.#listeners.add(event, listener, true, this.once);
    return this;
  }

  /** @param {string} event @param {(payload: any) => void} listener */
  off(event, listener) {
    this.#listeners.remove(event, listener, this.off);
    return this;
  }

  /** Node's events.once() asks for it by this name. @param {string} event @param {(payload: any) => void} listener */
  removeListener(event, listener) {
    return this.off(event, listener);
  }

  /**
   * For Store.close(): whether workers here have jobs to run before they close. Delayed jobs are none of these.
   * @param {Queue} queue
   */
  static hasWork(queue) {
    if (!queue.#workers.takesJobs || ready(queue.#native.isPaused())) return false;
    const { waiting, prioritized, active } = JSON.parse(ready(queue.#native.counts()));
    return waiting + prioritized + active > 0;
  }

  /**
   * For Store.close(): workers first, then the events that their last jobs made.
   * @param {Queue} queue
   * @param {number} timeout Milliseconds.
   */
  static async close(queue, timeout) {
    try {
      await queue.#workers.close(timeout);
    } finally {
      await queue.#listeners.end();
    }
  }

  /** @param {Function} above */
  #refuseIfClosing(above) {
    if (!this.#store.closing) return;
    throw closed(
      `queue '${this.name}' is closing with its store: it takes no more workers and listeners; open() the store anew`,
      above,
    );
  }
}

module.exports = { Queue };
