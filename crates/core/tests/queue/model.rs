//! What a queue should do, as simply as it can be said.
//!
//! The model keeps jobs in a list and searches it. It knows the rules (what may come next, when, and with which
//! answer) and nothing of effects, indexes or locks. Which of two groups has its turn it does not know: the model of the
//! decisions in `tests/queue_model` does.

use redstart_core::queue::{Change, Changed, Finish, JobState, LeaseEnd, Token};

use crate::model_job::{Ending, Job, Wanted, settle};
use crate::support::LEASE_MS;

/// What the workers of a history allow.
pub(super) const MAX_STALLED: u32 = 1;
#[derive(Default)]
pub(super) struct Model {
    pub(super) jobs: Vec<Job>,
    /// Those that were removed, whose events remain.
    pub(super) gone: Vec<Job>,
    pub(super) came: u64,
    pub(super) now_ms: u64,
    pub(super) paused: bool,
    /// Which claims were taken away or are to end, by worker, and why.
    pub(super) lost: Vec<(usize, Token, LeaseEnd)>,
}

impl Model {
    pub(super) fn of(&mut self, state: JobState) -> impl Iterator<Item = &mut Job> {
        self.jobs.iter_mut().filter(move |job| job.state == state)
    }

    pub(super) fn count(&self, state: JobState) -> u64 {
        self.jobs.iter().filter(|job| job.state == state).count() as u64
    }

    fn next_came(&mut self) -> u64 {
        self.came += 1;
        self.came
    }

    /// Whether the job is new.
    pub(super) fn add(&mut self, id: &str, wanted: Wanted) -> bool {
        if self.jobs.iter().any(|job| job.id == id) {
            return false;
        }
        let mut job = Job {
            id: id.to_owned(),
            wanted,
            state: JobState::Delayed,
            front: false,
            came: self.next_came(),
            made: 0,
            stalled: 0,
            cancelled: false,
            until_ms: self.now_ms + wanted.delay_ms,
            deadline_ms: None,
            worker: None,
            token: None,
            told: vec!["added"],
        };
        if wanted.delay_ms > 0 {
            job.told.push("delayed");
        } else {
            job.wait();
        }
        self.jobs.push(job);
        true
    }

    /// The jobs that may be claimed by one who takes none of a group of which so many are active.
    pub(super) fn eligible(&self, limit: Option<u32>) -> Vec<&Job> {
        let active = |group: u8| {
            let of_group = |job: &&Job| job.state == JobState::Active && job.wanted.group == Some(group);
            u32::try_from(self.jobs.iter().filter(of_group).count()).unwrap()
        };
        let open = |job: &&Job| match (limit, job.wanted.group) {
            (Some(limit), Some(group)) => active(group) < limit,
            _ => true,
        };
        let waiting = self.jobs.iter().filter(|job| job.waits() && !self.paused);
        waiting.filter(open).collect()
    }

    /// Claims the job for a worker that may take it next: the first of its group, where none has a lower priority.
    pub(super) fn claim(&mut self, id: &str, limit: Option<u32>, worker: usize, token: Token) -> &Job {
        let eligible = self.eligible(limit);
        let job = eligible.iter().find(|job| job.id == id).expect("a job was taken that may not be");
        for other in &eligible {
            assert!(job.wanted.priority <= other.wanted.priority, "{id} before {}", other.id);
            let first = (!job.front, job.came) <= (!other.front, other.came);
            let compete =
                (job.wanted.priority, job.wanted.group) == (other.wanted.priority, other.wanted.group);
            assert!(first || !compete, "{id} before {}", other.id);
        }
        let now_ms = self.now_ms;
        let job = self.jobs.iter_mut().find(|job| job.id == id).unwrap();
        (job.state, job.front, job.worker) = (JobState::Active, false, Some(worker));
        (job.token, job.until_ms) = (Some(token), now_ms + LEASE_MS);
        job.deadline_ms = job.wanted.timeout_ms.map(|timeout_ms| now_ms + timeout_ms);
        job.told.push("active");
        job
    }

