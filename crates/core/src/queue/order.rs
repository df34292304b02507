//! Which job comes next, in each state: one ordered index a state, so every "next" is the first of a tree.
//!
//! Waiting jobs are ordered by their order key. Claims take the smallest, and a job that comes in gets the
//! largest so far, so a job that a worker gives back with the key it came in with stands before all others: at
//! the front, and jobs given back together keep their order among each other. (A priority will stand before
//! the key; within one priority the same holds.) Rejected: a key below the smallest for each job given back,
//! which turns a batch of three around.
//!
//! Rejected too: intrusive linked lists. They are faster to push to, but neither a delay nor, later, a priority
//! puts its job at an end.

use std::collections::{BTreeMap, BTreeSet};

use super::job::{Job, Phase};
use super::view::JobState;

/// An instant and an order key, which tells apart what happened in the same microsecond.
type Instant = (u64, u64);

/// The numbers of the jobs, by state and in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Order {
    /// By order key.
    waiting: BTreeMap<u64, u64>,
    /// By the instant at which each becomes waiting.
    delayed: BTreeMap<Instant, u64>,
    /// (worker, job).
    active: BTreeSet<(u64, u64)>,
    /// By the instant of completion.
    completed: BTreeMap<Instant, u64>,
    /// By the instant of failure.
    failed: BTreeMap<Instant, u64>,
}

impl Order {
    /// Puts a job into the index of its state.
    pub(super) fn insert(&mut self, number: u64, job: &Job) {
        let was_free = match &job.phase {
            Phase::Waiting { .. } => self.waiting.insert(job.ord, number).is_none(),
            Phase::Delayed { run_at_us } => self.delayed.insert((*run_at_us, job.ord), number).is_none(),
            Phase::Active(claim) => self.active.insert((claim.worker, number)),
            Phase::Completed { at_us, .. } => self.completed.insert((*at_us, job.ord), number).is_none(),
            Phase::Failed { at_us, .. } => self.failed.insert((*at_us, job.ord), number).is_none(),
        };
        debug_assert!(was_free, "two jobs at one place: {job:?}");
    }

    /// Takes a job out of the index of its state.
    pub(super) fn remove(&mut self, number: u64, job: &Job) {
        let was_there = match &job.phase {
            Phase::Waiting { .. } => self.waiting.remove(&job.ord) == Some(number),
            Phase::Delayed { run_at_us } => self.delayed.remove(&(*run_at_us, job.ord)) == Some(number),
            Phase::Active(claim) => self.active.remove(&(claim.worker, number)),
            Phase::Completed { at_us, .. } => self.completed.remove(&(*at_us, job.ord)) == Some(number),
            Phase::Failed { at_us, .. } => self.failed.remove(&(*at_us, job.ord)) == Some(number),
        };
        debug_assert!(was_there, "a job was not where its record says: {job:?}");
    }

    /// How many jobs are in a state.
    pub fn count(&self, state: JobState) -> usize {
        match state {
            JobState::Waiting => self.waiting.len(),
            JobState::Delayed => self.delayed.len(),
            JobState::Active => self.active.len(),
            JobState::Completed => self.completed.len(),
            JobState::Failed => self.failed.len(),
        }
    }

    /// The job to claim next.
    pub fn first_waiting(&self) -> Option<u64> {
        self.waiting.first_key_value().map(|(_, &number)| number)
    }

    /// The job to become waiting next, after its instant in microseconds.
    pub fn first_delayed(&self) -> Option<(u64, u64)> {
        first(&self.delayed)
    }

    /// The job that completed first, after its instant.
    pub fn first_completed(&self) -> Option<(u64, u64)> {
        first(&self.completed)
    }

    /// The job that failed first, after its instant.
    pub fn first_failed(&self) -> Option<(u64, u64)> {
        first(&self.failed)
    }

    /// The active jobs, by worker.
    pub fn active(&self) -> impl Iterator<Item = u64> {
        self.active.iter().map(|&(_, number)| number)
    }

    /// The active jobs of one worker.
    pub fn active_of(&self, worker: u64) -> impl Iterator<Item = u64> {
        self.active.range((worker, 0)..=(worker, u64::MAX)).map(|&(_, number)| number)
    }
}

fn first(index: &BTreeMap<Instant, u64>) -> Option<(u64, u64)> {
    index.first_key_value().map(|(&(at_us, _), &number)| (at_us, number))
}
