//! A job as callers see it.

use std::sync::Arc;

use serde::Serialize;

use super::job::{Job, Phase};
use super::json::Json;
use crate::clock::MS;

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum JobState {
    /// May be claimed.
    Waiting,
    /// May not be claimed yet.
    Delayed,
    /// With a worker.
    Active,
    /// Done.
    Completed,
    /// Given up.
    Failed,
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
    /// Attempts that completed or failed.
    pub attempts_made: u32,
    /// Which attempt is under way, from 1; 0 when none is. A job that lost its worker repeats its attempt.
    pub attempt: u32,
    /// The message of the last failed attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_reason: Option<Arc<str>>,
    /// When it was added, in milliseconds since the epoch.
    pub timestamp: u64,
    /// When it was last claimed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processed_on: Option<u64>,
    /// When it completed or failed for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub finished_on: Option<u64>,
}

impl Job {
    /// The job as callers see it now.
    pub fn view(&self) -> JobView {
        let finished_us = match self.phase {
            Phase::Completed { at_us, .. } | Phase::Failed { at_us, .. } => Some(at_us),
            _ => None,
        };
        JobView {
            id: self.id.clone(),
            name: self.name.clone(),
            data: self.data.clone(),
            state: self.state(),
            attempts_made: self.attempts_made,
            attempt: if self.claim().is_some() { self.attempts_made + 1 } else { 0 },
            failed_reason: self.failed_reason.clone(),
            timestamp: self.added_us / MS,
            processed_on: self.processed_us.map(|us| us / MS),
            finished_on: finished_us.map(|us| us / MS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::Backoff;
    use serde_json::value::RawValue;

    #[test]
    fn a_view_is_the_json_that_the_facade_reads_with_the_data_as_it_came() {
        let data: Json = RawValue::from_string(r#"{"b":1, "a":1e3}"#.into()).unwrap().into();
        let job = Job {
            id: "7".into(),
            name: "mail".into(),
            data,
            attempts: 3,
            backoff: Backoff::default(),
            phase: Phase::Waiting { since_us: 5_999 },
            ord: 1,
            added_us: 5_999,
            processed_us: None,
            epoch: 0,
            attempts_made: 0,
            stalled_count: 0,
            released_count: 0,
            failed_reason: None,
        };
        assert_eq!(
            serde_json::to_string(&job.view()).unwrap(),
            r#"{"id":"7","name":"mail","data":{"b":1, "a":1e3},"state":"waiting","attemptsMade":0,"attempt":0,"timestamp":5}"#
        );
    }
}
