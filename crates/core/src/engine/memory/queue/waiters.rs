//! Who waits for the result of a job that is not finished yet.
//!
//! A waiter is answered in the same step that finishes its job, before retention may remove it, or that removes it by hand: no
//! waiter outlives its job.

use std::collections::BTreeSet;

use hashbrown::HashMap;
use tokio::sync::oneshot;

use super::outbox::{Notice, Outbox};
use crate::error::Result;
use crate::queue::Json;

/// How many waiters of one job make it worth looking for those that gave up; looked again at each doubling.
const PRUNE_FROM: usize = 16;

struct Waiter {
    /// Tells apart the waiters of a job.
    serial: u64,
    deadline_us: Option<u64>,
    reply: oneshot::Sender<Result<Json>>,
}

/// Waiters by job.
#[derive(Default)]
pub(super) struct Waiters {
    by_job: HashMap<u64, Vec<Waiter>>,
    /// (deadline in microseconds, serial, job).
    deadlines: BTreeSet<(u64, u64, u64)>,
    last_serial: u64,
}

impl Waiters {
    pub(super) fn add(&mut self, job: u64, deadline_us: Option<u64>) -> oneshot::Receiver<Result<Json>> {
        let (reply, answer) = oneshot::channel();
        self.last_serial += 1;
        let serial = self.last_serial;
        let of_job = self.by_job.entry(job).or_default();
        if of_job.len() >= PRUNE_FROM && of_job.len().is_power_of_two() {
            of_job.retain(|waiter| {
                let waits = !waiter.reply.is_closed();
                if let Some(deadline_us) = waiter.deadline_us.filter(|_| !waits) {
                    self.deadlines.remove(&(deadline_us, waiter.serial, job));
                }
                waits
            });
        }
        of_job.push(Waiter { serial, deadline_us, reply });
        self.deadlines.extend(deadline_us.map(|deadline_us| (deadline_us, serial, job)));
        answer
    }

    /// Answers those who wait for a job; `result` is asked only when somebody does.
    pub(super) fn answer(&mut self, job: u64, outbox: &mut Outbox, result: impl FnOnce() -> Result<Json>) {
        let Some(of_job) = self.by_job.remove(&job) else {
            return;
        };
        let result = result();
        for waiter in of_job {
            if let Some(deadline_us) = waiter.deadline_us {
                self.deadlines.remove(&(deadline_us, waiter.serial, job));
            }
            outbox.push(Notice::Result(waiter.reply, result.clone()));
        }
    }

    /// Answers all with what `result` says of their job, and forgets them.
    pub(super) fn answer_all(&mut self, outbox: &mut Outbox, result: impl Fn(u64) -> Result<Json>) {
        let jobs: Vec<u64> = self.by_job.keys().copied().collect();
        for job in jobs {
            self.answer(job, outbox, || result(job));
        }
    }

    /// Answers the first one whose deadline has come; false when there is none.
    pub(super) fn expire(
        &mut self,
        now_us: u64,
        outbox: &mut Outbox,
        result: impl FnOnce(u64) -> Result<Json>,
    ) -> bool {
        let Some(&(_, serial, job)) =
            self.deadlines.first().filter(|&&(deadline_us, ..)| deadline_us <= now_us)
        else {
            return false;
        };
        self.deadlines.pop_first();
        if let Some(of_job) = self.by_job.get_mut(&job) {
            if let Some(index) = of_job.iter().position(|waiter| waiter.serial == serial) {
                outbox.push(Notice::Result(of_job.swap_remove(index).reply, result(job)));
            }
            if of_job.is_empty() {
                self.by_job.remove(&job);
            }
        }
        true
    }

    pub(super) fn next_deadline_us(&self) -> Option<u64> {
        self.deadlines.first().map(|&(deadline_us, ..)| deadline_us)
    }
}
