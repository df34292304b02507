//! Keys and their states: sixteen tables under a lock each, a state a key.
//!
//! A key is its 128-bit `SipHash` under a seed of the limiter's own; no key text is kept, and nobody outside can aim
//! two keys at one state. SipHash-1-3, as Rust's own tables: the hash is never shown to anyone.
//!
//! A hit is one hash, one lock, one look-up, one decision. The clock is read under the lock, so time never runs
//! backwards within a table. A key's block and its states under other windows than the limiter's lie beside the
//! states in the same table, and cost nothing while there are none.
//!
//! At most `maxKeys` entries are held, and none that the store's budget has no room for. One may go only when it
//! equals an absent key's: evicting a limited one would lift its limit, and a flood of made-up keys would
//! lift everybody's. When a new key finds no room, a bounded number of entries is looked at; if that frees nothing,
//! the key shares one overflow bucket with all others that found none.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, MutexGuard};
use siphasher::sip128::SipHasher13;

use super::ledger::Ledger;
use super::slab::{Hash, Slab};
use super::slots::{Block, Call, Calls, Other, Outcome, Own, Place, Slots};
use super::sweep::Sweep;
use super::waiting::Waiting;
use crate::budget::Budget;
use crate::clock::{Clock, MS};
use crate::error::{Error, Result};
use crate::ids;
use crate::key::Key;
use crate::limiter::{Ask, Decide, Decision, LimiterOptions, LimiterStats, Reason, Rule};
use crate::timer::Alarm;

/// Tables: enough that eight threads seldom meet.
pub(super) const TABLES: usize = 16;

/// Its own cache lines, so that threads on neighbouring tables do not slow each other down.
#[repr(align(128))]
pub(super) struct Table<S: Decide>(pub(super) Mutex<Slots<S>>);

/// The bucket of all keys that found no room.
pub(super) struct Overflow<W> {
    pub(super) state: W,
    pub(super) calls: Calls,
}

pub(super) struct Keyed<S: Decide> {
    options: LimiterOptions,
    pub(super) rule: Rule,
    pub(super) block_us: Option<u64>,
    /// The order in which whoever needs several limiters locks them.
    pub(super) number: u64,
    pub(super) clock: Clock,
    pub(super) ledger: Ledger,
    /// For narrow keys and for wide ones.
    hashers: [SipHasher13; 2],
    pub(super) tables: [Table<S>; TABLES],
    pub(super) overflow: Mutex<Overflow<S::Wide>>,
    /// Locked before a table, never after one.
    pub(super) sweep: Mutex<Sweep>,
    /// When the sweep is due, for those who would not wait for its lock; `u64::MAX`: not at all.
    pub(super) sweep_due_us: AtomicU64,
    /// Entries that came, moved, or may leave earlier than they did.
    pub(super) changes: AtomicU64,
    pub(super) waiting: Waiting,
    pub(super) alarm: Alarm,
    pub(super) this: Weak<Self>,
}

static NUMBERS: AtomicU64 = AtomicU64::new(1);

impl<S: Decide> Keyed<S> {
    pub(super) const OWN_BYTES: u64 = Slab::<Own<S>>::ENTRY_BYTES;
    pub(super) const OTHER_BYTES: u64 = Slab::<Other<S::Wide>>::ENTRY_BYTES;
    pub(super) const BLOCK_BYTES: u64 = Slab::<Block>::ENTRY_BYTES;

    pub(super) fn new(options: LimiterOptions, clock: Clock, budget: Arc<Budget>) -> Arc<Self> {
        let hasher = |()| SipHasher13::new_with_key(&ids::random_bytes());
        Arc::new_cyclic(|this: &Weak<Self>| Self {
            options,
            rule: options.rule(),
            block_us: options.block.map(|ms| ms.saturating_mul(MS)),
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            alarm: Alarm::new(clock.clone(), this.clone()),
            clock,
            ledger: Ledger::new(budget, options.max_keys),
            hashers: [(); 2].map(hasher),
            tables: [(); TABLES].map(|()| Table(Mutex::default())),
            overflow: Mutex::new(Overflow { state: S::Wide::default(), calls: Calls::default() }),
            sweep: Mutex::default(),
            sweep_due_us: AtomicU64::new(u64::MAX),
            changes: AtomicU64::new(0),
            waiting: Waiting::default(),
            this: this.clone(),
        })
    }

