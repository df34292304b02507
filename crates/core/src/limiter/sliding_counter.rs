//! The sliding counter: the count of the present window, and of the one before by the share that still
//! overlaps.
//!
//! Windows are aligned to multiples of their length. At e into the present one, a window that ends now overlaps
//! the previous by W - e; were its units spread evenly, previous * (W - e) / W of them would lie in there.
//! Units fit when they, those of the present window and that share, rounded up, stay within the limit. Two
//! counters in 16 bytes a key, and for evenly spread traffic exact. It is an estimate: a key that spends its
//! limit at the very end of one window gets it again over the next, as the share sinks, so the worst window
//! sees limit + previous * e / W, just under 2 * limit. What is denied may have been there, and the other way
//! round; the sliding window and the log are for whoever minds.
//!
//! Source: Cloudflare's, as of Upstash and many others. Rejected: floating point, whose error admits one more
//! now and then; rounding the share down, which does so often.
//!
//! A limit that shrank: a count above the limit is taken for the limit, so nobody waits longer than after
//! having spent all of the new one.
//!
//! A clock set back: a window that would start in the future starts now, with both counts; later ones follow it
//! until the key has been idle. No unit weighs less than it would have, so nothing is admitted early, and
//! nobody is locked out for longer than two windows, as by the last unit of the first instant of any window.
//! The aligned window of the present would not do: a clock set back by a microsecond over its edge would forget
//! a whole window.

use super::{Decide, Look, Rule};

/// One key's two windows; 16 bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlidingCounter {
    /// When the present window starts.
    start_us: u64,
    current: u32,
    previous: u32,
}

/// The start of the aligned window around `now_us`.
fn aligned_us(now_us: u64, window_us: u64) -> u64 {
    now_us - now_us % window_us.max(1)
}

impl SlidingCounter {
    fn is_empty(self) -> bool {
        self.current == 0 && self.previous == 0
    }

    /// When a window that follows `start_us`, which took `units` before, leaves `room` for others of the past's
    /// share.
    fn room_us(start_us: u64, units: u32, room: u32, window_us: u64) -> u64 {
        if units <= room {
            return start_us;
        }
        // units * (W - e) / W <= room from e = W - floor(room * W / units) on. The quotient is below W.
        let overlap_us = u128::from(room) * u128::from(window_us) / u128::from(units);
        let overlap_us = u64::try_from(overlap_us).unwrap_or(window_us);
        start_us.saturating_add(window_us - overlap_us)
    }
}

impl Decide for SlidingCounter {
    type Wide = Self;

    fn settle(&mut self, rule: Rule, now_us: u64) {
        let window_us = rule.window_us;
        if now_us.wrapping_sub(self.start_us) >= window_us {
            if let Some(passed_us) = now_us.checked_sub(self.start_us) {
                let has_followed = passed_us - window_us < window_us;
                self.previous = if has_followed { self.current } else { 0 };
                self.current = 0;
                self.start_us += window_us;
            } else {
                self.start_us = now_us;
            }
        }
        if self.is_empty() {
            self.start_us = aligned_us(now_us, window_us);
        }
    }

    fn look(&self, rule: Rule, cost: u32, now_us: u64) -> Look {
        let Rule { limit, window_us, .. } = rule;
        let (current, previous) = (self.current.min(limit), self.previous.min(limit));
        let overlap_us = window_us.saturating_sub(now_us.saturating_sub(self.start_us));
        let share = (u128::from(previous) * u128::from(overlap_us)).div_ceil(u128::from(window_us));
        let room = limit - current;
        let left = room.saturating_sub(u32::try_from(share).unwrap_or(u32::MAX));
        if cost <= left {
            return Look { left, retry_after_us: 0 };
        }
        let retry_us = if let Some(room) = room.checked_sub(cost) {
            Self::room_us(self.start_us, previous, room, window_us)
        } else {
            let next_us = self.start_us.saturating_add(window_us);
            Self::room_us(next_us, current, limit.saturating_sub(cost), window_us)
        };
        Look { left, retry_after_us: retry_us.saturating_sub(now_us).max(1) }
    }

    fn take(&mut self, _: Rule, units: u32, _: u64) {
        self.current = self.current.saturating_add(units);
    }

    fn give_back_of(&mut self, rule: Rule, units: u32, taken_us: u64, now_us: u64) {
        let of_current = if taken_us < self.start_us { 0 } else { units.min(self.current) };
        self.current -= of_current;
        if taken_us >= self.start_us.saturating_sub(rule.window_us) {
            self.previous = self.previous.saturating_sub(units - of_current);
        }
        if self.is_empty() {
            self.start_us = aligned_us(now_us, rule.window_us);
        }
    }

