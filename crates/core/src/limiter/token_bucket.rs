//! The token bucket: `burst` units at once, and `limit` more a window, one by one.
//!
//! A bucket holds up to `burst` units and refills steadily; a call passes when its units are in there. So a key
//! gets at most burst + limit in any window, and in the long run the limit. What is kept is how many units are
//! missing, as an exact number: whole units, and a part counted in 1/W of one, for a microsecond at L units a
//! window brings L / W of a unit. Nothing is rounded, ever; 24 bytes a key.
//!
//! A limit or burst that changes from call to call: the units missing stay the same number, and come back at
//! the rate of the limit they were last taken under, also when those were given back. Where more are missing
//! than a smaller bucket holds, there is nothing left and they are still missing: were they cut to the smaller
//! bucket, whoever may call under two limits would empty the large one again and again. GCRA, which decides
//! alike as long as the rule stays the same, keeps the share of the bucket instead.
//!
//! Source: the token bucket of traffic shaping. Rejected: floating point, which drifts; a timer that refills.
//!
//! A clock set back: what is missing stays missing, and refills from now on. Nothing is admitted early, and
//! nobody is locked out for longer than he was.

use super::{Decide, Look, Rule};

/// The longest that a bucket may take to fill: 146,000 years, so that every instant it speaks of fits 63 bits.
const FILL_US_MAX: u128 = 1 << 62;

/// The units that a bucket holds: `burst`, or those that refill in 146,000 years.
pub(super) fn capacity(rule: Rule) -> u32 {
    let (window_us, fillable) = (u128::from(rule.window_us), FILL_US_MAX * u128::from(rule.limit));
    if u128::from(rule.burst) * window_us <= fillable {
        return rule.burst;
    }
    u32::try_from(fillable / window_us).unwrap_or(u32::MAX)
}

/// Of the units taken at `taken_us` or before, the most that can be missing: a bucket that was empty then has refilled by
/// as much since, at the limit `of`. What is more has come back by itself, and given back once more would be another's.
pub(super) fn still_missing(rule: Rule, of: u32, taken_us: u64, now_us: u64) -> u32 {
    let Some(passed_us) = now_us.checked_sub(taken_us).filter(|&passed_us| passed_us > 0) else {
        return u32::MAX;
    };
    let refilled = u128::from(passed_us) * u128::from(of) / u128::from(rule.window_us.max(1));
    capacity(rule).saturating_sub(u32::try_from(refilled).unwrap_or(u32::MAX))
}

/// One key's bucket; 24 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TokenBucket {
    /// When it lacked that much.
    last_us: u64,
    /// What it lacks beside whole units, in 1/W of one; below W.
    part: u64,
    /// Whole units that it lacks.
    missing: u32,
    /// The limit that it refills at: the one it was last taken under.
    of: u32,
}

impl TokenBucket {
    /// All that is missing, in 1/W of a unit.
    fn lack(&self, window_us: u64) -> u128 {
        u128::from(self.missing) * u128::from(window_us) + u128::from(self.part)
    }

    /// The microseconds in which `lack` refills.
    fn refill_us(&self, lack: u128) -> u64 {
        u64::try_from(lack.div_ceil(u128::from(self.of.max(1)))).unwrap_or(u64::MAX)
    }

    fn is_full(&self) -> bool {
        self.missing == 0 && self.part == 0
    }
}

impl Decide for TokenBucket {
    type Wide = Self;

    fn capacity(rule: Rule) -> u32 {
        capacity(rule)
    }

    fn settle(&mut self, rule: Rule, now_us: u64) {
        if self.is_full() {
            *self = Self::default();
            return;
        }
        let passed_us = now_us.saturating_sub(self.last_us);
        self.last_us = now_us;
        if passed_us == 0 {
            return;
        }
        let refilled = u128::from(passed_us) * u128::from(self.of);
        match self.lack(rule.window_us).checked_sub(refilled) {
            None | Some(0) => *self = Self::default(),
            Some(lack) => {
                let window_us = u128::from(rule.window_us);
                self.missing = u32::try_from(lack / window_us).unwrap_or(u32::MAX);
                self.part = u64::try_from(lack % window_us).unwrap_or(u64::MAX);
            }
        }
    }

    fn look(&self, rule: Rule, cost: u32, _: u64) -> Look {
        let capacity = capacity(rule);
        let left = capacity.saturating_sub(self.missing).saturating_sub(u32::from(self.part > 0));
        if cost <= left {
            return Look { left, retry_after_us: 0 };
        }
        let may_lack = u128::from(capacity.saturating_sub(cost)) * u128::from(rule.window_us);
        let excess = self.lack(rule.window_us).saturating_sub(may_lack);
        Look { left, retry_after_us: self.refill_us(excess).max(1) }
    }

