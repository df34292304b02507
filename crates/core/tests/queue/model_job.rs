//! One job of the model.

use redstart_core::queue::{Backoff, BackoffType, Finish, JobState, Token};

use crate::support::HOUR_MS;

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
    Snooze(u64),
}

/// What a job is added with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) delay_ms: u64,
    pub(super) attempts: u32,
    pub(super) priority: u32,
    pub(super) group: Option<u8>,
    pub(super) timeout_ms: Option<u64>,
}

pub(super) struct Job {
    pub(super) id: String,
    pub(super) wanted: Wanted,
    pub(super) state: JobState,
    /// Waiting: given back. Others: false.
    pub(super) front: bool,
    /// Rises with each entry to the back of a line.
    pub(super) came: u64,
    pub(super) made: u32,
    pub(super) stalled: u32,
    pub(super) cancelled: bool,
    /// Delayed: due. Active: end of the lease. Finished: when it goes.
    pub(super) until_ms: u64,
    /// Active: when it has run for too long.
    pub(super) deadline_ms: Option<u64>,
    pub(super) worker: Option<usize>,
    pub(super) token: Option<Token>,
    pub(super) told: Vec<&'static str>,
}

impl Job {
    pub(super) fn wait(&mut self) {
        let priority = self.wanted.priority;
        self.state = if priority > 0 { JobState::Prioritized } else { JobState::Waiting };
        self.told.push("waiting");
    }

    pub(super) fn waits(&self) -> bool {
        matches!(self.state, JobState::Waiting | JobState::Prioritized)
    }

    pub(super) fn has_finished(&self) -> bool {
        matches!(self.state, JobState::Completed | JobState::Failed)
    }

    pub(super) fn fail(&mut self, now_ms: u64) {
        (self.state, self.until_ms) = (JobState::Failed, now_ms + 7 * 24 * HOUR_MS);
        self.told.push("failed");
    }

    /// When something happens to it by itself.
    pub(super) fn due_ms(&self) -> Option<u64> {
        match self.state {
            JobState::Waiting | JobState::Prioritized => None,
            JobState::Active => {
                let lease = self.worker.is_none().then_some(self.until_ms);
                [lease, self.deadline_ms].into_iter().flatten().min()
            }
            _ => Some(self.until_ms),
        }
    }
}

/// Ends the claim of an active job.
pub(super) fn settle(job: &mut Job, ending: Ending, now_ms: u64) -> Finish {
    (job.token, job.worker, job.deadline_ms) = (None, None, None);
    if job.cancelled {
        job.made += 1;
        job.fail(now_ms);
        return Finish::Failed;
    }
    if let Ending::Release = ending {
        job.front = true;
        job.wait();
        return Finish::Released;
    }
    if let Ending::Snooze(ms) = ending {
        if ms == 0 {
            job.wait();
        } else {
            (job.state, job.until_ms) = (JobState::Delayed, now_ms + ms);
            job.told.push("delayed");
        }
        return Finish::Snoozed;
    }
    job.made += 1;
    match ending {
        Ending::Ok => {
            (job.state, job.until_ms) = (JobState::Completed, now_ms + HOUR_MS);
            job.told.push("completed");
            Finish::Completed
        }
        Ending::Fail if job.made < job.wanted.attempts => {
            (job.state, job.until_ms) = (JobState::Delayed, now_ms + wait_ms(job.made));
            job.told.extend(["retrying", "delayed"]);
            Finish::Retrying { next_attempt_at_ms: job.until_ms }
        }
        _ => {
            job.fail(now_ms);
            Finish::Failed
        }
    }
}
