'use strict';
/**
 * One job in the hands of a handler: runs it, and settles it once. Whoever is first says how it ended: the handler, core
 * (the lease was lost, the attempt timed out) or a worker that closes. What comes later changes nothing.
 */
const { types } = require('node:util');
const { encodeJson } = require('./codec.js');
const { DURATION_MS_MAX } = require('./duration.js');
const { RedstartError, UnrecoverableError, invalidArg, isUnrecoverable, show, toFailure } = require('./errors.js');
const { ActiveJob, Snooze, leaseLost } = require('./job-active.js');
const { JobReturns, COMPLETED, NULL } = require('./job-returns.js');
const { ready } = require('./lane.js');
const { countBegun, isTurnDue, turnOfTheLoop } = require('./worker-turn.js');

// What settling came to, beside COMPLETED.
/** Another attempt follows. */
const RETRYING = 1;
/** So core answers a snooze. */
const SNOOZED = 1;
const FAILED = 2;
const LEASE_LOST = 4;

// How a job fails.
const AS_ITS_OPTIONS_SAY = 0;
const FOR_GOOD = 1;
/** By the job's own backoff. */
const ITS_OWN_WAIT = -1;

/** To be awaited; one for all, as each `await` of nothing would make one. */
const atOnce = Promise.resolve();

/** Why core takes a job back. */
const LeaseEnd = { RUNS_ELSEWHERE: 0, TIMED_OUT: 1, CANCELLED: 2, TIMED_OUT_FOR_GOOD: 3 };

/**
 * What the runs of a worker share. `over`: its place is free; `lost`: core has taken it back, and its news of why is to come.
 * @typedef {{ native: import('../native.js').QueueFunctions, handler: (job: any) => unknown,
 *   backoff: ((context: object) => unknown) | undefined, returns: InstanceType<typeof JobReturns>, hears(event: string): boolean,
 *   tell(event: string, ...args: unknown[]): void, tellError(error: unknown): void, over(run: JobRun): void,
 *   lost(run: JobRun): void }} Hands
 */

class JobRun {
  #hands;
  #isOver = false;
  /** @type {Error | undefined} */
  #cancelled;
  /** @type {unknown} What the handler returned. */
  #result;

  /** @param {Hands} hands @param {import('./job.js').JobView} view @param {import('./job-active.js').Token} token */
  constructor(hands, view, token) {
    this.#hands = hands;
    this.token = token;
    this.job = new ActiveJob(hands.native, view, token);
  }

  /** Whoever was first has said how it ended. */
  get isOver() {
    return this.#isOver;
  }

