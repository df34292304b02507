//! Keys and their states: sixteen tables under a lock each, a state a key.
//!
//! A key is its 128-bit `SipHash` under a seed of the limiter's own; no key text is kept, and nobody outside can aim
//! two keys at one state. Half of the hash finds the slot, both are compared. SipHash-1-3, as Rust's own tables:
//! the hash is never shown to anyone.
//!
//! A hit is one hash, one lock, one look-up, one decision. The clock is read under the lock, so time never runs
//! backwards within a table.
//!
//! At most `maxKeys` keys are held, and none that the store's budget has no room for. A key may go only when its
//! state equals an absent key's: evicting a limited one would lift its limit, and a flood of made-up keys would
//! lift everybody's. When a new key finds no room, a bounded number of slots is looked at; if that frees nothing,
//! the key shares one overflow bucket with all others that found none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::HashTable;
use parking_lot::{Mutex, MutexGuard};
use siphasher::sip128::SipHasher13;

use crate::budget::Budget;
use crate::clock::Clock;
use crate::engine::LimiterEngine;
use crate::error::{Error, Result};
use crate::ids;
use crate::key::Key;
use crate::limiter::{Answer, Decide, Decision, LimiterOptions, LimiterStats, Reason, Rule};
use crate::timer::Alarm;

use super::Tables;
use super::sweep::Sweep;

/// Tables: enough that eight threads seldom meet.
pub(super) const TABLES: usize = 16;

/// A key's state, and the hash that stands for the key.
pub(super) struct Slot<S> {
    pub(super) hash: Hash,
    pub(super) state: S,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Hash {
    pub(super) slot: u64,
    table: u64,
}

/// Its own cache lines, so that threads on neighbouring tables do not slow each other down.
#[repr(align(128))]
pub(super) struct Table<S>(pub(super) Mutex<Slots<S>>);

pub(super) struct Slots<S> {
    pub(super) by_hash: HashTable<Slot<S>>,
    calls: Calls,
}

#[derive(Clone, Copy, Default)]
struct Calls {
    allowed: u64,
    denied: u64,
}

impl Calls {
    fn count(&mut self, decision: Decision) {
        self.allowed += u64::from(decision.allowed);
        self.denied += u64::from(!decision.allowed);
    }
}

pub(super) struct Keyed<S: Decide> {
    pub(super) rule: Rule,
    keys_max: u64,
    clock: Clock,
    budget: Arc<Budget>,
    /// For narrow keys and for wide ones.
    hashers: [SipHasher13; 2],
    pub(super) tables: [Table<S>; TABLES],
    /// Keys held, and room taken for keys about to be.
    pub(super) keys: AtomicU64,
    overflow: Mutex<(S, Calls)>,
    /// Locked before a table, never after one.
    pub(super) sweep: Mutex<Sweep>,
    pub(super) alarm: Alarm,
}

impl<S: Decide> Keyed<S> {
    /// A slot and its control byte, times the mean slack of a table that doubles (8/7 to 16/7).
    const KEY_BYTES: u64 = ((size_of::<Slot<S>>() + 1) * 5 / 3) as u64;

    pub(super) fn new(options: LimiterOptions, clock: Clock, budget: Arc<Budget>) -> Arc<Self> {
        let hasher = |()| SipHasher13::new_with_key(&ids::random_bytes());
        let table = |()| Table(Mutex::new(Slots { by_hash: HashTable::new(), calls: Calls::default() }));
        Arc::new_cyclic(|this: &std::sync::Weak<Self>| Self {
            rule: options.rule(),
            keys_max: options.max_keys.into(),
            alarm: Alarm::new(clock.clone(), this.clone()),
            clock,
            budget,
            hashers: [(); 2].map(hasher),
            tables: [(); TABLES].map(table),
            keys: AtomicU64::new(0),
            overflow: Mutex::default(),
            sweep: Mutex::default(),
        })
    }

    fn hash(&self, key: Key<'_>) -> Hash {
        let both = self.hashers[usize::from(key.is_wide())].hash(key.bytes);
        Hash { slot: both.h1, table: both.h2 }
    }

    fn slots(&self, hash: Hash) -> MutexGuard<'_, Slots<S>> {
        let [table, ..] = hash.table.to_ne_bytes();
        self.tables[usize::from(table) % TABLES].0.lock()
    }

    fn answer(&self, decision: Decision) -> Answer {
        Answer::new(decision, self.rule.limit, Reason::Limit)
    }

    #[cold]
    fn consume_new(&self, hash: Hash, cost: u32) -> Answer {
        let Some(held_before) = self.make_room() else {
            let mut overflow = self.overflow.lock();
            let (state, decision) = overflow.0.decide(self.rule, cost, self.clock.now_us());
            overflow.0 = state;
            overflow.1.count(decision);
            return Answer::new(decision, self.rule.limit, Reason::Overflow);
        };
        let mut slots = self.slots(hash);
        let now_us = self.clock.now_us();
        let decision = if let Some(decision) = slots.consume(hash, self.rule, cost, now_us) {
            // Another thread brought the same key meanwhile.
            self.give_room_back(1);
            decision
        } else {
            let (state, decision) = S::default().decide(self.rule, cost, now_us);
            slots.by_hash.insert_unique(hash.slot, Slot { hash, state }, |slot| slot.hash.slot);
            slots.calls.count(decision);
            decision
        };
        drop(slots);
        if held_before == 0 {
            self.wake_sweep(now_us + decision.reset_after_us);
        }
        self.answer(decision)
    }

