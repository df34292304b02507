//! What a queue's lock guards, and what one change brings with it.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::MemoryQueue;
use super::outbox::{Listeners, Notice, Outbox};
use super::waiters::Waiters;
use super::workers::Workers;
use crate::budget::Budget;
use crate::error::{Error, Result};
use crate::key::Shown;
use crate::queue::effect::{Effect, Journal};
use crate::queue::job::{DeadLetter, Job, Phase};
use crate::queue::limits::Begun;
use crate::queue::metrics::Meter;
use crate::queue::{Json, Letter, State, event, retain};

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
    pub(super) meter: Meter,
    /// The instants of claims, for the limiters of workers: as many as the largest of them needs.
    pub(super) begun: Begun,
    pub(super) budget: Arc<Budget>,
    /// Bytes taken from the budget: those of the state and what is reserved, after each change.
    pub(super) taken: u64,
    /// Bytes taken for what is about to come.
    reserved: u64,
    /// Where its dead letters go.
    pub(super) letters_to: Option<Arc<MemoryQueue>>,
    /// Some went there in this operation.
    pub(super) posted: bool,
    /// Whether event loops are to come in real time.
    pub(super) loops_are_real: bool,
    journal: Option<Box<dyn Journal>>,
    pub(super) closed: bool,
}

impl Inner {
    pub(super) fn new(
        name: String,
        state: State,
        budget: Arc<Budget>,
        loops_are_real: bool,
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
            reserved: 0,
            state,
            workers: Workers::after(last_worker),
            outbox: Outbox::default(),
            waiters: Waiters::default(),
            listeners: Arc::new([]),
            last_subscription: 0,
            settled: Vec::new(),
            orphans,
            meter: Meter::default(),
            begun: Begun::default(),
            budget,
            letters_to: None,
            posted: false,
            loops_are_real,
            journal,
            closed: false,
        }
    }

    /// Makes one change and what it brings with it.
    pub(super) fn commit(&mut self, effect: &Effect) {
        self.record(effect);
        match effect {
            Effect::Completed { number, .. } | Effect::Failed { number, .. } => self.finished(*number),
            Effect::Removed { number, .. } => {
                self.waiters.answer(*number, &mut self.outbox, || Err(removed_unfinished(&self.name)));
            }
            _ => {}
        }
        // What grew may be over the cap: an end is never refused, history goes instead. A duplicate has found its job.
        if !matches!(effect, Effect::Deduplicated { .. }) {
            self.let_history_go(0, effect.number());
        }
    }

    /// Takes `bytes` from the budget for what is about to come, at the cost of finished jobs, or fails. What needs no room
    /// fails in no store, however full.
    pub(super) fn reserve(&mut self, bytes: u64) -> Result<()> {
        if bytes > 0 && self.budget.take(bytes).is_err() {
            if self.budget.would_fit(bytes, self.state.passing_bytes()) {
                self.let_history_go(bytes, None);
            }
            self.budget.take(bytes)?;
        }
        self.taken += bytes;
        self.reserved += bytes;
        Ok(())
    }

    /// What was reserved has come, or does not come.
    pub(super) fn arrive(&mut self, bytes: u64) {
        self.reserved -= bytes;
    }

    /// Removes finished jobs until the budget has room for `bytes` or none is left; `last` after all others.
    pub(super) fn let_history_go(&mut self, bytes: u64, last: Option<u64>) {
        while !self.budget.has_room(bytes)
            && let Some(removed) = retain::for_room(&self.state, last)
        {
            self.record(&removed);
        }
    }

    fn record(&mut self, effect: &Effect) {
        if let Some(journal) = &mut self.journal {
            journal.append(effect);
        }
        let before = effect.number().and_then(|number| self.state.job(number));
        let job_id = before.filter(|_| !self.listeners.is_empty()).map(|job| job.id.clone());
        if let Some(job) = before {
            meter(&mut self.meter, effect, job);
            if let (Effect::Failed { .. }, Some(queue)) = (effect, &self.letters_to) {
                // Under both locks: whoever sees that it failed finds it there.
                queue.receive(letter(&self.name, effect, job));
                self.posted = true;
            }
        }
        if let Effect::Claimed { at_us, .. } = effect {
            self.workers.note_claim(&mut self.begun, *at_us);
        }
        let last_seq = self.state.last_seq();
        self.state.apply(effect);
        let drained = self.state.last_seq() - last_seq > effect.events();
        if !self.listeners.is_empty() {
            let job = effect.number().and_then(|number| self.state.job(number));
            let job_id = job_id.or_else(|| job.map(|job| job.id.clone()));
            for event in event::of(effect, job_id.as_ref(), job, drained, self.state.last_seq()) {
                self.outbox.push(Notice::Event(self.listeners.clone(), event));
            }
        }
        self.settle_bytes();
    }

    /// As [`Inner::commit`] of [`Effect::Obliterated`]: what there was, to be freed without the lock.
    pub(super) fn record_obliterated(&mut self) -> State {
        if let Some(journal) = &mut self.journal {
            journal.append(&Effect::Obliterated);
        }
        let all = self.state.take_all();
        self.settle_bytes();
        all
    }

    pub(super) fn settle_bytes(&mut self) {
        let bytes = self.state.bytes() + self.reserved;
        if bytes > self.taken {
            self.budget.take_regardless(bytes - self.taken);
        } else if bytes < self.taken {
            self.budget.give_back(self.taken - bytes);
        }
        self.taken = bytes;
    }

    /// Waiters first, then retention: a result that somebody waits for is not removed before it is told.
    fn finished(&mut self, number: u64) {
        let job = self.state.job(number);
        self.waiters
            .answer(number, &mut self.outbox, || job.and_then(result_of).unwrap_or_else(not_finished));
        for _ in 0..retain::AT_ONCE_MAX {
            let Some(removed) = retain::over_count(&self.state, number) else {
                break;
            };
            self.record(&removed);
        }
    }

    /// The end of every operation: tells workers and those who wait for quiet; the instant to set the alarm
    /// for.
    pub(super) fn follow_up(&mut self, now_us: u64) -> Option<u64> {
        let claimable = self.state.claimable(now_us);
        let Self { state, begun, workers, outbox, .. } = self;
        while let Some((subscriber, worker)) = workers.next_to_tell(claimable, state, begun, now_us) {
            outbox.push(Notice::Ready(subscriber, worker));
        }
        if !self.settled.is_empty() && self.is_settled(now_us) {
            self.settled.drain(..).for_each(|waiter| self.outbox.push(Notice::Settled(waiter)));
        }
        self.next_due_us(now_us)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.budget.give_back(self.taken);
    }
}

