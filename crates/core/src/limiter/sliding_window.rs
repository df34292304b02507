//! The sliding window: never more than the limit in any window (t - W, t].
//!
//! Time is cut into sub-buckets of a sixteenth of the window, aligned to multiples of their length, and the units
//! taken in each of the newest seventeen are kept. Units fit when they and everything in those seventeen stay
//! within the limit. The window that ends now touches at most seventeen sub-buckets, the oldest only in part, and
//! that one is counted in full: so the count is never below the truth, whatever the arrival pattern, and units
//! come back between one window and one window and a sixteenth after they were taken. The length of a sub-bucket
//! rounds up, so sixteen of them are never shorter than the window.
//!
//! Source: the sub-bucket counter in common use, with the oldest bucket counted in full instead of by its share.
//! Rejected: the two-bucket estimate (Cloudflare's), which admits almost twice the limit to whoever aims at it; a
//! log of hits, exact but as large as the limit; GCRA, which spreads a limit of 120 a minute into 2 a second.
//!
//! A clock set back: a sub-bucket ahead of the present one is the present one, and buckets further ahead move back
//! together until the newest is one ahead. What was taken then counts for 16 to 18 sub-buckets more: nothing is
//! admitted early, and nobody is locked out for longer than a window and an eighth.

use super::{Decide, Decision, Rule};

/// Sub-buckets that make up a window.
const PER_WINDOW: u64 = 16;

/// Sub-buckets kept: those of a window, and the oldest that the window still overlaps.
const KEPT: usize = 17;

/// What one sub-bucket counts in. It holds as much as the limit, and need not hold more.
pub trait Units: Copy + Default + Into<u32> + Send + 'static {
    /// The most that fits.
    const MAX: u32;
    /// `self + cost`, which must fit.
    #[must_use]
    fn plus(self, cost: u32) -> Self;
}

impl Units for u16 {
    const MAX: u32 = u16::MAX as u32;

    fn plus(self, cost: u32) -> Self {
        u16::try_from(u32::from(self) + cost).unwrap_or(u16::MAX)
    }
}

impl Units for u32 {
    const MAX: u32 = u32::MAX;

    fn plus(self, cost: u32) -> Self {
        self.saturating_add(cost)
    }
}

/// One key's seventeen sub-buckets: 48 bytes counted in u16, for limits up to 65,535, and 80 in u32. A limit
/// above what `N` holds is taken for `N::MAX`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlidingWindow<N> {
    /// When the newest sub-bucket starts.
    newest_us: u64,
    /// Units by age: the first is the newest sub-bucket's.
    taken: [N; KEPT],
}

impl<N: Units> SlidingWindow<N> {
    /// The state as of `now_us`: sub-buckets that are too old dropped, ones too far ahead moved back.
    fn at(mut self, now_us: u64, length_us: u64) -> Self {
        // Most calls fall into the newest sub-bucket, and a division costs as much as the rest.
        if now_us.wrapping_sub(self.newest_us) < length_us {
            return self;
        }
        let present_us = now_us - now_us % length_us;
        if let Some(passed_us) = present_us.checked_sub(self.newest_us) {
            let passed = usize::try_from(passed_us / length_us).map_or(KEPT, |passed| passed.min(KEPT));
            self.taken.copy_within(..KEPT - passed, passed);
            self.taken[..passed].fill(N::default());
            self.newest_us = present_us;
        } else {
            self.newest_us = self.newest_us.min(present_us + length_us);
        }
        self
    }

    fn used(&self) -> u32 {
        self.taken.iter().map(|&taken| taken.into()).sum()
    }

    /// When the sub-bucket of `age` no longer counts.
    fn dropped_us(&self, age: usize, length_us: u64) -> u64 {
        self.newest_us.saturating_add((KEPT - age) as u64 * length_us)
    }

    /// When at least `units` fewer count than now.
    fn freed_us(&self, units: u32, length_us: u64) -> u64 {
        let mut freed = 0_u32;
        for (age, &taken) in self.taken.iter().enumerate().rev() {
            freed += taken.into();
            if freed >= units {
                return self.dropped_us(age, length_us);
            }
        }
        self.dropped_us(0, length_us)
    }

    /// When nothing counts.
    fn empty_us(&self, length_us: u64) -> u64 {
        self.taken.iter().position(|&taken| taken.into() > 0).map_or(0, |age| self.dropped_us(age, length_us))
    }
}

/// The length of a sub-bucket in microseconds.
fn length_us(rule: Rule) -> u64 {
    rule.window_us.div_ceil(PER_WINDOW).max(1)
}

