//! Jobs come in, or turn out to be duplicates.

use std::sync::Arc;

use redstart_core::clock::MS;
use redstart_core::queue::{Backoff, BackoffType, EventKind, JobOptions, Json, Retention, Terms};

use crate::model::{Answer, Holder, Job, Model, Stand};

const HOUR_MS: u64 = 3_600_000;

/// What a job says, else what the queue says, else what the documentation says.
fn terms(own: &JobOptions, queue: &JobOptions) -> Terms {
    let second = Backoff { kind: BackoffType::Exponential, delay: 1_000, max_delay: None, jitter: Some(0.5) };
    let an_hour = Retention { age: Some(HOUR_MS), count: Some(1_000), forever: false };
    let a_week = Retention { age: Some(7 * 24 * HOUR_MS), count: Some(10_000), forever: false };
    let none = JobOptions {
        job_id: own.job_id.clone(),
        delay: own.delay,
        run_at: own.run_at,
        expires_in: own.expires_in,
        deduplication: own.deduplication.clone(),
        ..JobOptions::default()
    };
    Terms {
        own: *own != none,
        attempts: own.attempts.or(queue.attempts).unwrap_or(3),
        backoff: own.backoff.or(queue.backoff).unwrap_or(second),
        priority: own.priority.or(queue.priority).unwrap_or(0),
        lifo: own.lifo.or(queue.lifo).unwrap_or(false),
        timeout_ms: own.timeout.or(queue.timeout),
        group: own.group.as_ref().or(queue.group.as_ref()).map(|group| group.id.as_str().into()),
        on_complete: own.remove_on_complete.or(queue.remove_on_complete).unwrap_or(an_hour),
        on_fail: own.remove_on_fail.or(queue.remove_on_fail).unwrap_or(a_week),
    }
}

impl Model {
    /// Waiting, or delayed where that instant is still to come.
    pub(crate) fn due_at(&self, run_at_us: u64) -> Stand {
        if run_at_us > self.now_us { Stand::Delayed { run_at_us } } else { Stand::Waiting { front: false } }
    }

    /// The id of the next job that says none.
    pub(crate) fn new_id(&self) -> Arc<str> {
        format!("n{}", self.last_number + 1).into()
    }

    pub(crate) fn add(&mut self, name: &str, data: &Json, own: &JobOptions) {
        let now_us = self.now_us;
        let delay_ms = own.delay.or(self.defaults.delay).unwrap_or(0);
        let run_at_us = own.run_at.map_or(now_us + delay_ms * MS, |at_ms| at_ms * MS);
        let expires_in = own.expires_in.or(self.defaults.expires_in);
        let number = self.last_number + 1;
        let mut job = Job {
            number,
            id: own.job_id.as_deref().map_or_else(|| self.new_id(), Into::into),
            name: name.into(),
            data: data.clone(),
            terms: terms(own, &self.defaults),
            stand: self.due_at(run_at_us),
            since_us: now_us,
            came: 0,
            added_us: now_us,
            processed_us: None,
            claims: 0,
            claims_before_retry: 0,
            retried: false,
            made: 0,
            stalled: 0,
            released: 0,
            snoozed: 0,
            failed_reason: None,
            progress: None,
            cancelled: None,
            expires_us: expires_in.map(|ms| now_us + ms * MS),
            dedup: None,
            log: Vec::new(),
            scheduler: None,
        };
        if let Some(found) = self.find(&job.id) {
            self.answer = Answer::Found(found.number);
            return;
        }
        if let Some(asked) = &own.deduplication {
            let id: Arc<str> = asked.id.as_str().into();
            let until_us = asked.ttl.map(|ms| now_us + ms * MS);
            self.holders.retain(|holder| holder.id != id || holder.until_us.is_none_or(|us| us > now_us));
            if let Some(at) = self.holders.iter().position(|holder| holder.id == id) {
                return self.duplicate(at, job, asked.replace, until_us.filter(|_| asked.extend));
            }
            let job_id = job.id.clone();
            self.holders.push(Holder { id: id.clone(), number, job_id, until_us });
            job.dedup = Some(id);
        }
        self.last_number = number;
        self.told.push(EventKind::Added { job_id: job.id.clone(), name: job.name.clone() });
        let stand = job.stand.clone();
        self.jobs.push(job);
        self.go(number, stand, true);
        self.answer = Answer::Added(number);
    }

    /// An add whose id is taken: it may replace the job that has it, if that never began, and begin its time anew.
    fn duplicate(&mut self, at: usize, new: Job, replaces: bool, until_us: Option<u64>) {
        let Holder { id, number, job_id, .. } = self.holders[at].clone();
        let there = self.job(number).cloned();
        self.answer = if there.is_some() { Answer::Found(number) } else { Answer::Gone(job_id.clone()) };
        if replaces && there.is_some_and(|there| there.is_pending() && there.claims == 0) {
            let there = self.job_mut(number);
            (there.name, there.data, there.terms) = (new.name, new.data, new.terms);
            there.expires_us = new.expires_us;
            self.go(number, new.stand, true);
        }
        let until = &mut self.holders[at].until_us;
        // What is held until its job has finished has no time to begin anew.
        *until = until.map(|until| until_us.unwrap_or(until));
        self.told.push(EventKind::Deduplicated { job_id, deduplication_id: id });
    }
}
