//! What a queue and its jobs are made with, as the facade normalised it: milliseconds and bytes.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::json::Json;
use super::terms::{Backoff, Deduplication, Group, ON_COMPLETE_DEFAULT, ON_FAIL_DEFAULT, Retention, Terms};
use crate::error::{Error, Result};

/// Bytes of data or of a result, where the queue does not say otherwise.
const MAX_DATA_SIZE_DEFAULT: u64 = 1024 * 1024;
/// Tries in all, where neither the job nor the queue says otherwise.
const ATTEMPTS_DEFAULT: u32 = 3;
/// The longest id a caller may choose, in characters.
const JOB_ID_CHARS_MAX: usize = 256;
/// The last to go.
pub const PRIORITY_MAX: u32 = 2_097_151;
/// The longest duration: 100 years, each as long as a leap year.
const DURATION_MS_MAX: u64 = 100 * 366 * 24 * 60 * 60 * 1_000;

/// What a queue is defined with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct QueueOptions {
    /// Bytes of one job's data, of its result and of its progress, as JSON text.
    pub max_data_size: u64,
    /// For every job that does not say otherwise.
    pub default_job_options: JobOptions,
    /// The queue to which jobs that failed for good are also added.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<String>,
}

impl Default for QueueOptions {
    fn default() -> Self {
        let default_job_options = JobOptions::default();
        Self { max_data_size: MAX_DATA_SIZE_DEFAULT, default_job_options, dead_letter: None }
    }
}

impl QueueOptions {
    /// Fails on values that no queue can have.
    pub fn check(&self) -> Result<()> {
        if self.max_data_size == 0 {
            return Err(Error::InvalidArg("maxDataSize is 0 bytes; no JSON text is that short".into()));
        }
        let defaults = &self.default_job_options;
        let of_one = [
            (defaults.job_id.is_some(), "a jobId"),
            (defaults.deduplication.is_some(), "a deduplication"),
            (defaults.run_at.is_some(), "an instant runAt"),
        ];
        if let Some((_, what)) = of_one.into_iter().find(|(given, _)| *given) {
            return Err(Error::InvalidArg(format!(
                "defaultJobOptions has {what}, which is of one job and not of all; give it to add()"
            )));
        }
        self.default_job_options.check()
    }

    /// Fails on a text over the limit.
    pub(super) fn check_size(
        &self,
        what: impl FnOnce() -> String,
        json: &RawValue,
        remedy: &'static str,
    ) -> Result<()> {
        let (size, limit) = (json.get().len(), usize::try_from(self.max_data_size).unwrap_or(usize::MAX));
        if size > limit {
            return Err(Error::TooLarge { what: what(), size, limit, remedy });
        }
        Ok(())
    }

    /// Fails on data over the limit.
    pub(super) fn check_data(&self, whose: impl FnOnce() -> String, data: &RawValue) -> Result<()> {
        let remedy = "store it elsewhere and pass a reference, or raise maxDataSize";
        self.check_size(|| format!("the data of {}", whose()), data, remedy)
    }

    /// What its handler says of a job. Fails on one over the limit.
    pub fn progress(&self, progress: Box<RawValue>) -> Result<Json> {
        let remedy = "store it elsewhere and report a reference, or raise maxDataSize";
        self.check_size(|| "a job's progress".into(), &progress, remedy)?;
        Ok(progress.into())
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
    /// When it may be claimed, in milliseconds since the epoch, instead of a delay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run_at: Option<u64>,
    /// The lowest goes first; at most [`PRIORITY_MAX`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u32>,
    /// Before all others of its priority.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifo: Option<bool>,
    /// Milliseconds that one attempt may run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// Milliseconds within which it must have begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<u64>,
    /// Makes adds with the same id one job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deduplication: Option<Deduplication>,
    /// Whose turn it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Group>,
    /// How long it is retained once it has completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove_on_complete: Option<Retention>,
    /// How long it is retained once it has failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remove_on_fail: Option<Retention>,
}

impl JobOptions {
    /// Fails on values that no job can have.
    pub fn check(&self) -> Result<()> {
        if let Some(id) = &self.job_id {
            check_id("a jobId", id)?;
        }
        if self.attempts == Some(0) {
            return Err(Error::InvalidArg("attempts is 0; a job is tried at least once".into()));
        }
        if self.run_at.is_some() && self.delay.is_some() {
            return Err(Error::InvalidArg("a job has a delay or an instant runAt, not both".into()));
        }
        if let Some(priority) = self.priority.filter(|&priority| priority > PRIORITY_MAX) {
            return Err(Error::InvalidArg(format!(
                "priority is {priority}; it is 0 (first) to {PRIORITY_MAX}"
            )));
        }
        check_duration("delay", self.delay)?;
        check_span("timeout", self.timeout)?;
        check_span("expiresIn", self.expires_in)?;
        if let (Some(delay), Some(expires_in)) = (self.delay, self.expires_in)
            && expires_in <= delay
        {
            return Err(Error::InvalidArg(format!(
                "expiresIn is {expires_in} ms and delay {delay} ms: the job would never begin; give it longer than its delay"
            )));
        }
        if let Some(Deduplication { id, ttl, extend, .. }) = &self.deduplication {
            check_id("a deduplication's id", id)?;
            check_span("deduplication.ttl", *ttl)?;
            if *extend && ttl.is_none() {
                return Err(Error::InvalidArg(
                    "deduplication extends a ttl and has none; give it a ttl".into(),
                ));
            }
        }
        if let Some(group) = &self.group {
            check_id("a group's id", &group.id)?;
        }
        self.backoff.as_ref().map_or(Ok(()), Backoff::check)
    }

