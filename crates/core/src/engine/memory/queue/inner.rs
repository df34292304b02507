//! What a queue's lock guards, and what one change brings with it.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::outbox::{Listeners, Notice, Outbox};
use super::waiters::Waiters;
use super::workers::Workers;
use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::queue::effect::{Added, Effect, Journal};
use crate::queue::job::{Job, Phase};
use crate::queue::{JobState, Json, State, event, retain};

pub(super) struct Inner {
    pub(super) name: String,
    pub(super) state: State,
    pub(super) workers: Workers,
    pub(super) outbox: Outbox,
    pub(super) waiters: Waiters,
    pub(super) listeners: Listeners,
    pub(super) last_subscription: u64,
    pub(super) settled: Vec<oneshot::Sender<()>>,
    /// (end of the lease, job, epoch) of claims whose workers a restored queue never saw.
    pub(super) orphans: BTreeSet<(u64, u64, u64)>,
    pub(super) budget: Arc<Budget>,
    /// Bytes taken from the budget: those of the state, after each change.
    pub(super) taken: u64,
    journal: Option<Box<dyn Journal>>,
    /// The first instant that this operation made due.
    due_us: Option<u64>,
    pub(super) closed: bool,
}

impl Inner {
    pub(super) fn new(
        name: String,
        state: State,
        budget: Arc<Budget>,
        journal: Option<Box<dyn Journal>>,
    ) -> Self {
        let active =
            || state.order().active().filter_map(|number| state.job(number).map(|job| (number, job)));
        let claims =
            || active().filter_map(|(number, job)| job.claim().map(|claim| (number, job.epoch, claim)));
        let orphans = claims().map(|(number, epoch, claim)| (claim.lease_until_us, number, epoch)).collect();
        let last_worker = claims().map(|(.., claim)| claim.worker).max().unwrap_or(0);
        budget.take_regardless(state.bytes());
        Self {
            name,
            taken: state.bytes(),
            state,
            workers: Workers::after(last_worker),
            outbox: Outbox::default(),
            waiters: Waiters::default(),
            listeners: Arc::new([]),
            last_subscription: 0,
            settled: Vec::new(),
            orphans,
            budget,
            journal,
            due_us: None,
            closed: false,
        }
    }

    /// Makes one change and what it brings with it.
    pub(super) fn commit(&mut self, effect: &Effect) {
        self.record(effect);
        match effect {
            Effect::Added(Added { run_at_us: Some(run_at_us), .. }) | Effect::Retried { run_at_us, .. } => {
                self.is_due(*run_at_us);
            }
            Effect::Completed { number, .. } => self.finished(*number, JobState::Completed),
            Effect::Failed { number, .. } => self.finished(*number, JobState::Failed),
            _ => {}
        }
        // What grew may be over the cap: an end is never refused, history goes instead.
        self.let_history_go(0, Some(effect.number()));
    }

    /// Removes finished jobs until the budget has room for `bytes` or none is left; `last` after all others.
    pub(super) fn let_history_go(&mut self, bytes: u64, last: Option<u64>) {
        while !self.budget.has_room(bytes)
            && let Some(removed) = retain::for_room(&self.state, last)
        {
            self.remove(&removed);
        }
    }

    fn record(&mut self, effect: &Effect) {
        if let Some(journal) = &mut self.journal {
            journal.append(effect);
        }
        self.state.apply(effect);
        if !self.listeners.is_empty()
            && let Some(job) = self.state.job(effect.number())
        {
            for event in event::of(effect, job, self.state.last_seq()) {
                self.outbox.push(Notice::Event(self.listeners.clone(), event));
            }
        }
        let bytes = self.state.bytes();
        if bytes > self.taken {
            self.budget.take_regardless(bytes - self.taken);
        } else if bytes < self.taken {
            self.budget.give_back(self.taken - bytes);
        }
        self.taken = bytes;
    }

    /// Waiters first, then retention: a result that somebody waits for is not removed before it is told.
    fn finished(&mut self, number: u64, state: JobState) {
        let job = self.state.job(number);
        self.waiters
            .answer(number, &mut self.outbox, || job.and_then(result_of).unwrap_or_else(not_finished));
        // Behind another finished job it is not the next to grow too old.
        if self.state.order().count(state) == 1
            && let Some(due_us) = retain::next_due_us(&self.state)
        {
            self.is_due(due_us);
        }
        while let Some(removed) = retain::over_count(&self.state) {
            self.remove(&removed);
        }
    }

    pub(super) fn remove(&mut self, removed: &Effect) {
        debug_assert!(!self.waiters.wait_for(removed.number()), "a job with waiters is not finished");
        self.record(removed);
    }

    pub(super) fn is_due(&mut self, due_us: u64) {
        self.due_us = Some(self.due_us.map_or(due_us, |earlier| earlier.min(due_us)));
    }

    /// The end of every operation: tells workers and those who wait for quiet; the instant to set the alarm
    /// for.
    pub(super) fn follow_up(&mut self) -> Option<u64> {
        let waiting = self.state.order().count(JobState::Waiting);
        while let Some((subscriber, worker)) = self.workers.next_to_tell(waiting) {
            self.outbox.push(Notice::Ready(subscriber, worker));
        }
        if !self.settled.is_empty() && self.is_settled() {
            self.settled.drain(..).for_each(|waiter| self.outbox.push(Notice::Settled(waiter)));
        }
        self.due_us.take()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.budget.give_back(self.taken);
    }
}

/// A finished job's result, or the error it failed with.
pub(super) fn result_of(job: &Job) -> Option<Result<Json>> {
    match &job.phase {
        Phase::Completed { result, .. } => Some(Ok(result.clone())),
        Phase::Failed { kind, failure, .. } => {
            let failure = Box::new(failure.with_kind(*kind));
            Some(Err(Error::JobFailed { id: job.id.to_string(), failure }))
        }
        _ => None,
    }
}

fn not_finished() -> Result<Json> {
    Err(Error::Internal("a job that was just finished has no result".into()))
}
