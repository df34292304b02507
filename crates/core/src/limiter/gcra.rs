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
//! told at the token bucket. A unit is given back as what it was worth under its own limit or that of the last
//! call, whichever is less; the microsecond that was rounded up to stays.
//!
//! Source: ITU-T I.371 and its virtual scheduling algorithm; redis-cell, governor. Rejected: T rounded down to
//! a whole number, which admits more than the limit; T rounded up, by which 7,000 a second are 6,993.
//!
//! A clock set back: one cannot tell how much of the TAT is units and how much the step, so a TAT further ahead
//! than an emptied bucket's is moved to there: the bucket that it was last taken from, for which a bit is kept
//! that says whether its burst was its limit. Nothing is admitted early, and nobody is locked out for longer
//! than by a bucket that he has just emptied. (The token bucket can tell, and there nothing more is missing.)

use super::token_bucket::{capacity, still_missing};
use super::{Decide, Look, Rule};

/// Marks a TAT moved by a call whose burst was its limit. Times stay below it: see [`capacity`].
const BURST_IS_LIMIT: u64 = 1 << 63;

/// One key's theoretical arrival time; 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Gcra {
    /// Whole microseconds of it, and perhaps [`BURST_IS_LIMIT`].
    marked_us: u64,
    /// What it is beside those, in 1/`of` of one; below `of`.
    part: u32,
    /// The limit that units were last taken under; 0 for an absent key.
    of: u32,
}

impl Gcra {
    /// How far the TAT lies ahead, in 1/`of` µs.
    fn ahead(&self, now_us: u64) -> u128 {
        let whole_us = (self.marked_us & !BURST_IS_LIMIT).saturating_sub(now_us);
        u128::from(whole_us) * u128::from(self.of) + u128::from(self.part)
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
        (self.marked_us & !BURST_IS_LIMIT) + u64::from(self.part > 0)
    }

    /// Moves the TAT to `ahead` / `of` µs after `now_us`.
    fn put(&mut self, now_us: u64, ahead: u128) {
        let (whole_us, part) = (ahead / u128::from(self.of), ahead % u128::from(self.of));
        let tat_us = now_us.saturating_add(u64::try_from(whole_us).unwrap_or(u64::MAX));
        self.marked_us = self.marked_us & BURST_IS_LIMIT | tat_us.min(!BURST_IS_LIMIT);
        self.part = u32::try_from(part).unwrap_or(u32::MAX);
    }

    /// The rule that units were last taken under, as far as `rule` is of the same limiter: its bursts are one,
    /// or each call's limit.
    fn taken_under(&self, rule: Rule) -> Rule {
        let burst = if self.marked_us & BURST_IS_LIMIT == 0 { rule.burst } else { self.of };
        Rule { limit: self.of, burst, ..rule }
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
        let furthest = filled(self.taken_under(rule));
        if self.ahead(now_us) > furthest {
            self.put(now_us, furthest);
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
            let marked_us = if rule.burst == rule.limit { BURST_IS_LIMIT } else { 0 };
            *self = Self { marked_us, part: 0, of: rule.limit };
            self.put(now_us, ahead);
        }
    }

    fn give_back_of(&mut self, rule: Rule, units: u32, taken_us: u64, now_us: u64) {
        let units = units.min(still_missing(rule, rule.limit, taken_us, now_us));
        // A unit is worth what it cost: no more than under the larger limit of its call and the last.
        let worth = u128::from(units) * u128::from(rule.window_us) * u128::from(self.of);
        let worth = worth / u128::from(self.of.max(rule.limit).max(1));
        match self.ahead(now_us).checked_sub(worth) {
            None | Some(0) => *self = Self::default(),
            Some(ahead) => self.put(now_us, ahead),
        }
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
        assert_eq!((state.marked_us, state.part), (5_428, 4), "5,428 and 4/7 µs");
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
        assert_eq!((state.marked_us, state.part), (BURST_IS_LIMIT + 1_000, 0));
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
    fn a_clock_set_back_locks_out_by_the_bucket_that_was_emptied_and_not_by_that_of_the_call() {
        let rule = |limit| Rule { limit, burst: limit, window_us: 1_000 };
        let mut state = Gcra::default();
        assert!(state.decide(rule(10), 10, 1_000_000).allowed);
        assert_eq!(state.decide(rule(100), 100, 10).retry_after_us, 1_000);
        let mut state = Gcra::default();
        assert!(state.decide(RULE, 3, 1_000_000).allowed);
        assert_eq!(state.decide(Rule { limit: 70, ..RULE }, 3, 10).retry_after_us, 429);
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
        assert_eq!(Gcra::capacity(rule), 1_462, "in 146,000 years");
        let mut state = Gcra::default();
        assert!(state.decide(rule, 1_462, now_us).allowed);
        assert_eq!(state.decide(rule, 1, now_us).retry_after_us, century_us);
        assert!(!state.decide(rule, u32::MAX, now_us).allowed);
    }
}
