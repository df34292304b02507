//! A recount of everything a state keeps beside its jobs. For tests, after each step; it costs as much as the
//! queue is long.

use std::collections::BTreeSet;
use std::collections::HashSet;

use super::job::{Job, Phase};
use super::order::Order;
use super::state::State;

impl State {
    /// What is wrong with the state, when something is: an index, counter or sum that the jobs do not bear
    /// out, or a job whose counters contradict each other.
    pub fn check(&self) -> Result<(), String> {
        let mut order = Order::default();
        let mut bytes = 0;
        for (number, job) in self.jobs.iter() {
            order.insert(number, job);
            bytes += job.bytes();
            if self.find(&job.id) != Some(number) {
                return Err(format!("job {number} is not found by its id '{}'", job.id));
            }
            check_job(number, job)?;
        }
        self.order.check_against(&order)?;
        if self.jobs.ids() != self.jobs.len() {
            return Err(format!("{} ids for {} jobs", self.jobs.ids(), self.jobs.len()));
        }
        bytes += self.check_logs()?;
        bytes += self.check_schedulers()?;
        if bytes != self.bytes {
            return Err(format!("{} bytes counted, there are {bytes}", self.bytes));
        }
        self.check_dedups()
    }

    fn check_logs(&self) -> Result<u64, String> {
        if let Some(number) = self.logs.keys().find(|&&number| self.jobs.get(number).is_none()) {
            return Err(format!("job {number} is gone and has a log"));
        }
        let passing: u64 = self.logs.keys().map(|&number| self.passing_log(number)).sum();
        if passing != self.passing_log_bytes {
            return Err(format!("{} bytes of logs may go, there are {passing}", self.passing_log_bytes));
        }
        Ok(self.logs.values().flatten().map(Self::line_bytes).sum())
    }

    fn check_schedulers(&self) -> Result<u64, String> {
        let may = self.schedulers.iter().filter(|(_, scheduler)| self.may_tick(scheduler));
        let due = may.filter_map(|(id, scheduler)| Some((scheduler.next_us?, id.clone())));
        if due.collect::<BTreeSet<_>>() != self.scheduled {
            return Err(format!("the schedulers are due otherwise than {:?}", self.scheduled));
        }
        Ok(self.schedulers.iter().map(|(id, scheduler)| scheduler.bytes(id)).sum())
    }

    /// No id is held without a time by a job that has finished, and none twice.
    fn check_dedups(&self) -> Result<(), String> {
        self.dedups.check()?;
        let mut simple = HashSet::new();
        for (number, job) in self.jobs.iter() {
            let Some(id) = job.extra.as_ref().and_then(|extra| extra.dedup.as_ref()) else { continue };
            let Some(holder) = self.dedups.get(id).filter(|holder| holder.number == number) else { continue };
            if holder.until_us.is_none() && !job.is_unfinished() {
                return Err(format!("job {number} has finished and holds '{id}'"));
            }
            if !simple.insert(id) {
                return Err(format!("'{id}' is held twice"));
            }
        }
        Ok(())
    }
}

fn check_job(number: u64, job: &Job) -> Result<(), String> {
    let active = u64::from(job.claim().is_some());
    let counts = [job.attempts_made, job.stalled_count, job.released_count, job.snoozed_count];
    let ended = counts.into_iter().map(u64::from).sum::<u64>();
    if job.epoch != job.epoch_base + ended + active {
        return Err(format!("job {number} was claimed {} times, of which {ended} ended: {job:?}", job.epoch));
    }
    if job.attempts_made > job.terms.attempts {
        return Err(format!("job {number} made more attempts than it has: {job:?}"));
    }
    if matches!(job.phase, Phase::Completed { .. }) && (job.attempts_made == 0 || job.cancelled().is_some()) {
        return Err(format!(
            "job {number} completed without an attempt, or though it was cancelled: {job:?}"
        ));
    }
    if job.is_pending() && job.cancelled().is_some() {
        return Err(format!("job {number} was cancelled and goes on: {job:?}"));
    }
    Ok(())
}
