//! One table: what it holds of the keys that fall to it.

use super::ledger::Ledger;
use super::slab::{Hash, Hashed, Slab};
use crate::limiter::{Answer, Decide, Decision, Look, Reason, Rule};

/// A key's state under the limiter's own window.
pub(super) struct Own<S> {
    pub(super) hash: Hash,
    pub(super) state: S,
}

/// A key's state under another window, or one that outgrew the compact form.
pub(super) struct Other<W> {
    pub(super) hash: Hash,
    pub(super) window_us: u64,
    pub(super) state: W,
}

/// Until when a key is denied, whatever it has left.
pub(super) struct Block {
    pub(super) hash: Hash,
    pub(super) until_us: u64,
}

impl<S> Hashed for Own<S> {
    fn hash(&self) -> Hash {
        self.hash
    }
}

impl<W> Hashed for Other<W> {
    fn hash(&self) -> Hash {
        self.hash
    }
}

impl Hashed for Block {
    fn hash(&self) -> Hash {
        self.hash
    }
}

/// What one call asks for, checked.
#[derive(Clone, Copy)]
pub(super) struct Call {
    pub(super) hash: Hash,
    pub(super) rule: Rule,
    pub(super) cost: u32,
}

/// How many calls took units, and how many were denied.
#[derive(Clone, Copy, Default)]
pub(super) struct Calls {
    pub(super) allowed: u64,
    pub(super) denied: u64,
}

impl Calls {
    pub(super) fn count(&mut self, allowed: bool) {
        self.allowed += u64::from(allowed);
        self.denied += u64::from(!allowed);
    }
}

/// A decision, and what a denial is put down to.
#[derive(Clone, Copy)]
pub(super) struct Outcome {
    pub(super) decision: Decision,
    pub(super) reason: Reason,
    /// When it was made.
    pub(super) at_us: u64,
}

impl Outcome {
    pub(super) fn answer(self, rule: Rule) -> Answer {
        Answer::new(self.decision, rule.limit, self.reason)
    }
}

pub(super) struct Slots<S: Decide> {
    pub(super) own: Slab<Own<S>>,
    pub(super) others: Slab<Other<S::Wide>>,
    pub(super) blocks: Slab<Block>,
    pub(super) calls: Calls,
}

impl<S: Decide> Default for Slots<S> {
    fn default() -> Self {
        Self {
            own: Slab::default(),
            others: Slab::default(),
            blocks: Slab::default(),
            calls: Calls::default(),
        }
    }
}

/// Where the state of a call is kept: it is good until an entry is removed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Own(u32),
    Other(u32),
}

/// Does the same to a state in either form.
macro_rules! with_state {
    ($slots:expr, $place:expr, |$state:ident| $body:expr) => {
        match $place {
            Place::Own(number) => {
                let $state = &mut $slots.own.at_mut(number).state;
                $body
            }
            Place::Other(number) => {
                let $state = &mut $slots.others.at_mut(number).state;
                $body
            }
        }
    };
}

impl<S: Decide> Slots<S> {
    /// Where the state is that `call` is about; it may be kept more compactly than `call` wants to count.
    pub(super) fn find(&self, own_window_us: u64, call: &Call) -> Option<Place> {
        if call.rule.window_us == own_window_us
            && let Some(number) = self.own.find(call.hash, |_| true)
        {
            return Some(Place::Own(number));
        }
        if self.others.is_empty() {
            return None;
        }
        let window_us = call.rule.window_us;
        self.others.find(call.hash, |other| other.window_us == window_us).map(Place::Other)
    }

    /// Whether a new state for `call` can be kept compactly.
    pub(super) fn is_own(own_window_us: u64, call: &Call) -> bool {
        call.rule.window_us == own_window_us && call.rule.limit <= S::UNITS_MAX
    }

    /// Keeps a state in its wide form from now on.
    pub(super) fn widen(&mut self, number: u32, window_us: u64) -> Place {
        let Own { hash, state } = self.own.remove(number);
        Place::Other(self.others.insert(Other { hash, window_us, state: state.into() }))
    }

