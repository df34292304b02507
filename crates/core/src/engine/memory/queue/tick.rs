//! What falls due in a queue: delayed jobs, attempts and jobs that are too late, schedulers, leases nobody renews, deadlines
//! of waiters, ids that are free again, the age of finished jobs, room under a rate.

use super::inner::Inner;
use super::outbox::Notice;
use crate::clock::MS;
use crate::error::Error;
use crate::ids;
use crate::key::Shown;
use crate::queue::add::Shared;
use crate::queue::{Effect, LeaseEnd, Token, due, reap, retain, scheduler};

/// Jobs, deadlines and leases seen to in one tick, each: bounds how long the lock is held.
const TICK_MAX: usize = 1_000;

/// The same of schedulers: each asks a calendar.
const SCHEDULERS_MAX: usize = 100;

impl Inner {
    pub(super) fn next_due_us(&self, now_us: u64) -> Option<u64> {
        let orphan = self.orphans.first().map(|&(lease_until_us, ..)| lease_until_us);
        let rate = self.workers.next_room_us(&self.state, &self.begun, now_us);
        let waiter = self.waiters.next_deadline_us();
        [due::next_us(&self.state), orphan, waiter, retain::next_due_us(&self.state), rate]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what is due, at most [`TICK_MAX`] of each kind. Jobs before waiters: a result that is due now
    /// counts.
    pub(super) fn tick(&mut self, options: &Shared, now_us: u64) {
        self.commit_all(|inner| due::dedup_over(&inner.state, now_us));
        self.commit_all(|inner| due::delayed(&inner.state, now_us));
        self.expire(now_us);
        self.time_out(now_us);
        self.tick_schedulers(options, now_us);
        self.reap_orphans(now_us);
        self.answer_late_waiters(now_us);
        self.commit_all(|inner| retain::over_age(&inner.state, now_us));
    }

    /// Commits what `next` says until it says nothing more, [`TICK_MAX`] times at most.
    fn commit_all(&mut self, next: impl Fn(&Self) -> Option<Effect>) {
        for _ in 0..TICK_MAX {
            let Some(effect) = next(self) else {
                return;
            };
            self.commit(&effect);
        }
    }

    /// Adds the jobs of schedulers whose instants have come.
    pub(super) fn tick_schedulers(&mut self, options: &Shared, now_us: u64) {
        for _ in 0..SCHEDULERS_MAX {
            let new_id = || ids::job_id(now_us / MS);
            let Some(effects) = scheduler::tick(&self.state, options, new_id, now_us) else {
                return;
            };
            for effect in &effects {
                self.commit(effect);
            }
        }
    }

    /// Lets jobs fail that had to begin by now.
    pub(super) fn expire(&mut self, now_us: u64) {
        self.commit_all(|inner| due::expired(&inner.state, now_us));
    }

    fn time_out(&mut self, now_us: u64) {
        for _ in 0..TICK_MAX {
            let Some(effect) = due::timed_out(&self.state, ids::random_unit(), now_us) else {
                return;
            };
            let again = matches!(effect, Effect::Retried { .. });
            self.take_away(&effect, LeaseEnd::TimedOut { again });
        }
    }

    /// Commits what ends a claim, and tells the worker that had it.
    pub(super) fn take_away(&mut self, effect: &Effect, why: LeaseEnd) {
        let number = effect.number();
        let held = number.and_then(|number| {
            let job = self.state.job(number)?;
            let claim = job.claim()?;
            Some((claim.worker, Token { job: number, epoch: job.epoch, nonce: claim.nonce }))
        });
        self.commit(effect);
        if let Some((worker, token)) = held {
            self.tell_lease_end(worker, token, why);
        }
    }

    pub(super) fn tell_lease_end(&mut self, worker: u64, token: Token, why: LeaseEnd) {
        for subscriber in self.workers.hear_lease_ends(worker) {
            self.outbox.push(Notice::LeaseLost(subscriber, worker, token, why));
        }
    }

    fn reap_orphans(&mut self, now_us: u64) {
        for _ in 0..TICK_MAX {
            let Some(&(lease_until_us, number, epoch)) = self.orphans.first() else {
                return;
            };
            if lease_until_us > now_us {
                return;
            }
            self.orphans.pop_first();
            if let Some(effect) = reap::expire(&self.state, number, epoch, now_us) {
                self.commit(&effect);
            }
        }
    }

    fn answer_late_waiters(&mut self, now_us: u64) {
        let Self { waiters, outbox, state, .. } = self;
        let late = |number| {
            let id = state.job(number).map_or("", |job| &*job.id);
            Err(Error::Timeout(format!(
                "job '{}' did not finish in time; it goes on, ask again or wait longer",
                Shown(id)
            )))
        };
        let _ = (0..TICK_MAX).take_while(|_| waiters.expire(now_us, outbox, late)).count();
    }
}
