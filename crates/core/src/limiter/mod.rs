//! Rate limits: how many units a key may take in a window of time.
//!
//! An algorithm is one file that decides purely: (state, rule, cost, now) to a state and a [`Decision`]; see
//! [`Decide`]. An engine keeps one such state a key and does nothing but store it. Time is counted in whole
//! microseconds, so nothing is lost to fractions; answers speak in milliseconds, rounded up, so that a caller who
//! waits for as long as it was told is never early.

pub mod ip;

mod decide;
mod fixed_window;
mod sliding_window;

use serde::{Deserialize, Serialize};

use crate::clock::MS;
use crate::error::{Error, Result};

pub use decide::{Decide, Decision, Rule};
pub use fixed_window::FixedWindow;
pub use sliding_window::{SlidingWindow, Units};

/// The longest window: 100 years of 365 days, in milliseconds.
pub const WINDOW_MS_MAX: u64 = 100 * 365 * 24 * 60 * 60 * 1_000;

/// Keys that a limiter holds when its options do not say.
pub const KEYS_DEFAULT: u32 = 1_000_000;

/// How a limiter counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Algorithm {
    /// Never more than the limit in any window: [`SlidingWindow`].
    #[default]
    SlidingWindow,
    /// A window that starts at a key's first hit: [`FixedWindow`].
    FixedWindow,
}

/// What a limiter is opened with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LimiterOptions {
    /// Units admitted in a window; at least 1.
    pub limit: u32,
    /// The window in milliseconds: 1 to [`WINDOW_MS_MAX`].
    pub window: u64,
    /// How units are counted.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// Distinct keys at most; at least 1.
    #[serde(default = "keys_default")]
    pub max_keys: u32,
}

fn keys_default() -> u32 {
    KEYS_DEFAULT
}

impl LimiterOptions {
    /// Fails with `InvalidArg` for a value out of its range.
    pub fn check(&self) -> Result<()> {
        let wrong = if self.limit == 0 {
            "limit is 0, which admits nothing; give a whole number from 1 to 4294967295".to_owned()
        } else if self.window == 0 || self.window > WINDOW_MS_MAX {
            format!("window is {} ms; give 1 ms to 100 years, such as '1m'", self.window)
        } else if self.max_keys == 0 {
            "maxKeys is 0, which leaves room for no key; give a whole number from 1 to 4294967295".to_owned()
        } else {
            return Ok(());
        };
        Err(Error::InvalidArg(wrong))
    }

    /// The part of the options that decisions depend on.
    pub fn rule(&self) -> Rule {
        Rule { limit: self.limit, window_us: self.window.saturating_mul(MS) }
    }
}

/// Why a call was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The key has too few units left.
    Limit,
    /// The limiter holds `maxKeys` keys, and the bucket that all further ones share has too few units left.
    Overflow,
}

/// What a limiter answers; a denial is an answer, not an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether the units were there (and, asked by `consume`, were taken).
    pub allowed: bool,
    /// Units admitted in a window.
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
pub struct LimiterStats {
    /// Calls of `consume` that passed.
    pub allowed: u64,
    /// Calls of `consume` that were denied.
    pub denied: u64,
    /// Keys held, among them some that equal an absent one and have not been collected yet.
    pub keys: u64,
    /// Bytes they take.
    pub bytes: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(json: &str) -> serde_json::Result<LimiterOptions> {
        serde_json::from_str(json)
    }

    #[test]
    fn options_arrive_under_their_javascript_names_with_defaults() {
        let given = options(r#"{"limit":5,"window":60000}"#).unwrap();
        assert_eq!(given.algorithm, Algorithm::SlidingWindow);
        assert_eq!(given.max_keys, 1_000_000);
        let given = options(r#"{"limit":5,"window":1,"algorithm":"fixed-window","maxKeys":9}"#).unwrap();
        assert_eq!((given.algorithm, given.max_keys), (Algorithm::FixedWindow, 9));
        assert!(options(r#"{"limit":5,"window":1,"max":9}"#).is_err());
        assert!(options(r#"{"limit":5,"window":1,"algorithm":"gcra"}"#).is_err());
    }

    #[test]
    fn options_out_of_range_say_what_is_allowed() {
        let good = LimiterOptions { limit: 1, window: 1, algorithm: Algorithm::default(), max_keys: 1 };
        assert_eq!(good.check(), Ok(()));
        assert_eq!(LimiterOptions { window: WINDOW_MS_MAX, ..good }.check(), Ok(()));
        for (bad, name) in [
            (LimiterOptions { limit: 0, ..good }, "limit"),
            (LimiterOptions { window: 0, ..good }, "window"),
            (LimiterOptions { window: WINDOW_MS_MAX + 1, ..good }, "window"),
            (LimiterOptions { max_keys: 0, ..good }, "maxKeys"),
        ] {
            let error = bad.check().unwrap_err();
            assert_eq!(error.code(), "ERR_INVALID_ARG");
            assert!(error.to_string().starts_with(name), "{error}");
        }
    }

    #[test]
    fn answers_round_up_to_whole_milliseconds() {
        let decision =
            Decision { allowed: false, remaining: 0, reset_after_us: 2_001, retry_after_us: 2_000 };
        let answer = Answer::new(decision, 3, Reason::Overflow);
        assert_eq!((answer.reset_after_ms, answer.retry_after_ms), (3, 2));
        assert_eq!(answer.reason, Some(Reason::Overflow));
    }
}
