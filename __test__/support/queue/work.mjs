// What threads run in the tests: a job's name is what to do.
import { openSync } from 'node:fs';
import { BroadcastChannel, threadId } from 'node:worker_threads';

/** Threads of one test, and the test itself, talk over a channel that it names. */
function channelOf(job) {
  const channel = new BroadcastChannel(job.data.channel);
  channel.unref();
  return channel;
}

/** The first of all threads that get here with this file. */
function isFirst(file) {
  try {
    openSync(file, 'wx');
    return true;
  } catch {
    return false;
  }
}

const work = {
  tell: () => threadId,
  env: (job) => process.env[job.data],
  say: (job) => console.log(job.data),
  fail: () => {
    throw Object.assign(new TypeError('no such address'), { code: 'E_ADDRESS' });
  },
  /** Unlike JSON in both: what the job became, and what comes of it. */
  scribble: (job) => {
    job.data.circle = job.data;
    return { toJSON: () => 'as JSON', call: () => {} };
  },
  /** Snoozes the first time it gets here with this file. */
  snoozeOnce: (job) => {
    if (isFirst(job.data)) throw job.snooze(1);
    return job.attempt;
  },
  keepTrack: async (job) => {
    await job.updateProgress({ done: 1, of: 2 });
    await job.log('half of it');
    await job.log('all of it');
    return job.progress;
  },
  compute: (job) => {
    const end = performance.now() + job.data;
    while (performance.now() < end);
    return threadId;
  },
  computeForEver: (job) => {
    channelOf(job).postMessage('held');
    for (;;);
  },
  /** Until the test says so, or the job is this worker's no more. */
  hold: (job) =>
    new Promise((resolve) => {
      const channel = channelOf(job);
      channel.ref();
      const end = () => {
        channel.close();
        resolve(threadId);
      };
      channel.onmessage = ({ data }) => data === 'release' && end();
      job.signal.addEventListener('abort', () => {
        channel.postMessage(job.signal.reason.code);
        end();
      });
      channel.postMessage('held');
    }),
  waitForEver: () => new Promise(() => {}),
  exit: () => process.exit(0),
  exitWhenTold: async (job) => {
    await work.hold(job);
    process.exit(1);
  },
  throw: () => {
    setImmediate(() => {
      throw new Error('out of hand');
    });
    return new Promise(() => {});
  },
  /** The heap of this thread alone is full then. */
  fillMemoryOnce: (job) => {
    const held = [];
    while (isFirst(job.data) || held.length > 0) held.push(new Array(10_000).fill(held.length));
    return threadId;
  },
  exitOnce: (job) => (isFirst(job.data) ? process.exit(1) : threadId),
  throwOnce: (job) => (isFirst(job.data) ? work.throw() : threadId),
};

export default (job) => work[job.name](job);
