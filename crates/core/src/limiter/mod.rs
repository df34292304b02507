//! Rate limits: how many units a key may take in a window of time.
//!
//! An algorithm is one file that decides purely: (state, rule, cost, now) to a state and a [`Decision`]; see
//! [`Decide`]. An engine keeps one such state a key and does nothing but store it. Time is counted in whole
//! microseconds, so nothing is lost to fractions; answers speak in milliseconds, rounded up, so that a caller who
//! waits for as long as it was told is never early.
//!
//! What a key takes in the memory engine, index included, in bytes: sliding window 73, 105 with a limit above 65,535;
//! sliding log 65 and 8 an admitted call (16 with a cost above 1), in an array that grows by a quarter; sliding counter, fixed window and GCRA 41;
//! token bucket 49. A key that calls bring other windows to has a state for each, 8 bytes larger.

pub mod ip;

mod decide;
mod fixed_window;
mod gcra;
mod options;
mod sliding_counter;
mod sliding_log;
mod sliding_window;
mod token_bucket;

use serde::{Deserialize, Serialize};

use crate::clock::MS;

pub use decide::{Decide, Decision, Look, Rule};
pub use fixed_window::FixedWindow;
pub use gcra::Gcra;
pub use options::{Ask, KEYS_DEFAULT, LOG_LIMIT_MAX, LimiterOptions, WINDOW_MS_MAX};
pub use sliding_counter::SlidingCounter;
pub use sliding_log::SlidingLog;
pub use sliding_window::{SlidingWindow, Units};
pub use token_bucket::TokenBucket;

/// How a limiter counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Never more than the limit in any window: [`SlidingWindow`].
    #[default]
    SlidingWindow,
    /// The same, to the microsecond, and as large as the limit: [`SlidingLog`].
    SlidingLog,
    /// Two counters and an estimate: [`SlidingCounter`].
    SlidingCounter,
    /// A window that starts at a key's first hit: [`FixedWindow`].
    FixedWindow,
    /// A steady refill that counts units: [`TokenBucket`].
    TokenBucket,
    /// The same, kept as an instant: [`Gcra`].
    Gcra,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::SlidingWindow,
        Self::SlidingLog,
        Self::SlidingCounter,
        Self::FixedWindow,
        Self::TokenBucket,
        Self::Gcra,
    ];

    /// As options call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::SlidingWindow => "sliding-window",
            Self::SlidingLog => "sliding-log",
            Self::SlidingCounter => "sliding-counter",
            Self::FixedWindow => "fixed-window",
            Self::TokenBucket => "token-bucket",
            Self::Gcra => "gcra",
        }
    }

    /// Whether it has a burst.
    pub fn refills(self) -> bool {
        matches!(self, Self::TokenBucket | Self::Gcra)
    }
}

/// Why a call was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The key has too few units left.
    Limit,
    /// The key is blocked.
    Blocked,
    /// The limiter holds `maxKeys` keys, or the store has no memory left, and the bucket that all further keys share has
    /// too few units left.
    Overflow,
}

/// What a limiter answers; a denial is an answer, not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether the units were there (and, asked by `consume`, were taken).
    pub allowed: bool,
    /// Units a window, as the call had it.
    pub limit: u32,
    /// Units left after this call.
    pub remaining: u32,
    /// Milliseconds until the key equals one that was never used: equal then, not one millisecond earlier.
    pub reset_after_ms: u64,
    /// Milliseconds until the same call passes if no other is made: denied one earlier. 0 when allowed.
    pub retry_after_ms: u64,
    /// Why not, when not allowed.
    pub reason: Option<Reason>,
}

impl Answer {
    /// `decision` in milliseconds; `reason` is what a denial is put down to.
    pub fn new(decision: Decision, limit: u32, reason: Reason) -> Self {
        Self {
            allowed: decision.allowed,
            limit,
            remaining: decision.remaining,
            reset_after_ms: decision.reset_after_us.div_ceil(MS),
            retry_after_ms: decision.retry_after_us.div_ceil(MS),
            reason: (!decision.allowed).then_some(reason),
        }
    }
}

/// What a limiter has done and holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LimiterStats {
    /// Calls that took units.
    pub allowed: u64,
    /// Calls that were denied.
    pub denied: u64,
    /// Counters held, among them some that equal an absent one and have not been collected yet.
    pub keys: u64,
    /// Blocks held.
    pub blocked: u64,
    /// Calls that wait.
    pub waiting: u64,
    /// Bytes of all this.
    pub bytes: u64,
    /// Bytes of one more key.
    pub bytes_per_key: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_round_up_to_whole_milliseconds() {
        let decision =
            Decision { allowed: false, remaining: 0, reset_after_us: 2_001, retry_after_us: 2_000 };
        let answer = Answer::new(decision, 3, Reason::Overflow);
        assert_eq!((answer.reset_after_ms, answer.retry_after_ms), (3, 2));
        assert_eq!(answer.reason, Some(Reason::Overflow));
    }

    #[test]
    fn an_algorithm_is_called_as_its_option_is() {
        for algorithm in Algorithm::ALL {
            assert_eq!(serde_json::to_value(algorithm).unwrap(), algorithm.name());
        }
    }
}
