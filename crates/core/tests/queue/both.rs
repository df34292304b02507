//! The queue and the model side by side.

use std::collections::{BTreeMap, HashSet};

use redstart_core::engine::QueueEngine;
use redstart_core::queue::{
    Change, Counts, EventKind, Finish, Group, JobOptions, JobState, Outcome, QueueOptions, Token, WorkerTerms,
};

use crate::histories::Step;
use crate::model::{MAX_STALLED, Model};
use crate::model_job::{BACKOFF, Ending, Wanted};
use crate::support::{Rig, completed, failed, raw, ready, terms};

/// How many of a group each worker lets run at once.
const GROUP_LIMITS: [Option<u32>; 3] = [None, Some(1), Some(2)];
pub(super) const WORKERS: usize = GROUP_LIMITS.len();

#[derive(Clone, Copy, PartialEq, Debug)]
enum Wish {
    Nothing,
    More,
    Told,
}

pub(super) struct Both {
    rig: Rig,
    model: Model,
    workers: Vec<u64>,
    wishes: Vec<Wish>,
    tokens: Vec<Token>,
    added: u64,
}

impl Both {
    pub(super) fn new() -> Self {
        let default_job_options = JobOptions { backoff: Some(BACKOFF), ..JobOptions::default() };
        let rig = Rig::new(QueueOptions { default_job_options, ..QueueOptions::default() });
        let model = Model { now_ms: rig.now_ms(), ..Model::default() };
        let workers = (0..WORKERS).map(|slot| open(&rig, slot)).collect();
        Self { rig, model, workers, wishes: vec![Wish::Nothing; WORKERS], tokens: Vec::new(), added: 0 }
    }

    pub(super) fn run(&mut self, step: &Step) {
        match *step {
            Step::Add { id, wanted } => self.add(id, wanted),
            Step::Take { worker, max } => self.take(worker, max),
            Step::Finish { token, ending } => self.finish(token, ending),
            Step::Change { id, ref change } => {
                let id = format!("job-{id}");
                assert_eq!(self.rig.change(&id, change.clone()), self.model.change(&id, change));
            }
            Step::Pause { paused } => {
                ready(self.rig.queue.set_paused(paused)).unwrap();
                self.model.paused = paused;
            }
            Step::Advance { ms } => {
                self.rig.advance(ms);
                self.model.advance_to(self.model.now_ms + ms);
            }
            Step::End { worker, released } => self.end(worker, released),
            Step::Restart => {
                self.rig.restart();
                self.workers = (0..WORKERS).map(|slot| open(&self.rig, slot)).collect();
                self.wishes.fill(Wish::Nothing);
                self.model.of(JobState::Active).for_each(|job| job.worker = None);
                // A lease that ended before the restart is over the moment the queue is back.
                self.rig.advance(0);
                self.model.advance_to(self.model.now_ms);
            }
        }
    }

    fn add(&mut self, id: Option<u8>, wanted: Wanted) {
        let options = JobOptions {
            job_id: id.map(|id| format!("job-{id}")),
            delay: (wanted.delay_ms > 0).then_some(wanted.delay_ms),
            attempts: Some(wanted.attempts),
            priority: Some(wanted.priority),
            group: wanted.group.map(|group| Group { id: group.to_string() }),
            timeout: wanted.timeout_ms,
            ..JobOptions::default()
        };
        let (view, added) = self.rig.add(options);
        assert_eq!(added, self.model.add(&view.id, wanted));
        assert!(id.is_some() || added, "a new id was found");
        self.added += u64::from(added);
    }

    fn take(&mut self, slot: usize, max: usize) {
        let taken = self.rig.take(self.workers[slot], max);
        self.wishes[slot] = if taken.len() < max { Wish::More } else { Wish::Nothing };
        for (view, token) in &taken {
            let job = self.model.claim(&view.id, GROUP_LIMITS[slot], slot, *token);
            assert_eq!((view.state, view.attempt), (JobState::Active, job.made + 1));
            self.tokens.push(*token);
        }
        let left = self.model.eligible(GROUP_LIMITS[slot]).len();
        assert!(taken.len() == max || left == 0, "a waiting job was not taken");
    }

    fn finish(&mut self, from_newest: usize, ending: Ending) {
        let Some(&token) = self.tokens.iter().rev().nth(from_newest) else {
            return;
        };
        let outcome = match ending {
            Ending::Ok => completed(),
            Ending::Fail => failed(false),
            Ending::Unrecoverable => failed(true),
            Ending::Release => Outcome::Released,
            Ending::Snooze(delay_ms) => Outcome::Snoozed { delay_ms },
        };
        let forged = Token { nonce: token.nonce ^ 1, ..token };
        assert_eq!(self.rig.finish(forged, Outcome::Completed(raw("0"))), Finish::LeaseLost);
        assert_eq!(self.rig.finish(token, outcome), self.model.finish(token, ending));
    }

