//! What listeners hear, against what happened.

use std::collections::HashMap;
use std::sync::Arc;

use redstart_core::queue::event::Event;
use redstart_core::queue::{EventKind, FinishKind, JobState, JobView, State};

use crate::model::GIVEN_UP;

/// The number of the last event, and the last state that was told of each job.
#[derive(Default)]
pub(crate) struct Heard {
    last_seq: u64,
    states: HashMap<Arc<str>, &'static str>,
}

/// The texts that the queue itself gives up a job with are not the model's; they name the job.
pub(crate) fn reason(text: &Arc<str>) -> Arc<str> {
    if text.starts_with("job '") { GIVEN_UP.into() } else { text.clone() }
}

pub(crate) fn view(view: JobView) -> JobView {
    JobView { failed_reason: view.failed_reason.as_ref().map(reason), ..view }
}

pub(crate) fn kind(event: &Event) -> EventKind {
    match event.kind.clone() {
        EventKind::Failed { job_id, failed_reason, finish_kind } => {
            EventKind::Failed { job_id, failed_reason: reason(&failed_reason), finish_kind }
        }
        EventKind::Retrying { job_id, error, next_attempt_at } => {
            EventKind::Retrying { job_id, error: reason(&error), next_attempt_at }
        }
        other => other,
    }
}

impl Heard {
    /// I18: the numbers of events have no gap, and each job goes only where the drawing in the queue's module lets it go.
    /// I6: it completes or fails once, from a claim or before any; what comes after that is a retry by hand.
    pub(crate) fn hear(&mut self, events: &[Event]) {
        for event in events {
            assert_eq!(event.seq, self.last_seq + 1, "I18: a gap before {event:?}");
            self.last_seq = event.seq;
            let name = event.kind.name();
            let (id, from) = match &event.kind {
                EventKind::Added { job_id, .. } => {
                    self.states.insert(job_id.clone(), name);
                    continue;
                }
                EventKind::Removed { job_id } => {
                    self.states.remove(job_id).expect("I18: it was there");
                    continue;
                }
                EventKind::Waiting { job_id } => {
                    (job_id, &["added", "waiting", "delayed", "active", "completed", "failed"][..])
                }
                EventKind::Delayed { job_id, .. } => (job_id, &["added", "waiting", "delayed", "active"][..]),
                EventKind::Active { job_id, .. } => (job_id, &["waiting"][..]),
                EventKind::Completed { job_id, .. } => (job_id, &["active"][..]),
                EventKind::Failed { job_id, finish_kind, .. } => (
                    job_id,
                    match finish_kind {
                        FinishKind::Expired => &["waiting", "delayed"][..],
                        FinishKind::Cancelled => &["waiting", "delayed", "active"][..],
                        _ => &["active"][..],
                    },
                ),
                _ => continue,
            };
            let before = self.states.insert(id.clone(), name);
            assert!(before.is_some_and(|before| from.contains(&before)), "I18: {before:?}, then {event:?}");
        }
    }

    /// I18: what was told last of each job is where it is.
    pub(crate) fn check<'a>(&self, state: &State, jobs: impl Iterator<Item = (&'a Arc<str>, JobState)>) {
        assert_eq!(self.last_seq, state.last_seq(), "I18: every event was told");
        for (id, state) in jobs {
            let name = match state {
                JobState::Waiting | JobState::Prioritized => "waiting",
                JobState::Delayed => "delayed",
                JobState::Active => "active",
                JobState::Completed => "completed",
                JobState::Failed => "failed",
            };
            assert_eq!(self.states.get(id), Some(&name), "I18: the last that was told of '{id}'");
        }
    }
}
