//! What a queue is, as simply as it can be said: a list of jobs that is searched.
//!
//! It knows the rules (what comes next, when, and with which answer) and what listeners hear. It knows nothing of indexes,
//! of effects, or of how the queue keeps anything. How it changes is in `adds`, `ends` and `times`.

use std::collections::BTreeMap;
use std::sync::Arc;

use redstart_core::clock::MS;
use redstart_core::queue::{
    Changed, EventKind, Finish, FinishKind, JobOptions, JobState, JobView, Json, Rate, Retention, Terms,
    Token,
};

use crate::steps::Worker;
use crate::times::Scheduler;

/// A day in 2026, and some microseconds, so that whole milliseconds are not whole by chance.
pub(crate) const START_US: u64 = 1_790_000_000_000_123;
/// What stands for the texts of the queue itself: what they say is no matter of the model.
pub(crate) const GIVEN_UP: &str = "job";

/// In which state a job is.
#[derive(Clone, Debug)]
pub(crate) enum Stand {
    Waiting { front: bool },
    Delayed { run_at_us: u64 },
    Active { worker: u64, nonce: u64, lease_until_us: u64, stalls_allowed: u32 },
    Completed { result: Json },
    Failed { kind: FinishKind },
}

#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) number: u64,
    pub(crate) id: Arc<str>,
    pub(crate) name: Arc<str>,
    pub(crate) data: Json,
    pub(crate) terms: Terms,
    pub(crate) stand: Stand,
    /// Since when it is in its state.
    pub(crate) since_us: u64,
    /// Rises with each entry to the back of a line.
    pub(crate) came: u64,
    pub(crate) added_us: u64,
    pub(crate) processed_us: Option<u64>,
    pub(crate) claims: u64,
    pub(crate) claims_before_retry: u64,
    /// By hand.
    pub(crate) retried: bool,
    pub(crate) made: u32,
    pub(crate) stalled: u32,
    pub(crate) released: u32,
    pub(crate) snoozed: u32,
    pub(crate) failed_reason: Option<Arc<str>>,
    pub(crate) progress: Option<Json>,
    pub(crate) cancelled: Option<Arc<str>>,
    pub(crate) expires_us: Option<u64>,
    pub(crate) dedup: Option<Arc<str>>,
    pub(crate) log: Vec<Arc<str>>,
    /// Which setting of a scheduler it came of.
    pub(crate) scheduler: Option<u64>,
}

/// Who has an id that adds have in common.
#[derive(Clone, Debug)]
pub(crate) struct Holder {
    pub(crate) id: Arc<str>,
    pub(crate) number: u64,
    pub(crate) job_id: Arc<str>,
    pub(crate) until_us: Option<u64>,
}

/// What a step came to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Answer {
    Nothing,
    Added(u64),
    Found(u64),
    Gone(Arc<str>),
    Claimed(Option<Token>),
    Finished(Finish),
    /// Whether it was done.
    Done(bool),
    Changed(Changed),
    /// The jobs that it was done to.
    To(Vec<Arc<str>>),
    /// So many jobs are gone.
    Obliterated(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) workers: Vec<Worker>,
    pub(crate) defaults: JobOptions,
    pub(crate) now_us: u64,
    pub(crate) jobs: Vec<Job>,
    pub(crate) holders: Vec<Holder>,
    pub(crate) schedulers: Vec<Scheduler>,
    pub(crate) tokens: Vec<Token>,
    pub(crate) paused: bool,
    pub(crate) concurrency: Option<u32>,
    pub(crate) rate: Option<Rate>,
    /// The instants of all claims since the rate was set.
    pub(crate) begun: Vec<u64>,
    /// Claims so far.
    pub(crate) turn: u64,
    /// The turn in which a group was last served or came; none: jobs without a group.
    pub(crate) served: BTreeMap<Option<Arc<str>>, u64>,
    pub(crate) last_number: u64,
    pub(crate) last_came: u64,
    pub(crate) last_setting: u64,
    /// What listeners heard of the last step.
    pub(crate) told: Vec<EventKind>,
    /// What the last step came to.
    pub(crate) answer: Answer,
}

