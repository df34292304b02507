//! The queue against a simple model: random histories of adds, takes, finishes with right, stale and repeated
//! tokens, time, dying workers and restarts; after each step everything that can be seen is compared.

use std::collections::{BTreeMap, HashSet};

use proptest::prelude::*;
use redstart_core::engine::QueueEngine;
use redstart_core::queue::{Counts, EventKind, Finish, JobOptions, JobState, Outcome, QueueOptions, Token};

use crate::model::{BACKOFF, Ending, MAX_STALLED, Model};
use crate::support::{LEASE_MS, Rig, completed, failed, raw};

const WORKERS: usize = 3;

#[derive(Clone, Debug)]
enum Step {
    Add {
        id: Option<u8>,
        delay_ms: u64,
        attempts: u32,
    },
    Take {
        worker: usize,
        max: usize,
    },
    /// Any token ever handed out, counted from the newest.
    Finish {
        token: usize,
        ending: Ending,
    },
    Advance {
        ms: u64,
    },
    End {
        worker: usize,
        released: bool,
    },
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    let delay = prop_oneof![Just(0), Just(0), 1_u64..5_000];
    let ending = prop_oneof![
        4 => Just(Ending::Ok),
        3 => Just(Ending::Fail),
        1 => Just(Ending::Unrecoverable),
        1 => Just(Ending::Release),
    ];
    prop_oneof![
        6 => (proptest::option::of(0_u8..6), delay, 1_u32..4)
            .prop_map(|(id, delay_ms, attempts)| Step::Add { id, delay_ms, attempts }),
        5 => (0..WORKERS, 0_usize..4).prop_map(|(worker, max)| Step::Take { worker, max }),
        5 => (0_usize..6, ending).prop_map(|(token, ending)| Step::Finish { token, ending }),
        3 => (0_u64..4_000).prop_map(|ms| Step::Advance { ms }),
        1 => (1_u64..90).prop_map(|minutes| Step::Advance { ms: minutes * 60_000 }),
        1 => (0..WORKERS, any::<bool>()).prop_map(|(worker, released)| Step::End { worker, released }),
        1 => Just(Step::Restart),
    ]
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Wish {
    Nothing,
    More,
    Told,
}

/// The queue and the model side by side.
struct Both {
    rig: Rig,
    model: Model,
    workers: Vec<u64>,
    wishes: Vec<Wish>,
    tokens: Vec<Token>,
    added: u64,
}

impl Both {
    fn new() -> Self {
        let default_job_options = JobOptions { backoff: Some(BACKOFF), ..JobOptions::default() };
        let rig = Rig::new(QueueOptions { default_job_options, ..QueueOptions::default() });
        let model = Model { now_ms: rig.now_ms(), ..Model::default() };
        let workers = (0..WORKERS).map(|_| rig.worker(MAX_STALLED)).collect();
        Self { rig, model, workers, wishes: vec![Wish::Nothing; WORKERS], tokens: Vec::new(), added: 0 }
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::Add { id, delay_ms, attempts } => self.add(id, delay_ms, attempts),
            Step::Take { worker, max } => self.take(worker, max),
            Step::Finish { token, ending } => self.finish(token, ending),
            Step::Advance { ms } => {
                self.rig.advance(ms);
                self.model.advance_to(self.model.now_ms + ms);
            }
            Step::End { worker, released } => self.end(worker, released),
            Step::Restart => {
                self.rig.restart();
                self.workers = (0..WORKERS).map(|_| self.rig.worker(MAX_STALLED)).collect();
                self.wishes.fill(Wish::Nothing);
                self.model.of(JobState::Active).for_each(|job| job.worker = None);
                // A lease that ended before the restart is over the moment the queue is back.
                self.rig.advance(0);
                self.model.advance_to(self.model.now_ms);
            }
        }
    }

    fn add(&mut self, id: Option<u8>, delay_ms: u64, attempts: u32) {
        let job_id = id.map(|id| format!("job-{id}"));
        let delay = (delay_ms > 0).then_some(delay_ms);
        let options = JobOptions { job_id, delay, attempts: Some(attempts), ..JobOptions::default() };
        let (view, added) = self.rig.add(options);
        assert_eq!(added, self.model.add(&view.id, delay_ms, attempts));
        assert!(id.is_some() || added, "a new id was found");
        self.added += u64::from(added);
    }

    fn take(&mut self, slot: usize, max: usize) {
        let taken = self.rig.take(self.workers[slot], max);
        self.wishes[slot] = if taken.len() < max { Wish::More } else { Wish::Nothing };
        for (view, token) in &taken {
            let now_ms = self.model.now_ms;
            let job = self.model.next_waiting().expect("a job was taken where none waits");
            assert_eq!(*view.id, *job.id);
            assert_eq!((view.state, view.attempt), (JobState::Active, job.made + 1));
            (job.state, job.front, job.worker) = (JobState::Active, false, Some(slot));
            (job.token, job.until_ms) = (Some(*token), now_ms + LEASE_MS);
            job.told.push("active");
            self.tokens.push(*token);
        }
        assert!(taken.len() == max || self.model.next_waiting().is_none(), "a waiting job was not taken");
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
        self.workers[slot] = self.rig.worker(MAX_STALLED);
        self.wishes[slot] = Wish::Nothing;
    }

    /// Told once, wanted it, and never owed: a worker that wants more is left out only while enough others
    /// come.
    fn check_wakes(&mut self) {
        for worker in self.rig.ear.take_ready() {
            // One that closed in the same step may have been told before it did.
            if let Some(slot) = self.workers.iter().position(|&open| open == worker) {
                assert_eq!(self.wishes[slot], Wish::More, "worker {worker} was told without having asked");
                self.wishes[slot] = Wish::Told;
            }
        }
        let wishing = |wish| self.wishes.iter().filter(|&&has| has == wish).count();
        let waiting = usize::try_from(self.model.count(JobState::Waiting)).unwrap();
        assert!(wishing(Wish::Told) >= waiting || wishing(Wish::More) == 0, "a wake-up was lost");
    }

    fn check(&mut self) {
        self.rig.check();
        self.check_wakes();
        let model = &mut self.model;
        let counts = Counts {
            waiting: model.count(JobState::Waiting),
            delayed: model.count(JobState::Delayed),
            active: model.count(JobState::Active),
            completed: model.count(JobState::Completed),
            failed: model.count(JobState::Failed),
            ..Counts::default()
        };
        assert_eq!(self.rig.queue.counts(), counts);
        assert_eq!(self.added, (model.jobs.len() + model.gone.len()) as u64);
        for job in &model.jobs {
            let view = self.rig.get(&job.id).expect("a retained job is found");
            assert_eq!((view.state, view.attempts_made), (job.state, job.made), "{view:?}");
            assert!(view.attempts_made <= job.attempts && job.stalled <= MAX_STALLED + 1);
        }
        let unique: HashSet<&Token> = self.tokens.iter().collect();
        assert_eq!(unique.len(), self.tokens.len(), "a token was handed out twice");
    }

    /// Each job's events are its transitions. Jobs that shared an id follow one another.
    fn check_events(&self) {
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_history_is_the_models_and_replays_to_the_same_state(
        steps in proptest::collection::vec(step(), 1..80),
    ) {
        let mut both = Both::new();
        for step in &steps {
            both.run(step);
            both.check();
        }
        both.check_events();
    }
}
