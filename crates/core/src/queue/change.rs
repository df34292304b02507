//! What a person does to one job: retry, promote, remove, cancel.

use std::sync::Arc;

use super::effect::Effect;
use super::failure::{Failure, FinishKind};
use super::job::{Job, Phase};
use super::state::State;
use crate::key::Shown;

/// The longest reason kept of a cancel, in bytes.
const REASON_BYTES_MAX: usize = 8 * 1024;
/// The code of a cancelled job's error.
const CODE_CANCELLED: &str = "ERR_JOB_CANCELLED";

/// What to do to a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A finished job waits again, at the back, with all counts anew.
    Retry,
    /// A delayed job waits now, at the back.
    Promote,
    /// A job that is not active goes.
    Remove,
    /// A job that has not begun fails now; an active one however its handler ends.
    Cancel {
        /// Why.
        reason: Option<String>,
    },
}

/// What it came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changed {
    /// It is done.
    Done,
    /// There is no such job; for a cancel: none that is unfinished.
    Absent,
    /// The job is not in a state for that.
    NotNow,
}

/// Makes the change, or says why not. A job that was cancelled already is, without an effect.
pub fn decide(state: &State, number: u64, change: Change, now_us: u64) -> (Changed, Option<Effect>) {
    let Some(job) = state.job(number) else {
        return (Changed::Absent, None);
    };
    let effect = match (change, &job.phase) {
        (Change::Retry, Phase::Completed { .. } | Phase::Failed { .. }) => {
            Effect::Restarted { number, at_us: now_us }
        }
        (Change::Promote, Phase::Delayed { .. }) => Effect::Promoted { number, at_us: now_us },
        (Change::Remove, Phase::Active(_)) | (Change::Retry | Change::Promote, _) => {
            return (Changed::NotNow, None);
        }
        (Change::Remove, _) => Effect::Removed { number, told: true },
        (Change::Cancel { .. }, Phase::Completed { .. } | Phase::Failed { .. }) => {
            return (Changed::Absent, None);
        }
        (Change::Cancel { .. }, Phase::Active(_)) if job.cancelled().is_some() => {
            return (Changed::Done, None);
        }
        (Change::Cancel { reason }, Phase::Active(_)) => {
            Effect::CancelRequested { number, reason: text(reason) }
        }
        (Change::Cancel { reason }, Phase::Waiting { .. } | Phase::Delayed { .. }) => {
            cancelled(number, &text(reason), now_us)
        }
    };
    (Changed::Done, Some(effect))
}

fn text(reason: Option<String>) -> Arc<str> {
    let mut reason = reason.filter(|reason| !reason.is_empty()).unwrap_or_else(|| "cancelled".into());
    reason.truncate(reason.floor_char_boundary(REASON_BYTES_MAX));
    reason.into()
}

/// The end of a cancelled job.
pub(super) fn cancelled(number: u64, reason: &Arc<str>, now_us: u64) -> Effect {
    let failure = Failure {
        name: "Error".into(),
        message: reason.to_string(),
        stack: None,
        code: Some(CODE_CANCELLED.into()),
    };
    Effect::Failed { number, at_us: now_us, kind: FinishKind::Cancelled, failure: Arc::new(failure) }
}

/// What a job fails with that the queue itself gives up.
pub(super) fn given_up(job: &Job, what: &str, code: Option<&str>) -> Failure {
    Failure {
        name: "Error".into(),
        message: format!("job '{}' {what}", Shown(&job.id)),
        stack: None,
        code: code.map(Into::into),
    }
}
