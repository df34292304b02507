//! What callers ask of a queue, one method each, under its lock.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::inner::{Inner, result_of};
use super::workers::Workers;
use crate::clock;
use crate::error::{Error, Result};
use crate::ids;
use crate::key::Shown;
use crate::queue::add::{Decision, Prepared, Which};
use crate::queue::job::Job;
use crate::queue::{
    Change, Changed, Effect, Finish, JobState, JobView, Json, LeaseEnd, State, Subscriber, Token, add,
    change, claim, due, finish, reap, scheduler,
};

/// A result, or the promise of one.
pub(super) enum Asked {
    Now(Result<Json>),
    Later(oneshot::Receiver<Result<Json>>),
}

impl Inner {
    pub(super) fn add(&mut self, job: Prepared, now_us: u64) -> Result<Which> {
        self.check_open()?;
        let bytes = job.bytes();
        let decision = add::decide(&self.state, job, now_us);
        let grows = match decision.effects.first() {
            Some(Effect::Replaced(replaced)) => bytes.saturating_sub(self.job(replaced.number)?.bytes()),
            _ if decision.number().is_some() => bytes,
            _ => 0,
        };
        self.reserve(grows)?;
        self.arrive(grows);
        Ok(self.added(decision))
    }

    fn added(&mut self, decision: Decision) -> Which {
        for effect in &decision.effects {
            self.commit(effect);
        }
        decision.job
    }

    /// All of them, or none: there is room for all before the first comes.
    pub(super) fn add_bulk(&mut self, jobs: Vec<Prepared>, now_us: u64) -> Result<Vec<(JobView, bool)>> {
        self.check_open()?;
        let bytes: Vec<u64> =
            jobs.iter().map(|job| if job.is_there(&self.state, now_us) { 0 } else { job.bytes() }).collect();
        self.reserve(bytes.iter().sum())?;
        let mut which = Vec::with_capacity(jobs.len());
        for (job, bytes) in jobs.into_iter().zip(bytes) {
            self.arrive(bytes);
            let decision = add::decide(&self.state, job, now_us);
            let job = self.added(decision);
            which.push(self.shown(job)?);
        }
        // Duplicates of each other have not come.
        self.settle_bytes();
        Ok(which)
    }

    /// A job that failed for good in another queue: never refused.
    pub(super) fn add_letter(&mut self, job: Prepared, now_us: u64) {
        if !self.closed {
            let decision = add::decide(&self.state, job, now_us);
            self.added(decision);
        }
    }

    /// The job of an add, and whether it is new.
    pub(super) fn shown(&self, which: Which) -> Result<(JobView, bool)> {
        Ok(match which {
            Which::Added(number) => (self.job(number)?.view(), true),
            Which::Found(number) => (self.job(number)?.view(), false),
            Which::Gone(view) => (*view, false),
        })
    }

    pub(super) fn take(&mut self, worker: u64, max: usize, now_us: u64) -> Result<Vec<(JobView, Token)>> {
        self.check_open()?;
        let claimant = self.workers.claimant(worker).ok_or_else(|| {
            Error::InvalidState(format!(
                "worker {worker} of queue '{}' is not open; open another one",
                self.name
            ))
        })?;
        // What had to begin by now has not, though the background thread has not seen it yet.
        self.expire(now_us);
        // Where more of it is left than one step sees to, the worker is told to come again.
        let late = due::expired(&self.state, now_us).is_some();
        let most = if late { 0 } else { max.min(self.workers.room(worker, &self.begun, now_us)) };
        let mut claimed = Vec::with_capacity(most.min(self.state.claimable(now_us)));
        // One for all: what it tells apart are histories, and in one history the epoch does.
        let nonce = ids::random_53_bits();
        while claimed.len() < most
            && let Some((effect, token)) = claim::decide(&self.state, &claimant, nonce, now_us)
        {
            self.commit(&effect);
            claimed.push((self.job(token.job)?.view(), token));
        }
        self.workers.took(worker, max == 0, claimed.len() < max);
        self.seen(worker);
        Ok(claimed)
    }

