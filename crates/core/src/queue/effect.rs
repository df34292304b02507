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

use super::failure::{Failure, FinishKind};
use super::json::Json;
use super::options::Backoff;

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
    /// Tries in all.
    pub attempts: u32,
    /// The waits between them.
    pub backoff: Backoff,
    /// When it came.
    pub at_us: u64,
    /// When it may be claimed, where that is later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_at_us: Option<u64>,
}

/// One change of one job. Instants are microseconds of the store's clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
#[expect(missing_docs, reason = "the fields are those of the job; each variant says what it does to them")]
pub enum Effect {
    /// A new job: waiting, or delayed.
    Added(Added),
    /// Delayed -> waiting, at the back.
    Due { number: u64, at_us: u64 },
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
    /// Active -> completed; an attempt made.
    Completed { number: u64, at_us: u64, result: Json },
    /// Active -> delayed, or waiting at the back where `run_at_us` is now; an attempt made.
    Retried { number: u64, at_us: u64, run_at_us: u64, reason: Arc<str> },
    /// Active -> failed; an attempt made, or for `Stalled` a stall counted.
    Failed { number: u64, at_us: u64, kind: FinishKind, failure: Arc<Failure> },
    /// Active -> waiting, at the front; given back on purpose.
    Released { number: u64, at_us: u64 },
    /// Active -> waiting, at the front; a stall counted.
    Stalled { number: u64, at_us: u64 },
    /// Completed or failed -> gone.
    Removed { number: u64 },
}

impl Effect {
    /// The job it is about.
    pub fn number(&self) -> u64 {
        match self {
            Self::Added(Added { number, .. })
            | Self::Due { number, .. }
            | Self::Claimed { number, .. }
            | Self::Completed { number, .. }
            | Self::Retried { number, .. }
            | Self::Failed { number, .. }
            | Self::Released { number, .. }
            | Self::Stalled { number, .. }
            | Self::Removed { number } => *number,
        }
    }

    /// How many events it makes, so that a queue nobody listens to counts them without making them.
    pub fn events(&self) -> u64 {
        match self {
            Self::Added(_)
            | Self::Retried { .. }
            | Self::Stalled { .. }
            | Self::Failed { kind: FinishKind::Stalled, .. } => 2,
            Self::Due { .. }
            | Self::Claimed { .. }
            | Self::Completed { .. }
            | Self::Failed { .. }
            | Self::Released { .. } => 1,
            Self::Removed { .. } => 0,
        }
    }
}

/// Where the effects of a queue go, in the order in which they are applied. Called under the queue's lock,
/// before the effect is applied: implementations buffer and return.
pub trait Journal: Send {
    /// Takes note of the next effect.
    fn append(&mut self, effect: &Effect);
}