/// Counts what `effect` is about to do to `job`.
fn meter(meter: &mut Meter, effect: &Effect, job: &Job) {
    match (effect, &job.phase) {
        (Effect::Claimed { at_us, .. }, Phase::Waiting { since_us, .. }) => meter.began(*since_us, *at_us),
        (Effect::Completed { at_us, .. }, _) => meter.ended(job.processed_us.unwrap_or(*at_us), true, *at_us),
        (Effect::Retried { at_us, .. } | Effect::Failed { at_us, .. }, Phase::Active(_)) => {
            meter.ended(job.processed_us.unwrap_or(*at_us), false, *at_us);
        }
        _ => {}
    }
}

/// A job that is about to fail for good, as its dead-letter queue gets it.
fn letter(queue: &str, effect: &Effect, job: &Job) -> Letter {
    let (failed_reason, finish_kind) = match effect {
        Effect::Failed { kind, failure, .. } => (failure.message.as_str().into(), *kind),
        _ => unreachable!("only what fails is a dead letter"),
    };
    let from = DeadLetter { queue: queue.into(), job_id: job.id.clone(), failed_reason, finish_kind };
    Letter { name: job.name.clone(), data: job.data.clone(), from }
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

pub(super) fn removed_unfinished(queue: &str) -> Error {
    Error::NotFound(format!("the job was removed from queue '{}' before it had finished", Shown(queue)))
}
