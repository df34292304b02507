//! A claim is settled: completed, failed or given back.
//!
//! Only the token of the present claim settles it. A worker that comes late, after its job was given to
//! another one, changes nothing: its token's epoch is over. A lease that has run out but was not reaped yet
//! still settles: the work is done, and nobody else has begun it.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::backoff;
use super::effect::Effect;
use super::failure::{Failure, FinishKind};
use super::job::Job;
use super::json::Json;
use super::options::QueueOptions;
use super::state::State;
use super::worker::Token;
use crate::clock::MS;
use crate::error::{Error, Result};

/// The longest text kept of an error (message, stack, name, code each), in bytes: errors may quote whole
/// documents.
const FAILURE_TEXT_BYTES_MAX: usize = 32 * 1024;

/// How an attempt ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The handler returned this, as JSON.
    Completed(Box<RawValue>),
    /// The handler threw.
    Failed {
        /// The error.
        failure: Failure,
        /// No further attempt could mend it.
        unrecoverable: bool,
    },
    /// The worker gives the job back: to the front, no attempt lost.
    Released,
}

/// What settling a claim came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finish {
    /// The job is done.
    Completed,
    /// The attempt failed and another follows.
    Retrying {
        /// When, in milliseconds since the epoch.
        next_attempt_at_ms: u64,
    },
    /// The job failed for good.
    Failed,
    /// The job waits at the front.
    Released,
    /// The token is not, or no longer, that of the job's claim; nothing changed.
    LeaseLost,
}

/// An outcome that the queue can keep.
#[derive(Clone, Debug)]
pub struct Prepared(Kept);

#[derive(Clone, Debug)]
enum Kept {
    Completed(Json),
    Failed { failure: Failure, unrecoverable: bool },
    Released,
}

/// Copies and checks what does not depend on the state, before the queue is locked. Fails on a result over
/// the queue's limit: the attempt is then still the worker's, to fail it.
pub fn prepare(outcome: Outcome, options: &QueueOptions) -> Result<Prepared> {
    Ok(Prepared(match outcome {
        Outcome::Completed(result) => {
            let (size, limit) =
                (result.get().len(), usize::try_from(options.max_data_size).unwrap_or(usize::MAX));
            if size > limit {
                let what = "a job's result".to_owned();
                let remedy = "store it elsewhere and return a reference, or raise maxDataSize";
                return Err(Error::TooLarge { what, size, limit, remedy });
            }
            Kept::Completed(result.into())
        }
        Outcome::Failed { failure, unrecoverable } => Kept::Failed { failure: cut(failure), unrecoverable },
        Outcome::Released => Kept::Released,
    }))
}

fn cut(failure: Failure) -> Failure {
    let text = |mut text: String| {
        text.truncate(text.floor_char_boundary(FAILURE_TEXT_BYTES_MAX));
        text
    };
    let optional = |given: Option<String>| given.filter(|given| !given.is_empty()).map(text);
    Failure {
        name: text(failure.name),
        message: text(failure.message),
        stack: optional(failure.stack),
        code: optional(failure.code),
    }
}

/// Settles the claim that `token` stands for. `random` in 0..1 is the jitter of a wait, drawn by the caller.
pub fn decide(
    state: &State,
    token: Token,
    outcome: Prepared,
    random: f64,
    now_us: u64,
) -> (Finish, Option<Effect>) {
    let Some(job) = state.job(token.job).filter(|job| holds(job, token)) else {
        return (Finish::LeaseLost, None);
    };
    let number = token.job;
    let (finish, effect) = match outcome.0 {
        Kept::Completed(result) => (Finish::Completed, Effect::Completed { number, at_us: now_us, result }),
        Kept::Released => (Finish::Released, Effect::Released { number, at_us: now_us }),
        Kept::Failed { failure, unrecoverable } => {
            let attempts_made = job.attempts_made + 1;
            if unrecoverable || attempts_made >= job.attempts {
                let kind = if unrecoverable { FinishKind::Unrecoverable } else { FinishKind::Exhausted };
                (Finish::Failed, Effect::Failed { number, at_us: now_us, kind, failure: Arc::new(failure) })
            } else {
                let wait_ms = backoff::wait_ms(&job.backoff, attempts_made, random);
                let run_at_us = now_us.saturating_add(wait_ms.saturating_mul(MS));
                let retried =
                    Effect::Retried { number, at_us: now_us, run_at_us, reason: failure.message.into() };
                (Finish::Retrying { next_attempt_at_ms: run_at_us / MS }, retried)
            }
        }
    };
    (finish, Some(effect))
}

fn holds(job: &Job, token: Token) -> bool {
    job.claim().is_some_and(|claim| claim.nonce == token.nonce) && job.epoch == token.epoch
}
