//! Claims end, jobs finish and go.

use std::sync::Arc;

use redstart_core::clock::MS;
use redstart_core::queue::{
    Backoff, BackoffType, Change, Changed, EventKind, Finish, FinishKind, How, JobState, Json, Token,
};

use crate::model::{Answer, GIVEN_UP, Job, Model, Stand};
use crate::steps::Ending;

const DAY_MS: u64 = 86_400_000;

/// Milliseconds before the next attempt.
fn wait_ms(backoff: &Backoff, made: u32, random: f64) -> u64 {
    let doublings = if backoff.kind == BackoffType::Exponential { made - 1 } else { 0 };
    let wait_ms = (backoff.delay << doublings).min(backoff.max_delay.unwrap_or(DAY_MS));
    wait_ms - part(wait_ms, backoff.jitter.unwrap_or(0.0) * random)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "some seconds, and shares between 0 and 1"
)]
fn part(of_ms: u64, share: f64) -> u64 {
    (of_ms as f64 * share) as u64
}

impl Model {
    pub(crate) fn settle(&mut self, token: Token, ending: &Ending, random: f64) {
        let number = token.job;
        if !self.holds(token) {
            self.answer = Answer::Finished(Finish::LeaseLost);
            return;
        }
        if self.job(number).unwrap().cancelled.is_some() {
            self.fail_cancelled(number);
            self.answer = Answer::Finished(Finish::Failed);
            return;
        }
        self.answer = Answer::Finished(match ending {
            Ending::Complete(result) => {
                self.complete(number, result);
                Finish::Completed
            }
            Ending::Fail(how) => {
                let never = *how == How::Never;
                let kind = if never { FinishKind::Unrecoverable } else { FinishKind::Exhausted };
                let run_at_us = self.attempt_failed(number, "boom", *how, kind, random);
                run_at_us.map_or(Finish::Failed, |us| Finish::Retrying { next_attempt_at_ms: us / MS })
            }
            Ending::Snooze(delay_ms) => {
                self.job_mut(number).snoozed += 1;
                self.go(number, self.due_at(self.now_us + delay_ms * MS), true);
                Finish::Snoozed
            }
            Ending::Release => {
                self.release(number);
                Finish::Released
            }
        });
    }

    fn complete(&mut self, number: u64, result: &Json) {
        let job = self.job_mut(number);
        job.made += 1;
        job.failed_reason = None;
        self.finish(number, Stand::Completed { result: result.clone() });
    }

    /// An attempt failed: when the next one is; none: that was the last.
    pub(crate) fn attempt_failed(
        &mut self,
        number: u64,
        reason: &str,
        how: How,
        kind: FinishKind,
        random: f64,
    ) -> Option<u64> {
        let now_us = self.now_us;
        let job = self.job_mut(number);
        if job.cancelled.is_some() {
            self.fail_cancelled(number);
            return None;
        }
        let made = job.made + 1;
        let How::Again(given_ms) = how else {
            self.fail(number, kind, reason);
            return None;
        };
        if made >= job.terms.attempts {
            self.fail(number, kind, reason);
            return None;
        }
        job.made = made;
        job.failed_reason = Some(reason.into());
        let wait_ms = given_ms.unwrap_or_else(|| wait_ms(&job.terms.backoff, made, random));
        let run_at_us = now_us + wait_ms * MS;
        let (job_id, error) = (job.id.clone(), reason.into());
        self.told.push(EventKind::Retrying { job_id, error, next_attempt_at: run_at_us / MS });
        self.go(number, self.due_at(run_at_us), true);
        Some(run_at_us)
    }

    fn fail_cancelled(&mut self, number: u64) {
        let reason = self.job(number).unwrap().cancelled.clone().unwrap();
        self.fail(number, FinishKind::Cancelled, &reason);
    }

