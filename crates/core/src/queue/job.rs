//! The record of a job.
//!
//! What a state has beyond the others lies in its [`Phase`], so a job is in exactly one state by
//! construction: a waiting job has no result, an active one has exactly one claim. What is set once and read
//! often (id, name, data) is shared by reference with every view of the job, so a view costs no copy.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::failure::{Failure, FinishKind};
use super::json::Json;
use super::terms::{Retention, Terms};
use super::view::JobState;
use crate::clock;

/// Bytes a job costs beside its texts: its record, its places in the orders of its state, its number in a table and its id in
/// a tree, the heads of its allocations.
const BOOKKEEPING_BYTES: u64 = 400;
/// What it costs in addition to have something of [`Extra`], its texts aside.
const EXTRA_BYTES: u64 = 144;
/// Options of its own.
const OWN_TERMS_BYTES: u64 = 160;
/// Its place among those of its priority or its group.
const PLACE_BYTES: u64 = 40;
/// What the origin of a dead letter takes, its texts aside.
const DEAD_LETTER_BYTES: usize = 80;

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
        /// Before all others of its priority: it was given back.
        front: bool,
    },
    /// May not be claimed yet.
    Delayed {
        /// Since when.
        since_us: u64,
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
        /// The error of the last attempt, or what ended it otherwise.
        failure: Arc<Failure>,
    },
}

/// Where a job of a dead-letter queue comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The queue it failed in.
    pub queue: Arc<str>,
    /// Its id there.
    pub job_id: Arc<str>,
    /// What its last attempt failed with.
    pub failed_reason: Arc<str>,
    /// How it ended.
    pub finish_kind: FinishKind,
}

/// What few jobs have.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Extra {
    /// When it fails unless it has begun.
    pub expires_us: Option<u64>,
    /// Adds with the same one are this job.
    pub dedup: Option<Arc<str>>,
    /// What its handler said last.
    pub progress: Option<Json>,
    /// Why it is to fail however its handler ends.
    pub cancelled: Option<Arc<str>>,
    /// Where it failed before.
    pub dead_letter: Option<Arc<DeadLetter>>,
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
    /// Its options.
    pub terms: Arc<Terms>,
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
    /// Claims put off by their handler.
    pub snoozed_count: u32,
    /// Claims before it was retried by hand, which began all counts anew.
    pub epoch_base: u64,
    /// The message of the last failed attempt, until an attempt completes.
    pub failed_reason: Option<Arc<str>>,
    /// What few jobs have.
    pub extra: Option<Box<Extra>>,
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
        let extra = self.extra.as_deref().map_or(0, Extra::bytes);
        bytes_added(&self.id, &self.name, &self.data, &self.terms) + extra + (ended + reason) as u64
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
            Phase::Waiting { .. } if self.terms.priority > 0 => JobState::Prioritized,
            Phase::Waiting { .. } => JobState::Waiting,
            Phase::Delayed { .. } => JobState::Delayed,
            Phase::Active(_) => JobState::Active,
            Phase::Completed { .. } => JobState::Completed,
            Phase::Failed { .. } => JobState::Failed,
        }
    }

    /// Whether it has neither completed nor failed.
    pub fn is_unfinished(&self) -> bool {
        !matches!(self.phase, Phase::Completed { .. } | Phase::Failed { .. })
    }

    /// Whether it waits or is delayed.
    pub fn is_pending(&self) -> bool {
        matches!(self.phase, Phase::Waiting { .. } | Phase::Delayed { .. })
    }

    /// Why it is to fail however its handler ends.
    pub fn cancelled(&self) -> Option<&Arc<str>> {
        self.extra.as_ref()?.cancelled.as_ref()
    }

    /// What its handler said last.
    pub fn progress(&self) -> Option<&Json> {
        self.extra.as_ref()?.progress.as_ref()
    }

    /// When it fails unless it has begun; none once it has.
    pub fn expires_us(&self) -> Option<u64> {
        self.extra.as_ref()?.expires_us.filter(|_| self.epoch == 0 && self.is_pending())
    }

    /// When its present attempt has run for as long as it may.
    pub fn deadline_us(&self) -> Option<u64> {
        self.claim()?;
        Some(clock::after(self.processed_us?, self.terms.timeout_ms?))
    }

    /// How long it is retained, once it has finished.
    pub fn retention(&self) -> Retention {
        if matches!(self.phase, Phase::Completed { .. }) {
            self.terms.on_complete
        } else {
            self.terms.on_fail
        }
    }

    /// When it has finished.
    pub fn finished_us(&self) -> Option<u64> {
        match self.phase {
            Phase::Completed { at_us, .. } | Phase::Failed { at_us, .. } => Some(at_us),
            _ => None,
        }
    }

    /// The attempt under way, from 1; 0 when none is.
    pub fn attempt(&self) -> u32 {
        if self.claim().is_some() { self.attempts_made + 1 } else { 0 }
    }

    pub(super) fn extra_mut(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }
}

impl Extra {
    fn bytes(&self) -> u64 {
        let cancelled = self.cancelled.as_ref().map_or(0, |reason| reason.len());
        let progress = self.progress.as_ref().map_or(0, |progress| progress.get().len());
        Self::bytes_added(self.dedup.as_deref(), self.dead_letter.as_deref()) + (cancelled + progress) as u64
    }

    /// Of a job that was just added.
    pub(super) fn bytes_added(dedup: Option<&str>, dead_letter: Option<&DeadLetter>) -> u64 {
        let dedup = dedup.map_or(0, str::len);
        let letter = dead_letter.map_or(0, |letter| {
            letter.queue.len() + letter.job_id.len() + letter.failed_reason.len() + DEAD_LETTER_BYTES
        });
        EXTRA_BYTES + (dedup + letter) as u64
    }
}

/// Bytes of a job that was just added, what few jobs have aside.
pub fn bytes_added(id: &str, name: &str, data: &Json, terms: &Terms) -> u64 {
    let own = if terms.own { OWN_TERMS_BYTES } else { 0 };
    let place = if terms.group.is_some() || terms.priority > 0 { PLACE_BYTES } else { 0 };
    let group = terms.group.as_ref().map_or(0, |group| group.len() as u64);
    BOOKKEEPING_BYTES + own + place + group + (id.len() + name.len() + data.get().len()) as u64
}
