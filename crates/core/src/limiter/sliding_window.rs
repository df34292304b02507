//! The sliding window: never more than the limit in any window (t - W, t].
//!
//! Time is cut into sub-buckets of a sixteenth of the window, aligned to multiples of their length, and the
//! units taken in each of the newest seventeen are kept. Units fit when they and everything in those seventeen
//! stay within the limit. The window that ends now touches at most seventeen sub-buckets, the oldest only in
//! part, and that one is counted in full: so the count is never below the truth, whatever the arrival pattern,
//! and units come back between one window and one window and a sixteenth after they were taken. The length of a
//! sub-bucket rounds up, so sixteen of them are never shorter than the window. A key takes 48 bytes, or 80
//! under a limit above 65,535.
//!
//! Source: the sub-bucket counter in common use, with the oldest bucket counted in full instead of by its
//! share. Rejected: the two-bucket estimate (Cloudflare's), which admits almost twice the limit to whoever aims
//! at it; a log of hits, exact but as large as the limit; GCRA, which spreads a limit of 120 a minute into 2 a
//! second. All three are to be had under their own names.
//!
//! A clock set back: what was taken in sub-buckets ahead of the present one is put into the present one, older
//! ones stay where they are. None of it was taken later than now, and the present sub-bucket counts for sixteen
//! more, a window at least: so nothing is admitted early, and nobody is locked out for longer than the
//! seventeen sub-buckets of every day.

use super::{Decide, Look, Rule};

/// Sub-buckets that make up a window.
const PER_WINDOW: u64 = 16;

/// Sub-buckets kept: those of a window, and the oldest that the window still overlaps.
const KEPT: usize = 17;

/// What one sub-bucket counts in. It holds as much as the limit, and need not hold more.
pub trait Units: Copy + Default + PartialEq + std::fmt::Debug + Into<u32> + Send + 'static {
    /// The most that fits.
    const MAX: u32;
    /// `units`, which must fit.
    #[must_use]
    fn of(units: u32) -> Self;
}

impl Units for u16 {
    const MAX: u32 = u16::MAX as u32;

    fn of(units: u32) -> Self {
        u16::try_from(units).unwrap_or(u16::MAX)
    }
}

impl Units for u32 {
    const MAX: u32 = u32::MAX;

    fn of(units: u32) -> Self {
        units
    }
}

/// One key's seventeen sub-buckets: 48 bytes counted in u16, for limits up to 65,535, and 80 in u32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlidingWindow<N> {
    /// When the newest sub-bucket starts.
    newest_us: u64,
    /// Units by age: the first is the newest sub-bucket's.
    taken: [N; KEPT],
}

impl From<SlidingWindow<u16>> for SlidingWindow<u32> {
    fn from(narrow: SlidingWindow<u16>) -> Self {
        Self { newest_us: narrow.newest_us, taken: narrow.taken.map(u32::from) }
    }
}

impl<N: Units> SlidingWindow<N> {
    /// The present sub-bucket is `passed` later than the newest.
    fn age(&mut self, passed: usize) {
        self.taken.copy_within(..KEPT - passed, passed);
        self.taken[..passed].fill(N::default());
    }

