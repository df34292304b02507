//! The facts that change a queue.
//!
//! An effect says what was decided, in numbers and instants, never why or how: the wait with its jitter
//! already drawn, the nonce, the end of the lease. Applying the same effects in the same order to an empty
//! state gives the same state, whoever applies them and when. Order keys are not in them: the state counts
//! those itself, in the order of the effects.
//!
//! Renewals are no effects. A lease stands in the claim as first granted; a worker that is there renews all
//! its leases at once, which concerns nobody after a restart: then no worker is there, and everything active
//! is reaped when the lease of its claim is over.
//!
//! The variants are tagged from outside ({"claimed":{…}}), the one way in which serde passes raw JSON
//! through.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::dedup::Dedup;
use super::failure::{Failure, FinishKind};
use super::job::DeadLetter;
use super::json::Json;
use super::limits::Rate;
use super::scheduler::Scheduler;
use super::terms::Terms;

/// A job as it comes in, with its options settled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Added {
    /// Its number in the queue: one more than the last.
    pub number: u64,
    /// Unique among the retained jobs.
    pub id: Arc<str>,
    /// What kind of job it is.
    pub name: Arc<str>,
    /// What the handler needs.
    pub data: Json,
    /// Its options.
    pub terms: Arc<Terms>,
    /// When it came.
    pub at_us: u64,
    /// When it may be claimed, where that is later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_at_us: Option<u64>,
    /// When it fails unless it has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_us: Option<u64>,
    /// Which adds are this job from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dedup: Option<Dedup>,
    /// Where it failed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<Arc<DeadLetter>>,
}

/// What replaces a job that has not begun.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Replaced {
    /// The job.
    pub number: u64,
    /// What kind of job it is now.
    pub name: Arc<str>,
    /// What the handler needs.
    pub data: Json,
    /// Its options.
    pub terms: Arc<Terms>,
    /// When.
    pub at_us: u64,
    /// When it may be claimed, where that is later.
    pub run_at_us: Option<u64>,
    /// When it fails unless it has begun.
    pub expires_us: Option<u64>,
}

/// One change of a queue, most of them of one job. Instants are microseconds of the store's clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the job; each variant says what it does to them")]
pub enum Effect {
    /// A new job: waiting, or delayed.
    Added(Added),
    /// An add was a job that is there, or was: told, and its ttl lasts until then from now on.
    Deduplicated { job_id: Arc<str>, dedup: Dedup },
    /// Waiting or delayed -> waiting at the back, or delayed: another job under the same id.
    Replaced(Replaced),
    /// Adds with this one are no duplicates any more.
    DedupOver { id: Arc<str> },
    /// Delayed -> waiting, at the back.
    Due { number: u64, at_us: u64 },
    /// The same by hand.
    Promoted { number: u64, at_us: u64 },
    /// Waiting -> active.
    Claimed {
        number: u64,
        worker: u64,
        epoch: u64,
        nonce: u64,
        at_us: u64,
        lease_until_us: u64,
        max_stalled_count: u32,
    },
    /// What its handler says.
    Progressed { number: u64, progress: Json },
    /// A line that its handler leaves.
    Logged { number: u64, line: Arc<str> },
    /// Active -> completed; an attempt made.
    Completed { number: u64, at_us: u64, result: Json },
    /// Active -> delayed, or waiting at the back where `run_at_us` is now; an attempt made.
    Retried { number: u64, at_us: u64, run_at_us: u64, reason: Arc<str> },
    /// Any unfinished state -> failed; for an active one an attempt made, or for `Stalled` a stall counted.
    Failed { number: u64, at_us: u64, kind: FinishKind, failure: Arc<Failure> },
    /// Active -> delayed; a snooze counted.
    Snoozed { number: u64, at_us: u64, run_at_us: u64 },
    /// Active -> waiting, at the front; given back on purpose.
    Released { number: u64, at_us: u64 },
    /// Active -> waiting, at the front; a stall counted.
    Stalled { number: u64, at_us: u64 },
    /// However its handler ends, an active job will have failed.
    CancelRequested { number: u64, reason: Arc<str> },
    /// Completed or failed -> waiting, at the back, with all counts anew.
    Restarted { number: u64, at_us: u64 },
    /// Any state -> gone; `told` where it was no matter of time or room.
    Removed { number: u64, told: bool },
    /// Nothing is claimed any more.
    Paused,
    /// Everything may be claimed again.
    Resumed,
    /// So many are active at once, at most.
    ConcurrencySet { limit: Option<u32> },
    /// So many are begun in a time, at most; what the former rate counted counts on.
    RateSet { rate: Option<Rate> },
    /// There is this scheduler, in place of one of the same id.
    SchedulerSet { id: Arc<str>, scheduler: Box<Scheduler> },
    /// A scheduler's instant has passed, and this job came of it, if any.
    SchedulerTicked { id: Arc<str>, next_us: Option<u64>, job: Option<u64> },
    /// There is no such scheduler any more.
    SchedulerRemoved { id: Arc<str> },
    /// All jobs, schedulers and ids are gone; what bounds the queue stays.
    Obliterated,
}

