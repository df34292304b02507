//! The sliding log: the exact limit in any window (t - W, t], by remembering every admitted call.
//!
//! Units fit when they and those of every call in the window stay within the limit. Nothing is estimated: a
//! denial means that the units were not there, and each comes back exactly a window after it was taken. The
//! price is memory and time that grow with the limit: a word of 8 bytes an admitted call, two words when it
//! took more than one unit, and up to a quarter of that in reserve, beside 40 bytes a key. A denied call is not
//! remembered, so an attacker cannot make a log grow past its limit. A denial walks over as many calls as must
//! leave before it passes.
//!
//! Source: the log of timestamps in common use (a sorted set a key in Redis). Rejected: a word a unit, by which
//! one call could take megabytes; remembering denied calls, by which whoever keeps asking never gets in.
//!
//! A clock set back: calls of the future count as made now. Each was made earlier than that in truth, so none
//! is forgotten early, and nobody is locked out for longer than a window.

use std::collections::VecDeque;

use super::{Decide, Look, Rule};

/// Marks a word that is a count of units and not a time; times stay below it for 292,000 years.
const COUNT: u64 = 1 << 63;

/// Room for this many words is not worth giving back.
const WORDS_KEPT: usize = 16;

/// The admitted calls of one key: 40 bytes, and 8 or 16 more a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SlidingLog {
    /// A call is its time, behind the count of its units when there are several: so it can be told from both
    /// ends. Oldest first; no two calls of one time.
    words: VecDeque<u64>,
    /// Units of all calls.
    used: u32,
}

/// Units taken at one time.
#[derive(Clone, Copy)]
struct Call {
    at_us: u64,
    units: u32,
}

impl Call {
    fn words(self) -> usize {
        if self.units == 1 { 1 } else { 2 }
    }
}

/// How many units a word counts; `None` when it is a time.
fn counted(word: u64) -> Option<u32> {
    (word & COUNT != 0).then(|| u32::try_from(word & !COUNT).unwrap_or(u32::MAX))
}

impl SlidingLog {
    /// All calls, oldest first.
    fn calls(&self) -> impl Iterator<Item = Call> {
        let mut words = self.words.iter().copied();
        std::iter::from_fn(move || {
            let word = words.next()?;
            let Some(units) = counted(word) else { return Some(Call { at_us: word, units: 1 }) };
            Some(Call { at_us: words.next()?, units })
        })
    }

    /// Forgets the calls up to `until_us`.
    fn drop_until(&mut self, until_us: u64) {
        let (mut words, mut units) = (0, 0);
        for call in self.calls().take_while(|call| call.at_us <= until_us) {
            words += call.words();
            units += call.units;
        }
        if words > 0 {
            self.words.drain(..words);
            self.used -= units;
        }
    }

    fn pop_last(&mut self) -> Option<Call> {
        let at_us = self.words.pop_back()?;
        let units = self.words.back().copied().and_then(counted);
        if units.is_some() {
            self.words.pop_back();
        }
        let call = Call { at_us, units: units.unwrap_or(1) };
        self.used -= call.units;
        Some(call)
    }

    /// Words to make room for before `call` is remembered, where there is none for it.
    fn room_wanted(&self, call: Call) -> Option<usize> {
        // By a quarter: doubling would hold twice what the log needs.
        (self.words.len() + call.words() > self.words.capacity()).then(|| (self.words.len() / 4).max(4))
    }

    /// Remembers a call later than all others.
    fn push_last(&mut self, call: Call) {
        if let Some(words) = self.room_wanted(call) {
            self.words.reserve_exact(words);
        }
        if call.units > 1 {
            self.words.push_back(COUNT | u64::from(call.units));
        }
        self.words.push_back(call.at_us);
        self.used = self.used.saturating_add(call.units);
    }

    /// Takes away the calls at `from_us` and later: their units.
    fn pop_since(&mut self, from_us: u64) -> u32 {
        let mut units = 0_u32;
        while self.words.back().is_some_and(|&at_us| at_us >= from_us) {
            units += self.pop_last().map_or(0, |call| call.units);
        }
        units
    }