    pub(super) fn finish(
        &mut self,
        token: Token,
        outcome: finish::Prepared,
        random: f64,
        now_us: u64,
    ) -> Finish {
        let (finish, effect) = finish::decide(&self.state, token, outcome, random, now_us);
        if let Some(effect) = effect {
            self.commit(&effect);
        }
        finish
    }

    /// What a handler says or leaves of its job; whether the job is still its own.
    pub(super) fn note(&mut self, effect: Option<Effect>) -> Result<bool> {
        let Some(effect) = effect else {
            return Ok(false);
        };
        let grows = match &effect {
            Effect::Progressed { number, progress } => {
                let before = self.job(*number)?.progress().map_or(0, |before| before.get().len());
                progress.get().len().saturating_sub(before) as u64
            }
            Effect::Logged { line, .. } => State::line_bytes(line),
            _ => 0,
        };
        self.reserve(grows)?;
        self.arrive(grows);
        self.commit(&effect);
        Ok(true)
    }

    pub(super) fn close_worker(&mut self, worker: u64, released: bool, now_us: u64) {
        if !self.workers.close(worker) {
            return;
        }
        let held: Vec<u64> = self.state.order().active_of(worker).collect();
        for number in held {
            let decide = if released { reap::release } else { reap::stall };
            if let Some(effect) = decide(&self.state, number, now_us) {
                self.commit(&effect);
            }
        }
    }

    pub(super) fn change(&mut self, id: &str, change: Change, now_us: u64) -> Result<Changed> {
        self.check_open()?;
        let Some(number) = self.state.find(id) else {
            return Ok(Changed::Absent);
        };
        let (changed, effect) = change::decide(&self.state, number, change, now_us);
        match effect {
            Some(effect @ Effect::CancelRequested { .. }) => {
                self.commit(&effect);
                let job = self.job(number)?;
                if let Some(claim) = job.claim() {
                    let token = Token { job: number, epoch: job.epoch, nonce: claim.nonce };
                    self.tell_lease_end(claim.worker, token, LeaseEnd::Cancelled);
                }
            }
            Some(effect) => self.commit(&effect),
            None => {}
        }
        Ok(changed)
    }

    pub(super) fn set_paused(&mut self, paused: bool) -> Result<()> {
        self.check_open()?;
        if self.state.is_paused() != paused {
            self.commit(if paused { &Effect::Paused } else { &Effect::Resumed });
        }
        Ok(())
    }

    /// Sets what bounds the queue, where that is something else.
    pub(super) fn bound(&mut self, effect: &Effect) -> Result<()> {
        self.check_open()?;
        let same = match effect {
            Effect::ConcurrencySet { limit } => *limit == self.state.concurrency(),
            Effect::RateSet { rate } => *rate == self.state.rate(),
            _ => false,
        };
        if !same {
            self.commit(effect);
        }
        Ok(())
    }

    pub(super) fn upsert_scheduler(
        &mut self,
        upsert: scheduler::Upsert,
        options: &add::Shared,
        now_us: u64,
    ) -> Result<()> {
        self.check_open()?;
        if let Some(effect) = scheduler::upsert(&self.state, upsert, now_us) {
            let bytes = match &effect {
                Effect::SchedulerSet { id, scheduler } => {
                    let before = self.state.scheduler(id).map_or(0, |before| before.bytes(id));
                    scheduler.bytes(id).saturating_sub(before)
                }
                _ => 0,
            };
            self.reserve(bytes)?;
            self.arrive(bytes);
            self.commit(&effect);
            // One that comes at once is there when this returns.
            self.tick_schedulers(options, now_us);
        }
        Ok(())
    }

    pub(super) fn remove_scheduler(&mut self, id: &str) -> Result<bool> {
        self.check_open()?;
        let effect = scheduler::remove(&self.state, id);
        if let Some(effect) = &effect {
            self.commit(effect);
        }
        Ok(effect.is_some())
    }