    /// Adds the state of a key not seen before.
    pub(super) fn insert(&mut self, own_window_us: u64, call: &Call) -> Place {
        let (hash, window_us) = (call.hash, call.rule.window_us);
        if Self::is_own(own_window_us, call) {
            Place::Own(self.own.insert(Own { hash, state: S::default() }))
        } else {
            Place::Other(self.others.insert(Other { hash, window_us, state: S::Wide::default() }))
        }
    }

    /// Decides on the state at `place`.
    #[inline]
    pub(super) fn decide(&mut self, place: Place, ledger: &Ledger, call: &Call, now_us: u64) -> Outcome {
        with_state!(self, place, |state| ledger.decide(state, call, now_us))
    }

    /// What a call would find, and how long until its key is as new.
    pub(super) fn look(&mut self, place: Place, ledger: &Ledger, call: &Call, now_us: u64) -> Outcome {
        with_state!(self, place, |state| ledger.look(state, call, 0, now_us))
    }

    /// Gives back units that were taken at `taken_us` or before.
    pub(super) fn refund(
        &mut self,
        place: Place,
        ledger: &Ledger,
        call: &Call,
        (taken_us, now_us): (u64, u64),
    ) {
        with_state!(self, place, |state| ledger.refund(state, call, (taken_us, now_us)));
    }

    /// When the state at `place` equals an absent key's.
    pub(super) fn absent_at_us(&mut self, place: Place, window_us: u64) -> u64 {
        with_state!(self, place, |state| state.absent_at_us(window_us))
    }

    /// Forgets the state at `place`: the bytes it took.
    pub(super) fn remove(&mut self, place: Place) -> u64 {
        match place {
            Place::Own(number) => {
                Slab::<Own<S>>::ENTRY_BYTES + self.own.remove(number).state.heap_bytes() as u64
            }
            Place::Other(number) => {
                Slab::<Other<S::Wide>>::ENTRY_BYTES + self.others.remove(number).state.heap_bytes() as u64
            }
        }
    }

    /// How many entries it holds, and their bytes.
    pub(super) fn held(&self) -> (u64, u64) {
        let (own, others, blocks) =
            (self.own.len() as u64, self.others.len() as u64, self.blocks.len() as u64);
        let heap = if S::GROWS {
            let own = self.own.iter().map(|own| own.state.heap_bytes());
            own.chain(self.others.iter().map(|other| other.state.heap_bytes())).sum::<usize>() as u64
        } else {
            0
        };
        let bytes = own * Slab::<Own<S>>::ENTRY_BYTES
            + others * Slab::<Other<S::Wide>>::ENTRY_BYTES
            + blocks * Slab::<Block>::ENTRY_BYTES;
        (own + others + blocks, bytes + heap)
    }

    /// Any state of a key, under whatever window.
    pub(super) fn any(&self, hash: Hash) -> Option<(Place, u64)> {
        if let Some(number) = self.own.find(hash, |_| true) {
            return Some((Place::Own(number), 0));
        }
        let number = self.others.find(hash, |_| true)?;
        Some((Place::Other(number), self.others.at(number).window_us))
    }

    /// Until when a key is blocked, where that lies ahead.
    #[inline]
    pub(super) fn blocked_until_us(&self, hash: Hash, now_us: u64) -> Option<u64> {
        if self.blocks.is_empty() {
            return None;
        }
        let until_us = self.blocks.at(self.blocks.find(hash, |_| true)?).until_us;
        (until_us > now_us).then_some(until_us)
    }
}

/// What a call would find, taking nothing.
pub(super) fn look<S: Decide>(state: &mut S, call: &Call, now_us: u64) -> Decision {
    state.settle(call.rule, now_us);
    let Look { left, retry_after_us } = state.look(call.rule, call.cost, now_us);
    Decision {
        allowed: retry_after_us == 0,
        remaining: left,
        reset_after_us: state.absent_at_us(call.rule.window_us).saturating_sub(now_us),
        retry_after_us,
    }
}
