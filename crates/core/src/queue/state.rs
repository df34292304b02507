//! A queue's state; [`State::apply`] is the only way to change it.
//!
//! The engine asks a decision for effects and applies them here, live and when it replays a log, so both end
//! in the same state. What `apply` needs beyond the effect is in the state itself: the counters of order keys
//! and events. It decides nothing and refuses nothing: an effect that does not fit the state is a broken
//! invariant.
//!
//! Workers, waiters and listeners are not here: they belong to a process, not to the queue.

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;

use super::effect::{Added, Effect};
use super::failure::FinishKind;
use super::job::{Claim, Job, Phase};
use super::order::Order;
use super::view::JobState;

/// Jobs by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// May be claimed.
    pub waiting: u64,
    /// May not be claimed yet.
    pub delayed: u64,
    /// With a worker.
    pub active: u64,
    /// Done and retained.
    pub completed: u64,
    /// Given up and retained.
    pub failed: u64,
}

/// All jobs of a queue, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    pub(super) jobs: hashbrown::HashMap<u64, Job>,
    /// Ids are chosen by callers, and theirs perhaps by strangers: std's keyed hash, which cannot be flooded.
    pub(super) ids: HashMap<Arc<str>, u64>,
    pub(super) order: Order,
    pub(super) bytes: u64,
    last_number: u64,
    last_ord: u64,
    last_seq: u64,
}

impl State {
    /// Makes the change that `effect` says. Cost: a few tree and table operations on one job.
    ///
    /// # Panics
    /// When the effect does not fit: it is about an unknown job, or one in another state.
    pub fn apply(&mut self, effect: &Effect) {
        self.last_seq += effect.events();
        match effect {
            Effect::Added(added) => self.insert(added),
            Effect::Removed { number } => self.remove(*number),
            _ => self.change(effect),
        }
    }

    fn insert(&mut self, added: &Added) {
        self.last_ord += 1;
        let phase = match added.run_at_us {
            Some(run_at_us) => Phase::Delayed { run_at_us },
            None => Phase::Waiting { since_us: added.at_us },
        };
        let job = Job {
            id: added.id.clone(),
            name: added.name.clone(),
            data: added.data.clone(),
            attempts: added.attempts,
            backoff: added.backoff,
            phase,
            ord: self.last_ord,
            added_us: added.at_us,
            processed_us: None,
            epoch: 0,
            attempts_made: 0,
            stalled_count: 0,
            released_count: 0,
            failed_reason: None,
        };
        self.last_number = added.number;
        self.bytes += job.bytes();
        self.order.insert(added.number, &job);
        let same_id = self.ids.insert(added.id.clone(), added.number);
        let same_number = self.jobs.insert(added.number, job);
        assert!(
            same_id.is_none() && same_number.is_none(),
            "job {} '{}' was added twice",
            added.number,
            added.id
        );
    }

    fn remove(&mut self, number: u64) {
        let job = self.jobs.remove(&number).expect("a removed job was there");
        self.order.remove(number, &job);
        self.ids.remove(&job.id);
        self.bytes -= job.bytes();
    }

    fn change(&mut self, effect: &Effect) {
        let number = effect.number();
        let job = self.jobs.get_mut(&number).expect("a changed job is there");
        self.order.remove(number, job);
        let bytes_before = job.bytes();
        transition(job, effect, &mut self.last_ord);
        self.bytes = self.bytes - bytes_before + job.bytes();
        self.order.insert(number, job);
    }

    /// The number of the job with that id.
    pub fn find(&self, id: &str) -> Option<u64> {
        self.ids.get(id).copied()
    }

    /// A job by its number.
    pub fn job(&self, number: u64) -> Option<&Job> {
        self.jobs.get(&number)
    }

    /// Which job comes next, by state.
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// The number of the next job to be added; 1 is the first.
    pub fn next_number(&self) -> u64 {
        self.last_number + 1
    }

    /// The number of the last event, 0 before the first.
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Bytes of all jobs, bookkeeping included.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Jobs by state. Cost: five lengths.
    pub fn counts(&self) -> Counts {
        let count = |state| self.order.count(state) as u64;
        Counts {
            waiting: count(JobState::Waiting),
            delayed: count(JobState::Delayed),
            active: count(JobState::Active),
            completed: count(JobState::Completed),
            failed: count(JobState::Failed),
        }
    }
}

/// Moves one job to its next state; the only code that writes to a job.
fn transition(job: &mut Job, effect: &Effect, last_ord: &mut u64) {
    let mut to_the_back = || {
        *last_ord += 1;
        *last_ord
    };
    match effect {
        Effect::Due { at_us, .. } => {
            job.ord = to_the_back();
            job.phase = Phase::Waiting { since_us: *at_us };
        }
        Effect::Claimed { worker, epoch, nonce, at_us, lease_until_us, max_stalled_count, .. } => {
            job.epoch = *epoch;
            job.processed_us = Some(*at_us);
            job.phase = Phase::Active(Claim {
                worker: *worker,
                nonce: *nonce,
                lease_until_us: *lease_until_us,
                max_stalled_count: *max_stalled_count,
            });
        }
        Effect::Completed { at_us, result, .. } => {
            job.ord = to_the_back();
            job.attempts_made += 1;
            job.failed_reason = None;
            job.phase = Phase::Completed { at_us: *at_us, result: result.clone() };
        }
        Effect::Retried { at_us, run_at_us, reason, .. } => {
            job.ord = to_the_back();
            job.attempts_made += 1;
            job.failed_reason = Some(reason.clone());
            job.phase = if run_at_us > at_us {
                Phase::Delayed { run_at_us: *run_at_us }
            } else {
                Phase::Waiting { since_us: *at_us }
            };
        }
        Effect::Failed { at_us, kind, failure, .. } => {
            job.ord = to_the_back();
            let count =
                if *kind == FinishKind::Stalled { &mut job.stalled_count } else { &mut job.attempts_made };
            *count += 1;
            job.failed_reason = Some(failure.message.as_str().into());
            job.phase = Phase::Failed { at_us: *at_us, kind: *kind, failure: failure.clone() };
        }
        Effect::Released { at_us, .. } => {
            job.released_count += 1;
            job.phase = Phase::Waiting { since_us: *at_us };
        }
        Effect::Stalled { at_us, .. } => {
            job.stalled_count += 1;
            job.phase = Phase::Waiting { since_us: *at_us };
        }
        Effect::Added(_) | Effect::Removed { .. } => unreachable!("apply handles what makes and ends a job"),
    }
}