    pub(super) fn result(&mut self, id: &str, timeout_ms: Option<u64>, now_us: u64) -> Asked {
        match self.check_open().and_then(|()| self.find(id)) {
            Ok(number) => self.result_of(number, timeout_ms, now_us),
            Err(error) => Asked::Now(Err(error)),
        }
    }

    fn result_of(&mut self, number: u64, timeout_ms: Option<u64>, now_us: u64) -> Asked {
        if let Some(result) = self.state.job(number).and_then(result_of) {
            return Asked::Now(result);
        }
        let deadline_us = timeout_ms.map(|timeout_ms| clock::after(now_us, timeout_ms));
        Asked::Later(self.waiters.add(number, deadline_us))
    }

    pub(super) fn add_and_wait(
        &mut self,
        job: Prepared,
        timeout_ms: Option<u64>,
        now_us: u64,
    ) -> Result<Asked> {
        Ok(match self.add(job, now_us)? {
            Which::Added(number) | Which::Found(number) => self.result_of(number, timeout_ms, now_us),
            Which::Gone(view) => Asked::Now(Err(self.not_found(&view.id))),
        })
    }

    pub(super) fn tell_all_leases_lost(&mut self) {
        let active: Vec<u64> = self.state.order().active().collect();
        for number in active {
            if let Some(job) = self.state.job(number)
                && let Some(claim) = job.claim()
            {
                let token = Token { job: number, epoch: job.epoch, nonce: claim.nonce };
                self.tell_lease_end(claim.worker, token, LeaseEnd::Lost);
            }
        }
    }

    /// When it is quiet: now, or the promise of it.
    pub(super) fn settled(&mut self, now_us: u64) -> Option<oneshot::Receiver<()>> {
        if self.is_settled(now_us) {
            return None;
        }
        let (waiter, quiet) = oneshot::channel();
        self.settled.retain(|waiter| !waiter.is_closed());
        self.settled.push(waiter);
        Some(quiet)
    }

    pub(super) fn is_settled(&self, now_us: u64) -> bool {
        let takeable =
            self.state.claimable(now_us) > 0 && self.workers.any_may_take(&self.state, &self.begun, now_us);
        !takeable && self.state.order().count(JobState::Active) == 0
    }

    pub(super) fn subscribe(&mut self, subscriber: Arc<dyn Subscriber>) -> u64 {
        self.last_subscription += 1;
        let added = (self.last_subscription, subscriber);
        self.listeners = self.listeners.iter().cloned().chain([added]).collect();
        self.last_subscription
    }

    pub(super) fn unsubscribe(&mut self, subscription: u64) {
        let others = self.listeners.iter().filter(|(number, _)| *number != subscription);
        self.listeners = others.cloned().collect();
    }

    /// Ends the queue: no more jobs in or out, every waiter answered. The state as it was, for the caller to
    /// drop without the lock.
    pub(super) fn shut(&mut self) -> State {
        self.closed = true;
        self.tell_all_leases_lost();
        let closed = self.closed_error();
        self.waiters.answer_all(&mut self.outbox, |_| Err(closed.clone()));
        self.workers = Workers::default();
        self.listeners = Arc::new([]);
        self.orphans.clear();
        let state = self.state.take_all();
        self.settle_bytes();
        state
    }

    pub(super) fn closed_error(&self) -> Error {
        Error::Closed(format!("queue '{}' was closed with its store", self.name))
    }

    pub(super) fn check_open(&self) -> Result<()> {
        if self.closed { Err(self.closed_error()) } else { Ok(()) }
    }

    fn find(&self, id: &str) -> Result<u64> {
        self.state.find(id).ok_or_else(|| self.not_found(id))
    }

    fn not_found(&self, id: &str) -> Error {
        Error::NotFound(format!(
            "queue '{}' has no job '{}'; finished jobs are retained for a limited time only",
            self.name,
            Shown(id)
        ))
    }

    pub(super) fn job(&self, number: u64) -> Result<&Job> {
        self.state
            .job(number)
            .ok_or_else(|| Error::Internal(format!("queue '{}' lost job {number}", self.name)))
    }
}