    pub(super) fn hash(&self, key: Key<'_>) -> Hash {
        let both = self.hashers[usize::from(key.is_wide())].hash(key.bytes);
        Hash { slot: both.h1, table: both.h2 }
    }

    /// Which table a key falls to.
    pub(super) fn table_of(hash: Hash) -> usize {
        let [table, ..] = hash.table.to_ne_bytes();
        usize::from(table) % TABLES
    }

    pub(super) fn slots(&self, hash: Hash) -> MutexGuard<'_, Slots<S>> {
        self.tables[Self::table_of(hash)].0.lock()
    }

    fn rule_of(&self, ask: &Ask) -> Result<Rule> {
        if ask.limit.is_none() && ask.window.is_none() {
            return Ok(self.rule);
        }
        self.options.rule_for(ask)
    }

    /// A call that takes its units or none: they must be able to be there.
    pub(super) fn call(&self, key: Key<'_>, ask: &Ask) -> Result<Call> {
        let rule = self.rule_of(ask)?;
        if ask.cost == 0 || ask.cost > S::capacity(rule) {
            return Err(wrong_cost(ask.cost, S::capacity(rule), self.options.burst.is_some()));
        }
        Ok(Call { hash: self.hash(key), rule, cost: ask.cost })
    }

    /// A call that means as many units as there can be.
    pub(super) fn call_up_to(&self, key: Key<'_>, ask: &Ask) -> Result<Call> {
        let rule = self.rule_of(ask)?;
        if ask.cost == 0 {
            return Err(wrong_cost(0, S::capacity(rule), self.options.burst.is_some()));
        }
        Ok(Call { hash: self.hash(key), rule, cost: ask.cost.min(S::capacity(rule)) })
    }

    /// Takes the units if they are there. A denial that is `final_` is counted, and may start a block.
    #[inline]
    pub(super) fn attempt(&self, call: &Call, final_: bool) -> Outcome {
        let mut slots = self.slots(call.hash);
        let now_us = self.clock.now_us();
        let outcome = self.attempt_held(&mut slots, call, now_us, final_);
        drop(slots);
        outcome.unwrap_or_else(|| self.attempt_new(call, final_))
    }

    #[inline]
    fn attempt_held(&self, slots: &mut Slots<S>, call: &Call, now_us: u64, final_: bool) -> Option<Outcome> {
        let mut outcome = self.decide_held(slots, call, now_us)?;
        if outcome.decision.allowed {
            slots.calls.allowed += 1;
        } else if final_ {
            self.deny(slots, call.hash, &mut outcome, now_us);
        }
        Some(outcome)
    }

    /// Decides for a key that is held or blocked; counts nothing.
    #[inline]
    pub(super) fn decide_held(&self, slots: &mut Slots<S>, call: &Call, now_us: u64) -> Option<Outcome> {
        if let Some(until_us) = slots.blocked_until_us(call.hash, now_us) {
            return Some(self.look_blocked(slots, call, until_us, now_us));
        }
        let place = slots.find(self.rule.window_us, call)?;
        let place = self.widen_for(slots, place, call);
        Some(slots.decide(place, &self.ledger, call, now_us))
    }

    /// Where the state at `place` is kept once it can count as far as `call` wants to.
    #[inline]
    pub(super) fn widen_for(&self, slots: &mut Slots<S>, place: Place, call: &Call) -> Place {
        match place {
            Place::Own(number) if call.rule.limit > S::UNITS_MAX => {
                self.ledger.take_bytes_regardless(Self::OTHER_BYTES - Self::OWN_BYTES);
                self.changes.fetch_add(1, Ordering::SeqCst);
                slots.widen(number, self.rule.window_us)
            }
            place => place,
        }
    }

    /// Counts a denial, and starts the block that it brings.
    #[cold]
    pub(super) fn deny(&self, slots: &mut Slots<S>, hash: Hash, outcome: &mut Outcome, now_us: u64) {
        slots.calls.denied += 1;
        let Some(block_us) = self.block_us.filter(|_| outcome.reason == Reason::Limit) else { return };
        let until_us = now_us.saturating_add(block_us);
        if let Some(number) = slots.blocks.find(hash, |_| true) {
            slots.blocks.at_mut(number).until_us = until_us;
        } else {
            // The sweep comes for the key itself, and sees it then.
            self.ledger.take_entry_regardless(Self::BLOCK_BYTES);
            slots.blocks.insert(Block { hash, until_us });
        }
        let decision = &mut outcome.decision;
        decision.remaining = 0;
        decision.retry_after_us = decision.retry_after_us.max(block_us);
        decision.reset_after_us = decision.reset_after_us.max(block_us);
    }

    #[cold]
    fn look_blocked(&self, slots: &mut Slots<S>, call: &Call, until_us: u64, now_us: u64) -> Outcome {
        let found = match slots.find(self.rule.window_us, call) {
            Some(place) => slots.look(place, &self.ledger, call, now_us),
            None => self.ledger.look(&mut S::Wide::default(), call, 0, now_us),
        };
        let found = found.decision;
        let left_us = until_us - now_us;
        let decision = Decision {
            allowed: false,
            remaining: 0,
            reset_after_us: found.reset_after_us.max(left_us),
            retry_after_us: found.retry_after_us.max(left_us),
        };
        Outcome { decision, reason: Reason::Blocked, at_us: now_us }
    }

    #[cold]
    fn attempt_new(&self, call: &Call, final_: bool) -> Outcome {
        let bytes = self.bytes_of(call);
        if !self.make_room(bytes) {
            let mut overflow = self.overflow.lock();
            let outcome = self.decide_overflow(&mut overflow, call, self.clock.now_us());
            if outcome.decision.allowed || final_ {
                overflow.calls.count(outcome.decision.allowed);
            }
            return outcome;
        }
        let mut slots = self.slots(call.hash);
        let now_us = self.clock.now_us();
        let outcome = if let Some(outcome) = self.attempt_held(&mut slots, call, now_us, final_) {
            // Another thread brought the same key meanwhile.
            self.ledger.give_back(1, bytes);
            outcome
        } else {
            let place = slots.insert(self.rule.window_us, call);
            let outcome = slots.decide(place, &self.ledger, call, now_us);
            if outcome.decision.allowed || final_ {
                slots.calls.count(outcome.decision.allowed);
            }
            outcome
        };
        drop(slots);
        self.changed(now_us);
        outcome
    }

    /// What a new state for `call` takes.
    pub(super) fn bytes_of(&self, call: &Call) -> u64 {
        if Slots::<S>::is_own(self.rule.window_us, call) { Self::OWN_BYTES } else { Self::OTHER_BYTES }
    }

    /// The overflow bucket knows one window, the limiter's, and no limit above its own.
    pub(super) fn decide_overflow(
        &self,
        overflow: &mut Overflow<S::Wide>,
        call: &Call,
        now_us: u64,
    ) -> Outcome {
        let call = self.in_overflow(call);
        if call.cost > S::capacity(call.rule) {
            return self.look_overflow(overflow, &call, now_us);
        }
        let outcome = self.ledger.decide(&mut overflow.state, &call, now_us);
        Outcome { reason: Reason::Overflow, ..outcome }
    }

    pub(super) fn in_overflow(&self, call: &Call) -> Call {
        let Rule { limit, burst, window_us } = self.rule;
        let rule = Rule { limit: call.rule.limit.min(limit), burst: call.rule.burst.min(burst), window_us };
        Call { rule, ..*call }
    }

    /// What `attempt` would find, taking and counting nothing.
    pub(super) fn look(&self, call: &Call) -> Outcome {
        let mut slots = self.slots(call.hash);
        let now_us = self.clock.now_us();
        let found = self.look_held(&mut slots, call, now_us);
        drop(slots);
        found.unwrap_or_else(|| {
            let bytes = self.bytes_of(call);
            if self.finds_room(bytes) {
                return self.ledger.look(&mut S::Wide::default(), call, bytes, now_us);
            }
            self.look_overflow(&mut self.overflow.lock(), call, now_us)
        })
    }

    pub(super) fn look_held(&self, slots: &mut Slots<S>, call: &Call, now_us: u64) -> Option<Outcome> {
        if let Some(until_us) = slots.blocked_until_us(call.hash, now_us) {
            return Some(self.look_blocked(slots, call, until_us, now_us));
        }
        let place = slots.find(self.rule.window_us, call)?;
        Some(slots.look(place, &self.ledger, call, now_us))
    }

    pub(super) fn look_overflow(
        &self,
        overflow: &mut Overflow<S::Wide>,
        call: &Call,
        now_us: u64,
    ) -> Outcome {
        let call = self.in_overflow(call);
        let capacity = S::capacity(call.rule);
        let possible = Call { cost: call.cost.min(capacity), ..call };
        let mut found = self.ledger.look(&mut overflow.state, &possible, 0, now_us);
        if call.cost > capacity {
            // Not while it shares this bucket. Others have mostly left within a window.
            found.decision.allowed = false;
            found.decision.retry_after_us = found.decision.retry_after_us.max(self.rule.window_us);
        }
        Outcome { reason: Reason::Overflow, ..found }
    }

    /// Takes room for one entry more, after a bounded sweep where there was none, and at the cost of others' history:
    /// whether there is some. Called with no table locked.
    pub(super) fn make_room(&self, bytes: u64) -> bool {
        let after_a_sweep = || {
            self.sweep_for_room(self.clock.now_us());
            self.ledger.take_entry(bytes)
        };
        self.ledger.take_entry(bytes) || after_a_sweep() || {
            self.ledger.budget.make_room(bytes);
            self.ledger.take_entry(bytes)
        }
    }

    /// Whether `make_room` would succeed; takes nothing.
    fn finds_room(&self, bytes: u64) -> bool {
        self.ledger.has_room(bytes) || {
            self.sweep_for_room(self.clock.now_us());
            self.ledger.budget.make_room(bytes);
            self.ledger.has_room(bytes)
        }
    }

    pub(super) fn stats(&self) -> LimiterStats {
        let overflow = self.overflow.lock().calls;
        let mut stats = LimiterStats {
            allowed: overflow.allowed,
            denied: overflow.denied,
            waiting: self.waiting.count(),
            bytes: self.ledger.bytes(),
            bytes_per_key: Self::OWN_BYTES,
            ..LimiterStats::default()
        };
        for table in &self.tables {
            let slots = table.0.lock();
            stats.allowed += slots.calls.allowed;
            stats.denied += slots.calls.denied;
            stats.keys += (slots.own.len() + slots.others.len()) as u64;
            stats.blocked += slots.blocks.len() as u64;
        }
        stats
    }
}

#[cold]
fn wrong_cost(cost: u32, capacity: u32, has_burst: bool) -> Error {
    let name = if has_burst { "burst" } else { "limit" };
    Error::InvalidArg(if cost == 0 {
        format!(
            "cost is 0, which takes nothing; give a whole number from 1 to the {name} {capacity}, or use peek"
        )
    } else {
        format!(
            "cost {cost} is above the {name} {capacity}: it can never pass; ask for less at a time, or raise {name}"
        )
    })
}
