//! The fixed window: a counter that starts with a key's first hit and is forgotten a window later.
//!
//! The cheapest to keep and to explain, 16 bytes a key, and what express-rate-limit and a Redis counter with an
//! expiry do. Its price: a key that spends its last units just before the window ends and a full limit just
//! after gets up to 2 * limit - 1 within one window's length. Use the sliding window where that matters.
//!
//! Anchored at the first hit rather than at multiples of the window: aligned windows let every key's reset fall
//! on the same instant, and admit 2 * limit.
//!
//! A clock set back: a window that would start in the future starts now, with what was used in it. It ends a
//! whole window from now, so it admits nothing early and locks out for no longer than a window.

use super::{Decide, Look, Rule};

/// One key's window; 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FixedWindow {
    start_us: u64,
    /// 0 for an absent key, whatever its start.
    used: u32,
}

impl Decide for FixedWindow {
    type Wide = Self;

    fn settle(&mut self, rule: Rule, now_us: u64) {
        if self.absent_at_us(rule.window_us) <= now_us {
            *self = Self::default();
        } else {
            self.start_us = self.start_us.min(now_us);
        }
    }

    fn look(&self, rule: Rule, cost: u32, now_us: u64) -> Look {
        let left = rule.limit.saturating_sub(self.used);
        let retry_after_us =
            if cost <= left { 0 } else { self.absent_at_us(rule.window_us).saturating_sub(now_us).max(1) };
        Look { left, retry_after_us }
    }

    fn take(&mut self, _: Rule, units: u32, now_us: u64) {
        if self.used == 0 {
            self.start_us = now_us;
        }
        self.used = self.used.saturating_add(units);
    }

    fn give_back_of(&mut self, _: Rule, units: u32, taken_us: u64, _: u64) {
        if taken_us < self.start_us {
            return;
        }
        self.used = self.used.saturating_sub(units);
    }

    fn absent_at_us(&self, window_us: u64) -> u64 {
        if self.used == 0 { 0 } else { self.start_us.saturating_add(window_us) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Decision;
    use super::*;

    const RULE: Rule = Rule { limit: 3, burst: 3, window_us: 1_000 };

    fn after(calls: &[(u64, u32)]) -> FixedWindow {
        let mut state = FixedWindow::default();
        for &(now_us, cost) in calls {
            assert!(state.decide(RULE, cost, now_us).allowed);
        }
        state
    }

    #[test]
    fn the_window_starts_at_the_first_hit_and_ends_a_window_later() {
        let mut state = FixedWindow::default();
        let first = state.decide(RULE, 2, 5_500);
        assert_eq!(first, Decision { allowed: true, remaining: 1, reset_after_us: 1_000, retry_after_us: 0 });
        let denied = state.decide(RULE, 2, 6_499);
        assert_eq!(denied, Decision { allowed: false, remaining: 1, reset_after_us: 1, retry_after_us: 1 });
        assert!(state.decide(RULE, 3, 6_500).allowed);
    }

    #[test]
    fn a_denial_takes_nothing() {
        let mut state = after(&[(0, 2)]);
        let before = state;
        assert!(!state.decide(RULE, 2, 10).allowed);
        assert_eq!(state, before);
    }

    #[test]
    fn units_given_back_are_there_again_and_the_window_stays() {
        let mut state = after(&[(100, 3)]);
        state.settle(RULE, 900);
        state.give_back(RULE, 2, 900);
        assert_eq!(state.look(RULE, 2, 900), Look { left: 2, retry_after_us: 0 });
        assert_eq!(state.look(RULE, 3, 900), Look { left: 2, retry_after_us: 200 });
        state.give_back(RULE, 5, 900);
        assert_eq!(state.absent_at_us(1_000), 0);
    }

    #[test]
    fn a_limit_that_shrank_leaves_nothing_rather_than_less() {
        let decision = after(&[(0, 3)]).decide(Rule { limit: 1, ..RULE }, 1, 1);
        assert_eq!((decision.allowed, decision.remaining, decision.retry_after_us), (false, 0, 999));
    }

    #[test]
    fn a_clock_set_back_locks_out_for_one_window_at_most() {
        let mut state = after(&[(1_000_000, 3)]);
        let denied = state.decide(RULE, 1, 10);
        assert_eq!((denied.allowed, denied.retry_after_us), (false, 1_000));
        assert!(!state.decide(RULE, 1, 1_009).allowed);
        assert!(state.decide(RULE, 1, 1_010).allowed);
    }

    #[test]
    fn a_state_takes_16_bytes_and_holds_any_limit() {
        assert_eq!(size_of::<FixedWindow>(), 16);
        for window_us in [1_000, 100 * 365 * 86_400_000_000] {
            let rule = Rule { limit: u32::MAX, burst: 1, window_us };
            let (mut state, now_us) = (FixedWindow::default(), 10_413_792_000_000_000);
            assert!(state.decide(rule, u32::MAX, now_us).allowed);
            assert_eq!(state.decide(rule, u32::MAX, now_us).retry_after_us, window_us);
        }
    }
}