    pub(super) fn finish(&mut self, token: Token, ending: Ending) -> Finish {
        let (now_ms, came) = (self.now_ms, self.came + 1);
        let Some(job) = self.of(JobState::Active).find(|job| job.token == Some(token)) else {
            return Finish::LeaseLost;
        };
        let finish = settle(job, ending, now_ms);
        if !job.front {
            job.came = came;
            self.came = came;
        }
        finish
    }

    /// The jobs lose their workers.
    pub(super) fn stall(&mut self, which: impl Fn(&Job) -> bool) {
        let (now_ms, mut came) = (self.now_ms, self.came);
        for job in self.of(JobState::Active).filter(|job| which(job)) {
            if job.cancelled {
                settle(job, Ending::Release, now_ms);
            } else {
                (job.token, job.worker) = (None, None);
                job.stalled += 1;
                job.told.push("stalled");
                if job.stalled > MAX_STALLED {
                    job.fail(now_ms);
                } else {
                    job.front = true;
                    job.wait();
                }
            }
            if !job.front {
                came += 1;
                job.came = came;
            }
        }
        self.came = came;
    }

    pub(super) fn change(&mut self, id: &str, change: &Change) -> Changed {
        let (now_ms, came) = (self.now_ms, self.came + 1);
        let Some(index) = self.jobs.iter().position(|job| job.id == id) else {
            return Changed::Absent;
        };
        let job = &mut self.jobs[index];
        match change {
            Change::Retry if job.has_finished() => {
                (job.made, job.stalled, job.cancelled, job.front) = (0, 0, false, false);
                job.wait();
            }
            Change::Promote if job.state == JobState::Delayed => {
                job.front = false;
                job.wait();
            }
            Change::Remove if job.state != JobState::Active => {
                job.told.push("removed");
                self.gone.push(self.jobs.remove(index));
                return Changed::Done;
            }
            Change::Cancel { .. } if job.has_finished() => return Changed::Absent,
            Change::Cancel { .. } if job.state == JobState::Active => {
                let first = !std::mem::replace(&mut job.cancelled, true);
                let told = job.worker.zip(job.token).filter(|_| first);
                self.lost.extend(told.map(|(worker, token)| (worker, token, LeaseEnd::Cancelled)));
                return Changed::Done;
            }
            Change::Cancel { .. } => job.fail(now_ms),
            _ => return Changed::NotNow,
        }
        (job.came, self.came) = (came, came);
        Changed::Done
    }

    pub(super) fn advance_to(&mut self, target_ms: u64) {
        while let Some(next) = self.jobs.iter().filter_map(Job::due_ms).min()
            && next <= target_ms
        {
            self.now_ms = next;
            while let Some(job) = self
                .of(JobState::Delayed)
                .filter(|job| job.until_ms <= next)
                .min_by_key(|job| (job.until_ms, job.came))
            {
                (job.front, job.came) = (false, u64::MAX);
                job.wait();
                let came = self.next_came();
                self.jobs.iter_mut().filter(|job| job.came == u64::MAX).for_each(|job| job.came = came);
            }
            let late = |job: &&mut Job| job.deadline_ms.is_some_and(|deadline_ms| deadline_ms <= next);
            let late: Vec<_> =
                self.of(JobState::Active).filter(late).map(|job| (job.worker, job.token.unwrap())).collect();
            for (worker, token) in late {
                let again = matches!(self.finish(token, Ending::Fail), Finish::Retrying { .. });
                self.lost.extend(worker.map(|worker| (worker, token, LeaseEnd::TimedOut { again })));
            }
            self.stall(|job| job.worker.is_none() && job.until_ms <= next);
            let over = |job: &mut Job| job.has_finished() && job.until_ms <= next;
            self.gone.extend(self.jobs.extract_if(.., over));
        }
        self.now_ms = target_ms;
    }
}
