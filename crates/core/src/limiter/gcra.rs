//! GCRA: a token bucket kept as one instant, the one at which it will be full again.
//!
//! At L units a window a unit takes T = W / L to come back. The state is the theoretical arrival time (TAT): a
//! call of c units moves it c * T ahead, from now if it has passed, and is admitted when that leaves it at most
//! B * T ahead of now, B being the burst. So a key gets B units at once and then one every T: B + L at most in
//! any window, decision by decision what the token bucket says. T is a fraction, and the TAT is kept exactly:
//! whole microseconds and a part in 1/L of one. 16 bytes a key.
//!
//! A limit that changes from call to call: the TAT stays, so it is the share of the bucket that is kept where
//! the token bucket keeps the units missing. Its part is rounded up to a microsecond when another limit reads
//! it. A TAT further ahead than a faster limit could have brought it leaves nothing and stays, for the reason
//! told at the token bucket. Units are given back as they were taken last, under the limit of that call.
//!
//! Source: ITU-T I.371 and its virtual scheduling algorithm; redis-cell, governor. Rejected: T rounded down to
//! a whole number, which admits more than the limit; T rounded up, by which 7,000 a second are 6,993.
//!
//! A clock set back: one cannot tell how much of the TAT is units and how much the step, so a TAT further ahead
//! than a full bucket's is moved to there. Nothing is admitted early, and nobody is locked out for longer than
//! by a bucket that he has just emptied.

use super::token_bucket::capacity;
use super::{Decide, Look, Rule};

/// One key's theoretical arrival time; 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gcra {
    /// Whole microseconds of it.
    tat_us: u64,
    /// What it is beside those, in 1/`of` of one; below `of`.
    part: u32,
    /// The limit that units were last taken under; 0 for an absent key.
    of: u32,
}

impl Gcra {
    /// How far the TAT lies ahead, in 1/`of` µs.
    fn ahead(&self, now_us: u64) -> u128 {
        let whole_us = self.tat_us.checked_sub(now_us);
        whole_us.map_or(0, |whole_us| u128::from(whole_us) * u128::from(self.of) + u128::from(self.part))
    }

    /// How far the TAT lies ahead, in 1/`limit` µs, rounded up when it was counted in others.
    fn ahead_in(&self, limit: u32, now_us: u64) -> u128 {
        if limit == self.of {
            return self.ahead(now_us);
        }
        u128::from(self.instant_us().saturating_sub(now_us)) * u128::from(limit)
    }

    /// The first whole microsecond that is not before the TAT.
    fn instant_us(&self) -> u64 {
        self.tat_us.saturating_add(u64::from(self.part > 0))
    }

    /// The TAT that lies `ahead` / `of` µs after `now_us`.
    fn at(now_us: u64, ahead: u128, of: u32) -> Self {
        let (whole_us, part) = (ahead / u128::from(of.max(1)), ahead % u128::from(of.max(1)));
        let tat_us = now_us.saturating_add(u64::try_from(whole_us).unwrap_or(u64::MAX));
        Self { tat_us, part: u32::try_from(part).unwrap_or(u32::MAX), of }
    }

    /// How far a full bucket puts the TAT ahead, in 1/`of` µs: by this rule, or by the one that units were
    /// taken under, whichever is further.
    fn furthest(&self, rule: Rule) -> u128 {
        let slower = rule.limit.min(self.of).max(1);
        let full = filled(Rule { limit: slower, ..rule });
        if slower == self.of { full } else { full.div_ceil(u128::from(slower)) * u128::from(self.of) }
    }
}

/// How far a full bucket puts the TAT ahead, in 1/L µs.
fn filled(rule: Rule) -> u128 {
    u128::from(capacity(rule)) * u128::from(rule.window_us)
}

impl Decide for Gcra {
    type Wide = Self;

    fn capacity(rule: Rule) -> u32 {
        capacity(rule)
    }

    fn settle(&mut self, rule: Rule, now_us: u64) {
        if self.instant_us() <= now_us {
            *self = Self::default();
            return;
        }
        let furthest = self.furthest(rule);
        if self.ahead(now_us) > furthest {
            *self = Self::at(now_us, furthest, self.of);
        }
    }

    fn look(&self, rule: Rule, cost: u32, now_us: u64) -> Look {
        let window_us = u128::from(rule.window_us);
        let (full, ahead) = (filled(rule), self.ahead_in(rule.limit, now_us));
        let left = u32::try_from(full.saturating_sub(ahead) / window_us).unwrap_or(u32::MAX);
        if cost <= left {
            return Look { left, retry_after_us: 0 };
        }
        let excess = (ahead + u128::from(cost) * window_us).saturating_sub(full);
        let retry_after_us = u64::try_from(excess.div_ceil(u128::from(rule.limit))).unwrap_or(u64::MAX);
        Look { left, retry_after_us }
    }

    fn take(&mut self, rule: Rule, units: u32, now_us: u64) {
        if units > 0 {
            let ahead = self.ahead_in(rule.limit, now_us) + u128::from(units) * u128::from(rule.window_us);
            *self = Self::at(now_us, ahead, rule.limit);
        }
    }

    fn give_back(&mut self, rule: Rule, units: u32, now_us: u64) {
        let ahead = self.ahead(now_us).saturating_sub(u128::from(units) * u128::from(rule.window_us));
        *self = if ahead == 0 { Self::default() } else { Self::at(now_us, ahead, self.of) };
    }

