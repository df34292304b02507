//! What a limiter is opened with, and what one call asks of it.

use serde::{Deserialize, Serialize};

use super::{Algorithm, Rule};
use crate::clock::MS;
use crate::error::{Error, Result};

/// The longest window and block: 100 years of 365 days, in milliseconds.
pub const WINDOW_MS_MAX: u64 = 100 * 365 * 24 * 60 * 60 * 1_000;

/// Keys that a limiter holds when its options do not say.
pub const KEYS_DEFAULT: u32 = 1_000_000;

/// The largest limit of a sliding log, which keeps 8 bytes an admitted call: 8 MB a key. Dropping so many takes under 2 ms.
pub const LOG_LIMIT_MAX: u32 = 1_000_000;

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
    /// Units at once, for algorithms that refill; none: the limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// Milliseconds that a key stays denied once it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub block: Option<u64>,
    /// Distinct keys at most; at least 1.
    #[serde(default = "keys_default")]
    pub max_keys: u32,
}

fn keys_default() -> u32 {
    KEYS_DEFAULT
}

/// What one call asks for; what it leaves out is the limiter's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Units; at least 1.
    pub cost: u32,
    /// Units a window.
    pub limit: Option<u32>,
    /// The window in milliseconds.
    pub window: Option<u64>,
}

impl Ask {
    /// `cost` units, under the limiter's own rule.
    pub const fn units(cost: u32) -> Self {
        Self { cost, limit: None, window: None }
    }
}

impl LimiterOptions {
    /// Fails with `InvalidArg` for a value out of its range.
    pub fn check(&self) -> Result<()> {
        check_limit(self.algorithm, self.limit)?;
        check_window("window", self.window)?;
        if let Some(block) = self.block {
            check_window("block", block)?;
        }
        let wrong = match self.burst {
            _ if self.max_keys == 0 => {
                "maxKeys is 0, which leaves room for no key; give a whole number from 1 to 4294967295"
                    .to_owned()
            }
            Some(0) => {
                "burst is 0, which admits nothing; give a whole number from 1 to 4294967295".to_owned()
            }
            Some(_) if !self.algorithm.refills() => format!(
                "burst is for 'token-bucket' and 'gcra', which refill; '{}' admits its whole limit at once",
                self.algorithm.name()
            ),
            _ => return Ok(()),
        };
        Err(Error::InvalidArg(wrong))
    }

    /// What decisions depend on where a call asks for nothing else.
    pub fn rule(&self) -> Rule {
        Rule {
            limit: self.limit,
            burst: self.burst.unwrap_or(self.limit),
            window_us: self.window.saturating_mul(MS),
        }
    }

    /// The rule for a call that asks for another one.
    #[cold]
    pub fn rule_for(&self, ask: &Ask) -> Result<Rule> {
        let limit = ask.limit.unwrap_or(self.limit);
        let window = ask.window.unwrap_or(self.window);
        check_limit(self.algorithm, limit)?;
        check_window("window", window)?;
        Ok(Rule { limit, burst: self.burst.unwrap_or(limit), window_us: window.saturating_mul(MS) })
    }
}

fn check_limit(algorithm: Algorithm, limit: u32) -> Result<()> {
    if limit == 0 {
        Err(Error::InvalidArg(
            "limit is 0, which admits nothing; give a whole number from 1 to 4294967295".to_owned(),
        ))
    } else if algorithm == Algorithm::SlidingLog && limit > LOG_LIMIT_MAX {
        Err(Error::InvalidArg(format!(
            "limit is {limit}, and a sliding-log keeps every admitted call of a key; give at most {LOG_LIMIT_MAX}, or take \
             'sliding-window'"
        )))
    } else {
        Ok(())
    }
}