    fn absent_at_us(&self, window_us: u64) -> u64 {
        let windows = match (self.current, self.previous) {
            (0, 0) => return 0,
            (0, _) => 1,
            _ => 2,
        };
        self.start_us.saturating_add(windows * window_us)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Decision;
    use super::*;

    const RULE: Rule = Rule { limit: 10, burst: 10, window_us: 1_000 };

    fn after(calls: &[(u64, u32)]) -> SlidingCounter {
        let mut state = SlidingCounter::default();
        for &(now_us, cost) in calls {
            assert!(state.decide(RULE, cost, now_us).allowed);
        }
        state
    }

    #[test]
    fn the_previous_window_counts_by_its_share_rounded_up() {
        let mut state = after(&[(5_900, 7)]);
        for (now_us, left) in
            [(5_999, 3), (6_000, 3), (6_001, 3), (6_143, 4), (6_500, 6), (6_858, 9), (6_999, 9)]
        {
            state.settle(RULE, now_us);
            assert_eq!(state.look(RULE, 1, now_us).left, left, "at {now_us}");
        }
        state.settle(RULE, 7_000);
        assert_eq!(state, SlidingCounter { start_us: 7_000, ..SlidingCounter::default() });
    }

    #[test]
    fn a_call_passes_exactly_when_it_was_told_to() {
        // In this window: 7 * (1,000 - e) / 1,000 <= 2 from e = 715 on.
        let mut state = after(&[(5_900, 7), (6_500, 4)]);
        let denied = state.decide(RULE, 4, 6_600);
        assert_eq!(
            denied,
            Decision { allowed: false, remaining: 3, reset_after_us: 1_400, retry_after_us: 115 }
        );
        assert!(!state.decide(RULE, 4, 6_714).allowed);
        assert!(state.clone().decide(RULE, 4, 6_715).allowed);
        // In the next one: 4 * (1,000 - e) / 1,000 <= 3 from e = 250 on.
        assert_eq!(state.decide(RULE, 7, 6_720).retry_after_us, 530);
        assert_eq!(state.decide(RULE, 7, 7_249).retry_after_us, 1);
        assert!(state.decide(RULE, 7, 7_250).allowed);
    }

    #[test]
    fn a_call_for_all_there_is_waits_for_an_absent_key() {
        let mut state = after(&[(5_900, 7)]);
        assert_eq!(state.decide(RULE, 10, 5_950).retry_after_us, 1_050);
        assert!(!state.decide(RULE, 10, 6_999).allowed);
        assert!(state.decide(RULE, 10, 7_000).allowed);
    }

    #[test]
    fn the_worst_window_sees_just_under_twice_the_limit() {
        let mut state = after(&[(5_999, 10)]);
        let admitted = (6_000..=6_998).filter(|&now_us| state.decide(RULE, 1, now_us).allowed).count();
        assert_eq!(admitted, 9);
    }

    #[test]
    fn a_denial_takes_nothing() {
        let mut state = after(&[(500, 8)]);
        let before = state;
        assert!(!state.decide(RULE, 3, 500).allowed);
        assert_eq!(state, before);
    }

    #[test]
    fn units_are_given_back_from_the_present_window_first() {
        let mut state = after(&[(5_900, 7), (6_500, 2)]);
        state.give_back(RULE, 3, 6_500);
        assert_eq!((state.current, state.previous), (0, 6));
        state.give_back(RULE, 9, 6_500);
        assert_eq!(state.absent_at_us(1_000), 0);
    }

    #[test]
    fn a_limit_that_shrank_counts_no_more_than_itself() {
        let mut state = after(&[(5_900, 10)]);
        let small = Rule { limit: 2, ..RULE };
        let denied = state.decide(small, 1, 5_950);
        // Two of two count: one by 6,500.
        assert_eq!((denied.allowed, denied.remaining, denied.retry_after_us), (false, 0, 550));
        assert!(state.clone().decide(small, 1, 6_500).allowed);
        assert_eq!(state.decide(RULE, 6, 6_500).remaining, 5, "the count itself is kept: 10 * 500 / 1,000");
    }

    #[test]
    fn a_clock_set_back_locks_out_for_two_windows_at_most_and_forgets_nothing_early() {
        let mut state = after(&[(1_000_000, 10)]);
        let denied = state.decide(RULE, 10, 910);
        assert_eq!((denied.allowed, denied.retry_after_us), (false, 2_000));
        assert_eq!(state.decide(RULE, 1, 1_909).remaining, 0);
        assert!(state.clone().decide(RULE, 1, 2_010).allowed);
        assert!(state.decide(RULE, 10, 2_910).allowed);
        state.settle(RULE, 7_654);
        assert_eq!(state.start_us, 7_000, "an idle key is aligned again");
    }

    #[test]
    fn a_key_that_got_all_back_is_aligned_at_once() {
        let mut state = after(&[(1_000_000, 10)]);
        state.settle(RULE, 910);
        state.give_back(RULE, 10, 910);
        assert_eq!(state, SlidingCounter::default());
    }

    #[test]
    fn a_step_back_over_the_edge_of_a_window_forgets_nothing() {
        let mut state = after(&[(5_500, 10)]);
        assert!(!state.decide(RULE, 1, 6_000).allowed);
        assert!(!state.decide(RULE, 1, 5_999).allowed);
        assert!(!state.decide(RULE, 1, 6_000).allowed);
    }

    #[test]
    fn a_state_takes_16_bytes_and_holds_any_limit() {
        assert_eq!(size_of::<SlidingCounter>(), 16);
        for window_us in [1_000, 100 * 365 * 86_400_000_000] {
            let rule = Rule { limit: u32::MAX, burst: 1, window_us };
            let (mut state, now_us) =
                (SlidingCounter::default(), 10_413_792_000_000_000 / window_us * window_us);
            assert!(state.decide(rule, u32::MAX, now_us).allowed);
            assert_eq!(state.decide(rule, u32::MAX, now_us).retry_after_us, 2 * window_us);
            let denied = state.decide(rule, u32::MAX - 1, now_us + window_us);
            assert_eq!(denied.retry_after_us, window_us - window_us / u64::from(u32::MAX));
            assert_eq!(state.decide(rule, 1, now_us + window_us + window_us / 2).remaining, u32::MAX / 2 - 1);
        }
    }
}