    /// Gives memory back when most of it has fallen free.
    fn shrink(&mut self) {
        let (len, capacity) = (self.words.len(), self.words.capacity());
        if capacity > WORDS_KEPT && len < capacity / 4 {
            self.words.shrink_to(len * 2);
        }
    }
}

impl Decide for SlidingLog {
    type Wide = Self;

    fn settle(&mut self, rule: Rule, now_us: u64) {
        if let Some(until_us) = now_us.checked_sub(rule.window_us) {
            self.drop_until(until_us);
        }
        if self.words.back().is_some_and(|&last_us| last_us > now_us) {
            let units = self.pop_since(now_us);
            self.push_last(Call { at_us: now_us, units });
        }
        self.shrink();
    }

    fn look(&self, rule: Rule, cost: u32, now_us: u64) -> Look {
        let left = rule.limit.saturating_sub(self.used);
        if cost <= left {
            return Look { left, retry_after_us: 0 };
        }
        let mut excess = self.used.saturating_sub(rule.limit.saturating_sub(cost));
        let last_needed = self.calls().find(|call| {
            excess = excess.saturating_sub(call.units);
            excess == 0
        });
        let freed_us = last_needed.map_or(0, |call| call.at_us.saturating_add(rule.window_us));
        Look { left, retry_after_us: freed_us.saturating_sub(now_us).max(1) }
    }

    fn take(&mut self, _: Rule, units: u32, now_us: u64) {
        let units = units.saturating_add(self.pop_since(now_us));
        if units > 0 {
            self.push_last(Call { at_us: now_us, units });
        }
    }

    fn give_back_of(&mut self, _: Rule, mut units: u32, taken_us: u64, _: u64) {
        let mut later = Vec::new();
        while self.words.back().is_some_and(|&at_us| at_us > taken_us) {
            later.extend(self.pop_last());
        }
        while units > 0
            && let Some(last) = self.pop_last()
        {
            if last.units > units {
                self.push_last(Call { units: last.units - units, ..last });
            }
            units = units.saturating_sub(last.units);
        }
        later.into_iter().rev().for_each(|call| self.push_last(call));
        self.shrink();
    }

    fn absent_at_us(&self, window_us: u64) -> u64 {
        self.words.back().map_or(0, |last_us| last_us.saturating_add(window_us))
    }

    const GROWS: bool = true;