  async run() {
    // From here on in an asynchronous context of its own: what a handler enters there is not seen by the next.
    await atOnce;
    while (isTurnDue()) await turnOfTheLoop();
    JobReturns.allGo();
    countBegun(this.#isOver);
    if (this.#isOver) return;
    if (this.#hands.hears('active')) {
      this.#hands.tell('active', this.job);
      // A listener may have closed the worker.
      if (this.#isOver) return;
    }
    let result;
    const { handler } = this.#hands;
    try {
      result = await handler(this.job);
      if (Snooze.delayOf(result) !== undefined) throw snoozeReturned(this.job.id);
    } catch (error) {
      this.#fail(error);
      return;
    }
    this.#complete(result);
  }

  /** Core has taken it back, or will. @param {number} why */
  lose(why) {
    if (why === LeaseEnd.CANCELLED) {
      ActiveJob.abort(this.job, this.#cancellation());
      return;
    }
    const { id } = this.job;
    const isTimeout = why !== LeaseEnd.RUNS_ELSEWHERE;
    const reason = isTimeout ? timedOut(id) : leaseLost(id);
    if (!this.#isOver) {
      this.end();
      this.#tellLost(reason);
    }
    if (isTimeout) this.#tellFailed(why === LeaseEnd.TIMED_OUT ? 'retrying' : 'failed', reason, 'timeout');
  }

  /** It goes back to the front of the queue, for others to run. */
  release() {
    this.#isOver = true;
    const { job, epoch, nonce } = this.token;
    try {
      const cameTo = ready(this.#hands.native.release(job, epoch, nonce));
      if (cameTo === FAILED) this.#tellOther(cameTo);
    } catch (error) {
      this.#hands.tellError(error);
    }
  }

  abortReleased() {
    const message = `job ${this.job.id} was released: its worker closed before it had finished`;
    ActiveJob.abort(this.job, new RedstartError(message, { code: 'ERR_CLOSED' }));
  }

  /** @param {unknown} result */
  #complete(result) {
    if (this.#isOver) return;
    let text = NULL;
    try {
      if (result !== undefined) text = encodeJson(result, 'what the handler returned');
    } catch (error) {
      this.#fail(readUnfit(error));
      return;
    }
    // Its toJSON may have closed the worker.
    if (this.#isOver) return;
    this.#result = result;
    this.#hands.returns.add(this, text);
  }

  /** Not together with others. @param {string} text */
  completeAlone(text) {
    this.settleAlone(text)?.();
  }

  /**
   * Settles it without telling: the job fails where core refuses the result.
   * @param {string} text
   * @returns {(() => void) | undefined} To tell what it came to.
   */
  settleAlone(text) {
    if (this.#isOver) return undefined;
    const { job, epoch, nonce } = this.token;
    let cameTo;
    try {
      cameTo = ready(this.#hands.native.complete(job, epoch, nonce, text));
    } catch (error) {
      return this.#settleFailed(readUnfit(error));
    }
    this.end();
    return () => this.tellEnd(cameTo);
  }

  /** Its handler has returned, and core has been told. @param {number | undefined} cameTo */
  tellEnd(cameTo) {
    if (cameTo === COMPLETED) {
      ActiveJob.endAttempt(this.job);
      if (this.#hands.hears('completed')) this.#hands.tell('completed', this.job, this.#result);
    } else {
      this.#tellOther(cameTo);
    }
  }

  /** @param {unknown} error */
  #fail(error) {
    // What returned before is told before.
    if (!this.#isOver) this.#hands.returns.go();
    // A listener may have closed the worker.
    if (!this.#isOver) this.#settleFailed(error)?.();
  }

  /** Settles it without telling. @param {unknown} error @returns {(() => void) | undefined} To tell what it came to. */
  #settleFailed(error) {
    const { job, epoch, nonce } = this.token;
    const { native } = this.#hands;
    const delayMs = Snooze.delayOf(error);
    if (delayMs !== undefined) {
      return this.#settle(
        () => native.snooze(job, epoch, nonce, delayMs),
        (cameTo) => {
          if (cameTo !== SNOOZED) this.#tellOther(cameTo);
        },
      );
    }
    const { how, waitMs } = this.#whatFollows(error);
    // The function backoff may have closed its worker.
    if (this.#isOver) return undefined;
    const failure = JSON.stringify(toFailure(error));
    return this.#settle(
      () => native.fail(job, epoch, nonce, failure, how, waitMs),
      (cameTo) => {
        if (cameTo === RETRYING) this.#tellFailed('retrying', error);
        else if (cameTo !== FAILED || this.#cancelled !== undefined) this.#tellOther(cameTo);
        else this.#tellFailed('failed', error, how === FOR_GOOD ? 'unrecoverable' : 'exhausted');
      },
    );
  }

  /**
   * Its place is free even where settling fails; the job is given back when the worker closes.
   * @param {() => number | undefined} call
   * @param {(cameTo: number | undefined) => void} tell
   * @returns {() => void} To tell what it came to.
   */
  #settle(call, tell) {
    try {
      const cameTo = ready(call());
      return () => tell(cameTo);
    } catch (error) {
      return () => this.#hands.tellError(error);
    } finally {
      this.end();
    }
  }

  /** @param {unknown} error */
  #whatFollows(error) {
    if (isUnrecoverable(error)) return { how: FOR_GOOD, waitMs: ITS_OWN_WAIT };
    const { backoff } = this.#hands;
    const asItsOptionsSay = { how: AS_ITS_OPTIONS_SAY, waitMs: ITS_OWN_WAIT };
    // One that is cancelled has failed whatever follows.
    if (backoff === undefined || this.#cancelled !== undefined) return asItsOptionsSay;
    try {
      const answer = backoff({ attemptsMade: this.job.attempt, error, job: this.job });
      if (answer === undefined) return asItsOptionsSay;
      return answer === false
        ? { how: FOR_GOOD, waitMs: ITS_OWN_WAIT }
        : { how: AS_ITS_OPTIONS_SAY, waitMs: readWait(answer) };
    } catch (thrown) {
      this.#hands.tellError(thrown);
      return asItsOptionsSay;
    }
  }

  /** It ended otherwise than its handler did. @param {number | undefined} cameTo */
  #tellOther(cameTo) {
    if (cameTo === FAILED) {
      this.#tellFailed('failed', this.#cancellation(), 'cancelled');
    } else if (cameTo === LEASE_LOST) {
      this.#hands.lost(this);
      this.#tellLost(leaseLost(this.job.id));
    }
  }

  /**
   * The job as listeners see it is as after the attempt. What core itself has failed it with, core is asked for.
   * @param {'retrying' | 'failed'} event
   * @param {unknown} error
   * @param {import('../index.js').FinishKind} [finishKind]
   */
  #tellFailed(event, error, finishKind) {
    const isCores = finishKind === 'cancelled' || finishKind === 'timeout';
    const failedReason = (isCores ? this.#reasonKept() : undefined) ?? toFailure(error).message;
    ActiveJob.endAttempt(this.job, failedReason, event === 'failed' ? finishKind : undefined);
    this.#hands.tell(event, this.job, error);
  }

  /** @returns {string | undefined} Nothing where it is gone already. */
  #reasonKept() {
    try {
      const text = ready(this.#hands.native.getJob(this.job.id));
      return text === undefined ? undefined : JSON.parse(text).failedReason;
    } catch {
      // The store has closed.
      return undefined;
    }
  }

  /** @param {Error} reason */
  #tellLost(reason) {
    ActiveJob.abort(this.job, reason);
    this.#hands.tell('lease-lost', this.job);
  }

  #cancellation() {
    this.#cancelled ??= new RedstartError(`job ${this.job.id} was cancelled`, { code: 'ERR_JOB_CANCELLED' });
    return this.#cancelled;
  }

  /** Its place is free. */
  end() {
    this.#isOver = true;
    this.#hands.over(this);
  }
}

/** @param {string} id */
function timedOut(id) {
  return new RedstartError(`job ${id} ran longer than its timeout: this attempt has failed`, {
    code: 'ERR_JOB_TIMEOUT',
  });
}

/** What a job fails with whose result was refused. @param {unknown} error */
function readUnfit(error) {
  // Of the result itself, and not of the state of the store.
  const isUnfit = RedstartError.is(error, 'ERR_INVALID_ARG') || RedstartError.is(error, 'ERR_TOO_LARGE');
  return isUnfit ? unfitResult(error) : error;
}

/**
 * Another attempt would do the same work once more, and end the same.
 * @param {any} cause
 */
function unfitResult(cause) {
  const message =
    `${cause.message}; the handler has done its work, so the job has failed for good and is not run again: return plain data of at ` +
    'most maxDataSize, or keep the result elsewhere and return where';
  return Object.assign(new UnrecoverableError(message, { cause }), { code: cause.code });
}

/** @param {string} id */
function snoozeReturned(id) {
  return invalidArg(`the handler of job ${id} returned what job.snooze() gave it; write \`throw job.snooze(…)\``);
}

/** @param {unknown} answer Of the function backoff. */
function readWait(answer) {
  if (typeof answer === 'number' && answer >= 0 && answer <= DURATION_MS_MAX) return Math.ceil(answer);
  // Told below; that it may fail later as well is nobody's loss.
  if (types.isPromise(answer)) answer.catch(() => {});
  throw invalidArg(
    "option 'backoff' of process() must return milliseconds from 0 to 100 years, false for no further attempt or undefined for the job's own backoff, and " +
      `at once; got ${show(answer)}: the job's own backoff was used`,
  );
}

module.exports = { JobRun, LeaseEnd };
