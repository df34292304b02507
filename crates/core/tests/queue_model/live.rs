//! The queue itself, driven as an engine drives it: asked for decisions, given their effects.

use redstart_core::queue::Failure;
use redstart_core::queue::add::{self, Shared, Which};
use redstart_core::queue::claim::{self, Claimant};
use redstart_core::queue::event::{self, Event};
use redstart_core::queue::{
    Changed, Counts, Effect, JobOptions, NewJob, Outcome, QueueOptions, State, Token, Upsert, change, due,
    finish, reap, retain, scheduler, sweep,
};

use crate::model::{Answer, Model, START_US};
use crate::steps::{Ending, Step, Worker};
use crate::times::RANDOM;
use crate::told::Heard;

/// A claim, as it was when it was made.
pub(crate) struct Begun {
    pub(crate) at_us: u64,
    /// How many jobs were active then, this one too; and of its group.
    pub(crate) active: usize,
    pub(crate) active_of_group: usize,
    pub(crate) worker: Worker,
    pub(crate) has_group: bool,
    /// What bounded it then.
    pub(crate) concurrency: Option<u32>,
    pub(crate) paused: bool,
}

pub(crate) struct Live {
    pub(crate) state: State,
    pub(crate) shared: Shared,
    pub(crate) workers: Vec<Worker>,
    pub(crate) now_us: u64,
    /// All effects, as a log on a disk would have them.
    pub(crate) journal: Vec<String>,
    /// The events of the last step.
    pub(crate) events: Vec<Event>,
    pub(crate) heard: Heard,
    pub(crate) begun: Vec<Begun>,
    /// How many claims there were when the rate was set.
    pub(crate) begun_before_rate: usize,
    pub(crate) added: u64,
    pub(crate) removed: u64,
}

impl Live {
    pub(crate) fn new(model: &Model) -> Self {
        let options = QueueOptions { default_job_options: model.defaults.clone(), ..QueueOptions::default() };
        options.check().unwrap();
        Self {
            state: State::default(),
            shared: Shared::new(options),
            workers: model.workers.clone(),
            now_us: START_US,
            journal: Vec::new(),
            events: Vec::new(),
            heard: Heard::default(),
            begun: Vec::new(),
            begun_before_rate: 0,
            added: 0,
            removed: 0,
        }
    }

    /// Makes one change, as an engine does: to the log, to the state, to the listeners.
    fn commit(&mut self, effect: &Effect) {
        self.journal.push(serde_json::to_string(effect).unwrap());
        let before = effect.number().and_then(|number| self.state.job(number)).map(|job| job.id.clone());
        if let Effect::SchedulerTicked { id, next_us: Some(next_us), .. } = effect {
            let now = self.state.scheduler(id).unwrap().next_us.unwrap();
            assert!(*next_us > now, "I17: '{id}' comes at {now} and next at {next_us}");
        }
        let last_seq = self.state.last_seq();
        self.state.apply(effect);
        let drained = self.state.last_seq() - last_seq > effect.events();
        let job = effect.number().and_then(|number| self.state.job(number));
        let id = before.or_else(|| job.map(|job| job.id.clone()));
        self.events.extend(event::of(effect, id.as_ref(), job, drained, self.state.last_seq()));
        match effect {
            Effect::Added(_) => self.added += 1,
            Effect::Removed { .. } => self.removed += 1,
            Effect::Completed { number, .. } | Effect::Failed { number, .. } => {
                self.commit_all(|live| retain::over_count(&live.state, *number));
            }
            Effect::RateSet { .. } => self.begun_before_rate = self.begun.len(),
            _ => {}
        }
    }

    fn commit_all(&mut self, next: impl Fn(&Self) -> Option<Effect>) {
        while let Some(effect) = next(self) {
            self.commit(&effect);
        }
    }

    fn commit_each(&mut self, effects: &[Effect]) {
        for effect in effects {
            self.commit(effect);
        }
    }

