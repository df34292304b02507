//! How many jobs of a queue may be active, and how many may begin in a time.
//!
//! A rate is exact: the instants of the last claims are kept, as many as the rate allows, and one more may begin when the
//! first of them is a whole span ago. So no window of that length ever sees more, wherever it begins.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::clock::MS;
use crate::error::{Error, Result};

/// Claims at most that a rate may count.
pub const RATE_MAX: u32 = 100_000;

/// So many in any span of a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rate {
    /// How many.
    pub max: u32,
    /// Milliseconds.
    pub duration: u64,
}

impl Rate {
    /// Fails on values that no rate can have.
    pub fn check(&self) -> Result<()> {
        if !(1..=RATE_MAX).contains(&self.max) {
            let max = self.max;
            return Err(Error::InvalidArg(format!("a rate's max is {max}; give 1 to {RATE_MAX}")));
        }
        if self.duration == 0 {
            return Err(Error::InvalidArg(
                "a rate's duration is 0 ms; give at least 1 ms, such as '1s'".into(),
            ));
        }
        super::options::check_duration("a rate's duration", Some(self.duration))
    }

    fn span_us(&self) -> u64 {
        self.duration.saturating_mul(MS)
    }
}

/// The instants of claims, the last ones first to go.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Begun(VecDeque<u64>);

impl Begun {
    /// Notes a claim; only the last `max` of them are needed.
    pub fn note(&mut self, at_us: u64, max: u32) {
        self.0.push_back(at_us);
        while self.0.len() > max as usize {
            self.0.pop_front();
        }
    }

    /// When one more may begin; none: now.
    pub fn free_us(&self, rate: &Rate, now_us: u64) -> Option<u64> {
        let oldest = self.0.len().checked_sub(rate.max as usize).and_then(|at| self.0.get(at))?;
        let free_us = oldest.saturating_add(rate.span_us());
        (now_us < free_us).then_some(free_us)
    }

    /// How many more may begin now.
    pub fn room(&self, rate: &Rate, now_us: u64) -> usize {
        let over = self.0.partition_point(|&at_us| at_us.saturating_add(rate.span_us()) <= now_us);
        (rate.max as usize).saturating_sub(self.0.len() - over)
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0 = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_more_may_begin_when_the_first_of_the_last_is_a_span_ago() {
        let rate = Rate { max: 2, duration: 10 };
        let mut begun = Begun::default();
        assert_eq!((begun.free_us(&rate, 0), begun.room(&rate, 0)), (None, 2));
        for at_us in [0, 4_000, 5_000] {
            begun.note(at_us, rate.max);
        }
        assert_eq!((begun.free_us(&rate, 13_999), begun.room(&rate, 13_999)), (Some(14_000), 0));
        assert_eq!((begun.free_us(&rate, 14_000), begun.room(&rate, 14_000)), (None, 1));
        assert_eq!(begun.room(&rate, 15_000), 2);
    }

    #[test]
    fn a_rate_has_bounds() {
        for (max, duration, good) in
            [(1, 1, true), (100_000, 1, true), (0, 1, false), (100_001, 1, false), (1, 0, false)]
        {
            assert_eq!(Rate { max, duration }.check().is_ok(), good, "{max} in {duration}");
        }
    }
}
