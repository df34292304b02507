//! What a limiter holds: how many entries of at most `maxKeys`, and their bytes in the store's budget.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::slots::{Call, Outcome, look};
use crate::budget::Budget;
use crate::limiter::{Decide, Decision, Reason};

pub(super) struct Ledger {
    pub(super) budget: Arc<Budget>,
    entries_max: u64,
    /// Entries held, and room taken for some about to be.
    entries: AtomicU64,
    bytes: AtomicU64,
}

impl Ledger {
    pub(super) fn new(budget: Arc<Budget>, entries_max: u32) -> Self {
        Self { budget, entries_max: entries_max.into(), entries: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    /// Takes room for one entry more, where there is some.
    pub(super) fn take_entry(&self, bytes: u64) -> bool {
        if !self.take_bytes(bytes) {
            return false;
        }
        let one_more = |entries: u64| (entries < self.entries_max).then_some(entries + 1);
        let held = self.entries.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more);
        if held.is_err() {
            self.give_back_bytes(bytes);
        }
        held.is_ok()
    }

    /// As `take_entry` whatever the bounds: for the one block that a key which is held may have beside it.
    pub(super) fn take_entry_regardless(&self, bytes: u64) {
        self.entries.fetch_add(1, Ordering::AcqRel);
        self.take_bytes_regardless(bytes);
    }

    pub(super) fn has_room(&self, bytes: u64) -> bool {
        self.entries.load(Ordering::Acquire) < self.entries_max && self.budget.has_room(bytes)
    }

    pub(super) fn give_back(&self, entries: u64, bytes: u64) {
        self.entries.fetch_sub(entries, Ordering::AcqRel);
        self.give_back_bytes(bytes);
    }

    pub(super) fn take_bytes(&self, bytes: u64) -> bool {
        let taken = self.budget.take(bytes).is_ok();
        if taken {
            self.bytes.fetch_add(bytes, Ordering::AcqRel);
        }
        taken
    }

    pub(super) fn take_bytes_regardless(&self, bytes: u64) {
        self.budget.take_regardless(bytes);
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    pub(super) fn give_back_bytes(&self, bytes: u64) {
        self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.budget.give_back(bytes);
    }

    pub(super) fn entries(&self) -> u64 {
        self.entries.load(Ordering::Acquire)
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// Decides on a state, with what it grows by: a call that there is no memory to remember is denied.
    #[inline]
    pub(super) fn decide<S: Decide>(&self, state: &mut S, call: &Call, now_us: u64) -> Outcome {
        if S::GROWS {
            return self.decide_growing(state, call, now_us);
        }
        Outcome { decision: state.decide(call.rule, call.cost, now_us), reason: Reason::Limit, at_us: now_us }
    }

    fn decide_growing<S: Decide>(&self, state: &mut S, call: &Call, now_us: u64) -> Outcome {
        let before = state.heap_bytes();
        let found = look(state, call, now_us);
        self.follow(before, state.heap_bytes());
        let growth = if found.allowed { state.growth(call.cost) } else { 0 };
        if growth > 0 && !self.take_bytes(growth as u64) {
            return no_memory(found, call, now_us);
        }
        let taken = state.heap_bytes() + growth;
        let decision = state.decide(call.rule, call.cost, now_us);
        self.follow(taken, state.heap_bytes());
        Outcome { decision, reason: Reason::Limit, at_us: now_us }
    }

    /// Gives units back that were taken at an instant or before, with what a state shrinks by.
    pub(super) fn refund<S: Decide>(&self, state: &mut S, call: &Call, (taken_us, now_us): (u64, u64)) {
        let before = state.heap_bytes();
        state.settle(call.rule, now_us);
        state.give_back_of(call.rule, call.cost, taken_us, now_us);
        self.follow(before, state.heap_bytes());
    }

    /// Looks at a state, with what it shrinks by as old calls leave it. Where it is not held yet it would take `bytes`
    /// beside what it grows by.
    pub(super) fn look<S: Decide>(&self, state: &mut S, call: &Call, bytes: u64, now_us: u64) -> Outcome {
        let before = state.heap_bytes();
        let found = look(state, call, now_us);
        self.follow(before, state.heap_bytes());
        let growth = if found.allowed { state.growth(call.cost) as u64 } else { 0 };
        if growth > 0 && !self.budget.has_room(bytes + growth) {
            return no_memory(found, call, now_us);
        }
        Outcome { decision: found, reason: Reason::Limit, at_us: now_us }
    }

    fn follow(&self, before: usize, after: usize) {
        if after < before {
            self.give_back_bytes((before - after) as u64);
        } else if after > before {
            self.take_bytes_regardless((after - before) as u64);
        }
    }
}

/// There is no memory to remember a call. What its state holds makes room as it leaves; where that is nothing, what
/// others hold has mostly left within a window.
fn no_memory(found: Decision, call: &Call, now_us: u64) -> Outcome {
    let retry_after_us = if found.reset_after_us > 0 { found.reset_after_us } else { call.rule.window_us };
    let decision = Decision { allowed: false, retry_after_us, ..found };
    Outcome { decision, reason: Reason::Overflow, at_us: now_us }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.budget.give_back(self.bytes());
    }
}