impl Job {
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self.stand, Stand::Waiting { .. })
    }

    pub(crate) fn is_active(&self) -> bool {
        matches!(self.stand, Stand::Active { .. })
    }

    pub(crate) fn is_pending(&self) -> bool {
        matches!(self.stand, Stand::Waiting { .. } | Stand::Delayed { .. })
    }

    pub(crate) fn is_finished(&self) -> bool {
        matches!(self.stand, Stand::Completed { .. } | Stand::Failed { .. })
    }

    pub(crate) fn state(&self) -> JobState {
        match self.stand {
            Stand::Waiting { .. } if self.terms.priority > 0 => JobState::Prioritized,
            Stand::Waiting { .. } => JobState::Waiting,
            Stand::Delayed { .. } => JobState::Delayed,
            Stand::Active { .. } => JobState::Active,
            Stand::Completed { .. } => JobState::Completed,
            Stand::Failed { .. } => JobState::Failed,
        }
    }

    /// Where it stands among those that wait: by priority, those given back first, the last of those with lifo before
    /// the first of the others.
    pub(crate) fn place(&self) -> (u32, bool, i64) {
        let front = matches!(self.stand, Stand::Waiting { front: true });
        let came = i64::try_from(self.came).unwrap();
        (self.terms.priority, !front, if self.terms.lifo { -came } else { came })
    }

    pub(crate) fn retention(&self) -> Retention {
        if matches!(self.stand, Stand::Completed { .. }) {
            self.terms.on_complete
        } else {
            self.terms.on_fail
        }
    }

    pub(crate) fn deadline_us(&self) -> Option<u64> {
        self.terms.timeout_ms.filter(|_| self.is_active()).map(|ms| self.since_us + ms * MS)
    }

    pub(crate) fn to_begin_by_us(&self) -> Option<u64> {
        self.expires_us.filter(|_| self.is_pending() && self.claims == 0)
    }

    /// When it is too old to be retained.
    pub(crate) fn goes_us(&self) -> Option<u64> {
        let retention = self.retention();
        let age_ms = retention.age.filter(|_| self.is_finished() && !retention.forever)?;
        Some(self.since_us + age_ms * MS)
    }

    pub(crate) fn view(&self) -> JobView {
        let finish_kind = match self.stand {
            Stand::Failed { kind } => Some(kind),
            _ => None,
        };
        JobView {
            id: self.id.clone(),
            name: self.name.clone(),
            data: self.data.clone(),
            state: self.state(),
            priority: self.terms.priority,
            attempts_made: self.made,
            attempt: if self.is_active() { self.made + 1 } else { 0 },
            progress: self.progress.clone(),
            failed_reason: self.failed_reason.clone(),
            finish_kind,
            timestamp: self.added_us / MS,
            processed_on: self.processed_us.map(|us| us / MS),
            finished_on: self.is_finished().then_some(self.since_us / MS),
            dead_letter: None,
        }
    }
}

impl Model {
    pub(crate) fn new(workers: Vec<Worker>, defaults: JobOptions) -> Self {
        Self {
            workers,
            defaults,
            now_us: START_US,
            jobs: Vec::new(),
            holders: Vec::new(),
            schedulers: Vec::new(),
            tokens: Vec::new(),
            paused: false,
            concurrency: None,
            rate: None,
            begun: Vec::new(),
            turn: 0,
            served: BTreeMap::new(),
            last_number: 0,
            last_came: 0,
            last_setting: 0,
            told: Vec::new(),
            answer: Answer::Nothing,
        }
    }

    pub(crate) fn job(&self, number: u64) -> Option<&Job> {
        self.jobs.iter().find(|job| job.number == number)
    }

    pub(crate) fn job_mut(&mut self, number: u64) -> &mut Job {
        self.jobs.iter_mut().find(|job| job.number == number).unwrap()
    }

    pub(crate) fn find(&self, id: &str) -> Option<&Job> {
        self.jobs.iter().find(|job| &*job.id == id)
    }

    pub(crate) fn active(&self) -> usize {
        self.jobs.iter().filter(|job| job.is_active()).count()
    }

    /// The job that has the smallest of something, and it.
    pub(crate) fn first<K: Ord>(&self, key: impl Fn(&Job) -> Option<K>) -> Option<(K, u64)> {
        self.jobs.iter().filter_map(|job| Some((key(job)?, job.number))).min()
    }

    /// The jobs in a state, in the order in which they run or finished.
    pub(crate) fn of(&self, state: JobState) -> Vec<&Job> {
        let mut jobs: Vec<&Job> = self.jobs.iter().filter(|job| job.state() == state).collect();
        match state {
            JobState::Waiting | JobState::Prioritized => jobs.sort_by_key(|job| job.place()),
            JobState::Delayed | JobState::Completed | JobState::Failed => {
                jobs.sort_by_key(|job| match job.stand {
                    Stand::Delayed { run_at_us } => (run_at_us, job.came),
                    _ => (job.since_us, job.came),
                });
            }
            JobState::Active => jobs.sort_by_key(|job| match job.stand {
                Stand::Active { worker, .. } => (worker, job.number),
                _ => unreachable!("it is active"),
            }),
        }
        jobs
    }
}
