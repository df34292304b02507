//! consumeAll: the units of several keys and limiters, every one or none.
//!
//! All tables concerned are locked at once, so nobody sees a half of it: limiters in the order of their numbers, in each the
//! tables in their order and then the overflow bucket. Everyone who locks more than one takes them in this order, and
//! everyone else holds one at a time, so no order of parts can deadlock. First each part is looked at, with the units of
//! those before it that are of the same state; nothing is taken unless all would fit, so a denial leaves no trace and
//! knows when all of them pass. What can go wrong after that is that memory runs out under a log: then those
//! taken are given back under the same locks.
//!
//! Rejected: taking one after the other and refunding on a denial, which for a moment denies others what nobody took.
//! Taking under the locks and undoing it: a bucket would go on refilling at the limit of a part that was undone.

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
    /// By the clock of the store.
    fn now_us(&self) -> u64;
    /// Whether all parts fit together at `now_us`; takes nothing.
    fn fit(&mut self, now_us: u64) -> bool;
    /// Takes every part that can be: whether all could.
    fn take(&mut self) -> bool;
    /// Lets the parts stand where `all` parts of all limiters were taken, else undoes what was: their answers in order.
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
            let (sum, rule) = sums.entry((call.hash, call.rule.window_us)).or_insert((0, call.rule));
            if *rule != call.rule {
                return Err(Error::InvalidArg(format!(
                    "parts for one key and window ask for limits of {} and {}: what is left under both is nothing one can \
                     say; give them one limit",
                    rule.limit, call.rule.limit
                )));
            }
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
        let mut parts: Vec<Part> = Vec::with_capacity(self.calls.len());
        for &call in &self.calls {
            let first = parts.iter().position(|part| part.is_of(&call));
            parts.push(Part { call, first, home: Home::Unknown, found: None, outcome: None });
        }
        let mut needed: Vec<_> = self.calls.iter().map(|call| Keyed::<S>::table_of(call.hash)).collect();
        needed.sort_unstable();
        needed.dedup();
        loop {
            // Room first: it is made with no table locked.
            for part in &mut parts {
                keyed.find_home(part);
            }
            let mut tables = [(); TABLES].map(|()| None);
            for &table in &needed {
                tables[table] = Some(keyed.tables[table].0.lock());
            }
            let mut has_left = false;
            for part in parts.iter_mut().filter(|part| part.first.is_none()) {
                let held = slots_of(&mut tables, &part.call).find(keyed.rule.window_us, &part.call).is_some();
                match part.home {
                    Home::Held if !held => {
                        part.home = Home::Unknown;
                        has_left = true;
                    }
                    Home::Overflow if held => part.home = Home::Held,
                    _ => {}
                }
            }
            if !has_left {
                for at in 0..parts.len() {
                    if let Some(first) = parts[at].first {
                        let shared = parts[first].home == Home::Overflow;
                        parts[at].home = if shared { Home::Overflow } else { Home::Held };
                    }
                }
                let overflow =
                    parts.iter().any(|part| part.home == Home::Overflow).then(|| keyed.overflow.lock());
                return Box::new(LockedParts { keyed, parts, tables, overflow, now_us: 0 });
            }
        }
    }
}

struct Part {
    call: Call,
    /// The part before it that is of the same state.
    first: Option<usize>,
    home: Home,
    /// What it found where nothing was taken.
    found: Option<Outcome>,
    /// What came of taking it.
    outcome: Option<Outcome>,
}

impl Part {
    /// Whether it is of the key and window of `call`.
    fn is_of(&self, call: &Call) -> bool {
        self.call.hash == call.hash && self.call.rule.window_us == call.rule.window_us
    }

    /// Whether both take of one state.
    fn shares_with(&self, other: &Self) -> bool {
        self.is_of(&other.call) || (self.home == Home::Overflow && other.home == Home::Overflow)
    }
}

/// Where the state of a part is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Home {
    /// Nobody has looked yet.
    Unknown,
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
    /// Finds the state of a part, or takes room for one.
    fn find_home(&self, part: &mut Part) {
        if part.home != Home::Unknown || part.first.is_some() {
            return;
        }
        part.home = Home::Held;
        if self.slots(part.call.hash).find(self.rule.window_us, &part.call).is_none() {
            let has_room = self.make_room(self.bytes_of(&part.call));
            part.home = if has_room { Home::Room } else { Home::Overflow };
            // Before it is there, as it comes there under the locks.
            self.changed(self.clock.now_us());
        }
    }

    fn denied(&self, slots: &mut Slots<S>, call: &Call, mut outcome: Outcome, now_us: u64) -> Outcome {
        self.deny(slots, call.hash, &mut outcome, now_us);
        outcome
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
    fn now_us(&self) -> u64 {
        self.keyed.clock.now_us()
    }

    fn fit(&mut self, now_us: u64) -> bool {
        let keyed = self.keyed;
        self.now_us = now_us;
        for at in 0..self.parts.len() {
            let (before, others) = self.parts.split_at_mut(at);
            let part = &mut others[0];
            let units = before.iter().filter(|other| other.shares_with(part)).map(|other| other.call.cost);
            let call = Call { cost: units.fold(part.call.cost, u32::saturating_add), ..part.call };
            let slots = slots_of(&mut self.tables, &call);
            let found = keyed.look_held(slots, &call, self.now_us);
            part.found = Some(found.unwrap_or_else(|| match &mut self.overflow {
                Some(overflow) if part.home == Home::Overflow => {
                    keyed.look_overflow(overflow, &call, self.now_us)
                }
                // Room for it was taken.
                _ => keyed.ledger.look(&mut S::Wide::default(), &call, 0, self.now_us),
            }));
        }
        self.parts.iter().all(|part| part.found.is_some_and(|found| found.decision.allowed))
    }

    fn take(&mut self) -> bool {
        let (keyed, now_us) = (self.keyed, self.now_us);
        for part in &mut self.parts {
            let slots = slots_of(&mut self.tables, &part.call);
            part.outcome = keyed.decide_held(slots, &part.call, now_us);
            match (&mut self.overflow, part.home) {
                // Another part brought the same key.
                _ if part.outcome.is_some() => {}
                (Some(overflow), Home::Overflow) => {
                    part.outcome = Some(keyed.decide_overflow(overflow, &part.call, now_us));
                }
                _ => {
                    part.home = Home::New;
                    let place = slots.insert(keyed.rule.window_us, &part.call);
                    part.outcome = Some(slots.decide(place, &keyed.ledger, &part.call, now_us));
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
            let found = part.found.take().expect("every part was looked at");
            let taken = part.outcome.take();
            let slots = slots_of(&mut self.tables, &part.call);
            let outcome = match taken {
                Some(taken) if all => {
                    slots.calls.allowed += 1;
                    taken
                }
                // There was no memory to take it.
                Some(taken) if !taken.decision.allowed => keyed.denied(slots, &part.call, taken, now_us),
                _ if found.decision.allowed => found,
                // It may block the key of another part, which was looked at before that.
                _ => keyed.denied(slots, &part.call, found, now_us),
            };
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
            if !part.outcome.is_some_and(|outcome| outcome.decision.allowed) {
                continue;
            }
            let slots = slots_of(&mut self.tables, &part.call);
            if let (Home::Overflow, Some(overflow)) = (part.home, &mut self.overflow) {
                let call = keyed.in_overflow(&part.call);
                keyed.ledger.refund(&mut overflow.state, &call, (now_us, now_us));
            } else if let Some(place) = slots.find(keyed.rule.window_us, &part.call) {
                slots.refund(place, &keyed.ledger, &part.call, (now_us, now_us));
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
