//! Dropping keys that equal absent ones.
//!
//! One sweep goes round all tables, a bounded stretch at a time: driven by the timer, and by new keys that need
//! room. After a round it rests until the first key it saw could leave, and for at least a sixteenth of the window
//! and a microsecond for each slot it looked at: looking at one costs about ten nanoseconds, so that is one
//! percent of a core however many keys there are. With no keys it does not run.
//!
//! Rejected: a timer or a queue entry for each key, which costs more than the state it guards; a full sweep when
//! the limiter is full, which hands whoever floods it a lever on everybody's latency.

use std::sync::atomic::Ordering;

use super::keyed::{Keyed, Slots, TABLES};
use crate::limiter::Decide;
use crate::timer::Ticking;

/// Slots that a new key without room looks at: what it may cost, under a microsecond.
const LOOKS_PER_NEW_KEY: usize = 64;

/// Slots that a tick looks at, some 40 µs: the timer's thread serves every other feature too.
const LOOKS_PER_TICK: usize = 4_096;

/// The sweep rests for at least this part of the window between two rounds.
const REST_PER_WINDOW: u64 = 16;

/// Where the sweep stands and what it has seen in this round.
#[derive(Default)]
pub(super) struct Sweep {
    table: usize,
    slot: usize,
    looks: u64,
    /// When the first key seen equals an absent one.
    first_us: Option<u64>,
    /// When the timer goes on with it; `None` while there are no keys.
    due_us: Option<u64>,
}

impl<S: Decide> Keyed<S> {
    /// Sets the sweep going when it lies idle. Called by whoever brings the first key, once it is there.
    pub(super) fn wake_sweep(&self, due_us: u64) {
        let mut sweep = self.sweep.lock();
        if sweep.due_us.is_none() {
            sweep.due_us = Some(due_us);
            drop(sweep);
            self.alarm.set(due_us);
        }
    }

    /// Looks at the next few slots, over the end of the round where it falls among them.
    pub(super) fn sweep_for_room(&self, now_us: u64) {
        let looks_left = self.sweep(now_us, LOOKS_PER_NEW_KEY);
        if looks_left > 0 {
            self.sweep(now_us, looks_left);
        }
    }

    /// Looks at the next `looks` slots or at those up to the end of the round: how many looks were not needed.
    fn sweep(&self, now_us: u64, looks: usize) -> usize {
        let mut sweep = self.sweep.lock();
        let mut looks_left = looks;
        while looks_left > 0 {
            let mut slots = self.tables[sweep.table].0.lock();
            let end = slots.by_hash.num_buckets();
            let to = end.min(sweep.slot + looks_left);
            let looked = to.saturating_sub(sweep.slot).max(1);
            let dropped = self.drop_absent(&mut slots, &mut sweep, to, now_us);
            if to == end {
                slots.shrink();
            }
            drop(slots);
            self.give_room_back(dropped);
            sweep.slot = to;
            sweep.looks += looked as u64;
            looks_left = looks_left.saturating_sub(looked);
            if to == end {
                sweep.slot = 0;
                sweep.table = (sweep.table + 1) % TABLES;
                if sweep.table == 0 {
                    self.end_round(&mut sweep, now_us);
                    break;
                }
            }
        }
        looks_left
    }

    /// Drops what equals an absent key from the sweep's slot up to `to`: how many there were.
    fn drop_absent(&self, slots: &mut Slots<S>, sweep: &mut Sweep, to: usize, now_us: u64) -> u64 {
        let mut dropped = 0;
        for slot in sweep.slot..to {
            let Ok(entry) = slots.by_hash.get_bucket_entry(slot) else {
                continue;
            };
            let absent_us = entry.get().state.absent_at_us(self.rule);
            if absent_us <= now_us {
                entry.remove();
                dropped += 1;
            } else {
                sweep.first_us = Some(sweep.first_us.map_or(absent_us, |first_us| first_us.min(absent_us)));
            }
        }
        dropped
    }

    fn end_round(&self, sweep: &mut Sweep, now_us: u64) {
        let rest_us = sweep.looks.max(self.rule.window_us / REST_PER_WINDOW);
        // A key that came behind the sweep's back, or moved as its table grew, was not seen: look within a window.
        let unseen_us = now_us.saturating_add(self.rule.window_us);
        let first_us = sweep.first_us.map_or(unseen_us, |first_us| first_us.min(unseen_us));
        let idle = self.keys.load(Ordering::Acquire) == 0;
        *sweep = Sweep::default();
        sweep.due_us = (!idle).then(|| first_us.max(now_us.saturating_add(rest_us)));
    }
}

