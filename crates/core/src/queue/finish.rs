//! A claim is settled: completed, failed, put off or given back.
//!
//! Only the token of the present claim settles it. A worker that comes late, after its job was given to
//! another one, changes nothing: its token's epoch is over. A lease that has run out but was not reaped yet
//! still settles: the work is done, and nobody else has begun it.
//!
//! A job that was cancelled meanwhile has failed, however its attempt ended.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::backoff;
use super::change;
use super::effect::Effect;
use super::failure::{Failure, FinishKind};
use super::job::Job;
use super::json::Json;
use super::options::QueueOptions;
use super::state::State;
use super::worker::Token;
use crate::clock::{self, MS};
use crate::error::Result;

/// The longest text kept of an error (message, stack, name, code each), in bytes: errors may quote whole
/// documents.
const FAILURE_TEXT_BYTES_MAX: usize = 32 * 1024;
/// The longest line kept of a job's log, in bytes.
const LINE_BYTES_MAX: usize = 8 * 1024;

/// How an attempt ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The handler returned this, as JSON.
    Completed(Box<RawValue>),
    /// The handler threw.
    Failed {
        /// The error.
        failure: Failure,
        /// What is to follow.
        how: How,
    },
    /// The handler asks to run again later; no attempt lost.
    Snoozed {
        /// Milliseconds.
        delay_ms: u64,
    },
    /// The worker gives the job back: to the front, no attempt lost.
    Released,
}

/// What is to follow a failed attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Another, while attempts are left, after so many milliseconds; none: as the job's backoff says.
    Again(Option<u64>),
    /// None: no further attempt could mend it.
    Never,
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
    /// The job runs again later.
    Snoozed,
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
    Failed { failure: Failure, how: How },
    Snoozed { delay_ms: u64 },
    Released,
}

/// Copies and checks what does not depend on the state, before the queue is locked. Fails on a result over
/// the queue's limit: the attempt is then still the worker's, to fail it.
pub fn prepare(outcome: Outcome, options: &QueueOptions) -> Result<Prepared> {
    Ok(Prepared(match outcome {
        Outcome::Completed(result) => return completed(result.into(), options),
        Outcome::Failed { failure, how } => Kept::Failed { failure: cut(failure), how },
        Outcome::Snoozed { delay_ms } => Kept::Snoozed { delay_ms },
        Outcome::Released => Kept::Released,
    }))
}

/// As [`prepare`] for a claim that completed.
pub fn completed(result: Json, options: &QueueOptions) -> Result<Prepared> {
    let remedy = "store it elsewhere and return a reference, or raise maxDataSize";
    options.check_size(|| "a job's result".into(), &result, remedy)?;
    Ok(Prepared(Kept::Completed(result)))
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
    let Some(job) = held(state, token) else {
        return (Finish::LeaseLost, None);
    };
    let number = token.job;
    let effect = match (job.cancelled(), outcome.0) {
        (Some(reason), _) => change::cancelled(number, reason, now_us),
        (None, Kept::Completed(result)) => Effect::Completed { number, at_us: now_us, result },
        (None, Kept::Released) => Effect::Released { number, at_us: now_us },
        (None, Kept::Snoozed { delay_ms }) => {
            Effect::Snoozed { number, at_us: now_us, run_at_us: clock::after(now_us, delay_ms) }
        }
        (None, Kept::Failed { failure, how }) => {
            let kind = if how == How::Never { FinishKind::Unrecoverable } else { FinishKind::Exhausted };
            attempt_failed(number, job, failure, how, kind, random, now_us)
        }
    };
    let finish = match &effect {
        Effect::Completed { .. } => Finish::Completed,
        Effect::Released { .. } => Finish::Released,
        Effect::Snoozed { .. } => Finish::Snoozed,
        Effect::Retried { run_at_us, .. } => Finish::Retrying { next_attempt_at_ms: run_at_us / MS },
        _ => Finish::Failed,
    };
    (finish, Some(effect))
}

/// What becomes of an active job whose attempt failed: another, or `kind` where there is none.
pub(super) fn attempt_failed(
    number: u64,
    job: &Job,
    failure: Failure,
    how: How,
    kind: FinishKind,
    random: f64,
    now_us: u64,
) -> Effect {
    if let Some(reason) = job.cancelled() {
        return change::cancelled(number, reason, now_us);
    }
    let attempts_made = job.attempts_made + 1;
    match how {
        How::Again(given_ms) if attempts_made < job.terms.attempts => {
            let wait_ms =
                given_ms.unwrap_or_else(|| backoff::wait_ms(&job.terms.backoff, attempts_made, random));
            let run_at_us = clock::after(now_us, wait_ms);
            Effect::Retried { number, at_us: now_us, run_at_us, reason: failure.message.into() }
        }
        _ => Effect::Failed { number, at_us: now_us, kind, failure: Arc::new(failure) },
    }
}

/// What the handler of a claimed job says; none where the token is no longer valid.
pub fn progress(state: &State, token: Token, progress: Json) -> Option<Effect> {
    held(state, token).map(|_| Effect::Progressed { number: token.job, progress })
}

/// A line that the handler of a claimed job leaves, cut to 8 KB; none where the token is no longer valid.
pub fn log(state: &State, token: Token, line: &str) -> Option<Effect> {
    let line = &line[..line.floor_char_boundary(LINE_BYTES_MAX)];
    held(state, token).map(|_| Effect::Logged { number: token.job, line: line.into() })
}

/// The job that `token` settles.
fn held(state: &State, token: Token) -> Option<&Job> {
    let job = state.job(token.job)?;
    let holds = job.epoch == token.epoch && job.claim()?.nonce == token.nonce;
    holds.then_some(job)
}
