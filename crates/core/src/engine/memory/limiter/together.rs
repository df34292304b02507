//! consumeAll: the units of several keys and limiters, every one or none.
//!
//! All tables concerned are locked at once, so nobody sees a half of it: limiters in the order of their numbers, in each the
//! tables in their order and then the overflow bucket. Everyone who locks more than one takes them in this order, and
//! everyone else holds one at a time, so no order of parts can deadlock. Each part is decided in place, on top of
//! those before it; where one is denied, the others are given back under the same locks, which undoes them.
//!
//! Rejected: taking one after the other and refunding on a denial, which for a moment denies others what nobody took.

use std::collections::BTreeMap;

use parking_lot::MutexGuard;

use super::keyed::{Keyed, Overflow, TABLES};
use super::slots::{Call, Outcome, Slots};
use crate::error::{Error, Result};
use crate::limiter::{Answer, Decide};

/// One limiter's parts, checked: what they take is decided when everything is locked.
pub(super) trait Parts {
    /// Locks what they need. Limiters are locked in the order of their numbers.
    fn lock(&self) -> Box<dyn Locked + '_>;
}

pub(super) trait Locked {
    /// Takes every part that can be: whether all could.
    fn take(&mut self) -> bool;
    /// Lets the parts stand where `all` parts of all limiters could be taken, else undoes them: their answers in order.
    fn finish(&mut self, all: bool) -> Vec<Answer>;
}

pub(super) struct Checked<'a, S: Decide> {
    keyed: &'a Keyed<S>,
    calls: Vec<Call>,
}

impl<S: Decide> Keyed<S> {
    pub(super) fn check_parts(&self, calls: Vec<Call>) -> Result<Checked<'_, S>> {
        let mut sums = BTreeMap::new();
        for call in &calls {
            let sum: &mut u64 = sums.entry((call.hash, call.rule.window_us)).or_default();
            *sum += u64::from(call.cost);
            let capacity = S::capacity(call.rule);
            if *sum > u64::from(capacity) {
                return Err(Error::InvalidArg(format!(
                    "the parts for one key take {sum} units together, above the {capacity} that can be there at once: they \
                     can never pass; ask for less, or raise the limit"
                )));
            }
        }
        Ok(Checked { keyed: self, calls })
    }
}

impl<S: Decide> Parts for Checked<'_, S> {
    fn lock(&self) -> Box<dyn Locked + '_> {
        let keyed = self.keyed;
        // Room first: it is made with no table locked.
        let mut parts: Vec<Part> = self.calls.iter().map(|&call| keyed.part(call)).collect();
        let mut tables = [(); TABLES].map(|()| None);
        let mut needed: Vec<_> = parts.iter().map(|part| Keyed::<S>::table_of(part.call.hash)).collect();
        needed.sort_unstable();
        needed.dedup();
        for table in needed {
            tables[table] = Some(keyed.tables[table].0.lock());
        }
        for part in &mut parts {
            let slots: &Slots<S> =
                tables[Keyed::<S>::table_of(part.call.hash)].as_ref().expect("locked above");
            let held = slots.find(keyed.rule.window_us, &part.call).is_some();
            part.home = match part.home {
                Home::Room => Home::Room,
                _ if held => Home::Held,
                // It was held until a moment ago, or there was no room.
                _ if keyed.ledger.take_entry(keyed.bytes_of(&part.call)).is_some() => Home::Room,
                _ => Home::Overflow,
            };
        }
        let overflow = parts.iter().any(|part| part.home == Home::Overflow).then(|| keyed.overflow.lock());
        Box::new(LockedParts { keyed, parts, tables, overflow, now_us: 0 })
    }
}

struct Part {
    call: Call,
    home: Home,
    outcome: Option<Outcome>,
}

/// Where the state of a part is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Home {
    /// In its table.
    Held,
    /// Nowhere yet: room for it was taken.
    Room,
    /// In its table, put there by this call.
    New,
    /// In the overflow bucket.
    Overflow,
}

impl<S: Decide> Keyed<S> {
    fn part(&self, call: Call) -> Part {
        let mut home = Home::Held;
        if self.slots(call.hash).find(self.rule.window_us, &call).is_none() {
            let held_before = self.make_room(self.bytes_of(&call));
            home = if held_before.is_some() { Home::Room } else { Home::Overflow };
            if held_before == Some(0) {
                // Empty now, and not when the sweep comes.
                self.wake_sweep(self.clock.now_us().saturating_add(self.rule.window_us));
            }
        }
        Part { call, home, outcome: None }
    }
}

