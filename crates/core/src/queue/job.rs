//! The record of a job.
//!
//! What a state has beyond the others lies in its [`Phase`], so a job is in exactly one state by
//! construction: a waiting job has no result, an active one has exactly one claim. What is set once and read
//! often (id, name, data) is shared by reference with every view of the job, so a view costs no copy.

use std::sync::Arc;

use super::failure::{Failure, FinishKind};
use super::json::Json;
use super::options::Backoff;
use super::view::JobState;

/// Bytes a job costs beside its texts: its record, its place in the order of its state, two table entries,
/// the heads of three shared allocations. Measured on 64-bit Linux: 440 to 670, as the tables stand just
/// before or after growing.
const BOOKKEEPING_BYTES: u64 = 640;

/// The hold of one worker on one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The worker's number in the queue.
    pub worker: u64,
    /// 53 random bits: with the job's epoch, what a token must show.
    pub nonce: u64,
    /// When the job may be taken away from a worker that is not there to renew.
    pub lease_until_us: u64,
    /// What the worker allows; kept here so that it is known when the worker no longer is.
    pub max_stalled_count: u32,
}

/// The state of a job, with what only this state has.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// May be claimed.
    Waiting {
        /// Since when.
        since_us: u64,
    },
    /// May not be claimed yet.
    Delayed {
        /// When it becomes waiting.
        run_at_us: u64,
    },
    /// With a worker.
    Active(Claim),
    /// Done.
    Completed {
        /// When.
        at_us: u64,
        /// What the handler returned.
        result: Json,
    },
    /// Given up.
    Failed {
        /// When.
        at_us: u64,
        /// Why.
        kind: FinishKind,
        /// The error of the last attempt, or of the last stall.
        failure: Arc<Failure>,
    },
}

/// A job as the queue keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Unique among the retained jobs.
    pub id: Arc<str>,
    /// What kind of job it is.
    pub name: Arc<str>,
    /// What the handler needs.
    pub data: Json,
    /// Tries in all.
    pub attempts: u32,
    /// The waits between them.
    pub backoff: Backoff,
    /// Its state.
    pub phase: Phase,
    /// Where it came in: rises through the queue, renewed on each entry to the back of an order. A job that goes
    /// back to the front keeps it.
    pub ord: u64,
    /// When it was added.
    pub added_us: u64,
    /// When it was last claimed.
    pub processed_us: Option<u64>,
    /// Claims so far; each has its own.
    pub epoch: u64,
    /// Attempts that completed or failed.
    pub attempts_made: u32,
    /// Claims that ended with the loss of the worker.
    pub stalled_count: u32,
    /// Claims given back on purpose.
    pub released_count: u32,
    /// The message of the last failed attempt, until an attempt completes.
    pub failed_reason: Option<Arc<str>>,
}

impl Job {
    /// Bytes it takes, texts and bookkeeping.
    pub fn bytes(&self) -> u64 {
        let ended = match &self.phase {
            Phase::Completed { result, .. } => result.get().len(),
            Phase::Failed { failure, .. } => failure.bytes(),
            _ => 0,
        };
        let reason = self.failed_reason.as_ref().map_or(0, |reason| reason.len());
        bytes_added(&self.id, &self.name, &self.data) + (ended + reason) as u64
    }

    /// The hold on it, when it is active.
    pub fn claim(&self) -> Option<&Claim> {
        match &self.phase {
            Phase::Active(claim) => Some(claim),
            _ => None,
        }
    }

    /// The state's name.
    pub fn state(&self) -> JobState {
        match self.phase {
            Phase::Waiting { .. } => JobState::Waiting,
            Phase::Delayed { .. } => JobState::Delayed,
            Phase::Active(_) => JobState::Active,
            Phase::Completed { .. } => JobState::Completed,
            Phase::Failed { .. } => JobState::Failed,
        }
    }
}

/// Bytes of a job that was just added.
pub fn bytes_added(id: &str, name: &str, data: &Json) -> u64 {
    BOOKKEEPING_BYTES + (id.len() + name.len() + data.get().len()) as u64
}
