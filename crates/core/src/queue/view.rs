//! A job as callers see it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::failure::FinishKind;
use super::job::{DeadLetter, Job, Phase};
use super::json::Json;
use crate::clock::MS;

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// May be claimed.
    Waiting,
    /// The same, with a priority above 0.
    Prioritized,
    /// May not be claimed yet.
    Delayed,
    /// With a worker.
    Active,
    /// Done.
    Completed,
    /// Given up.
    Failed,
}

impl JobState {
    /// As callers see it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Prioritized => "prioritized",
            Self::Delayed => "delayed",
            Self::Active => "active",
            Self::Completed => "completed",
            Self::Failed => "failed",
        }
    }
}

/// A job as it was at one instant. Cheap to clone: the texts are shared.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobView {
    /// Unique among the retained jobs.
    pub id: Arc<str>,
    /// What kind of job it is.
    pub name: Arc<str>,
    /// What the handler needs, as JSON.
    pub data: Json,
    /// Where it is.
    pub state: JobState,
    /// The lowest goes first.
    pub priority: u32,
    /// Attempts that completed or failed.
    pub attempts_made: u32,
    /// Which attempt is under way, from 1; 0 when none is. A job that lost its worker repeats its attempt.
    pub attempt: u32,
    /// What its handler said last, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<Json>,
    /// The message of the last failed attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_reason: Option<Arc<str>>,
    /// How it failed for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finish_kind: Option<FinishKind>,
    /// When it was added, in milliseconds since the epoch.
    pub timestamp: u64,
    /// When it was last claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processed_on: Option<u64>,
    /// When it completed or failed for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_on: Option<u64>,
    /// Where a job of a dead-letter queue comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<Arc<DeadLetter>>,
}

impl Job {
    /// The job as callers see it now.
    pub fn view(&self) -> JobView {
        let finish_kind = match self.phase {
            Phase::Failed { kind, .. } => Some(kind),
            _ => None,
        };
        JobView {
            id: self.id.clone(),
            name: self.name.clone(),
            data: self.data.clone(),
            state: self.state(),
            priority: self.terms.priority,
            attempts_made: self.attempts_made,
            attempt: self.attempt(),
            progress: self.progress().cloned(),
            failed_reason: self.failed_reason.clone(),
            finish_kind,
            timestamp: self.added_us / MS,
            processed_on: self.processed_us.map(|us| us / MS),
            finished_on: self.finished_us().map(|us| us / MS),
            dead_letter: self.extra.as_ref().and_then(|extra| extra.dead_letter.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::JobOptions;
    use serde_json::value::RawValue;

    #[test]
    fn a_view_is_the_json_that_the_facade_reads_with_the_data_as_it_came() {
        let data: Json = RawValue::from_string(r#"{"b":1, "a":1e3}"#.into()).unwrap().into();
        let job = Job {
            id: "7".into(),
            name: "mail".into(),
            data,
            terms: Arc::new(JobOptions::default().terms(&JobOptions::default())),
            phase: Phase::Waiting { since_us: 5_999, front: false },
            ord: 1,
            added_us: 5_999,
            processed_us: None,
            epoch: 0,
            attempts_made: 0,
            stalled_count: 0,
            released_count: 0,
            snoozed_count: 0,
            epoch_base: 0,
            failed_reason: None,
            extra: None,
        };
        assert_eq!(
            serde_json::to_string(&job.view()).unwrap(),
            r#"{"id":"7","name":"mail","data":{"b":1, "a":1e3},"state":"waiting","priority":0,"attemptsMade":0,"attempt":0,"timestamp":5}"#
        );
    }
}
