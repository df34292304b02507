import type { ActiveJob, FinishKind, Job, JobAttempt, JobState, Queue, Worker } from '../../index.js';
import { open, UnrecoverableError } from '../../index.js';
import { same } from './expect.js';

interface Mail {
  to: string;
}

const store = open('memory:');
const mails = store.queue<Mail, number>('mail', { defaultJobOptions: { attempts: 5 }, maxDataSize: '1mb' });
same<typeof mails, Queue<Mail, number>>();
store.queue('mail');

// @ts-expect-error: an id is one job's, never a default
store.queue('mail', { defaultJobOptions: { jobId: 'welcome' } });

export async function adds() {
  await mails.add('welcome', { to: 'ada@example.org' }, { delay: 0 });
  const job = await mails.add('welcome', { to: 'ada@example.org' }, { delay: '10s', attempts: 3, jobId: 'welcome:1' });
  same<typeof job, Job<Mail, number>>();
  same<typeof job.added, boolean>();
  const result = await job.result({ timeout: '5s' });
  same<typeof result, number>();
  same<ReturnType<typeof job.getState>, Promise<JobState | 'unknown'>>();
  await mails.add(
    'welcome',
    { to: 'x' },
    { backoff: { type: 'exponential', delay: '1s', maxDelay: '1h', jitter: 0.5 } },
  );

  // @ts-expect-error: a mail has an address
  await mails.add('welcome', {});
  // @ts-expect-error: a kind of backoff there is not
  await mails.add('welcome', { to: 'x' }, { backoff: { type: 'linear', delay: '1s' } });
  // @ts-expect-error: snapshots do not change
  job.attemptsMade = 0;

  const found = await mails.getJob(job.id);
  same<typeof found, Job<Mail, number> | undefined>();
  const counts = await mails.getJobCounts();
  same<keyof typeof counts, JobState>();
}

export async function works() {
  await using worker = mails.process(
    async (job) => {
      same<typeof job, ActiveJob<Mail, number>>();
      same<typeof job.data.to, string>();
      same<typeof job.signal, AbortSignal>();
      if (!job.data.to.includes('@')) throw new UnrecoverableError('no address');
      return 250;
    },
    { concurrency: 10, leaseDuration: '30s', maxStalledCount: 1 },
  );
  same<typeof worker, Worker>();
  worker.unref().ref();
  worker.on('failed', (job, error) => {
    same<typeof error, unknown>();
    job.id.toUpperCase();
  });
  // @ts-expect-error: no such event
  worker.on('stopped', () => {});
  await worker.close({ timeout: '8s' });

  const threaded = mails.process(new URL('file:///jobs.mjs'), { threads: 2 });
  same<typeof threaded, Worker<JobAttempt<Mail, number>>>();
  threaded.on('failed', (job) => {
    same<typeof job.attempt, number>();
    // @ts-expect-error: it runs in another thread
    job.signal;
  });
  // @ts-expect-error: functions do not cross threads
  mails.process('/jobs.mjs', { backoff: () => 1 });
  // @ts-expect-error: the result of this queue's jobs is a number
  mails.process(async () => 'sent');
  // @ts-expect-error: the option is called concurrency
  mails.process(async () => 1, { concurrent: 2 });
}

mails
  .on('completed', ({ seq, jobId, result }) => {
    same<typeof seq, number>();
    same<typeof jobId, string>();
    same<typeof result, unknown>();
  })
  .once('failed', ({ finishKind }) => {
    same<typeof finishKind, FinishKind>();
  });
// @ts-expect-error: no such event
mails.on('cleaned', () => {});
