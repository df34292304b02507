//! What an app does to a key beside asking for units: refund, penalty, block, reset.

use parking_lot::MutexGuard;

use super::keyed::{Keyed, Overflow};
use super::slots::{Block, Call, Outcome, Place, Slots};
use crate::clock;
use crate::error::{Error, Result};
use crate::key::Key;
use crate::limiter::{Ask, Decide};

impl<S: Decide> Keyed<S> {
    /// Gives back units that were taken at `taken_us` or before.
    pub(super) fn refund(&self, key: Key<'_>, ask: &Ask, taken_us: u64) -> Result<()> {
        let call = self.call_up_to(key, ask)?;
        self.give_back(&call, taken_us);
        Ok(())
    }

    pub(super) fn give_back(&self, call: &Call, taken_us: u64) {
        let mut slots = self.slots(call.hash);
        let now_us = self.clock.now_us();
        if let Some(place) = slots.find(self.rule.window_us, call) {
            slots.refund(place, &self.ledger, call, (taken_us, now_us));
        }
        drop(slots);
        self.changed(now_us);
        self.wake_waiters_of(call.hash);
    }

    pub(super) fn penalize(&self, key: Key<'_>, ask: &Ask) -> Result<Outcome> {
        let call = self.call_up_to(key, ask)?;
        let one = Call { cost: 1, ..call };
        let Some((mut slots, place)) = self.reach(&call) else {
            let overflow = &mut *self.overflow.lock();
            return Ok(self.penalize_overflow(overflow, &call));
        };
        let now_us = self.clock.now_us();
        let left = slots.look(place, &self.ledger, &one, now_us).decision.remaining;
        if left > 0 {
            slots.decide(place, &self.ledger, &Call { cost: call.cost.min(left), ..call }, now_us);
        }
        let found = self.look_held(&mut slots, &one, now_us);
        Ok(found.expect("its state has just been reached"))
    }

    fn penalize_overflow(&self, overflow: &mut Overflow<S::Wide>, call: &Call) -> Outcome {
        let call = self.in_overflow(call);
        let one = Call { cost: 1, ..call };
        let now_us = self.clock.now_us();
        let left = self.ledger.look(&mut overflow.state, &one, 0, now_us).decision.remaining;
        if left > 0 {
            let taken = Call { cost: call.cost.min(left), ..call };
            self.ledger.decide(&mut overflow.state, &taken, now_us);
        }
        self.look_overflow(overflow, &one, now_us)
    }

    /// The state of a key, made where there was none; none where there is no room.
    fn reach(&self, call: &Call) -> Option<(MutexGuard<'_, Slots<S>>, Place)> {
        let slots = self.slots(call.hash);
        if let Some(place) = slots.find(self.rule.window_us, call) {
            return Some(self.widened(slots, place, call));
        }
        drop(slots);
        let bytes = self.bytes_of(call);
        if !self.make_room(bytes) {
            return None;
        }
        // Before it is there, as it leaves this function under the lock of its table.
        self.changed(self.clock.now_us());
        let mut slots = self.slots(call.hash);
        if let Some(place) = slots.find(self.rule.window_us, call) {
            self.ledger.give_back(1, bytes);
            return Some(self.widened(slots, place, call));
        }
        let place = slots.insert(self.rule.window_us, call);
        Some((slots, place))
    }

    fn widened<'a>(
        &self,
        mut slots: MutexGuard<'a, Slots<S>>,
        place: Place,
        call: &Call,
    ) -> (MutexGuard<'a, Slots<S>>, Place) {
        let place = self.widen_for(&mut slots, place, call);
        (slots, place)
    }

    pub(super) fn block_key(&self, key: Key<'_>, duration_ms: u64) -> Result<()> {
        let hash = self.hash(key);
        let until_us = || clock::after(self.clock.now_us(), duration_ms);
        let prolong = |slots: &mut Slots<S>| {
            let known = slots.blocks.find(hash, |_| true);
            known.map(|number| slots.blocks.at_mut(number).until_us = until_us()).is_some()
        };
        if prolong(&mut self.slots(hash)) {
            self.wake_waiters_of(hash);
            return Ok(());
        }
        if !self.make_room(Self::BLOCK_BYTES) {
            return Err(self.full());
        }
        let mut slots = self.slots(hash);
        if prolong(&mut slots) {
            self.ledger.give_back(1, Self::BLOCK_BYTES);
        } else {
            slots.blocks.insert(Block { hash, until_us: until_us() });
        }
        drop(slots);
        self.changed(self.clock.now_us());
        Ok(())
    }

    fn full(&self) -> Error {
        let (budget, asked) = (&self.ledger.budget, Self::BLOCK_BYTES);
        if budget.has_room(asked) {
            return Error::Full(format!(
                "the limiter holds {} keys and blocks, as many as its maxKeys allows, and can block no key more; raise \
                 maxKeys, or reset some",
                self.ledger.entries()
            ));
        }
        Error::StoreFull { asked, used: budget.used(), limit: budget.limit() }
    }

    pub(super) fn reset_key(&self, key: Key<'_>) -> bool {
        let hash = self.hash(key);
        let mut slots = self.slots(hash);
        let now_us = self.clock.now_us();
        let mut there_was = false;
        while let Some((place, other_window_us)) = slots.any(hash) {
            let window_us = if other_window_us == 0 { self.rule.window_us } else { other_window_us };
            there_was |= slots.absent_at_us(place, window_us) > now_us;
            let bytes = slots.remove(place);
            self.ledger.give_back(1, bytes);
        }
        if let Some(number) = slots.blocks.find(hash, |_| true) {
            there_was |= slots.blocks.remove(number).until_us > now_us;
            self.ledger.give_back(1, Self::BLOCK_BYTES);
        }
        drop(slots);
        self.changed(now_us);
        self.wake_waiters_of(hash);
        there_was
    }

    /// Forgets every key; counters stay. What there is to free goes on the background thread, table by table.
    pub(super) fn forget_all(&self) {
        let (mut gone, mut freed) = (Vec::new(), 0);
        for table in &self.tables {
            let slots = &mut *table.0.lock();
            let old = std::mem::replace(slots, Slots { calls: slots.calls, ..Slots::default() });
            let (entries, bytes) = old.held();
            self.ledger.give_back(entries, bytes);
            freed += entries;
            gone.push(old);
        }
        {
            let overflow = &mut *self.overflow.lock();
            self.ledger.give_back_bytes(overflow.state.heap_bytes() as u64);
            overflow.state = S::Wide::default();
        }
        if freed > FREED_AT_ONCE {
            crate::timer::spawn(async move {
                for slots in gone {
                    drop(slots);
                    crate::timer::turn().await;
                }
            });
        }
    }
}

/// Entries that are freed by the caller; more would hold it up for a millisecond.
const FREED_AT_ONCE: u64 = 10_000;