struct LockedParts<'a, S: Decide> {
    keyed: &'a Keyed<S>,
    parts: Vec<Part>,
    tables: [Option<MutexGuard<'a, Slots<S>>>; TABLES],
    overflow: Option<MutexGuard<'a, Overflow<S::Wide>>>,
    /// When the parts were decided.
    now_us: u64,
}

impl<S: Decide> Locked for LockedParts<'_, S> {
    fn take(&mut self) -> bool {
        let keyed = self.keyed;
        self.now_us = keyed.clock.now_us();
        for part in &mut self.parts {
            let slots = slots_of(&mut self.tables, &part.call);
            part.outcome = keyed.decide_held(slots, &part.call, self.now_us);
            match (&mut self.overflow, part.home) {
                // Another part may have brought the same key.
                _ if part.outcome.is_some() && part.home == Home::Overflow => part.home = Home::Held,
                _ if part.outcome.is_some() => {}
                (Some(overflow), Home::Overflow) => {
                    part.outcome = Some(keyed.decide_overflow(overflow, &part.call, self.now_us));
                }
                _ => {
                    part.home = Home::New;
                    let place = slots.insert(keyed.rule.window_us, &part.call);
                    part.outcome = Some(slots.decide(place, &keyed.ledger, &part.call, self.now_us));
                }
            }
        }
        self.parts.iter().all(|part| part.outcome.is_some_and(|outcome| outcome.decision.allowed))
    }

    fn finish(&mut self, all: bool) -> Vec<Answer> {
        if !all {
            self.undo();
        }
        self.give_room_back();
        let (keyed, now_us) = (self.keyed, self.now_us);
        let mut answers = Vec::with_capacity(self.parts.len());
        for part in &mut self.parts {
            let slots = slots_of(&mut self.tables, &part.call);
            let outcome = part.outcome.as_mut().expect("every part was decided");
            if all {
                slots.calls.allowed += 1;
                continue;
            }
            // Nothing was taken, by those before it either.
            let left = match &mut self.overflow {
                Some(overflow) if part.home == Home::Overflow => {
                    keyed.ledger.look(&mut overflow.state, &keyed.in_own_window(&part.call), now_us)
                }
                _ => keyed.look_held(slots, &part.call, now_us).map_or_else(
                    || keyed.ledger.look(&mut S::Wide::default(), &part.call, now_us),
                    |found| found.decision,
                ),
            };
            outcome.decision.remaining = left.remaining;
            outcome.decision.reset_after_us = left.reset_after_us;
        }
        // Now that all have been looked at: a denial may block the key of another part.
        for part in &mut self.parts {
            let mut outcome = part.outcome.take().expect("every part was decided");
            if !outcome.decision.allowed {
                keyed.deny(slots_of(&mut self.tables, &part.call), part.call.hash, &mut outcome, now_us);
            }
            answers.push(outcome.answer(part.call.rule));
        }
        answers
    }
}

impl<S: Decide> LockedParts<'_, S> {
    /// In the opposite order, so that every part finds what it left.
    fn undo(&mut self) {
        let (keyed, now_us) = (self.keyed, self.now_us);
        for part in self.parts.iter_mut().rev() {
            let taken = part.outcome.is_some_and(|outcome| outcome.decision.allowed);
            let slots = slots_of(&mut self.tables, &part.call);
            if !taken {
                continue;
            }
            if let (Home::Overflow, Some(overflow)) = (part.home, &mut self.overflow) {
                let call = keyed.in_own_window(&part.call);
                keyed.ledger.refund(&mut overflow.state, &call, now_us);
            } else if let Some(place) = slots.find(keyed.rule.window_us, &part.call) {
                slots.refund(place, &keyed.ledger, &part.call, now_us);
            }
        }
        for part in self.parts.iter().filter(|part| part.home == Home::New) {
            let slots = slots_of(&mut self.tables, &part.call);
            if let Some(place) = slots.find(keyed.rule.window_us, &part.call) {
                let bytes = slots.remove(place);
                keyed.ledger.give_back(1, bytes);
            }
        }
    }

    fn give_room_back(&self) {
        for part in self.parts.iter().filter(|part| part.home == Home::Room) {
            self.keyed.ledger.give_back(1, self.keyed.bytes_of(&part.call));
        }
    }
}

fn slots_of<'a, S: Decide>(
    tables: &'a mut [Option<MutexGuard<'_, Slots<S>>>; TABLES],
    call: &Call,
) -> &'a mut Slots<S> {
    tables[Keyed::<S>::table_of(call.hash)].as_mut().expect("its table is locked")
}
