//! The fixed window: a counter that starts with a key's first hit and is forgotten a window later.
//!
//! The cheapest to keep and to explain, and what express-rate-limit and a Redis counter with an expiry do. Its
//! price: a key that spends its last units just before the window ends and a full limit just after gets up to
//! 2 * limit - 1 within one window's length. Use the sliding window where that matters.
//!
//! Anchored at the first hit rather than at multiples of the window: aligned windows let every key's reset fall
//! on the same instant, and admit 2 * limit.
//!
//! A clock set back: a window that would start in the future starts now, with what was used in it. It ends a
//! whole window from now, so it admits nothing early and locks out for no longer than a window.

use super::{Decide, Decision, Rule};

/// One key's window; 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FixedWindow {
    start_us: u64,
    /// 0 for an absent key, whatever its start.
    used: u32,
}

impl FixedWindow {
    fn at(self, rule: Rule, now_us: u64) -> Self {
        if self.absent_at_us(rule) <= now_us {
            Self { start_us: now_us, used: 0 }
        } else {
            Self { start_us: self.start_us.min(now_us), used: self.used }
        }
    }
}

impl Decide for FixedWindow {
    fn decide(self, rule: Rule, cost: u32, now_us: u64) -> (Self, Decision) {
        let mut window = self.at(rule, now_us);
        let left = rule.limit.saturating_sub(window.used);
        let allowed = cost <= left;
        if allowed {
            window.used += cost;
        }
        let reset_after_us = window.absent_at_us(rule).saturating_sub(now_us);
        let decision = Decision {
            allowed,
            remaining: if allowed { left - cost } else { left },
            reset_after_us,
            retry_after_us: if allowed { 0 } else { reset_after_us },
        };
        (window, decision)
    }

    fn absent_at_us(&self, rule: Rule) -> u64 {
        if self.used == 0 { 0 } else { self.start_us.saturating_add(rule.window_us) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule { limit: 3, window_us: 1_000 };

    #[test]
    fn the_window_starts_at_the_first_hit_and_ends_a_window_later() {
        let (state, first) = FixedWindow::default().decide(RULE, 2, 5_500);
        assert_eq!(first, Decision { allowed: true, remaining: 1, reset_after_us: 1_000, retry_after_us: 0 });
        let (state, denied) = state.decide(RULE, 2, 6_499);
        assert_eq!(denied, Decision { allowed: false, remaining: 1, reset_after_us: 1, retry_after_us: 1 });
        assert!(state.decide(RULE, 3, 6_500).1.allowed);
    }

    #[test]
    fn a_denial_takes_nothing() {
        let (state, _) = FixedWindow::default().decide(RULE, 2, 0);
        assert_eq!(state.decide(RULE, 2, 10).0, state);
    }

    #[test]
    fn a_limit_that_shrank_leaves_nothing_rather_than_less() {
        let (state, _) = FixedWindow::default().decide(RULE, 3, 0);
        let (_, decision) = state.decide(Rule { limit: 1, ..RULE }, 1, 1);
        assert_eq!((decision.allowed, decision.remaining), (false, 0));
    }

    #[test]
    fn a_clock_set_back_locks_out_for_one_window_at_most() {
        let (state, _) = FixedWindow::default().decide(RULE, 3, 1_000_000);
        let (state, denied) = state.decide(RULE, 1, 10);
        assert_eq!((denied.allowed, denied.retry_after_us), (false, 1_000));
        assert!(!state.decide(RULE, 1, 1_009).1.allowed);
        assert!(state.decide(RULE, 1, 1_010).1.allowed);
    }
}
