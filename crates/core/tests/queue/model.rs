//! What a queue should do, as simply as it can be said.
//!
//! The model keeps jobs in a list and searches it. It knows the rules (what comes next, when, and with which
//! answer) and nothing of effects, indexes or locks.

use redstart_core::queue::{Backoff, BackoffType, Finish, JobState, Token};

use crate::support::HOUR_MS;

/// What the workers of a history allow.
pub(super) const MAX_STALLED: u32 = 1;
/// The waits of its jobs; [`wait_ms`] says them again.
pub(super) const BACKOFF: Backoff =
    Backoff { kind: BackoffType::Exponential, delay: 1_000, max_delay: Some(3_000), jitter: None };

fn wait_ms(made: u32) -> u64 {
    (1_000 << (made - 1)).min(3_000)
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Ending {
    Ok,
    Fail,
    Unrecoverable,
    Release,
}

pub(super) struct Job {
    pub(super) id: String,
    pub(super) state: JobState,
    /// Waiting: given back. Others: false.
    pub(super) front: bool,
    /// Rises with each entry to the back of a line.
    pub(super) came: u64,
    pub(super) attempts: u32,
    pub(super) made: u32,
    pub(super) stalled: u32,
    /// Delayed: due. Active without a worker: end of the lease. Finished: when it goes.
    pub(super) until_ms: u64,
    pub(super) worker: Option<usize>,
    pub(super) token: Option<Token>,
    pub(super) told: Vec<&'static str>,
}

#[derive(Default)]
pub(super) struct Model {
    pub(super) jobs: Vec<Job>,
    /// Those that were removed, whose events remain.
    pub(super) gone: Vec<Job>,
    pub(super) came: u64,
    pub(super) now_ms: u64,
}

impl Model {
    pub(super) fn of(&mut self, state: JobState) -> impl Iterator<Item = &mut Job> {
        self.jobs.iter_mut().filter(move |job| job.state == state)
    }

    pub(super) fn count(&mut self, state: JobState) -> u64 {
        self.of(state).count() as u64
    }

    pub(super) fn next_came(&mut self) -> u64 {
        self.came += 1;
        self.came
    }

    /// Whether the job is new.
    pub(super) fn add(&mut self, id: &str, delay_ms: u64, attempts: u32) -> bool {
        if self.jobs.iter().any(|job| job.id == id) {
            return false;
        }
        let came = self.next_came();
        let (state, name) =
            if delay_ms > 0 { (JobState::Delayed, "delayed") } else { (JobState::Waiting, "waiting") };
        self.jobs.push(Job {
            id: id.to_owned(),
            state,
            front: false,
            came,
            attempts,
            made: 0,
            stalled: 0,
            until_ms: self.now_ms + delay_ms,
            worker: None,
            token: None,
            told: vec!["added", name],
        });
        true
    }

    pub(super) fn next_waiting(&mut self) -> Option<&mut Job> {
        self.of(JobState::Waiting).min_by_key(|job| (!job.front, job.came))
    }

    pub(super) fn finish(&mut self, token: Token, ending: Ending) -> Finish {
        let (now_ms, came) = (self.now_ms, self.came + 1);
        let Some(job) = self.of(JobState::Active).find(|job| job.token == Some(token)) else {
            return Finish::LeaseLost;
        };
        job.token = None;
        if matches!(ending, Ending::Release) {
            (job.state, job.front) = (JobState::Waiting, true);
            job.told.push("waiting");
            return Finish::Released;
        }
        job.made += 1;
        job.came = came;
        let finish = match ending {
            Ending::Ok => {
                (job.state, job.until_ms) = (JobState::Completed, now_ms + HOUR_MS);
                job.told.push("completed");
                Finish::Completed
            }
            Ending::Fail if job.made < job.attempts => {
                (job.state, job.until_ms) = (JobState::Delayed, now_ms + wait_ms(job.made));
                job.told.extend(["retrying", "delayed"]);
                Finish::Retrying { next_attempt_at_ms: job.until_ms }
            }
            _ => {
                (job.state, job.until_ms) = (JobState::Failed, now_ms + 7 * 24 * HOUR_MS);
                job.told.push("failed");
                Finish::Failed
            }
        };
        self.came = came;
        finish
    }

    pub(super) fn stall(&mut self, which: impl Fn(&Job) -> bool) {
        let now_ms = self.now_ms;
        let mut came = self.came;
        for job in self.of(JobState::Active).filter(|job| which(job)) {
            (job.token, job.worker) = (None, None);
            job.stalled += 1;
            job.told.push("stalled");
            if job.stalled > MAX_STALLED {
                came += 1;
                (job.state, job.until_ms, job.came) = (JobState::Failed, now_ms + 7 * 24 * HOUR_MS, came);
                job.told.push("failed");
            } else {
                (job.state, job.front) = (JobState::Waiting, true);
                job.told.push("waiting");
            }
        }
        self.came = came;
    }

    pub(super) fn advance_to(&mut self, target_ms: u64) {
        let timed = |job: &Job| match job.state {
            JobState::Waiting => false,
            JobState::Active => job.worker.is_none(),
            _ => true,
        };
        while let Some(next) = self.jobs.iter().filter(|job| timed(job)).map(|job| job.until_ms).min()
            && next <= target_ms
        {
            self.now_ms = next;
            while let Some(job) = self
                .of(JobState::Delayed)
                .filter(|job| job.until_ms <= next)
                .min_by_key(|job| (job.until_ms, job.came))
            {
                (job.state, job.front, job.came) = (JobState::Waiting, false, u64::MAX);
                job.told.push("waiting");
                let came = self.next_came();
                self.jobs.iter_mut().filter(|job| job.came == u64::MAX).for_each(|job| job.came = came);
            }
            self.stall(|job| job.worker.is_none() && job.until_ms <= next);
            let over = |job: &mut Job| {
                matches!(job.state, JobState::Completed | JobState::Failed) && job.until_ms <= next
            };
            self.gone.extend(self.jobs.extract_if(.., over));
        }
        self.now_ms = target_ms;
    }
}
