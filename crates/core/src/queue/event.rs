//! What listeners hear: the events of `QueueEvents` in index.d.ts, numbered without gaps per queue.
//!
//! `waiting`, `delayed`, `active`, `completed` and `failed` tell each entry into that state; `added`,
//! `retrying` and `stalled` come just before, and say why. So the sequence of a job's events is the sequence
//! of its states, until `removed`.

use std::sync::Arc;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::effect::{Added, Effect};
use super::failure::FinishKind;
use super::job::{Job, Phase};
use super::json::Json;
use crate::clock::MS;

/// One thing that happened. Serializes as `{"event":"completed","payload":{"seq":7,"jobId":"…","result":…}}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Its number in the queue, from 1.
    pub seq: u64,
    /// What it was.
    pub kind: EventKind,
}

/// What happened; instants in milliseconds since the epoch.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
#[expect(
    missing_docs,
    reason = "the fields are those of QueueEvents in index.d.ts, which says what each means"
)]
pub enum EventKind {
    /// A new job.
    Added { job_id: Arc<str>, name: Arc<str> },
    /// It may be claimed now.
    Waiting { job_id: Arc<str> },
    /// It may be claimed at `run_at`.
    Delayed { job_id: Arc<str>, run_at: u64 },
    /// A worker has it.
    Active { job_id: Arc<str>, attempt: u32 },
    /// Done.
    Completed { job_id: Arc<str>, result: Json },
    /// An attempt failed and another follows.
    Retrying { job_id: Arc<str>, error: Arc<str>, next_attempt_at: u64 },
    /// Given up.
    Failed { job_id: Arc<str>, failed_reason: Arc<str>, finish_kind: FinishKind },
    /// It lost its worker.
    Stalled { job_id: Arc<str> },
    /// What its handler says.
    Progress { job_id: Arc<str>, progress: Json },
    /// Someone removed it.
    Removed { job_id: Arc<str> },
    /// An add was this job.
    Deduplicated { job_id: Arc<str>, deduplication_id: Arc<str> },
    /// Nothing is claimed any more.
    Paused {},
    /// Everything may be claimed again.
    Resumed {},
    /// The last waiting job was claimed.
    Drained {},
}

impl EventKind {
    /// As listeners name it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Added { .. } => "added",
            Self::Waiting { .. } => "waiting",
            Self::Delayed { .. } => "delayed",
            Self::Active { .. } => "active",
            Self::Completed { .. } => "completed",
            Self::Retrying { .. } => "retrying",
            Self::Failed { .. } => "failed",
            Self::Stalled { .. } => "stalled",
            Self::Progress { .. } => "progress",
            Self::Removed { .. } => "removed",
            Self::Deduplicated { .. } => "deduplicated",
            Self::Paused {} => "paused",
            Self::Resumed {} => "resumed",
            Self::Drained {} => "drained",
        }
    }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Payload<'a> {
            seq: u64,
            #[serde(flatten)]
            kind: &'a EventKind,
        }
        let mut event = serializer.serialize_struct("Event", 2)?;
        event.serialize_field("event", self.kind.name())?;
        event.serialize_field("payload", &Payload { seq: self.seq, kind: &self.kind })?;
        event.end()
    }
}

/// The events of `effect`, in order, the last one numbered `last_seq`. `job_id` is the job's that it is about, and `job` that
/// job as the effect left it, if it is there still; `drained`: the last waiting job was claimed.
pub fn of(
    effect: &Effect,
    job_id: Option<&Arc<str>>,
    job: Option<&Job>,
    drained: bool,
    last_seq: u64,
) -> impl Iterator<Item = Event> {
    let id = || job_id.cloned().unwrap_or_default();
    let cause = match effect {
        Effect::Added(Added { name, .. }) => Some(EventKind::Added { job_id: id(), name: name.clone() }),
        Effect::Retried { run_at_us, reason, .. } => {
            Some(EventKind::Retrying { job_id: id(), error: reason.clone(), next_attempt_at: run_at_us / MS })
        }
        Effect::Stalled { .. } | Effect::Failed { kind: FinishKind::Stalled, .. } => {
            Some(EventKind::Stalled { job_id: id() })
        }
        _ => None,
    };
    let what = match effect {
        Effect::Progressed { progress, .. } => {
            Some(EventKind::Progress { job_id: id(), progress: progress.clone() })
        }
        Effect::Removed { told: true, .. } => Some(EventKind::Removed { job_id: id() }),
        Effect::Deduplicated { job_id, dedup } => {
            Some(EventKind::Deduplicated { job_id: job_id.clone(), deduplication_id: dedup.id.clone() })
        }
        Effect::Paused => Some(EventKind::Paused {}),
        Effect::Resumed => Some(EventKind::Resumed {}),
        _ if effect.events() > 0 => job.map(entry),
        _ => None,
    };
    let drained = drained.then_some(EventKind::Drained {});
    let first_seq = last_seq + 1 - effect.events() - u64::from(drained.is_some());
    cause.into_iter().chain(what).chain(drained).zip(first_seq..).map(|(kind, seq)| Event { seq, kind })
}

fn entry(job: &Job) -> EventKind {
    let job_id = job.id.clone();
    match &job.phase {
        Phase::Waiting { .. } => EventKind::Waiting { job_id },
        Phase::Delayed { run_at_us, .. } => EventKind::Delayed { job_id, run_at: run_at_us / MS },
        Phase::Active(_) => EventKind::Active { job_id, attempt: job.attempts_made + 1 },
        Phase::Completed { result, .. } => EventKind::Completed { job_id, result: result.clone() },
        Phase::Failed { kind, .. } => EventKind::Failed {
            job_id,
            failed_reason: job.failed_reason.clone().unwrap_or_default(),
            finish_kind: *kind,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::value::RawValue;

    #[test]
    fn an_event_is_the_json_that_the_facade_hands_to_listeners() {
        let result: Json = RawValue::from_string(r#"{"sent":[1, 2]}"#.into()).unwrap().into();
        let completed = Event { seq: 7, kind: EventKind::Completed { job_id: "a".into(), result } };
        assert_eq!(
            serde_json::to_string(&completed).unwrap(),
            r#"{"event":"completed","payload":{"seq":7,"jobId":"a","result":{"sent":[1, 2]}}}"#
        );
        let kind = FinishKind::Exhausted;
        let failed = EventKind::Failed { job_id: "a".into(), failed_reason: "no".into(), finish_kind: kind };
        assert_eq!(
            serde_json::to_string(&Event { seq: 8, kind: failed }).unwrap(),
            r#"{"event":"failed","payload":{"seq":8,"jobId":"a","failedReason":"no","finishKind":"exhausted"}}"#
        );
    }
}