    /// For good. What ends a claim counts as an attempt, or where its worker was lost as a stall.
    pub(crate) fn fail(&mut self, number: u64, kind: FinishKind, reason: &str) {
        let job = self.job_mut(number);
        let stalled = kind == FinishKind::Stalled;
        if job.is_active() {
            job.made += u32::from(!stalled);
            job.stalled += u32::from(stalled);
        }
        job.failed_reason = Some(reason.into());
        let job_id = job.id.clone();
        if stalled {
            self.told.push(EventKind::Stalled { job_id });
        }
        self.finish(number, Stand::Failed { kind });
    }

    /// Frees the id that was its own until now, and lets go of those of its outcome that are too many.
    fn finish(&mut self, number: u64, stand: Stand) {
        self.go(number, stand, true);
        self.holders.retain(|holder| holder.number != number || holder.until_us.is_some());
        let retention = self.job(number).unwrap().retention();
        let Some(count) = retention.count.filter(|_| !retention.forever) else { return };
        if count == 0 {
            return self.remove(number, false);
        }
        let state = self.job(number).unwrap().state();
        while let passing = self.passing(state)
            && passing.len() as u64 > count
        {
            self.remove(passing[0], false);
        }
    }

    /// Finished jobs that need not stay, the oldest first.
    pub(crate) fn passing(&self, state: JobState) -> Vec<u64> {
        let passing = self.of(state).into_iter().filter(|job| !job.retention().forever);
        passing.map(|job| job.number).collect()
    }

    pub(crate) fn release(&mut self, number: u64) {
        let job = self.job_mut(number);
        if job.cancelled.is_some() {
            return self.fail_cancelled(number);
        }
        job.released += 1;
        self.go(number, Stand::Waiting { front: true }, false);
    }

    /// It lost its worker.
    pub(crate) fn stall(&mut self, number: u64) {
        let job = self.job_mut(number);
        let Stand::Active { stalls_allowed, .. } = job.stand else { return };
        if job.cancelled.is_some() {
            return self.fail_cancelled(number);
        }
        if job.stalled >= stalls_allowed {
            return self.fail(number, FinishKind::Stalled, GIVEN_UP);
        }
        job.stalled += 1;
        let job_id = job.id.clone();
        self.told.push(EventKind::Stalled { job_id });
        self.go(number, Stand::Waiting { front: true }, false);
    }

    /// It is gone; who removes it by hand frees its id at once.
    pub(crate) fn remove(&mut self, number: u64, by_hand: bool) {
        let at = self.jobs.iter().position(|job| job.number == number).unwrap();
        let job = self.jobs.remove(at);
        self.holders.retain(|holder| holder.number != number || !by_hand && holder.until_us.is_some());
        self.groups_come_and_go();
        if by_hand {
            self.told.push(EventKind::Removed { job_id: job.id });
        }
    }

    pub(crate) fn change(&mut self, id: &str, change: &Change) {
        self.answer = Answer::Changed(match self.find(id).cloned() {
            Some(job) => self.change_job(&job, change),
            None => Changed::Absent,
        });
    }

    fn change_job(&mut self, job: &Job, change: &Change) -> Changed {
        let number = job.number;
        match change {
            Change::Retry if job.is_finished() => self.restart(number),
            Change::Promote if matches!(job.stand, Stand::Delayed { .. }) => {
                self.go(number, Stand::Waiting { front: false }, true);
            }
            Change::Remove if !job.is_active() => self.remove(number, true),
            Change::Cancel { .. } if job.is_finished() => return Changed::Absent,
            Change::Cancel { reason } => {
                let reason: Arc<str> = reason.as_deref().unwrap_or("cancelled").into();
                if job.is_pending() {
                    self.fail(number, FinishKind::Cancelled, &reason);
                } else {
                    self.job_mut(number).cancelled.get_or_insert(reason);
                }
            }
            _ => return Changed::NotNow,
        }
        Changed::Done
    }

    /// All begins anew, but that its ids are others' if somebody took them.
    pub(crate) fn restart(&mut self, number: u64) {
        let job = self.job_mut(number);
        job.claims_before_retry = job.claims;
        job.retried = true;
        (job.made, job.stalled, job.released, job.snoozed) = (0, 0, 0, 0);
        (job.cancelled, job.progress, job.expires_us) = (None, None, None);
        self.go(number, Stand::Waiting { front: false }, true);
    }
}
