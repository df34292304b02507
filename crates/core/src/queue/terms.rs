//! What is settled of a job once and for all when it is added: tries and waits, place and turn, how long it stays.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::options::check_duration;
use crate::error::{Error, Result};

/// The longest wait between two tries, where the backoff does not say otherwise: one day.
const MAX_DELAY_MS_DEFAULT: u64 = 24 * 60 * 60 * 1_000;

/// How the waits between tries grow.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackoffType {
    /// The same wait each time.
    Fixed,
    /// Doubled each time.
    Exponential,
}

/// The waits between the tries of a job.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Backoff {
    /// How they grow.
    #[serde(rename = "type")]
    pub kind: BackoffType,
    /// Milliseconds before the second try.
    pub delay: u64,
    /// Milliseconds at most; none: a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_delay: Option<u64>,
    /// 0 to 1: each wait is shortened by a random share up to this; none: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<f64>,
}

impl Default for Backoff {
    /// From one second, doubled, shortened by up to half, so that jobs that failed together do not retry
    /// together.
    fn default() -> Self {
        Self { kind: BackoffType::Exponential, delay: 1_000, max_delay: None, jitter: Some(0.5) }
    }
}

impl Backoff {
    /// Milliseconds at most.
    pub fn max_delay_ms(&self) -> u64 {
        self.max_delay.unwrap_or(MAX_DELAY_MS_DEFAULT)
    }

    pub(super) fn check(&self) -> Result<()> {
        check_duration("backoff.delay", Some(self.delay))?;
        check_duration("backoff.maxDelay", self.max_delay)?;
        match self.jitter {
            Some(jitter) if !(0.0..=1.0).contains(&jitter) => {
                Err(Error::InvalidArg(format!("backoff.jitter is {jitter}; it is a share, 0 to 1")))
            }
            _ => Ok(()),
        }
    }
}

/// How long a finished job is retained. None of age and count: for as long as there is room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Retention {
    /// Milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age: Option<u64>,
    /// When it finishes, so many of its outcome are retained at most, the oldest out first; 0: it goes at once itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    /// Until it is removed by hand; it yields to nothing.
    #[serde(default)]
    pub forever: bool,
}

const HOUR_MS: u64 = 60 * 60 * 1_000;
pub(super) const ON_COMPLETE_DEFAULT: Retention =
    Retention { age: Some(HOUR_MS), count: Some(1_000), forever: false };
/// More and for longer, because people look into them.
pub(super) const ON_FAIL_DEFAULT: Retention =
    Retention { age: Some(7 * 24 * HOUR_MS), count: Some(10_000), forever: false };

/// Makes adds with one id one job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deduplication {
    /// What they have in common.
    pub id: String,
    /// Milliseconds from the add, whatever becomes of the job; none: until it has finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u64>,
    /// Each duplicate lets the ttl begin anew.
    #[serde(default)]
    pub extend: bool,
    /// A duplicate replaces the job while it has not begun.
    #[serde(default)]
    pub replace: bool,
}

/// Jobs that take turns with others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Whose they are.
    pub id: String,
}

/// A job's options as settled when it was added. Shared by all that have the queue's defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Terms {
    /// Of one job alone; most jobs share those of the queue's defaults.
    pub own: bool,
    /// Tries in all.
    pub attempts: u32,
    /// The waits between them.
    pub backoff: Backoff,
    /// The lowest goes first.
    pub priority: u32,
    /// Before all others of its priority.
    pub lifo: bool,
    /// Milliseconds that one attempt may run.
    pub timeout_ms: Option<u64>,
    /// Whose turn it takes.
    pub group: Option<Arc<str>>,
    /// How long it is retained once it has completed.
    pub on_complete: Retention,
    /// The same once it has failed.
    pub on_fail: Retention,
}