    fn heap_bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>()
    }

    fn growth(&self, units: u32) -> usize {
        self.room_wanted(Call { at_us: 0, units })
            .map_or(0, |words| (self.words.len() + words - self.words.capacity()) * size_of::<u64>())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Decision;
    use super::*;

    const RULE: Rule = Rule { limit: 10, burst: 10, window_us: 1_000 };

    fn after(rule: Rule, calls: &[(u64, u32)]) -> SlidingLog {
        let mut state = SlidingLog::default();
        for &(now_us, cost) in calls {
            assert!(state.decide(rule, cost, now_us).allowed);
        }
        state
    }

    #[test]
    fn every_unit_comes_back_a_window_after_it_was_taken() {
        let mut state = after(RULE, &[(5_000, 4), (5_001, 1), (5_300, 5)]);
        let denied = state.decide(RULE, 5, 5_400);
        assert_eq!(
            denied,
            Decision { allowed: false, remaining: 0, reset_after_us: 900, retry_after_us: 601 }
        );
        assert_eq!(state.decide(RULE, 4, 5_400).retry_after_us, 600);
        assert_eq!(state.decide(RULE, 6, 5_400).retry_after_us, 900);
        assert_eq!(state.decide(RULE, 4, 5_999).retry_after_us, 1);
        assert_eq!(state.decide(RULE, 5, 6_000).remaining, 4);
        assert!(state.decide(RULE, 5, 6_001).allowed);
    }

    #[test]
    fn a_denial_takes_nothing() {
        let mut state = after(RULE, &[(500, 8)]);
        let before = state.clone();
        assert!(!state.decide(RULE, 3, 500).allowed);
        assert_eq!(state, before);
    }

    #[test]
    fn a_call_takes_one_word_and_one_with_a_cost_two() {
        let words = |calls: &[(u64, u32)]| after(RULE, calls).words.len();
        assert_eq!(words(&[(1, 1), (2, 1)]), 2);
        assert_eq!(words(&[(1, 1), (2, 3), (3, 1)]), 4);
        assert_eq!(words(&[(1, 1), (1, 1), (1, 1), (1, 4), (2, 1)]), 3, "calls of one instant are one");
    }

    #[test]
    fn units_are_given_back_newest_first() {
        let mut state = after(RULE, &[(100, 2), (200, 3), (200, 1), (300, 1)]);
        state.give_back(RULE, 2, 400);
        assert_eq!(state, after(RULE, &[(100, 2), (200, 3)]));
        state.give_back(RULE, 4, 400);
        assert_eq!(state, after(RULE, &[(100, 1)]));
        state.give_back(RULE, 9, 400);
        assert_eq!(state, SlidingLog::default());
    }

    #[test]
    fn memory_grows_with_what_is_remembered_and_is_given_back() {
        assert_eq!(size_of::<SlidingLog>(), 40);
        assert_eq!(SlidingLog::default().heap_bytes(), 0);
        let rule = Rule { limit: 10_000, burst: 1, window_us: 1_000_000 };
        let calls: Vec<_> = (0..10_000).map(|at_us| (at_us, 1)).collect();
        let mut state = after(rule, &calls);
        assert!((80_000..=100_000).contains(&state.heap_bytes()), "{}", state.heap_bytes());
        state.settle(rule, 1_007_999);
        assert!((16_000..=33_000).contains(&state.heap_bytes()), "{}", state.heap_bytes());
        state.settle(rule, 2_000_000);
        assert_eq!(state.heap_bytes(), 0);
    }

    #[test]
    fn a_log_says_beforehand_what_a_call_will_make_it_grow_by() {
        let mut state = SlidingLog::default();
        for at_us in 0..200 {
            let units = 1 + u32::try_from(at_us % 3).unwrap();
            let foretold = state.heap_bytes() + state.growth(units);
            state.take(RULE, units, at_us);
            assert_eq!(state.heap_bytes(), foretold, "at {at_us}");
        }
    }

    #[test]
    fn a_limit_that_shrank_leaves_nothing_rather_than_less() {
        let mut state = after(RULE, &[(0, 3), (10, 3), (20, 3)]);
        let decision = state.decide(Rule { limit: 4, ..RULE }, 1, 50);
        assert_eq!((decision.allowed, decision.remaining, decision.retry_after_us), (false, 0, 960));
        assert_eq!(state.decide(Rule { limit: 4, ..RULE }, 1, 1_010).remaining, 0);
    }

    #[test]
    fn a_clock_set_back_locks_out_for_one_window_at_most_and_forgets_nothing_early() {
        let mut state = after(RULE, &[(10, 2), (900, 1), (950, 7)]);
        let denied = state.decide(RULE, 1, 20);
        assert_eq!((denied.allowed, denied.retry_after_us, denied.reset_after_us), (false, 990, 1_000));
        assert_eq!(state.decide(RULE, 3, 20).retry_after_us, 1_000);
        assert_eq!(state.words.len(), 4, "what lay ahead is one call now");
        assert!(state.decide(RULE, 10, 1_020).allowed);
    }

    #[test]
    fn any_limit_and_window_fits() {
        for window_us in [1_000, 100 * 365 * 86_400_000_000] {
            let rule = Rule { limit: u32::MAX, burst: 1, window_us };
            let now_us = 10_413_792_000_000_000;
            let mut state = after(rule, &[(now_us, u32::MAX)]);
            assert_eq!(state.decide(rule, u32::MAX, now_us).retry_after_us, window_us);
        }
    }
}
