//! The errors of jobs: what an attempt failed with, and why a job failed for good.

use serde::{Deserialize, Serialize};

use crate::error::JobFailure;

pub use crate::error::Failure;

impl Failure {
    /// Bytes of its texts.
    pub(super) fn bytes(&self) -> usize {
        let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        self.name.len() + self.message.len() + optional(&self.stack) + optional(&self.code)
    }

    /// The same with how the job ended, for [`crate::Error::JobFailed`].
    pub fn with_kind(&self, kind: FinishKind) -> JobFailure {
        JobFailure { finish_kind: kind.name(), failure: self.clone() }
    }
}

/// Why a job failed for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FinishKind {
    /// Its last attempt failed.
    Exhausted,
    /// An attempt failed in a way that no further one could mend.
    Unrecoverable,
    /// It lost its worker more often than that worker allowed.
    Stalled,
    /// Its last attempt ran for longer than it may.
    Timeout,
    /// Someone cancelled it.
    Cancelled,
    /// It had not begun in time.
    Expired,
}

impl FinishKind {
    /// As callers see it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exhausted => "exhausted",
            Self::Unrecoverable => "unrecoverable",
            Self::Stalled => "stalled",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}