impl<S: Decide> Slots<S> {
    /// Gives memory back after a flood has left.
    fn shrink(&mut self) {
        let held = self.by_hash.len();
        if held < self.by_hash.capacity() / 4 {
            self.by_hash.shrink_to(held * 2, |slot| slot.hash.slot);
        }
    }
}

impl<S: Decide> Ticking for Keyed<S> {
    fn next_due_us(&self) -> Option<u64> {
        self.sweep.lock().due_us
    }

    fn tick(&self, now_us: u64) {
        self.sweep(now_us, LOOKS_PER_TICK);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::budget::Budget;
    use crate::clock::{Clock, MS, ManualClock};
    use crate::engine::LimiterEngine;
    use crate::key::Key;
    use crate::limiter::{Algorithm, FixedWindow, LimiterOptions};

    fn limiter(clock: &Arc<ManualClock>) -> Arc<Keyed<FixedWindow>> {
        limiter_of(clock, 1_000_000)
    }

    fn limiter_of(clock: &Arc<ManualClock>, max_keys: u32) -> Arc<Keyed<FixedWindow>> {
        let options = LimiterOptions { limit: 1, window: 1_600, algorithm: Algorithm::FixedWindow, max_keys };
        Keyed::new(options, Clock::Manual(clock.clone()), Arc::new(Budget::new(1 << 30)))
    }

    fn consume(limiter: &Keyed<FixedWindow>, number: u32) {
        limiter.consume(Key::narrow(&number.to_le_bytes()), 1).unwrap();
    }

    #[test]
    fn nothing_is_due_while_there_are_no_keys() {
        let clock = ManualClock::new(0);
        let limiter = limiter(&clock);
        assert_eq!(limiter.next_due_us(), None);
        consume(&limiter, 1);
        assert_eq!(limiter.next_due_us(), Some(1_600 * MS));
        clock.advance_to(1_600 * MS);
        assert_eq!((limiter.stats().keys, limiter.next_due_us()), (0, None));
        consume(&limiter, 1);
        assert_eq!(limiter.next_due_us(), Some(3_200 * MS));
    }

    #[test]
    fn a_tick_looks_at_a_bounded_number_of_slots_and_is_due_again_at_once() {
        let clock = ManualClock::new(0);
        let limiter = limiter(&clock);
        (0..100_000).for_each(|number| consume(&limiter, number));
        let now_us = 1_600 * MS;
        let mut ticks: u64 = 0;
        while limiter.next_due_us().is_some_and(|due_us| due_us <= now_us) {
            let held = limiter.stats().keys;
            limiter.tick(now_us);
            assert!(held - limiter.stats().keys <= LOOKS_PER_TICK as u64);
            ticks += 1;
        }
        assert!(ticks >= 100_000 / LOOKS_PER_TICK as u64);
        assert_eq!((limiter.stats().keys, limiter.next_due_us()), (0, None));
        assert!(
            limiter.tables.iter().all(|table| table.0.lock().by_hash.capacity() == 0),
            "memory is given back"
        );
    }

    #[test]
    fn between_rounds_it_rests_in_proportion_to_the_slots_it_looked_at() {
        let clock = ManualClock::new(0);
        let limiter = limiter(&clock);
        consume(&limiter, 0);
        clock.advance_to(MS);
        (1..200_000).for_each(|number| consume(&limiter, number));
        clock.advance_to(1_600 * MS);
        assert_eq!(limiter.stats().keys, 199_999);
        // 262,144 slots: 262 ms, which is more than a sixteenth of the window.
        assert_eq!(limiter.next_due_us(), Some(1_600 * MS + 262_144));
    }

    #[test]
    fn a_new_key_finds_room_wherever_in_its_round_the_sweep_stands() {
        for table in 0..TABLES {
            let clock = ManualClock::new(0);
            let limiter = limiter_of(&clock, 1);
            consume(&limiter, 0);
            *limiter.sweep.lock() = Sweep { table, due_us: Some(u64::MAX), ..Sweep::default() };
            clock.advance_to(1_600 * MS);
            assert_eq!(limiter.stats().keys, 1, "it is over and nobody has come for it");
            assert!(limiter.make_room().is_some(), "from table {table}");
        }
    }
}