    fn done(&mut self, effect: Option<Effect>) -> Answer {
        Answer::Done(effect.map(|effect| self.commit(&effect)).is_some())
    }

    fn new_id(&self) -> String {
        format!("n{}", self.state.next_number())
    }

    /// Does a step; what it came to.
    pub(crate) fn take(&mut self, step: &Step, model: &Model) -> Answer {
        let now_us = self.now_us;
        match step {
            Step::Add { name, data, options } => self.add(name, data.to_raw(), options),
            Step::Claim { worker, nonce } => self.claim(*worker, *nonce),
            Step::Settle { token, ending, random } => {
                let outcome = finish::prepare(outcome(ending), &self.shared.options).unwrap();
                let (finish, effect) = finish::decide(&self.state, *token, outcome, *random, now_us);
                self.done(effect);
                Answer::Finished(finish)
            }
            Step::Progress { token, progress } => {
                self.done(finish::progress(&self.state, *token, progress.clone()))
            }
            Step::Log { token, line } => self.done(finish::log(&self.state, *token, line)),
            Step::Stall { number } => {
                self.done(reap::stall(&self.state, *number, now_us));
                Answer::Nothing
            }
            Step::Close { worker, released } => {
                let held: Vec<u64> = self.state.order().active_of(*worker).collect();
                let end = if *released { reap::release } else { reap::stall };
                for number in held {
                    self.done(end(&self.state, number, now_us));
                }
                Answer::Nothing
            }
            Step::Reap => {
                self.reap(&model.tokens);
                Answer::Nothing
            }
            Step::Change { id, change } => {
                let Some(number) = self.state.find(id) else {
                    return Answer::Changed(Changed::Absent);
                };
                let (changed, effect) = change::decide(&self.state, number, change.clone(), now_us);
                self.done(effect);
                Answer::Changed(changed)
            }
            Step::Drain { jobs } => self.many(*jobs, |live| sweep::drain(&live.state)),
            Step::Clean { state, older_ms, jobs } => {
                self.many(*jobs, |live| sweep::clean(&live.state, *state, *older_ms, now_us))
            }
            Step::RetryFailed { jobs } => self.many(*jobs, |live| sweep::retry_failed(&live.state, now_us)),
            Step::MakeRoom { last } => self.many(1, |live| retain::for_room(&live.state, *last)),
            Step::SetScheduler { id, repeat, name, data, options } => {
                let (id, repeat, name, data) = (id.clone(), repeat.clone(), name.clone(), data.clone());
                let upsert = Upsert { id, repeat, name, data, options: options.clone() };
                upsert.check(&self.shared.options).unwrap();
                self.done(scheduler::upsert(&self.state, upsert, now_us))
            }
            Step::RemoveScheduler { id } => self.done(scheduler::remove(&self.state, id)),
            Step::Obliterate => self.obliterate(),
            _ => {
                self.set(step);
                Answer::Nothing
            }
        }
    }

    /// What has no answer.
    fn set(&mut self, step: &Step) {
        match step {
            Step::Pause(paused) if self.state.is_paused() != *paused => {
                self.commit(if *paused { &Effect::Paused } else { &Effect::Resumed });
            }
            Step::Concurrency(limit) => self.commit(&Effect::ConcurrencySet { limit: *limit }),
            Step::Rate(rate) if self.state.rate() != *rate => self.commit(&Effect::RateSet { rate: *rate }),
            Step::Walk { us } => self.walk(*us),
            Step::Sleep { us } => self.now_us += us,
            _ => {}
        }
    }

    fn obliterate(&mut self) -> Answer {
        let mut copy = self.state.clone();
        self.commit(&Effect::Obliterated);
        let gone = copy.take_all();
        assert_eq!(copy, self.state, "who takes all leaves what the effect leaves");
        let Counts { waiting, prioritized, delayed, active, completed, failed } = gone.counts();
        let gone = waiting + prioritized + delayed + active + completed + failed;
        self.removed += gone;
        Answer::Obliterated(usize::try_from(gone).unwrap())
    }

