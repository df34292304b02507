//! Event loops that stand still.
//!
//! A worker that is open holds its jobs for as long as its thread lives. A handler that never gives its event loop back would
//! hold them for ever: so the loop of a worker with active jobs is asked every quarter of its `stallAfter` whether it turns,
//! and one that has not for that long loses its jobs. Taking jobs is an answer too.
//!
//! A worker that was told of a job and has not come within 10 ms is looked at too: another one is told then.
//!
//! By the machine's steady time and never by a manual clock: a test that moves its clock by an hour does not block its loop
//! for an hour, and a machine that was suspended has not run its loops.

use std::sync::Weak;
use std::time::{Duration, Instant};

use super::MemoryQueue;
use super::inner::Inner;
use super::outbox::Notice;
use crate::clock::Clock;
use crate::queue::{LeaseEnd, reap};
use crate::timer::{Alarm, Ticking};

/// What part of its time a loop goes unasked.
const QUIET_PART: u64 = 4;

/// When a worker's event loop was last seen to turn.
pub(super) struct Seen {
    at: Instant,
    /// Asked then, and no answer yet.
    asked: Option<Instant>,
}

impl Seen {
    pub(super) fn at(at: Instant) -> Self {
        Self { at, asked: None }
    }

    /// When to look next.
    pub(super) fn next(&self, stall_after_ms: u64) -> Instant {
        let quiet_ms = stall_after_ms / QUIET_PART;
        match self.asked {
            None => self.at + Duration::from_millis(quiet_ms),
            Some(asked) => asked + Duration::from_millis(stall_after_ms - quiet_ms),
        }
    }
}

impl Inner {
    /// A worker's event loop turns.
    pub(super) fn seen(&mut self, worker: u64) {
        if let Some((seen, _)) = self.workers.seen(worker) {
            *seen = Seen::at(steady_now());
        }
    }

    /// When to look at a worker next that was just seen; none where it has no job or is not watched.
    pub(super) fn next_look_at(&self, worker: u64) -> Option<Instant> {
        self.is_busy(worker).then(|| self.workers.next_look_at(worker)).flatten()
    }

    fn is_busy(&self, worker: u64) -> bool {
        self.state.order().active_of(worker).next().is_some()
    }

    /// When to look next: at the watched loops, while they have jobs, and at workers that were told of some.
    pub(super) fn next_look(&self) -> Option<Instant> {
        let watched = self.workers.watched().filter(|&(worker, ..)| self.is_busy(worker));
        let watched = watched.map(|(_, seen, stall_after_ms)| seen.next(stall_after_ms)).min();
        watched.into_iter().chain(self.next_late()).min()
    }

    /// When a worker that was told of a job is late. Never under a manual clock: a test that stops in a debugger is to see the
    /// same workers take the same jobs.
    pub(super) fn next_late(&self) -> Option<Instant> {
        if self.loops_are_real { self.workers.next_late() } else { None }
    }

    /// Asks the loops that are due, and takes their jobs from those that did not answer.
    fn look(&mut self, now: Instant, now_us: u64) {
        if self.loops_are_real {
            self.workers.give_up_late(now);
        }
        let due = |&(_, seen, stall_after_ms): &(u64, &Seen, u64)| seen.next(stall_after_ms) <= now;
        let due: Vec<u64> = self.workers.watched().filter(due).map(|(worker, ..)| worker).collect();
        for worker in due {
            let held: Vec<u64> = self.state.order().active_of(worker).collect();
            let Some((seen, _)) = self.workers.seen(worker).filter(|_| !held.is_empty()) else {
                continue;
            };
            if seen.asked.is_none() {
                seen.asked = Some(now);
                if let Some(subscriber) = self.workers.subscriber(worker) {
                    self.outbox.push(Notice::Ping(subscriber, worker));
                }
                continue;
            }
            *seen = Seen::at(now);
            for number in held {
                if let Some(effect) = reap::stall(&self.state, number, now_us) {
                    self.take_away(&effect, LeaseEnd::Lost);
                }
            }
        }
    }
}

/// Looks at the loops of one queue's workers.
pub(super) struct Watchdog {
    queue: Weak<MemoryQueue>,
    alarm: Alarm,
}

impl Watchdog {
    pub(super) fn new(queue: Weak<MemoryQueue>, watchdog: Weak<Self>) -> Self {
        Self { queue, alarm: Alarm::new(Clock::System, watchdog) }
    }

    /// Says that it is to look then.
    pub(super) fn set(&self, next: Instant) {
        self.alarm.set(as_us(next));
    }
}

impl Ticking for Watchdog {
    fn next_due_us(&self) -> Option<u64> {
        self.queue.upgrade()?.next_look().map(as_us)
    }

    fn tick(&self, _now_us: u64) {
        if let Some(queue) = self.queue.upgrade() {
            queue.with(|inner, now_us| inner.look(steady_now(), now_us));
        }
    }
}

/// What counts for an event loop: it stands still while the machine sleeps.
#[expect(clippy::disallowed_methods, reason = "whether a loop turns is no matter of the store's clock")]
pub(super) fn steady_now() -> Instant {
    Instant::now()
}

/// On the clock of alarms; 0 for what is past, so that an alarm which looked at its clock before sees it as due.
fn as_us(at: Instant) -> u64 {
    let ahead = at.saturating_duration_since(steady_now());
    if ahead.is_zero() {
        return 0;
    }
    Clock::System.now_us().saturating_add(u64::try_from(ahead.as_micros()).unwrap_or(u64::MAX))
}
