//! What a queue and its jobs are made with, as the facade normalised it: milliseconds and bytes.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Bytes of data or of a result, where the queue does not say otherwise.
const MAX_DATA_SIZE_DEFAULT: u64 = 1024 * 1024;
/// Tries in all, where neither the job nor the queue says otherwise.
const ATTEMPTS_DEFAULT: u32 = 3;
/// The longest id a caller may choose, in characters.
const JOB_ID_CHARS_MAX: usize = 256;
/// The longest wait between two tries, where the backoff does not say otherwise: one day.
const MAX_DELAY_MS_DEFAULT: u64 = 24 * 60 * 60 * 1_000;
/// The longest duration that the facade lets through: 100 years.
const DURATION_MS_MAX: u64 = 100 * 366 * 24 * 60 * 60 * 1_000;

/// What a queue is defined with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct QueueOptions {
    /// Bytes of one job's data, and of its result, as JSON text.
    pub max_data_size: u64,
    /// For every job that does not say otherwise.
    pub default_job_options: JobOptions,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self { max_data_size: MAX_DATA_SIZE_DEFAULT, default_job_options: JobOptions::default() }
    }
}

impl QueueOptions {
    /// Fails on values that no queue can have.
    pub fn check(&self) -> Result<()> {
        if self.max_data_size == 0 {
            return Err(Error::InvalidArg("maxDataSize is 0 bytes; no JSON text is that short".into()));
        }
        if self.default_job_options.job_id.is_some() {
            return Err(Error::InvalidArg(
                "defaultJobOptions has a jobId, which would make every job the same; give it to add()".into(),
            ));
        }
        self.default_job_options.check()
    }
}

/// What a job is added with; what it leaves out comes from the queue's defaults, field by field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct JobOptions {
    /// The id, so that a second add finds the first job; none: a new one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_id: Option<String>,
    /// Milliseconds before the job may be claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<u64>,
    /// Tries in all, at least 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// The waits between tries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Backoff>,
}

impl JobOptions {
    /// Fails on values that no job can have.
    pub fn check(&self) -> Result<()> {
        if let Some(id) = &self.job_id {
            let characters = id.chars().take(JOB_ID_CHARS_MAX + 1).count();
            if !(1..=JOB_ID_CHARS_MAX).contains(&characters) {
                return Err(Error::InvalidArg(format!(
                    "a jobId has 1 to {JOB_ID_CHARS_MAX} characters; this one has {}",
                    if characters == 0 { "none" } else { "more" }
                )));
            }
        }
        if self.attempts == Some(0) {
            return Err(Error::InvalidArg("attempts is 0; a job is tried at least once".into()));
        }
        check_duration("delay", self.delay)?;
        self.backoff.as_ref().map_or(Ok(()), Backoff::check)
    }

    /// The tries in all, under the queue's defaults.
    pub fn attempts(&self, defaults: &Self) -> u32 {
        self.attempts.or(defaults.attempts).unwrap_or(ATTEMPTS_DEFAULT)
    }

    /// The waits between tries, under the queue's defaults.
    pub fn backoff(&self, defaults: &Self) -> Backoff {
        self.backoff.or(defaults.backoff).unwrap_or_default()
    }

    /// Milliseconds before the first try, under the queue's defaults; 0 for none.
    pub fn delay_ms(&self, defaults: &Self) -> u64 {
        self.delay.or(defaults.delay).unwrap_or(0)
    }
}

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

    fn check(&self) -> Result<()> {
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

fn check_duration(name: &str, given_ms: Option<u64>) -> Result<()> {
    match given_ms {
        Some(ms) if ms > DURATION_MS_MAX => {
            Err(Error::InvalidArg(format!("{name} is {ms} ms, the most is 100 years")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(json: &str) -> std::result::Result<QueueOptions, String> {
        let options: QueueOptions = serde_json::from_str(json).map_err(|error| error.to_string())?;
        options.check().map_err(|error| error.to_string())?;
        Ok(options)
    }

    #[test]
    fn a_queue_needs_no_options() {
        assert_eq!(options("{}").unwrap(), QueueOptions::default());
        assert_eq!(options("{}").unwrap().max_data_size, 1_048_576);
    }

    #[test]
    fn unknown_names_and_impossible_values_are_refused() {
        for (json, says) in [
            (r#"{"maxDatasize":1}"#, "unknown field"),
            (r#"{"maxDataSize":0}"#, "maxDataSize is 0"),
            (r#"{"defaultJobOptions":{"jobId":"a"}}"#, "jobId"),
            (r#"{"defaultJobOptions":{"attempts":0}}"#, "attempts is 0"),
            (r#"{"defaultJobOptions":{"backoff":{"type":"fixed"}}}"#, "missing field `delay`"),
            (r#"{"defaultJobOptions":{"backoff":{"type":"linear","delay":1}}}"#, "unknown variant"),
            (r#"{"defaultJobOptions":{"backoff":{"type":"fixed","delay":1,"jitter":1.5}}}"#, "jitter is 1.5"),
            (r#"{"defaultJobOptions":{"delay":99999999999999}}"#, "100 years"),
        ] {
            let refused = options(json).unwrap_err();
            assert!(refused.contains(says), "{json}: {refused}");
        }
    }

    #[test]
    fn a_job_id_has_1_to_256_characters() {
        let check = |id: String| JobOptions { job_id: Some(id), ..JobOptions::default() }.check();
        assert!(check("é".repeat(256)).is_ok());
        assert!(check("é".repeat(257)).is_err());
        assert!(check(String::new()).is_err());
    }

    #[test]
    fn a_job_overrides_the_defaults_field_by_field() {
        let fixed = Backoff { kind: BackoffType::Fixed, delay: 7, max_delay: None, jitter: None };
        let defaults = JobOptions { attempts: Some(5), backoff: Some(fixed), ..JobOptions::default() };
        let job = JobOptions { attempts: Some(1), ..JobOptions::default() };
        assert_eq!((job.attempts(&defaults), job.backoff(&defaults), job.delay_ms(&defaults)), (1, fixed, 0));
        let nothing = JobOptions::default();
        assert_eq!((nothing.attempts(&nothing), nothing.backoff(&nothing)), (3, Backoff::default()));
    }
}
