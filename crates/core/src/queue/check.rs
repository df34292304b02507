//! A recount of everything a state keeps beside its jobs. For tests, after each step; it costs as much as the
//! queue is long.

use super::job::Phase;
use super::order::Order;
use super::state::State;
use super::view::JobState;

impl State {
    /// What is wrong with the state, when something is: an index, counter or sum that the jobs do not bear
    /// out, or a job whose counters contradict each other.
    pub fn check(&self) -> Result<(), String> {
        let mut order = Order::default();
        let mut bytes = 0;
        for (&number, job) in &self.jobs {
            order.insert(number, job);
            bytes += job.bytes();
            if self.find(&job.id) != Some(number) {
                return Err(format!("job {number} is not found by its id '{}'", job.id));
            }
            let active = u64::from(job.state() == JobState::Active);
            let ended =
                u64::from(job.attempts_made) + u64::from(job.stalled_count) + u64::from(job.released_count);
            if job.epoch != ended + active {
                return Err(format!(
                    "job {number} was claimed {} times, of which {ended} ended: {job:?}",
                    job.epoch
                ));
            }
            if job.attempts_made > job.attempts {
                return Err(format!("job {number} made more attempts than it has: {job:?}"));
            }
            if matches!(job.phase, Phase::Completed { .. }) && job.attempts_made == 0 {
                return Err(format!("job {number} completed without an attempt: {job:?}"));
            }
        }
        if order != self.order {
            return Err(format!("the order is {:?}, the jobs say {order:?}", self.order));
        }
        if self.ids.len() != self.jobs.len() {
            return Err(format!("{} ids for {} jobs", self.ids.len(), self.jobs.len()));
        }
        if bytes != self.bytes {
            return Err(format!("{} bytes counted, the jobs have {bytes}", self.bytes));
        }
        Ok(())
    }
}
