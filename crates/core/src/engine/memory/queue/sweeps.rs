//! What touches many jobs: one step of it a call, under the queue's lock.

use std::sync::Arc;

use super::inner::{Inner, removed_unfinished};
use crate::error::{Error, Result};
use crate::queue::sweep::{self, STEP_MAX, Step};
use crate::queue::{Effect, JobState, LeaseEnd, State};

impl Inner {
    pub(super) fn drain(&mut self) -> Result<Step<u64>> {
        let removed = self.sweep(usize::MAX, |inner| sweep::drain(&inner.state))?;
        Ok(Step { done: removed.done.len() as u64, more: removed.more })
    }

    pub(super) fn clean(
        &mut self,
        of: JobState,
        older_than_ms: u64,
        limit: usize,
        now_us: u64,
    ) -> Result<Step<Vec<Arc<str>>>> {
        self.sweep(limit, |inner| sweep::clean(&inner.state, of, older_than_ms, now_us))
    }

    pub(super) fn retry_failed(&mut self, limit: usize, now_us: u64) -> Result<Step<u64>> {
        let retried = self.sweep(limit, |inner| sweep::retry_failed(&inner.state, now_us))?;
        Ok(Step { done: retried.done.len() as u64, more: retried.more })
    }

    /// What there was, for the caller to free without the lock.
    pub(super) fn obliterate(&mut self, force: bool) -> Result<State> {
        self.check_open()?;
        let active = self.state.order().count(JobState::Active);
        if active > 0 && !force {
            let are = if active == 1 { "job is" } else { "jobs are" };
            return Err(Error::InvalidState(format!(
                "{active} {are} active in queue '{}'; wait for them, or obliterate({{ force: true }}), which aborts them",
                self.name
            )));
        }
        self.tell_all_leases_lost();
        self.waiters.answer_all(&mut self.outbox, |_| Err(removed_unfinished(&self.name)));
        Ok(self.record_obliterated())
    }

    /// Commits what `next` says, a step of it and at most `limit`: the ids of the jobs.
    fn sweep(&mut self, limit: usize, next: impl Fn(&Self) -> Option<Effect>) -> Result<Step<Vec<Arc<str>>>> {
        self.check_open()?;
        let mut ids = Vec::new();
        for _ in 0..STEP_MAX.min(limit) {
            let Some(effect) = next(self) else {
                break;
            };
            let job = effect.number().and_then(|number| self.state.job(number));
            ids.extend(job.map(|job| job.id.clone()));
            self.take_away(&effect, LeaseEnd::Lost);
        }
        Ok(Step { more: ids.len() < limit && next(self).is_some(), done: ids })
    }
}
