//! What falls due in a queue: delayed jobs, leases nobody renews, deadlines of waiters, the age of finished
//! jobs.

use super::inner::Inner;
use crate::error::Error;
use crate::key::Shown;
use crate::queue::{due, reap, retain};

/// Jobs, deadlines and leases seen to in one tick, each: bounds how long the lock is held.
const TICK_MAX: usize = 1_000;

impl Inner {
    pub(super) fn next_due_us(&self) -> Option<u64> {
        let delayed = self.state.order().first_delayed().map(|(run_at_us, _)| run_at_us);
        let orphan = self.orphans.first().map(|&(lease_until_us, ..)| lease_until_us);
        [delayed, orphan, self.waiters.next_deadline_us(), retain::next_due_us(&self.state)]
            .into_iter()
            .flatten()
            .min()
    }

    /// Does what is due, at most [`TICK_MAX`] of each kind. Jobs before waiters: a result that is due now
    /// counts.
    pub(super) fn tick(&mut self, now_us: u64) {
        for _ in 0..TICK_MAX {
            let Some(effect) = due::decide(&self.state, now_us) else {
                break;
            };
            self.commit(&effect);
        }
        for _ in 0..TICK_MAX {
            let Some(&(lease_until_us, number, epoch)) = self.orphans.first() else {
                break;
            };
            if lease_until_us > now_us {
                break;
            }
            self.orphans.pop_first();
            if let Some(effect) = reap::expire(&self.state, number, epoch, now_us) {
                self.commit(&effect);
            }
        }
        let Self { waiters, outbox, state, .. } = self;
        let late = |number| {
            let id = state.job(number).map_or("", |job| &*job.id);
            Err(Error::Timeout(format!(
                "job '{}' did not finish in time; it goes on, ask again or wait longer",
                Shown(id)
            )))
        };
        let _ = (0..TICK_MAX).take_while(|_| waiters.expire(now_us, outbox, late)).count();
        for _ in 0..TICK_MAX {
            let Some(removed) = retain::over_age(&self.state, now_us) else {
                break;
            };
            self.remove(&removed);
        }
    }
}
