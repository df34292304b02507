//! What can go wrong, as the caller sees it.
//!
//! A code exists only where a caller would act differently; the message names the thing, the limit and the
//! remedy. A denied limit, an unknown session and a cache miss are answers, not errors.

use serde::{Deserialize, Serialize};

use crate::key::Shown;

/// The result of a core operation.
pub type Result<T> = std::result::Result<T, Error>;

/// An error with a stable [`code`](Error::code); the message is for people.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// An argument that can never be right.
    #[error("{0}")]
    InvalidArg(String),
    /// A name was asked for before anyone gave its options.
    #[error("{feature} '{name}' has no options yet; pass {remedy}")]
    NotDefined {
        /// 'cache', 'sessions', 'limiter'.
        feature: &'static str,
        /// The name asked for.
        name: String,
        /// The options that the first call must give, as one would type them.
        remedy: &'static str,
    },
    /// A name was asked for again with other options.
    #[error(
        "{what} was opened with {first} at {origin} and is now asked for with {second}; \
         give the same options, leave them out, or open the store with onOptionsConflict: 'keep'"
    )]
    OptionsConflict {
        /// The feature and its name, or the store.
        what: String,
        /// The differing options as first given.
        first: String,
        /// The differing options as given now.
        second: String,
        /// Where the first options were given.
        origin: String,
    },
    /// Something that is no longer, or never was, there.
    #[error("{0}")]
    NotFound(String),
    /// A call that the present state does not allow.
    #[error("{0}")]
    InvalidState(String),
    /// The job whose result was asked for failed for good.
    #[error("job {id} failed ({kind}): {message}", id = Shown(id), kind = failure.finish_kind, message = failure.failure.message)]
    JobFailed {
        /// The job.
        id: String,
        /// How and with which error.
        failure: Box<JobFailure>,
    },
    /// The handle was closed.
    #[error("{0}")]
    Closed(String),
    /// A value over its limit.
    #[error("{what} is {size} bytes, the limit is {limit}; {remedy}")]
    TooLarge {
        /// What was too large, with its key or name.
        what: String,
        /// Its size in bytes.
        size: usize,
        /// The limit in bytes.
        limit: usize,
        /// What to change.
        remedy: &'static str,
    },
    /// The store's `maxMemory` is used up.
    #[error(
        "the store holds {used} of {limit} bytes that may not be evicted (sessions, jobs, limiter keys) and cannot \
         take {asked} more; remove some, let some expire, or raise maxMemory"
    )]
    StoreFull {
        /// Bytes asked for.
        asked: u64,
        /// Bytes in use.
        used: u64,
        /// The cap.
        limit: u64,
    },
    /// Something bounded by a number of its own has no room left.
    #[error("{0}")]
    Full(String),
    /// A wait ended before its event.
    #[error("{0}")]
    Timeout(String),
    /// A broken invariant of redstart itself.
    #[error("{0}")]
    Internal(String),
}

/// How and with which error a job failed for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JobFailure {
    /// 'exhausted', 'unrecoverable' or 'stalled'.
    pub finish_kind: &'static str,
    /// The error of its last attempt.
    #[serde(flatten)]
    pub failure: Failure,
}

/// The error that an attempt failed with, as the handler's thread reported it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// The error's name, such as `TypeError`.
    pub name: String,
    /// The error's message.
    pub message: String,
    /// The error's stack, where it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stack: Option<String>,
    /// The error's `code`, where it had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl Error {
    /// The stable name that callers switch on.
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidArg(_) => "ERR_INVALID_ARG",
            Self::NotDefined { .. } => "ERR_NOT_DEFINED",
            Self::OptionsConflict { .. } => "ERR_OPTIONS_CONFLICT",
            Self::NotFound(_) => "ERR_NOT_FOUND",
            Self::InvalidState(_) => "ERR_INVALID_STATE",
            Self::JobFailed { .. } => "ERR_JOB_FAILED",
            Self::Closed(_) => "ERR_CLOSED",
            Self::TooLarge { .. } => "ERR_TOO_LARGE",
            Self::StoreFull { .. } | Self::Full(_) => "ERR_STORE_FULL",
            Self::Timeout(_) => "ERR_TIMEOUT",
            Self::Internal(_) => "ERR_INTERNAL",
        }
    }

    /// Whether the same call may succeed later without a change.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::StoreFull { .. } | Self::Full(_) | Self::Timeout(_))
    }

    /// The failure to rebuild as `cause`, where there is one.
    pub fn job_failure(&self) -> Option<&JobFailure> {
        match self {
            Self::JobFailed { failure, .. } => Some(failure),
            _ => None,
        }
    }
}