    /// What of it is settled once and for all, under the queue's defaults.
    pub fn terms(&self, defaults: &Self) -> Terms {
        let group = self.group.as_ref().or(defaults.group.as_ref());
        Terms {
            own: self.has_own_terms(),
            attempts: self.attempts.or(defaults.attempts).unwrap_or(ATTEMPTS_DEFAULT),
            backoff: self.backoff.or(defaults.backoff).unwrap_or_default(),
            priority: self.priority.or(defaults.priority).unwrap_or(0),
            lifo: self.lifo.or(defaults.lifo).unwrap_or(false),
            timeout_ms: self.timeout.or(defaults.timeout),
            group: group.map(|group| group.id.as_str().into()),
            on_complete: self
                .remove_on_complete
                .or(defaults.remove_on_complete)
                .unwrap_or(ON_COMPLETE_DEFAULT),
            on_fail: self.remove_on_fail.or(defaults.remove_on_fail).unwrap_or(ON_FAIL_DEFAULT),
        }
    }

    /// Whether its terms are not those of the defaults.
    pub fn has_own_terms(&self) -> bool {
        self.attempts.is_some()
            || self.backoff.is_some()
            || self.priority.is_some()
            || self.lifo.is_some()
            || self.timeout.is_some()
            || self.group.is_some()
            || self.remove_on_complete.is_some()
            || self.remove_on_fail.is_some()
    }

    /// Milliseconds before the first try, under the queue's defaults; 0 for none.
    pub fn delay_ms(&self, defaults: &Self) -> u64 {
        self.delay.or(defaults.delay).unwrap_or(0)
    }
}

fn check_id(what: &str, id: &str) -> Result<()> {
    let characters = id.chars().take(JOB_ID_CHARS_MAX + 1).count();
    if (1..=JOB_ID_CHARS_MAX).contains(&characters) {
        return Ok(());
    }
    let has = if characters == 0 { "none" } else { "more" };
    Err(Error::InvalidArg(format!("{what} has 1 to {JOB_ID_CHARS_MAX} characters; this one has {has}")))
}

pub(super) fn check_span(name: &str, given_ms: Option<u64>) -> Result<()> {
    if given_ms == Some(0) {
        return Err(Error::InvalidArg(format!(
            "{name} is 0 ms; give at least 1 ms, such as '30s', or leave it out"
        )));
    }
    check_duration(name, given_ms)
}

pub(super) fn check_duration(name: &str, given_ms: Option<u64>) -> Result<()> {
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
    use crate::queue::BackoffType;

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
        let terms = job.terms(&defaults);
        assert_eq!((terms.attempts, terms.backoff, job.delay_ms(&defaults)), (1, fixed, 0));
        let nothing = JobOptions::default();
        let terms = nothing.terms(&nothing);
        assert_eq!((terms.attempts, terms.backoff, terms.priority), (3, Backoff::default(), 0));
        assert_eq!((terms.on_complete, terms.on_fail), (ON_COMPLETE_DEFAULT, ON_FAIL_DEFAULT));
        assert!(job.has_own_terms() && !nothing.has_own_terms());
    }
}
