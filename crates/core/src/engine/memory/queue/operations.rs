//! What callers ask of a queue, one method each, under its lock.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::inner::{Inner, result_of};
use super::outbox::Notice;
use super::workers::Workers;
use crate::clock::MS;
use crate::error::{Error, Result};
use crate::ids;
use crate::key::Shown;
use crate::queue::job::Job;
use crate::queue::{Finish, JobState, JobView, Json, State, Subscriber, Token, add, claim, finish, reap};

/// A result, or the promise of one.
pub(super) enum Asked {
    Now(Result<Json>),
    Later(oneshot::Receiver<Result<Json>>),
}

impl Inner {
    pub(super) fn add(&mut self, job: add::Prepared, now_us: u64) -> Result<(JobView, bool)> {
        self.check_open()?;
        let bytes = job.bytes();
        let (number, added) = match add::decide(&self.state, job, now_us) {
            add::Decision::Found(number) => (number, false),
            add::Decision::Add(effect) => {
                if self.budget.take(bytes).is_err() {
                    if bytes <= self.budget.limit() {
                        self.let_history_go(bytes, None);
                    }
                    self.budget.take(bytes)?;
                }
                self.taken += bytes;
                self.commit(&effect);
                (effect.number(), true)
            }
        };
        Ok((self.job(number)?.view(), added))
    }

    pub(super) fn take(&mut self, worker: u64, max: usize, now_us: u64) -> Result<Vec<(JobView, Token)>> {
        self.check_open()?;
        let claimant = self.workers.claimant(worker).ok_or_else(|| {
            Error::InvalidState(format!(
                "worker {worker} of queue '{}' is not open; open another one",
                self.name
            ))
        })?;
        let mut claimed = Vec::with_capacity(max.min(self.state.order().count(JobState::Waiting)));
        while claimed.len() < max
            && let Some((effect, token)) =
                claim::decide(&self.state, &claimant, ids::random_53_bits(), now_us)
        {
            self.commit(&effect);
            claimed.push((self.job(token.job)?.view(), token));
        }
        self.workers.took(worker, claimed.len() < max);
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

    pub(super) fn result(&mut self, id: &str, timeout_ms: Option<u64>, now_us: u64) -> Asked {
        let number = match self.check_open().and_then(|()| self.find(id)) {
            Ok(number) => number,
            Err(error) => return Asked::Now(Err(error)),
        };
        if let Some(result) = self.state.job(number).and_then(result_of) {
            return Asked::Now(result);
        }
        let deadline_us = timeout_ms.map(|timeout_ms| now_us.saturating_add(timeout_ms.saturating_mul(MS)));
        if let Some(deadline_us) = deadline_us {
            self.is_due(deadline_us);
        }
        Asked::Later(self.waiters.add(number, deadline_us))
    }

    /// When it is quiet: now, or the promise of it.
    pub(super) fn settled(&mut self) -> Option<oneshot::Receiver<()>> {
        if self.is_settled() {
            return None;
        }
        let (waiter, quiet) = oneshot::channel();
        self.settled.retain(|waiter| !waiter.is_closed());
        self.settled.push(waiter);
        Some(quiet)
    }

    pub(super) fn is_settled(&self) -> bool {
        let order = self.state.order();
        let takeable = order.count(JobState::Waiting) > 0 && !self.workers.is_empty();
        !takeable && order.count(JobState::Active) == 0
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
        for number in self.state.order().active() {
            if let Some(job) = self.state.job(number)
                && let Some(claim) = job.claim()
                && let Some(subscriber) = self.workers.subscriber(claim.worker)
            {
                let token = Token { job: number, epoch: job.epoch, nonce: claim.nonce };
                self.outbox.push(Notice::LeaseLost(subscriber, claim.worker, token));
            }
        }
        let closed = self.closed_error();
        self.waiters.answer_all(&mut self.outbox, |_| Err(closed.clone()));
        self.workers = Workers::default();
        self.listeners = Arc::new([]);
        self.orphans.clear();
        self.budget.give_back(std::mem::take(&mut self.taken));
        std::mem::take(&mut self.state)
    }

    pub(super) fn closed_error(&self) -> Error {
        Error::Closed(format!("queue '{}' was closed with its store", self.name))
    }

    fn check_open(&self) -> Result<()> {
        if self.closed { Err(self.closed_error()) } else { Ok(()) }
    }

    fn find(&self, id: &str) -> Result<u64> {
        self.state.find(id).ok_or_else(|| {
            Error::NotFound(format!(
                "queue '{}' has no job '{}'; finished jobs are retained for a limited time only",
                self.name,
                Shown(id)
            ))
        })
    }

    fn job(&self, number: u64) -> Result<&Job> {
        self.state
            .job(number)
            .ok_or_else(|| Error::Internal(format!("queue '{}' lost job {number}", self.name)))
    }
}
