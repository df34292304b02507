//! A job comes in.
//!
//! What does not depend on the state (limits, defaults, copies of the texts) is prepared before the queue is
//! locked.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::effect::{Added, Effect};
use super::job::bytes_added;
use super::json::Json;
use super::options::{Backoff, JobOptions, QueueOptions};
use super::state::State;
use crate::clock::MS;
use crate::error::{Error, Result};
use crate::key::Shown;

/// A job to add.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// What kind of job it is; for handlers and people.
    pub name: String,
    /// What the handler needs, as JSON.
    pub data: Box<RawValue>,
    /// What differs from the queue's defaults.
    pub options: JobOptions,
}

/// A job that may be added, with its options settled.
#[derive(Clone, Debug)]
pub struct Prepared {
    id: Arc<str>,
    name: Arc<str>,
    data: Json,
    attempts: u32,
    backoff: Backoff,
    delay_ms: u64,
}

impl Prepared {
    /// Bytes the job will take.
    pub fn bytes(&self) -> u64 {
        bytes_added(&self.id, &self.name, &self.data)
    }
}

/// What an add comes to.
#[derive(Clone, Debug)]
pub enum Decision {
    /// A job with this id is retained: its number.
    Found(u64),
    /// A new job.
    Add(Effect),
}

/// The job with the queue's defaults, and with `new_id` where it has no id. Fails on impossible options and
/// on data over the queue's limit.
pub fn prepare(job: NewJob, queue: &QueueOptions, new_id: impl FnOnce() -> String) -> Result<Prepared> {
    let NewJob { name, data, options } = job;
    options.check()?;
    let (size, limit) = (data.get().len(), usize::try_from(queue.max_data_size).unwrap_or(usize::MAX));
    if size > limit {
        let what = format!("the data of job '{}'", Shown(&name));
        return Err(Error::TooLarge {
            what,
            size,
            limit,
            remedy: "store it elsewhere and pass a reference, or raise maxDataSize",
        });
    }
    let defaults = &queue.default_job_options;
    Ok(Prepared {
        attempts: options.attempts(defaults),
        backoff: options.backoff(defaults),
        delay_ms: options.delay_ms(defaults),
        id: options.job_id.unwrap_or_else(new_id).into(),
        name: name.into(),
        data: data.into(),
    })
}

/// Adds the job, or finds the retained one with its id, whatever state that is in.
pub fn decide(state: &State, job: Prepared, now_us: u64) -> Decision {
    if let Some(number) = state.find(&job.id) {
        return Decision::Found(number);
    }
    let run_at_us = (job.delay_ms > 0).then(|| now_us.saturating_add(job.delay_ms.saturating_mul(MS)));
    Decision::Add(Effect::Added(Added {
        number: state.next_number(),
        id: job.id,
        name: job.name,
        data: job.data,
        attempts: job.attempts,
        backoff: job.backoff,
        at_us: now_us,
        run_at_us,
    }))
}