    fn take(&mut self, rule: Rule, units: u32, now_us: u64) {
        if units > 0 {
            *self = Self {
                last_us: now_us,
                missing: self.missing.saturating_add(units),
                of: rule.limit,
                ..*self
            };
        }
    }

    fn give_back_of(&mut self, rule: Rule, units: u32, taken_us: u64, now_us: u64) {
        let units = units.min(still_missing(rule, self.of, taken_us, now_us));
        if units > self.missing {
            *self = Self::default();
        } else {
            self.missing -= units;
        }
    }

    fn absent_at_us(&self, window_us: u64) -> u64 {
        if self.is_full() { 0 } else { self.last_us.saturating_add(self.refill_us(self.lack(window_us))) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Decision;
    use super::*;

    /// A unit every 142 and 6/7 µs.
    const RULE: Rule = Rule { limit: 7, burst: 3, window_us: 1_000 };

    fn after(calls: &[(u64, u32)]) -> TokenBucket {
        let mut state = TokenBucket::default();
        for &(now_us, cost) in calls {
            assert!(state.decide(RULE, cost, now_us).allowed);
        }
        state
    }

    #[test]
    fn a_burst_passes_at_once_and_units_come_back_one_by_one() {
        let mut state = TokenBucket::default();
        let first = state.decide(RULE, 3, 5_000);
        assert_eq!(first, Decision { allowed: true, remaining: 0, reset_after_us: 429, retry_after_us: 0 });
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
        // 3 - 10 * 7 / 1,000 - 1 are missing.
        assert_eq!(state.look(RULE, 2, 10), Look { left: 1, retry_after_us: 133 });
        state.give_back(RULE, 9, 10);
        assert_eq!(state, TokenBucket::default());
    }

    #[test]
    fn another_limit_finds_as_many_units_missing() {
        let mut state = after(&[(0, 3)]);
        let large = Rule { limit: 100, burst: 100, window_us: 1_000 };
        assert_eq!(state.clone().decide(large, 97, 0).remaining, 0);
        // Until units are taken under the new limit, they come back as the old one says.
        assert_eq!(state.decide(large, 98, 0).retry_after_us, 143);
        assert!(state.decide(large, 97, 0).allowed);
        assert_eq!(state.decide(large, 1, 0).retry_after_us, 10);
    }

    #[test]
    fn a_bucket_that_shrank_leaves_nothing_and_forgives_nothing() {
        let large = Rule { limit: 100, burst: 100, window_us: 1_000 };
        let mut state = TokenBucket::default();
        assert!(state.decide(large, 100, 0).allowed);
        let denied = state.decide(RULE, 1, 0);
        assert_eq!((denied.allowed, denied.remaining, denied.retry_after_us), (false, 0, 980));
        assert!(!state.decide(large, 1, 9).allowed, "the denial gave nothing back");
        assert!(state.decide(large, 1, 10).allowed);
    }

    #[test]
    fn a_clock_set_back_changes_nothing_but_the_start() {
        let mut state = after(&[(1_000_000, 3)]);
        assert_eq!(state.decide(RULE, 1, 10).retry_after_us, 143);
        assert!(!state.decide(RULE, 1, 152).allowed);
        assert!(state.decide(RULE, 1, 153).allowed);
    }

    #[test]
    fn a_state_takes_24_bytes_and_holds_any_rule() {
        assert_eq!(size_of::<TokenBucket>(), 24);
        let century_us = 100 * 365 * 86_400_000_000;
        let now_us = 10_413_792_000_000_000;
        for window_us in [1_000, century_us] {
            let rule = Rule { limit: u32::MAX, burst: u32::MAX, window_us };
            let mut state = TokenBucket::default();
            assert!(state.decide(rule, u32::MAX, now_us).allowed);
            assert_eq!(state.decide(rule, u32::MAX, now_us).retry_after_us, window_us);
            assert_eq!(state.decide(rule, u32::MAX, now_us + window_us - 1).retry_after_us, 1);
            assert!(state.decide(rule, u32::MAX, now_us + window_us).allowed);
        }
        let rule = Rule { limit: 1, burst: u32::MAX, window_us: century_us };
        assert_eq!(TokenBucket::capacity(rule), 1_462, "in 146,000 years");
        let mut state = TokenBucket::default();
        assert!(state.decide(rule, 1_462, now_us).allowed);
        assert_eq!(state.decide(rule, 1, now_us).retry_after_us, century_us);
        assert!(!state.decide(rule, u32::MAX, now_us).allowed);
    }
}