fn check_window(name: &str, ms: u64) -> Result<()> {
    if (1..=WINDOW_MS_MAX).contains(&ms) {
        return Ok(());
    }
    Err(Error::InvalidArg(format!("{name} is {ms} ms; give 1 ms to 100 years, such as '1m'")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(json: &str) -> serde_json::Result<LimiterOptions> {
        serde_json::from_str(json)
    }

    const GOOD: LimiterOptions = LimiterOptions {
        limit: 1,
        window: 1,
        algorithm: Algorithm::SlidingWindow,
        burst: None,
        block: None,
        max_keys: 1,
    };

    #[test]
    fn options_arrive_under_their_javascript_names_with_defaults() {
        let given = options(r#"{"limit":5,"window":60000}"#).unwrap();
        assert_eq!((given.algorithm, given.max_keys), (Algorithm::SlidingWindow, 1_000_000));
        assert_eq!((given.burst, given.block), (None, None));
        let given =
            options(r#"{"limit":5,"window":1,"algorithm":"gcra","burst":7,"block":3,"maxKeys":9}"#).unwrap();
        assert_eq!((given.algorithm, given.max_keys), (Algorithm::Gcra, 9));
        assert_eq!((given.burst, given.block), (Some(7), Some(3)));
        assert!(options(r#"{"limit":5,"window":1,"max":9}"#).is_err());
        assert!(options(r#"{"limit":5,"window":1,"algorithm":"leaky"}"#).is_err());
    }

    #[test]
    fn options_out_of_range_say_what_is_allowed() {
        assert_eq!(GOOD.check(), Ok(()));
        assert_eq!(
            LimiterOptions { window: WINDOW_MS_MAX, block: Some(WINDOW_MS_MAX), ..GOOD }.check(),
            Ok(())
        );
        let bucket = LimiterOptions { algorithm: Algorithm::TokenBucket, burst: Some(u32::MAX), ..GOOD };
        assert_eq!(bucket.check(), Ok(()));
        let log = LimiterOptions { algorithm: Algorithm::SlidingLog, limit: LOG_LIMIT_MAX, ..GOOD };
        assert_eq!(log.check(), Ok(()));
        for (bad, name) in [
            (LimiterOptions { limit: 0, ..GOOD }, "limit"),
            (LimiterOptions { limit: LOG_LIMIT_MAX + 1, ..log }, "limit"),
            (LimiterOptions { window: 0, ..GOOD }, "window"),
            (LimiterOptions { window: WINDOW_MS_MAX + 1, ..GOOD }, "window"),
            (LimiterOptions { block: Some(0), ..GOOD }, "block"),
            (LimiterOptions { block: Some(WINDOW_MS_MAX + 1), ..GOOD }, "block"),
            (LimiterOptions { burst: Some(1), ..GOOD }, "burst is for"),
            (LimiterOptions { burst: Some(0), ..bucket }, "burst is 0"),
            (LimiterOptions { max_keys: 0, ..GOOD }, "maxKeys"),
        ] {
            let error = bad.check().unwrap_err();
            assert_eq!(error.code(), "ERR_INVALID_ARG");
            assert!(error.to_string().starts_with(name), "{error}");
        }
    }

    #[test]
    fn a_call_may_ask_for_another_rule_within_the_same_bounds() {
        let of = |algorithm| LimiterOptions { algorithm, limit: 10, window: 1_000, ..GOOD };
        let ask = Ask { cost: 1, limit: Some(20), window: None };
        let rule = of(Algorithm::Gcra).rule_for(&ask).unwrap();
        assert_eq!(rule, Rule { limit: 20, burst: 20, window_us: 1_000_000 });
        let fixed_burst = LimiterOptions { burst: Some(3), ..of(Algorithm::Gcra) };
        assert_eq!(fixed_burst.rule_for(&ask).unwrap().burst, 3);
        let ask = Ask { cost: 1, limit: None, window: Some(5) };
        assert_eq!(of(Algorithm::FixedWindow).rule_for(&ask).unwrap().window_us, 5_000);
        for (ask, name) in [
            (Ask { limit: Some(0), ..ask }, "limit"),
            (Ask { limit: Some(LOG_LIMIT_MAX + 1), ..ask }, "limit"),
            (Ask { window: Some(0), ..ask }, "window"),
            (Ask { window: Some(WINDOW_MS_MAX + 1), ..ask }, "window"),
        ] {
            assert!(of(Algorithm::SlidingLog).rule_for(&ask).unwrap_err().to_string().starts_with(name));
        }
    }
}