    /// The present sub-bucket is `ahead` earlier than the newest: what lies ahead of it is put into it.
    fn merge(&mut self, ahead: usize) {
        let merged = self.taken[..=ahead].iter().map(|&taken| taken.into()).sum();
        self.taken.copy_within(ahead.., 0);
        self.taken[KEPT - ahead..].fill(N::default());
        self.taken[0] = N::of(merged);
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
}

/// The length of a sub-bucket in microseconds.
fn length_us(window_us: u64) -> u64 {
    window_us.div_ceil(PER_WINDOW).max(1)
}

/// `span_us` in sub-buckets, as far as they matter.
fn sub_buckets(span_us: u64, length_us: u64, most: usize) -> usize {
    usize::try_from(span_us / length_us).map_or(most, |passed| passed.min(most))
}

impl<N: Units> Decide for SlidingWindow<N>
where
    SlidingWindow<u32>: From<Self>,
{
    type Wide = SlidingWindow<u32>;

    const UNITS_MAX: u32 = N::MAX;

    fn settle(&mut self, rule: Rule, now_us: u64) {
        let length_us = length_us(rule.window_us);
        // Most calls fall into the newest sub-bucket, and a division costs as much as the rest.
        if now_us.wrapping_sub(self.newest_us) < length_us {
            return;
        }
        let present_us = now_us - now_us % length_us;
        if let Some(passed_us) = present_us.checked_sub(self.newest_us) {
            self.age(sub_buckets(passed_us, length_us, KEPT));
        } else {
            self.merge(sub_buckets(self.newest_us - present_us, length_us, KEPT - 1));
        }
        self.newest_us = present_us;
    }

    fn look(&self, rule: Rule, cost: u32, now_us: u64) -> Look {
        let used = self.used();
        let left = rule.limit.saturating_sub(used);
        let retry_after_us = if cost <= left {
            0
        } else {
            let excess = used.saturating_sub(rule.limit.saturating_sub(cost));
            self.freed_us(excess, length_us(rule.window_us)).saturating_sub(now_us)
        };
        Look { left, retry_after_us }
    }

    fn take(&mut self, _: Rule, units: u32, _: u64) {
        self.taken[0] = N::of(self.taken[0].into().saturating_add(units));
    }

    fn give_back_of(&mut self, rule: Rule, mut units: u32, taken_us: u64, _: u64) {
        let length_us = length_us(rule.window_us);
        let later_us = self.newest_us.saturating_sub(taken_us - taken_us % length_us);
        for taken in &mut self.taken[sub_buckets(later_us, length_us, KEPT)..] {
            let given = units.min((*taken).into());
            *taken = N::of((*taken).into() - given);
            units -= given;
        }
    }

    fn absent_at_us(&self, window_us: u64) -> u64 {
        let newest = self.taken.iter().position(|&taken| taken.into() > 0);
        newest.map_or(0, |age| self.dropped_us(age, length_us(window_us)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Decision;
    use super::*;

    /// Sub-buckets of 100 µs.
    const RULE: Rule = Rule { limit: 10, burst: 10, window_us: 1_600 };
    type State = SlidingWindow<u16>;

    fn after(calls: &[(u64, u32)]) -> State {
        let mut state = State::default();
        for &(now_us, cost) in calls {
            assert!(state.decide(RULE, cost, now_us).allowed);
        }
        assert_eq!(state.used(), calls.iter().map(|call| call.1).sum::<u32>(), "all still count");
        state
    }

    #[test]
    fn units_count_until_the_whole_sub_bucket_has_left_the_window() {
        let mut state = after(&[(10_050, 4), (10_250, 6)]);
        let decision = state.decide(RULE, 3, 10_260);
        assert_eq!(
            decision,
            // The sub-bucket at 10,000 leaves at 11,700, the one at 10,200 at 11,900.
            Decision { allowed: false, remaining: 0, reset_after_us: 1_640, retry_after_us: 1_440 }
        );
        assert!(!state.decide(RULE, 4, 11_699).allowed);
        let denied = state.decide(RULE, 5, 11_700);
        assert_eq!((denied.allowed, denied.retry_after_us), (false, 200));
        assert!(state.decide(RULE, 4, 11_700).allowed);
    }

    #[test]
    fn a_denial_takes_nothing() {
        let mut state = after(&[(500, 8)]);
        let before = state;
        assert!(!state.decide(RULE, 3, 500).allowed);
        assert_eq!(state, before);
    }

    #[test]
    fn units_are_given_back_newest_first() {
        let mut state = after(&[(10_050, 4), (10_250, 6)]);
        state.settle(RULE, 10_300);
        state.give_back(RULE, 7, 10_300);
        assert_eq!(state.used(), 3);
        assert_eq!(state.absent_at_us(RULE.window_us), 11_700, "what is left is of the oldest");
        state.give_back(RULE, 4, 10_300);
        assert_eq!(state.absent_at_us(RULE.window_us), 0);
    }

    #[test]
    fn a_state_takes_48_bytes_up_to_a_limit_of_65535_and_80_above() {
        assert_eq!((size_of::<State>(), size_of::<SlidingWindow<u32>>()), (48, 80));
        assert_eq!((State::UNITS_MAX, SlidingWindow::<u32>::UNITS_MAX), (65_535, u32::MAX));
        let rule = Rule { limit: 65_535, burst: 1, window_us: 1_000 };
        let mut state = State::default();
        let decision = state.decide(rule, 65_535, 0);
        assert_eq!((decision.allowed, decision.remaining), (true, 0));
        assert!(!state.decide(rule, 1, 0).allowed);
    }

    #[test]
    fn a_state_widens_with_all_it_has_counted() {
        let mut wide = SlidingWindow::<u32>::from(after(&[(10_050, 4), (10_250, 6)]));
        let decision = wide.decide(Rule { limit: 70_000, ..RULE }, 69_990, 10_260);
        assert_eq!((decision.allowed, decision.remaining), (true, 0));
        assert_eq!(wide.decide(Rule { limit: 70_000, ..RULE }, 4, 10_260).retry_after_us, 1_440);
    }

    #[test]
    fn any_limit_and_window_fits() {
        for (window_us, length_us) in [(1_000, 63), (100 * 365 * 86_400_000_000, 197_100_000_000_000)] {
            let rule = Rule { limit: u32::MAX, burst: 1, window_us };
            let (mut state, now_us) = (SlidingWindow::<u32>::default(), 10_413_792_000_000_000);
            assert!(state.decide(rule, u32::MAX, now_us).allowed);
            let denied = state.decide(rule, u32::MAX, now_us);
            assert_eq!((denied.allowed, denied.retry_after_us), (false, 17 * length_us - now_us % length_us));
        }
    }

    #[test]
    fn a_limit_that_shrank_leaves_nothing_rather_than_less() {
        let decision = after(&[(0, 9)]).decide(Rule { limit: 4, ..RULE }, 1, 50);
        assert_eq!((decision.allowed, decision.remaining, decision.retry_after_us), (false, 0, 1_650));
    }

    #[test]
    fn a_clock_set_back_locks_out_for_a_window_and_a_sixteenth_at_most() {
        let mut state = after(&[(1_000_000, 10)]);
        let denied = state.decide(RULE, 1, 210);
        assert_eq!((denied.allowed, denied.retry_after_us), (false, 1_690));
        assert!(!state.decide(RULE, 1, 1_899).allowed);
        assert!(state.decide(RULE, 1, 1_900).allowed);
    }

    #[test]
    fn a_clock_set_back_puts_what_lies_ahead_into_the_present_and_leaves_the_rest() {
        // Sub-buckets 2, 5 and 20 become 2 and 3.
        let mut state = after(&[(250, 1), (500, 2), (1_800, 7)]);
        assert!(!state.decide(RULE, 1, 399).allowed);
        assert_eq!((state.newest_us, &state.taken[..3]), (300, &[9, 1, 0][..]));
        assert_eq!(state.decide(RULE, 1, 399).retry_after_us, 1_900 - 399);
        assert!(!state.decide(RULE, 10, 399 + 1_599).allowed, "the last nine count for a whole window");
        assert!(state.decide(RULE, 10, 2_000).allowed);
    }
}