impl<N: Units> Decide for SlidingWindow<N> {
    fn decide(self, rule: Rule, cost: u32, now_us: u64) -> (Self, Decision) {
        let length_us = length_us(rule);
        let limit = rule.limit.min(N::MAX);
        let mut state = self.at(now_us, length_us);
        let used = state.used();
        let left = limit.saturating_sub(used);
        let allowed = cost <= left;
        let retry_after_us = if allowed {
            state.taken[0] = state.taken[0].plus(cost);
            0
        } else {
            let excess = used.saturating_sub(limit.saturating_sub(cost));
            state.freed_us(excess, length_us).saturating_sub(now_us)
        };
        let decision = Decision {
            allowed,
            remaining: if allowed { left - cost } else { left },
            reset_after_us: state.empty_us(length_us).saturating_sub(now_us),
            retry_after_us,
        };
        (state, decision)
    }

    fn absent_at_us(&self, rule: Rule) -> u64 {
        self.empty_us(length_us(rule))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sub-buckets of 100 µs.
    const RULE: Rule = Rule { limit: 10, window_us: 1_600 };
    type State = SlidingWindow<u16>;

    fn after(calls: &[(u64, u32)]) -> State {
        let taken = calls.iter().fold(State::default(), |state, &(now_us, cost)| {
            let (state, decision) = state.decide(RULE, cost, now_us);
            assert!(decision.allowed);
            state
        });
        assert_eq!(taken.used(), calls.iter().map(|call| call.1).sum::<u32>(), "all still count");
        taken
    }

    #[test]
    fn units_count_until_the_whole_sub_bucket_has_left_the_window() {
        let state = after(&[(10_050, 4), (10_250, 6)]);
        let (_, decision) = state.decide(RULE, 3, 10_260);
        assert_eq!(
            decision,
            // The sub-bucket at 10,000 leaves at 11,700, the one at 10,200 at 11,900.
            Decision { allowed: false, remaining: 0, reset_after_us: 1_640, retry_after_us: 1_440 }
        );
        assert!(!state.decide(RULE, 4, 11_699).1.allowed);
        assert!(state.decide(RULE, 4, 11_700).1.allowed);
        assert!(!state.decide(RULE, 5, 11_700).1.allowed);
        assert_eq!(state.decide(RULE, 5, 11_700).1.retry_after_us, 200);
    }

    #[test]
    fn a_denial_takes_nothing() {
        let state = after(&[(500, 8)]);
        assert_eq!(state.decide(RULE, 3, 500).0, state);
    }

    #[test]
    fn a_state_takes_48_bytes_up_to_a_limit_of_65535() {
        assert_eq!(size_of::<SlidingWindow<u16>>(), 48);
        assert_eq!(size_of::<SlidingWindow<u32>>(), 80);
        let rule = Rule { limit: 65_535, window_us: 1_000 };
        let (state, decision) = State::default().decide(rule, 65_535, 0);
        assert_eq!((decision.allowed, decision.remaining), (true, 0));
        assert!(!state.decide(rule, 1, 0).1.allowed);
        let rule = Rule { limit: u32::MAX, window_us: 1_000 };
        let (state, _) = SlidingWindow::<u32>::default().decide(rule, u32::MAX, 0);
        let (_, decision) = state.decide(rule, u32::MAX, 1);
        assert_eq!((decision.allowed, decision.retry_after_us), (false, 63 * 17 - 1));
    }

    #[test]
    fn counters_too_narrow_for_the_limit_admit_less_and_never_more() {
        let rule = Rule { limit: 100_000, window_us: 1_000 };
        let (state, decision) = State::default().decide(rule, 65_000, 0);
        assert_eq!(decision.remaining, 535);
        assert!(!state.decide(rule, 65_000, 0).1.allowed);
    }

    #[test]
    fn a_limit_that_shrank_leaves_nothing_rather_than_less() {
        let state = after(&[(0, 9)]);
        let (_, decision) = state.decide(Rule { limit: 4, ..RULE }, 1, 50);
        assert_eq!((decision.allowed, decision.remaining, decision.retry_after_us), (false, 0, 1_650));
    }

    #[test]
    fn a_clock_set_back_locks_out_for_a_window_and_an_eighth_at_most() {
        let state = after(&[(1_000_000, 10)]);
        let (state, denied) = state.decide(RULE, 1, 210);
        assert_eq!((denied.allowed, denied.retry_after_us), (false, 1_790));
        assert!(!state.decide(RULE, 1, 1_999).1.allowed);
        assert!(state.decide(RULE, 1, 2_000).1.allowed);
    }

    #[test]
    fn a_clock_set_back_admits_nothing_early() {
        // Sub-buckets 5 to 20, then back to 3: what was taken in 5 stays a whole window, as far as anyone knows.
        let state = after(&[(500, 1), (2_000, 9)]);
        let (state, _) = state.decide(RULE, 1, 399);
        let readmitted = (399..4_000).find(|&now_us| state.decide(RULE, 1, now_us).1.allowed).unwrap();
        // It was 1,500 µs old at the step back, so the window owes it 100 µs more.
        assert!(readmitted >= 399 + 100, "{readmitted}");
        let (whole, _) = state.decide(RULE, 10, 399 + 1_599);
        assert_eq!(whole.used(), 9, "the nine of the last instant count for a whole window");
    }
}
