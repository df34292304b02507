//! A job comes in.
//!
//! What does not depend on the state (limits, defaults, copies of the texts) is prepared before the queue is
//! locked.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::dedup::{self, Dedup, Holder};
use super::effect::{Added, Effect, Replaced};
use super::job::{DeadLetter, Extra, bytes_added};
use super::json::Json;
use super::options::{JobOptions, QueueOptions};
use super::state::State;
use super::terms::{Deduplication, Terms};
use super::view::{JobState, JobView};
use crate::clock::{self, MS};
use crate::error::Result;
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

/// A job that failed for good, on its way to the dead-letter queue.
#[derive(Clone, Debug)]
pub struct Letter {
    /// What kind of job it was.
    pub name: Arc<str>,
    /// What the handler needed.
    pub data: Json,
    /// Where it comes from.
    pub from: DeadLetter,
}

/// A job that may be added, with its options settled.
#[derive(Clone, Debug)]
pub struct Prepared {
    id: Arc<str>,
    name: Arc<str>,
    data: Json,
    terms: Arc<Terms>,
    delay_ms: u64,
    run_at_ms: Option<u64>,
    expires_in_ms: Option<u64>,
    dedup: Option<Deduplication>,
    dead_letter: Option<Arc<DeadLetter>>,
}

impl Prepared {
    /// Bytes the job will take.
    pub fn bytes(&self) -> u64 {
        let dedup = self.dedup.as_ref().map(|dedup| &*dedup.id);
        let has_extra = dedup.is_some() || self.expires_in_ms.is_some() || self.dead_letter.is_some();
        let extra = if has_extra { Extra::bytes_added(dedup, self.dead_letter.as_deref()) } else { 0 };
        let held = dedup.map_or(0, |dedup| dedup::bytes(dedup, &self.id));
        bytes_added(&self.id, &self.name, &self.data, &self.terms) + extra + held
    }

    /// Whether it is a duplicate already, so that nothing comes.
    pub fn is_there(&self, state: &State, now_us: u64) -> bool {
        let held =
            |dedup: &Deduplication| state.dedups().get(&dedup.id).is_some_and(|holder| holder.holds(now_us));
        state.find(&self.id).is_some() || self.dedup.as_ref().is_some_and(held)
    }
}

/// What an add comes to: effects to apply, and the job that it is now.
#[derive(Clone, Debug)]
pub struct Decision {
    /// To be applied in order.
    pub effects: Vec<Effect>,
    /// Which job it is.
    pub job: Which,
}

/// The job of an add.
#[derive(Clone, Debug, PartialEq)]
pub enum Which {
    /// A new one.
    Added(u64),
    /// One that is there: the add was a duplicate.
    Found(u64),
    /// One that is gone, while adds still are its duplicates.
    Gone(Box<JobView>),
}

impl Decision {
    /// The number of a new job.
    pub fn number(&self) -> Option<u64> {
        match self.job {
            Which::Added(number) => Some(number),
            _ => None,
        }
    }
}

/// What most jobs of a queue have in common: the terms of its defaults, shared.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The queue's options.
    pub options: QueueOptions,
    terms: Arc<Terms>,
}

impl Shared {
    /// Of a queue with these options.
    pub fn new(options: QueueOptions) -> Self {
        let terms = Arc::new(JobOptions::default().terms(&options.default_job_options));
        Self { options, terms }
    }
}

/// The job with the queue's defaults, and with `new_id` where it has no id. Fails on impossible options and
/// on data over the queue's limit.
pub fn prepare(job: NewJob, queue: &Shared, new_id: impl FnOnce() -> String) -> Result<Prepared> {
    let NewJob { name, data, options } = job;
    options.check()?;
    queue.options.check_data(|| format!("job '{}'", Shown(&name)), &data)?;
    let defaults = &queue.options.default_job_options;
    let terms = if options.has_own_terms() { Arc::new(options.terms(defaults)) } else { queue.terms.clone() };
    Ok(Prepared {
        terms,
        delay_ms: options.delay_ms(defaults),
        run_at_ms: options.run_at,
        expires_in_ms: options.expires_in.or(defaults.expires_in),
        dedup: options.deduplication,
        id: options.job_id.unwrap_or_else(new_id).into(),
        name: name.into(),
        data: data.into(),
        dead_letter: None,
    })
}

