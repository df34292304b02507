import type { ActiveJob, FinishKind, Job, JobAttempt, JobOptions, JobState, Queue, Worker } from '../../index.js';
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

  await mails.add('welcome', { to: 'x' }, { runAt: new Date(), deduplication: { id: 'x', ttl: '1m', extend: true } });
  await mails.add('welcome', { to: 'x' }, { deduplication: { id: 'x', extend: false, replace: true } });
  const late: JobOptions = { delay: '1s', attempts: 2 };
  await mails.add('welcome', { to: 'x' }, late);
  await mails.addAndWait('welcome', { to: 'x' }, { ...late, waitTimeout: '1s' });
  // @ts-expect-error: a delay or an instant
  await mails.add('welcome', { to: 'x' }, { delay: '1s', runAt: new Date() });
  // @ts-expect-error: there is no time to extend
  await mails.add('welcome', { to: 'x' }, { deduplication: { id: 'x', extend: true } });
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

export async function schedules() {
  const template = { name: 'digest', data: { to: 'all' } };
  await mails.upsertJobScheduler('s', { every: '1d', offset: '3h', immediately: true, missed: 'once' }, template);
  await mails.upsertJobScheduler('s', { pattern: '0 3 * * *', tz: 'Europe/Berlin', limit: 5 }, template);
  await mails.upsertJobScheduler('s', { every: '1d' }, { ...template, opts: { delay: '1m', attempts: 1 } });
  const [scheduler] = await mails.getJobSchedulers();
  await mails.upsertJobScheduler(scheduler.id, scheduler.repeat, scheduler.template);

  // @ts-expect-error: an interval or a pattern
  await mails.upsertJobScheduler('s', { every: '1d', pattern: '0 3 * * *' }, template);
  // @ts-expect-error: an interval has no time zone
  await mails.upsertJobScheduler('s', { every: '1d', tz: 'UTC' }, template);
  // @ts-expect-error: a pattern comes when it says
  await mails.upsertJobScheduler('s', { pattern: '0 3 * * *', immediately: true }, template);
  // @ts-expect-error: a pattern has no offset
  await mails.upsertJobScheduler('s', { pattern: '0 3 * * *', offset: '1h' }, template);
  // @ts-expect-error: each of its jobs is another one
  await mails.upsertJobScheduler('s', { every: '1d' }, { ...template, opts: { jobId: 'digest' } });
  // @ts-expect-error: its instants are those of the repeat
  await mails.upsertJobScheduler('s', { every: '1d' }, { ...template, opts: { runAt: new Date() } });
}
