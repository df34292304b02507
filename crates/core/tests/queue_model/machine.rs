//! The model as a machine: which steps there are, and what each does to it.

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;
use redstart_core::clock::MS;
use redstart_core::queue::{EventKind, JobState};

use crate::model::{Answer, Job, Model, Stand};
use crate::steps::{Step, defaults, step, workers};

impl ReferenceStateMachine for Model {
    type State = Self;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self> {
        (workers(), defaults()).prop_map(|(workers, defaults)| Self::new(workers, defaults)).boxed()
    }

    fn transitions(model: &Self) -> BoxedStrategy<Step> {
        step(model)
    }

    fn apply(mut model: Self, step: &Step) -> Self {
        model.told.clear();
        model.answer = Answer::Nothing;
        model.take(step);
        model
    }
}

impl Model {
    fn take(&mut self, step: &Step) {
        match step {
            Step::Add { name, data, options } => self.add(name, data, options),
            Step::Claim { worker, nonce } => self.claim(*worker, *nonce),
            Step::Settle { token, ending, random } => self.settle(*token, ending, *random),
            Step::Progress { token, progress } => {
                let held = self.holds(*token);
                if held {
                    let job = self.job_mut(token.job);
                    job.progress = Some(progress.clone());
                    let job_id = job.id.clone();
                    self.told.push(EventKind::Progress { job_id, progress: progress.clone() });
                }
                self.answer = Answer::Done(held);
            }
            Step::Log { token, line } => {
                let held = self.holds(*token);
                if held {
                    self.job_mut(token.job).log.push(line.clone());
                }
                self.answer = Answer::Done(held);
            }
            Step::Stall { number } => self.lose(*number),
            Step::Close { worker, released } => self.close(*worker, *released),
            Step::Reap => self.reap(),
            Step::Change { id, change } => self.change(id, change),
            Step::Drain { jobs } => self.many(*jobs, Self::drain_one),
            Step::Clean { state, older_ms, jobs } => {
                self.many(*jobs, |model| model.clean_one(*state, *older_ms));
            }
            Step::RetryFailed { jobs } => self.many(*jobs, |model| {
                let number = model.of(JobState::Failed).first()?.number;
                model.restart(number);
                Some(number)
            }),
            Step::Obliterate => self.obliterate(),
            Step::MakeRoom { last } => self.make_room(*last),
            Step::Pause(paused) => {
                if self.paused != *paused {
                    self.paused = *paused;
                    self.told.push(if *paused { EventKind::Paused {} } else { EventKind::Resumed {} });
                }
            }
            Step::Concurrency(limit) => self.concurrency = *limit,
            Step::Rate(rate) => {
                if self.rate != *rate {
                    // What the former rate counted counts on.
                    let counted =
                        if rate.is_some() { self.rate.map_or(0, |rate| rate.max as usize) } else { 0 };
                    self.begun.drain(..self.begun.len().saturating_sub(counted));
                    self.rate = *rate;
                }
            }
            Step::SetScheduler { id, repeat, name, data, options } => {
                self.set_scheduler(id, repeat, name, data, options);
            }
            Step::RemoveScheduler { id } => self.remove_scheduler(id),
            Step::Walk { us } => self.walk(*us),
            Step::Sleep { us } => self.now_us += us,
        }
    }

    fn lose(&mut self, number: u64) {
        if self.job(number).is_some_and(Job::is_active) {
            self.stall(number);
        }
    }

    /// A worker ends: it gives its jobs back, or is lost with them.
    fn close(&mut self, worker: u64, released: bool) {
        let is_its = |stand: &Stand| matches!(stand, Stand::Active { worker: of, .. } if *of == worker);
        let held: Vec<u64> = self
            .of(JobState::Active)
            .into_iter()
            .filter(|job| is_its(&job.stand))
            .map(|job| job.number)
            .collect();
        for number in held {
            if released { self.release(number) } else { self.stall(number) }
        }
    }

    /// Does something until there is no job for it, so many times at most.
    fn many(&mut self, jobs: usize, mut one: impl FnMut(&mut Self) -> Option<u64>) {
        let mut ids = Vec::new();
        while ids.len() < jobs {
            let before = self.clone();
            let Some(number) = one(self) else { break };
            ids.push(before.job(number).unwrap().id.clone());
        }
        self.answer = Answer::To(ids);
    }

    /// Waiting jobs go before delayed ones.
    fn drain_one(&mut self) -> Option<u64> {
        let waiting = self.first(|job| job.is_waiting().then_some(job.since_us)).map(|(_, number)| number);
        let delayed = || self.of(JobState::Delayed).first().map(|job| job.number);
        let number = waiting.or_else(delayed)?;
        self.remove(number, true);
        Some(number)
    }

    fn clean_one(&mut self, state: JobState, older_ms: u64) -> Option<u64> {
        let is_of = |of: JobState| of == state || of == JobState::Prioritized && state == JobState::Waiting;
        let finished = matches!(state, JobState::Completed | JobState::Failed);
        let ((since_us, _), number) = self.first(|job| {
            let tie = if finished { job.came } else { job.number };
            is_of(job.state()).then_some((job.since_us, tie))
        })?;
        (since_us + older_ms * MS <= self.now_us).then(|| self.remove(number, true))?;
        Some(number)
    }

    /// Nothing is told of each job, and nobody has had a turn; what bounds the queue stays.
    fn obliterate(&mut self) {
        let gone = self.jobs.len();
        self.jobs.clear();
        self.schedulers.clear();
        self.holders.clear();
        self.served.clear();
        self.turn = 0;
        self.answer = Answer::Obliterated(gone);
    }

    /// History yields: the oldest completed job, else the oldest failed one, and that one only if there is no other.
    fn make_room(&mut self, last: Option<u64>) {
        let oldest =
            [JobState::Completed, JobState::Failed].map(|state| self.passing(state).first().copied());
        let other = oldest.into_iter().flatten().find(|number| Some(*number) != last);
        let number = other.or(oldest.into_iter().flatten().next());
        let id = number.and_then(|number| self.job(number)).map(|job| job.id.clone());
        if let Some(number) = number {
            self.remove(number, false);
        }
        self.answer = Answer::To(id.into_iter().collect());
    }
}