    /// Claims whose lease is over, in the order in which they were made.
    fn reap(&mut self, tokens: &[Token]) {
        for token in tokens {
            self.done(reap::expire(&self.state, token.job, token.epoch, self.now_us));
        }
    }

    fn add(&mut self, name: &str, data: Box<serde_json::value::RawValue>, options: &JobOptions) -> Answer {
        let new = NewJob { name: name.to_owned(), data, options: options.clone() };
        let prepared = add::prepare(new, &self.shared, || self.new_id()).unwrap();
        let decision = add::decide(&self.state, prepared, self.now_us);
        self.commit_each(&decision.effects);
        match decision.job {
            Which::Added(number) => Answer::Added(number),
            Which::Found(number) => Answer::Found(number),
            Which::Gone(view) => Answer::Gone(view.id),
        }
    }

    fn claim(&mut self, worker: usize, nonce: u64) -> Answer {
        let (now_us, terms) = (self.now_us, self.workers[worker]);
        self.commit_all(|live| due::expired(&live.state, now_us));
        let claimant = Claimant {
            worker: worker as u64,
            lease_ms: terms.lease_ms,
            max_stalled_count: terms.stalls_allowed,
            group_concurrency: terms.group_limit,
        };
        let Some((effect, token)) = claim::decide(&self.state, &claimant, nonce, now_us) else {
            return Answer::Claimed(None);
        };
        self.commit(&effect);
        let of = |number| self.state.job(number).unwrap().terms.group.clone();
        let group = of(token.job);
        self.begun.push(Begun {
            at_us: now_us,
            active: self.state.order().active().count(),
            active_of_group: self.state.order().active().filter(|&number| of(number) == group).count(),
            worker: terms,
            has_group: group.is_some(),
            concurrency: self.state.concurrency(),
            paused: self.state.is_paused(),
        });
        Answer::Claimed(Some(token))
    }

    fn many(&mut self, jobs: usize, next: impl Fn(&Self) -> Option<Effect>) -> Answer {
        let mut ids = Vec::new();
        while ids.len() < jobs
            && let Some(effect) = next(self)
        {
            ids.push(self.state.job(effect.number().unwrap()).unwrap().id.clone());
            self.commit(&effect);
        }
        Answer::To(ids)
    }

    fn walk(&mut self, us: u64) {
        let target_us = self.now_us + us;
        while let Some(next_us) =
            due::next_us(&self.state).into_iter().chain(retain::next_due_us(&self.state)).min()
            && next_us <= target_us
        {
            self.now_us = self.now_us.max(next_us);
            self.tick();
        }
        self.now_us = target_us;
    }

    fn tick(&mut self) {
        let now_us = self.now_us;
        self.commit_all(|live| due::dedup_over(&live.state, now_us));
        self.commit_all(|live| due::delayed(&live.state, now_us));
        self.commit_all(|live| due::expired(&live.state, now_us));
        self.commit_all(|live| due::timed_out(&live.state, RANDOM, now_us));
        while let Some(effects) = scheduler::tick(&self.state, &self.shared, || self.new_id(), now_us) {
            self.commit_each(&effects);
        }
        self.commit_all(|live| retain::over_age(&live.state, now_us));
    }
}

fn outcome(ending: &Ending) -> Outcome {
    match ending {
        Ending::Complete(result) => Outcome::Completed(result.to_raw()),
        Ending::Fail(how) => {
            let failure = Failure { name: "Error".into(), message: "boom".into(), stack: None, code: None };
            Outcome::Failed { failure, how: *how }
        }
        Ending::Snooze(delay_ms) => Outcome::Snoozed { delay_ms: *delay_ms },
        Ending::Release => Outcome::Released,
    }
}