    fn end(&mut self, slot: usize, released: bool) {
        self.rig.queue.close_worker(self.workers[slot], released);
        if released {
            let held: Vec<Token> = self
                .model
                .of(JobState::Active)
                .filter(|job| job.worker == Some(slot))
                .filter_map(|job| job.token)
                .collect();
            for token in held {
                self.model.finish(token, Ending::Release);
            }
        } else {
            self.model.stall(|job| job.worker == Some(slot));
        }
        self.workers[slot] = open(&self.rig, slot);
        self.wishes[slot] = Wish::Nothing;
    }

    /// Told once, wanted it, and never owed: a worker that wants more and may take a job is left out only while enough
    /// others come.
    fn check_wakes(&mut self) {
        for worker in self.rig.ear.take_ready() {
            // One that closed in the same step may have been told before it did.
            if let Some(slot) = self.workers.iter().position(|&open| open == worker) {
                assert_eq!(self.wishes[slot], Wish::More, "worker {worker} was told without having asked");
                self.wishes[slot] = Wish::Told;
            }
        }
        let told = self.wishes.iter().filter(|&&wish| wish == Wish::Told).count();
        let waiting = self.model.eligible(None).len();
        let left_out = (0..WORKERS)
            .filter(|&slot| self.wishes[slot] == Wish::More)
            .any(|slot| !self.model.eligible(GROUP_LIMITS[slot]).is_empty());
        assert!(told >= waiting || !left_out, "a wake-up was lost");
    }

    fn check_lost(&mut self) {
        let by_token = |token: &Token| (token.job, token.epoch);
        let mut told = self.rig.ear.take_lost();
        told.sort_by_key(|(_, token, _)| by_token(token));
        let lost = std::mem::take(&mut self.model.lost);
        let mut lost: Vec<_> =
            lost.into_iter().map(|(slot, token, why)| (self.workers[slot], token, why)).collect();
        lost.sort_by_key(|(_, token, _)| by_token(token));
        assert_eq!(told, lost);
    }

    pub(super) fn check(&mut self) {
        self.rig.check();
        self.check_wakes();
        self.check_lost();
        let model = &mut self.model;
        let counts = Counts {
            waiting: model.count(JobState::Waiting),
            prioritized: model.count(JobState::Prioritized),
            delayed: model.count(JobState::Delayed),
            active: model.count(JobState::Active),
            completed: model.count(JobState::Completed),
            failed: model.count(JobState::Failed),
        };
        assert_eq!(self.rig.queue.counts(), counts);
        assert_eq!(self.added, (model.jobs.len() + model.gone.len()) as u64);
        for job in &model.jobs {
            let view = self.rig.get(&job.id).expect("a retained job is found");
            assert_eq!((view.state, view.attempts_made), (job.state, job.made), "{view:?}");
            assert!(view.attempts_made <= job.wanted.attempts && job.stalled <= MAX_STALLED + 1);
        }
        let unique: HashSet<&Token> = self.tokens.iter().collect();
        assert_eq!(unique.len(), self.tokens.len(), "a token was handed out twice");
    }

    /// Each job's events are its transitions. Jobs that shared an id follow one another.
    pub(super) fn check_events(&self) {
        let mut heard: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for event in self.rig.ear.events.lock().iter().filter(|event| !id_of(&event.kind).is_empty()) {
            heard.entry(id_of(&event.kind).to_owned()).or_default().push(event.kind.name());
        }
        let mut told: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for job in self.model.gone.iter().chain(&self.model.jobs) {
            told.entry(job.id.clone()).or_default().extend(&job.told);
        }
        assert_eq!(heard, told);
    }
}

fn open(rig: &Rig, slot: usize) -> u64 {
    let group_concurrency = GROUP_LIMITS[slot];
    rig.open(WorkerTerms { group_concurrency, max_stalled_count: MAX_STALLED, ..terms() })
}

/// The changes that a history makes.
pub(super) fn changes() -> [Change; 4] {
    [Change::Retry, Change::Promote, Change::Remove, Change::Cancel { reason: None }]
}

/// The job that an event is about; '' for the queue.
fn id_of(kind: &EventKind) -> &str {
    match kind {
        EventKind::Paused {} | EventKind::Resumed {} | EventKind::Drained {} => "",
        EventKind::Added { job_id, .. }
        | EventKind::Progress { job_id, .. }
        | EventKind::Removed { job_id }
        | EventKind::Deduplicated { job_id, .. }
        | EventKind::Waiting { job_id }
        | EventKind::Delayed { job_id, .. }
        | EventKind::Active { job_id, .. }
        | EventKind::Completed { job_id, .. }
        | EventKind::Retrying { job_id, .. }
        | EventKind::Failed { job_id, .. }
        | EventKind::Stalled { job_id } => job_id,
    }
}