    /// Room for one key more, after a bounded sweep where there was none, and at the cost of others' history: how many
    /// keys were held before. Called with no table locked.
    pub(super) fn make_room(&self) -> Option<u64> {
        let after_a_sweep = || {
            self.sweep_for_room(self.clock.now_us());
            self.take_room()
        };
        self.take_room().or_else(after_a_sweep).or_else(|| {
            self.budget.make_room(Self::KEY_BYTES);
            self.take_room()
        })
    }

    fn take_room(&self) -> Option<u64> {
        self.budget.take(Self::KEY_BYTES).ok()?;
        let one_more = |keys: u64| (keys < self.keys_max).then_some(keys + 1);
        let held = self.keys.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more);
        if held.is_err() {
            self.budget.give_back(Self::KEY_BYTES);
        }
        held.ok()
    }

    /// Whether `make_room` would succeed; takes nothing.
    fn finds_room(&self) -> bool {
        let has_room =
            || self.keys.load(Ordering::Acquire) < self.keys_max && self.budget.has_room(Self::KEY_BYTES);
        has_room() || {
            self.sweep_for_room(self.clock.now_us());
            self.budget.make_room(Self::KEY_BYTES);
            has_room()
        }
    }

    /// Gives back what `make_room` took, or what a dropped key held.
    pub(super) fn give_room_back(&self, keys: u64) {
        self.keys.fetch_sub(keys, Ordering::AcqRel);
        self.budget.give_back(keys * Self::KEY_BYTES);
    }
}

impl<S: Decide> Slots<S> {
    /// Decides for a key that is held.
    fn consume(&mut self, hash: Hash, rule: Rule, cost: u32, now_us: u64) -> Option<Decision> {
        let slot = self.by_hash.find_mut(hash.slot, |slot| slot.hash == hash)?;
        let (state, decision) = slot.state.decide(rule, cost, now_us);
        slot.state = state;
        self.calls.count(decision);
        Some(decision)
    }
}

impl<S: Decide> LimiterEngine for Keyed<S> {
    fn consume(&self, key: Key<'_>, cost: u32) -> Result<Answer> {
        if cost == 0 || cost > self.rule.limit {
            return Err(wrong_cost(cost, self.rule.limit));
        }
        let hash = self.hash(key);
        let mut slots = self.slots(hash);
        let decision = slots.consume(hash, self.rule, cost, self.clock.now_us());
        drop(slots);
        Ok(decision.map_or_else(|| self.consume_new(hash, cost), |decision| self.answer(decision)))
    }

    fn peek(&self, key: Key<'_>) -> Result<Answer> {
        let hash = self.hash(key);
        let slots = self.slots(hash);
        let now_us = self.clock.now_us();
        let held = slots.by_hash.find(hash.slot, |slot| slot.hash == hash).map(|slot| slot.state);
        drop(slots);
        let (state, reason) = match held {
            Some(state) => (state, Reason::Limit),
            None if self.finds_room() => (S::default(), Reason::Limit),
            None => (self.overflow.lock().0, Reason::Overflow),
        };
        let (_, if_taken) = state.decide(self.rule, 1, now_us);
        let decision = Decision {
            remaining: if_taken.remaining + u32::from(if_taken.allowed),
            reset_after_us: state.absent_at_us(self.rule).saturating_sub(now_us),
            ..if_taken
        };
        Ok(Answer::new(decision, self.rule.limit, reason))
    }

    fn reset(&self, key: Key<'_>) -> bool {
        let hash = self.hash(key);
        let mut slots = self.slots(hash);
        let now_us = self.clock.now_us();
        let Ok(entry) = slots.by_hash.find_entry(hash.slot, |slot| slot.hash == hash) else {
            return false;
        };
        let (forgotten, _) = entry.remove();
        self.give_room_back(1);
        forgotten.state.absent_at_us(self.rule) > now_us
    }

    fn stats(&self) -> LimiterStats {
        let overflow = self.overflow.lock().1;
        let tables = self.tables.iter().map(|table| table.0.lock().calls);
        let (allowed, denied) = tables
            .fold((overflow.allowed, overflow.denied), |(allowed, denied), calls| {
                (allowed + calls.allowed, denied + calls.denied)
            });
        let keys = self.keys.load(Ordering::Acquire);
        LimiterStats { allowed, denied, keys, bytes: keys * Self::KEY_BYTES }
    }
}

impl<S: Decide> Tables for Keyed<S> {
    fn forget_all(&self) {
        for table in &self.tables {
            // Out of the lock before they are freed.
            let gone = std::mem::take(&mut table.0.lock().by_hash);
            self.give_room_back(gone.len() as u64);
        }
        self.overflow.lock().0 = S::default();
    }
}

#[cold]
fn wrong_cost(cost: u32, limit: u32) -> Error {
    Error::InvalidArg(if cost == 0 {
        format!(
            "cost is 0, which takes nothing; give a whole number from 1 to the limit {limit}, or use peek"
        )
    } else {
        format!(
            "cost {cost} is above the limit {limit}: it can never pass; ask for less at a time, or raise limit"
        )
    })
}

impl<S: Decide> Drop for Keyed<S> {
    fn drop(&mut self) {
        self.give_room_back(self.keys.load(Ordering::Acquire));
    }
}