    fn absent_at_us(&self, _: u64) -> u64 {
        self.instant_us()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Decision;
    use super::*;

    /// A unit every 142 and 6/7 µs.
    const RULE: Rule = Rule { limit: 7, burst: 3, window_us: 1_000 };

    fn after(calls: &[(u64, u32)]) -> Gcra {
        let mut state = Gcra::default();
        for &(now_us, cost) in calls {
            assert!(state.decide(RULE, cost, now_us).allowed);
        }
        state
    }

    #[test]
    fn a_burst_passes_at_once_and_units_come_back_one_by_one() {
        let mut state = Gcra::default();
        let first = state.decide(RULE, 3, 5_000);
        assert_eq!(first, Decision { allowed: true, remaining: 0, reset_after_us: 429, retry_after_us: 0 });
        assert_eq!((state.tat_us, state.part), (5_428, 4), "5,428 and 4/7 µs");
        let denied = state.decide(RULE, 2, 5_100);
        assert_eq!(
            denied,
            Decision { allowed: false, remaining: 0, reset_after_us: 329, retry_after_us: 186 }
        );
        assert_eq!(state.decide(RULE, 2, 5_285).retry_after_us, 1);
        assert!(state.decide(RULE, 2, 5_286).allowed);
    }

    #[test]
    fn nothing_is_lost_to_rounding_in_a_million_calls() {
        let mut state = after(&[(0, 3)]);
        let admitted = (1..=1_000_000).filter(|&now_us| state.decide(RULE, 1, now_us).allowed).count();
        assert_eq!(admitted, 7_000, "the limit a window");
    }

    #[test]
    fn a_denial_takes_nothing() {
        let mut state = after(&[(500, 2)]);
        let before = state;
        assert!(!state.decide(RULE, 2, 500).allowed);
        assert_eq!(state, before);
    }

    #[test]
    fn units_given_back_are_there_again() {
        let mut state = after(&[(0, 3)]);
        state.settle(RULE, 10);
        state.give_back(RULE, 1, 10);
        assert_eq!(state.look(RULE, 2, 10), Look { left: 1, retry_after_us: 133 });
        state.give_back(Rule { limit: 1, ..RULE }, 1, 10);
        assert_eq!(
            state.look(RULE, 3, 10).retry_after_us,
            133,
            "of what was taken, whatever the limit is now"
        );
        state.give_back(RULE, 9, 10);
        assert_eq!(state, Gcra::default());
    }

    #[test]
    fn another_limit_finds_the_same_share_of_its_bucket() {
        let rule = |limit| Rule { limit, burst: limit, window_us: 1_000 };
        let mut state = Gcra::default();
        assert!(state.decide(rule(10), 5, 0).allowed);
        assert_eq!(state.clone().decide(rule(100), 1, 0).remaining, 49);
        assert_eq!(state.decide(rule(4), 1, 0).remaining, 1);
    }

    #[test]
    fn a_part_of_a_microsecond_counts_for_a_whole_one_under_another_limit() {
        let mut state = after(&[(0, 1)]);
        let other = Rule { limit: 1_000, burst: 1_000, window_us: 1_000 };
        assert_eq!(state.clone().decide(other, 858, 0).retry_after_us, 1);
        assert_eq!(state.decide(other, 857, 0).remaining, 0);
        assert_eq!((state.tat_us, state.part), (1_000, 0));
    }

    #[test]
    fn a_bucket_that_shrank_leaves_nothing_and_forgives_nothing() {
        let slow = Rule { limit: 10, burst: 10, window_us: 1_000 };
        let fast = Rule { limit: 100, burst: 10, window_us: 1_000 };
        let mut state = Gcra::default();
        assert!(state.decide(slow, 10, 0).allowed);
        let denied = state.decide(fast, 1, 0);
        assert_eq!((denied.allowed, denied.remaining, denied.retry_after_us), (false, 0, 910));
        assert!(!state.decide(slow, 1, 99).allowed, "the denial gave nothing back");
        assert!(state.decide(slow, 1, 100).allowed);
    }

    #[test]
    fn a_clock_set_back_locks_out_for_no_longer_than_an_emptied_bucket() {
        let mut state = after(&[(1_000_000, 1)]);
        assert_eq!(state.decide(RULE, 1, 10).retry_after_us, 143);
        assert!(!state.decide(RULE, 1, 152).allowed);
        assert!(state.clone().decide(RULE, 1, 153).allowed);
        assert!(state.decide(RULE, 3, 439).allowed);
    }

    #[test]
    fn a_state_takes_16_bytes_and_holds_any_rule() {
        assert_eq!(size_of::<Gcra>(), 16);
        let century_us = 100 * 365 * 86_400_000_000;
        let now_us = 10_413_792_000_000_000;
        for window_us in [1_000, century_us] {
            let rule = Rule { limit: u32::MAX, burst: u32::MAX, window_us };
            let mut state = Gcra::default();
            assert!(state.decide(rule, u32::MAX, now_us).allowed);
            assert_eq!(state.decide(rule, u32::MAX, now_us).retry_after_us, window_us);
            assert_eq!(state.decide(rule, u32::MAX, now_us + window_us - 1).retry_after_us, 1);
            assert!(state.decide(rule, u32::MAX, now_us + window_us).allowed);
        }
        let rule = Rule { limit: 1, burst: u32::MAX, window_us: century_us };
        assert_eq!(Gcra::capacity(rule), 2_924, "in 292,000 years");
        let mut state = Gcra::default();
        assert!(state.decide(rule, 2_924, now_us).allowed);
        assert_eq!(state.decide(rule, 1, now_us).retry_after_us, century_us);
        assert!(!state.decide(rule, u32::MAX, now_us).allowed);
    }
}
