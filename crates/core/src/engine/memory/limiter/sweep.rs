//! Dropping keys that equal absent ones.
//!
//! One sweep goes round all tables, a bounded stretch at a time: driven by the timer, and by new keys that need
//! room. After a round it rests until the first key it saw could leave, or for a window where it may not have seen all, and
//! for at least a sixteenth of the window, 50 ms
//! and a microsecond for each entry it looked at: looking at one costs about ten nanoseconds, so that is one
//! percent of a core however many keys there are. With no keys it does not run.
//!
//! Rejected: a timer or a queue entry for each key, which costs more than the state it guards; a full sweep when
//! the limiter is full, which hands whoever floods it a lever on everybody's latency.

use std::sync::atomic::Ordering;

use super::keyed::{Keyed, TABLES};
use super::slots::{Place, Slots};
use crate::clock::MS;
use crate::limiter::Decide;
use crate::timer::Ticking;

/// Slots that a new key without room looks at: what it may cost, under a microsecond.
const LOOKS_PER_NEW_KEY: usize = 64;

/// Slots that a tick looks at, some 40 µs: the timer's thread serves every other feature too.
const LOOKS_PER_TICK: usize = 4_096;

/// The sweep rests for at least this part of the window between two rounds.
const REST_PER_WINDOW: u64 = 16;

/// And for at least so long: a window of a millisecond is no reason to look a thousand times a second.
const REST_US_MIN: u64 = 50 * MS;

/// Where the sweep stands and what it has seen in this round.
#[derive(Default)]
pub(super) struct Sweep {
    table: usize,
    /// Counted through the table's kinds of entries: own, others, blocks.
    entry: usize,
    looks: u64,
    /// When the first key seen equals an absent one.
    first_us: Option<u64>,
    /// When the timer goes on with it; `None` while there are no keys.
    due_us: Option<u64>,
    /// The next round starts no earlier.
    rests_until_us: u64,
    /// Changes there had been when this round started.
    changes: u64,
}