impl Effect {
    /// The job it is about; none: the queue.
    pub fn number(&self) -> Option<u64> {
        match self {
            Self::Added(Added { number, .. })
            | Self::Replaced(Replaced { number, .. })
            | Self::Due { number, .. }
            | Self::Promoted { number, .. }
            | Self::Claimed { number, .. }
            | Self::Progressed { number, .. }
            | Self::Logged { number, .. }
            | Self::Completed { number, .. }
            | Self::Retried { number, .. }
            | Self::Failed { number, .. }
            | Self::Snoozed { number, .. }
            | Self::Released { number, .. }
            | Self::Stalled { number, .. }
            | Self::CancelRequested { number, .. }
            | Self::Restarted { number, .. }
            | Self::Removed { number, .. } => Some(*number),
            Self::Deduplicated { .. }
            | Self::DedupOver { .. }
            | Self::Paused
            | Self::Resumed
            | Self::ConcurrencySet { .. }
            | Self::RateSet { .. }
            | Self::SchedulerSet { .. }
            | Self::SchedulerTicked { .. }
            | Self::SchedulerRemoved { .. }
            | Self::Obliterated => None,
        }
    }

    /// How many events it makes, `drained` aside, so that a queue nobody listens to counts them without making them.
    pub fn events(&self) -> u64 {
        match self {
            Self::Added(_)
            | Self::Retried { .. }
            | Self::Stalled { .. }
            | Self::Failed { kind: FinishKind::Stalled, .. } => 2,
            Self::Deduplicated { .. }
            | Self::Replaced(_)
            | Self::Due { .. }
            | Self::Promoted { .. }
            | Self::Claimed { .. }
            | Self::Progressed { .. }
            | Self::Completed { .. }
            | Self::Failed { .. }
            | Self::Snoozed { .. }
            | Self::Released { .. }
            | Self::Restarted { .. }
            | Self::Removed { told: true, .. }
            | Self::Paused
            | Self::Resumed => 1,
            Self::DedupOver { .. }
            | Self::Logged { .. }
            | Self::CancelRequested { .. }
            | Self::Removed { told: false, .. }
            | Self::ConcurrencySet { .. }
            | Self::RateSet { .. }
            | Self::SchedulerSet { .. }
            | Self::SchedulerTicked { .. }
            | Self::SchedulerRemoved { .. }
            | Self::Obliterated => 0,
        }
    }
}

/// Where the effects of a queue go, in the order in which they are applied. Called under the queue's lock,
/// before the effect is applied: implementations buffer and return.
pub trait Journal: Send {
    /// Takes note of the next effect.
    fn append(&mut self, effect: &Effect);
}