/// The job of a dead-letter queue for one that failed in another: nothing of it is refused.
pub fn letter(letter: Letter, queue: &Shared, new_id: String) -> Prepared {
    let defaults = &queue.options.default_job_options;
    Prepared {
        id: new_id.into(),
        name: letter.name,
        data: letter.data,
        terms: queue.terms.clone(),
        delay_ms: defaults.delay.unwrap_or(0),
        run_at_ms: None,
        expires_in_ms: defaults.expires_in,
        dedup: None,
        dead_letter: Some(Arc::new(letter.from)),
    }
}

/// Adds the job, or finds the one that it is a duplicate of: the retained one with its id, whatever state that is in, or the
/// one that has its deduplication's id.
pub fn decide(state: &State, job: Prepared, now_us: u64) -> Decision {
    let number = state.next_number();
    let after = |ms: u64| clock::after(now_us, ms);
    let run_at_us = match job.run_at_ms {
        Some(at_ms) => Some(at_ms.saturating_mul(MS)),
        None => (job.delay_ms > 0).then(|| after(job.delay_ms)),
    };
    let run_at_us = run_at_us.filter(|&run_at_us| run_at_us > now_us);
    let expires_us = job.expires_in_ms.map(after);
    if let Some(found) = state.find(&job.id) {
        return Decision { effects: Vec::new(), job: Which::Found(found) };
    }
    let dedup = job
        .dedup
        .as_ref()
        .map(|asked| Dedup { id: asked.id.as_str().into(), until_us: asked.ttl.map(after) });
    let mut effects = Vec::new();
    if let (Some(asked), Some(dedup)) = (&job.dedup, &dedup)
        && let Some(holder) = state.dedups().get(&dedup.id)
    {
        if holder.holds(now_us) {
            let there = state.job(holder.number);
            let which = match there {
                Some(_) => Which::Found(holder.number),
                None => Which::Gone(Box::new(gone(holder, &job, now_us))),
            };
            if asked.replace && there.is_some_and(|there| there.is_pending() && there.epoch == 0) {
                let (name, data, terms) = (job.name, job.data, job.terms);
                let number = holder.number;
                effects.push(Effect::Replaced(Replaced {
                    number,
                    name,
                    data,
                    terms,
                    at_us: now_us,
                    run_at_us,
                    expires_us,
                }));
            }
            effects.push(duplicate(holder, asked, dedup));
            return Decision { effects, job: which };
        }
        effects.push(Effect::DedupOver { id: dedup.id.clone() });
    }
    let Prepared { id, name, data, terms, dead_letter, .. } = job;
    effects.push(Effect::Added(Added {
        number,
        id,
        name,
        data,
        terms,
        at_us: now_us,
        run_at_us,
        expires_us,
        dedup,
        dead_letter,
    }));
    Decision { effects, job: Which::Added(number) }
}

/// What is known of a job that is gone: its id, and what the duplicate has in common with it.
fn gone(holder: &Holder, duplicate: &Prepared, now_us: u64) -> JobView {
    JobView {
        id: holder.job_id.clone(),
        name: duplicate.name.clone(),
        data: duplicate.data.clone(),
        state: JobState::Completed,
        priority: duplicate.terms.priority,
        attempts_made: 0,
        attempt: 0,
        progress: None,
        failed_reason: None,
        finish_kind: None,
        timestamp: now_us / MS,
        processed_on: None,
        finished_on: None,
        dead_letter: None,
    }
}

fn duplicate(holder: &Holder, asked: &Deduplication, dedup: &Dedup) -> Effect {
    // What is held until its job has finished has no time that could begin anew.
    let until_us = if asked.extend { holder.until_us.and(dedup.until_us) } else { holder.until_us };
    Effect::Deduplicated { job_id: holder.job_id.clone(), dedup: Dedup { id: dedup.id.clone(), until_us } }
}