impl<S: Decide> Keyed<S> {
    /// An entry has come, or may leave earlier than the sweep has seen: it comes round within a window. Called once the change
    /// can be seen, with no table locked.
    pub(super) fn changed(&self, now_us: u64) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        let due_us = now_us.saturating_add(self.rule.window_us);
        if self.sweep_due_us.load(Ordering::SeqCst) > due_us {
            self.hasten_sweep(due_us);
        }
    }

    #[cold]
    fn hasten_sweep(&self, due_us: u64) {
        let mut sweep = self.sweep.lock();
        let due_us = due_us.max(sweep.rests_until_us);
        if sweep.due_us.is_none_or(|known_us| known_us > due_us) {
            sweep.due_us = Some(due_us);
            self.sweep_due_us.store(due_us, Ordering::SeqCst);
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

    /// Looks at the next `looks` entries or at those up to the end of the round: how many looks were not needed.
    fn sweep(&self, now_us: u64, looks: usize) -> usize {
        let mut sweep = self.sweep.lock();
        let mut looks_left = looks;
        while looks_left > 0 {
            let mut slots = self.tables[sweep.table].0.lock();
            // An empty table is a look too.
            looks_left -= 1;
            sweep.looks += 1;
            let mut at_end = true;
            while let Some(absent_us) = slots.absent_at(sweep.entry, self.rule.window_us) {
                if looks_left == 0 {
                    at_end = false;
                    break;
                }
                looks_left -= 1;
                sweep.looks += 1;
                if absent_us <= now_us {
                    // The last of its kind takes its place, and is looked at next.
                    let bytes = slots.remove_at(sweep.entry);
                    self.ledger.give_back(1, bytes);
                } else {
                    sweep.first_us =
                        Some(sweep.first_us.map_or(absent_us, |first_us| first_us.min(absent_us)));
                    sweep.entry += 1;
                }
            }
            if !at_end {
                break;
            }
            slots.shrink();
            drop(slots);
            sweep.entry = 0;
            sweep.table = (sweep.table + 1) % TABLES;
            if sweep.table == 0 {
                self.end_round(&mut sweep, now_us);
                break;
            }
        }
        looks_left
    }

    fn end_round(&self, sweep: &mut Sweep, now_us: u64) {
        let rest_us = sweep.looks.max(self.rule.window_us / REST_PER_WINDOW).max(REST_US_MIN);
        let rests_until_us = now_us.saturating_add(rest_us);
        let idle = self.shrink_overflow(now_us) && self.ledger.entries() == 0;
        // Before the changes are read: who changes something from here on finds no sweep due, and hastens one.
        self.sweep_due_us.store(u64::MAX, Ordering::SeqCst);
        let changes = self.changes.load(Ordering::SeqCst);
        // What came behind the sweep's back, or moved there, was not seen; nor does it see the overflow bucket's memory.
        let saw_all = changes == sweep.changes && !S::GROWS;
        let within_us = now_us.saturating_add(self.rule.window_us);
        let first_us = match sweep.first_us {
            Some(first_us) if saw_all => first_us,
            Some(first_us) => first_us.min(within_us),
            None => within_us,
        };
        let due_us = (!idle).then(|| first_us.max(rests_until_us));
        *sweep = Sweep { due_us, rests_until_us, changes, ..Sweep::default() };
        self.sweep_due_us.store(due_us.unwrap_or(u64::MAX), Ordering::SeqCst);
    }

    /// Gives back what the overflow bucket has grown by once it equals an absent key's state: whether it holds nothing more.
    fn shrink_overflow(&self, now_us: u64) -> bool {
        if !S::GROWS {
            return true;
        }
        let state = &mut self.overflow.lock().state;
        if state.absent_at_us(self.rule.window_us) <= now_us {
            self.ledger.give_back_bytes(state.heap_bytes() as u64);
            *state = S::Wide::default();
        }
        state.heap_bytes() == 0
    }
}

impl<S: Decide> Slots<S> {
    /// Which slab an entry is in, and its number there.
    fn kind(&self, entry: usize) -> (Kind, u32) {
        let number = |number: usize| u32::try_from(number).expect("at most 2^32 - 1 keys are let in");
        let (own, others) = (self.own.len(), self.others.len());
        if entry < own {
            (Kind::Own, number(entry))
        } else if entry < own + others {
            (Kind::Other, number(entry - own))
        } else {
            (Kind::Block, number(entry - own - others))
        }
    }

    /// When an entry equals none; `None` behind the last.
    fn absent_at(&self, entry: usize, own_window_us: u64) -> Option<u64> {
        match self.kind(entry) {
            (Kind::Own, number) => Some(self.own.at(number).state.absent_at_us(own_window_us)),
            (Kind::Other, number) => {
                let other = self.others.at(number);
                Some(other.state.absent_at_us(other.window_us))
            }
            (Kind::Block, number) if (number as usize) < self.blocks.len() => {
                Some(self.blocks.at(number).until_us)
            }
            _ => None,
        }
    }

    fn remove_at(&mut self, entry: usize) -> u64 {
        match self.kind(entry) {
            (Kind::Own, number) => self.remove(Place::Own(number)),
            (Kind::Other, number) => self.remove(Place::Other(number)),
            (Kind::Block, number) => {
                self.blocks.remove(number);
                Keyed::<S>::BLOCK_BYTES
            }
        }
    }

    /// Gives memory back after a flood has left.
    fn shrink(&mut self) {
        self.own.shrink();
        self.others.shrink();
        self.blocks.shrink();
    }
}

enum Kind {
    Own,
    Other,
    Block,
}

impl<S: Decide> Ticking for Keyed<S> {
    fn next_due_us(&self) -> Option<u64> {
        let swept_us = self.sweep.lock().due_us;
        swept_us.into_iter().chain(self.waiting.next_due_us()).min()
    }

    fn tick(&self, now_us: u64) {
        if self.sweep.lock().due_us.is_some_and(|due_us| due_us <= now_us) {
            self.sweep(now_us, LOOKS_PER_TICK);
        }
        self.serve_due(now_us);
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
    use crate::limiter::{Algorithm, Ask, FixedWindow, LimiterOptions};

    fn limiter(clock: &Arc<ManualClock>) -> Arc<Keyed<FixedWindow>> {
        limiter_of(clock, 1_000_000)
    }

    fn limiter_of(clock: &Arc<ManualClock>, max_keys: u32) -> Arc<Keyed<FixedWindow>> {
        let options = LimiterOptions {
            limit: 1,
            window: 1_600,
            algorithm: Algorithm::FixedWindow,
            burst: None,
            block: None,
            max_keys,
        };
        Keyed::new(options, Clock::Manual(clock.clone()), Arc::new(Budget::new(1 << 30)))
    }

    fn consume(limiter: &Keyed<FixedWindow>, number: u32) {
        limiter.consume(Key::narrow(&number.to_le_bytes()), Ask::units(1)).unwrap();
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
            limiter.tables.iter().all(|table| table.0.lock().own.capacity() == 0),
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
        // 200,000 entries, and a look at a table for each that a tick came to: 200 ms, more than a sixteenth of the window.
        let rest_us = limiter.next_due_us().expect("there are keys") - 1_600 * MS;
        assert!((200_016..200_100).contains(&rest_us), "{rest_us}");
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
            assert!(limiter.make_room(1), "from table {table}");
        }
    }

    #[test]
    fn what_stays_for_long_keeps_no_sweep_going() {
        let clock = ManualClock::new(0);
        let day_us = 86_400_000 * MS;
        let limiter = limiter(&clock);
        limiter.block_key(Key::narrow(b"blocked"), day_us / MS).unwrap();
        consume(&limiter, 1);
        clock.advance_to(10 * 1_600 * MS);
        assert_eq!((limiter.stats().keys, limiter.next_due_us()), (0, Some(day_us)));
        // Who comes meanwhile is seen within a window of his own end.
        consume(&limiter, 2);
        let came_us = clock.now_us();
        assert_eq!(limiter.next_due_us(), Some(came_us + 1_600 * MS));
        clock.advance_to(came_us + 2 * 1_600 * MS);
        assert_eq!((limiter.stats().keys, limiter.next_due_us()), (0, Some(day_us)));
        clock.advance_to(day_us);
        assert_eq!((limiter.stats().blocked, limiter.next_due_us()), (0, None));
    }
}
