//! What the queue's tests share: a queue on a clock that stands still, an ear that hears everything, a tape
//! of its effects.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use redstart_core::Result;
use redstart_core::budget::Budget;
use redstart_core::clock::{Clock, MS, ManualClock};
use redstart_core::engine::QueueEngine;
use redstart_core::engine::memory::MemoryQueue;
use redstart_core::queue::{
    Effect, Event, Failure, Finish, JobOptions, JobView, Journal, NewJob, Outcome, QueueOptions, State,
    Subscriber, Token, WorkerSpec,
};
use redstart_core::reply::{Pending, Reply};
use serde_json::value::RawValue;

pub(crate) const START_MS: u64 = 1_700_000_000_000;
pub(crate) const LEASE_MS: u64 = 30_000;
pub(crate) const HOUR_MS: u64 = 3_600_000;

/// Keeps what a subscriber hears.
#[derive(Default)]
pub(crate) struct Ear {
    pub(crate) ready: Mutex<Vec<u64>>,
    pub(crate) events: Mutex<Vec<Event>>,
    pub(crate) lost: Mutex<Vec<(u64, Token)>>,
}

impl Ear {
    pub(crate) fn take_ready(&self) -> Vec<u64> {
        std::mem::take(&mut self.ready.lock())
    }
}

impl Subscriber for Ear {
    fn ready(&self, worker: u64) {
        self.ready.lock().push(worker);
    }
    fn event(&self, _subscription: u64, event: &Event) {
        self.events.lock().push(event.clone());
    }
    fn lease_lost(&self, worker: u64, token: Token) {
        self.lost.lock().push((worker, token));
    }
}

/// Keeps the effects, each as its JSON and back.
#[derive(Clone, Default)]
pub(crate) struct Tape(pub(crate) Arc<Mutex<Vec<Effect>>>);

impl Journal for Tape {
    fn append(&mut self, effect: &Effect) {
        let json = serde_json::to_string(effect).unwrap();
        self.0.lock().push(serde_json::from_str(&json).unwrap());
    }
}

/// A queue under test.
pub(crate) struct Rig {
    pub(crate) queue: Arc<MemoryQueue>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) ear: Arc<Ear>,
    pub(crate) tape: Tape,
    options: QueueOptions,
    /// What the tape has been replayed to.
    mirror: State,
    replayed: usize,
}

impl Rig {
    pub(crate) fn new(options: QueueOptions) -> Self {
        Self::within(options, 1 << 30)
    }

    /// With a budget of `limit` bytes.
    pub(crate) fn within(options: QueueOptions, limit: u64) -> Self {
        options.check().unwrap();
        let clock = ManualClock::new(START_MS * MS);
        let budget = Arc::new(Budget::new(limit));
        let (ear, tape, mirror) = (Arc::new(Ear::default()), Tape::default(), State::default());
        let queue = restore(&options, &clock, &budget, &mirror, &tape);
        queue.subscribe(ear.clone());
        Self { queue, clock, budget, ear, tape, options, mirror, replayed: 0 }
    }

    /// What a crash and a restart leave: the replayed state, and no workers.
    pub(crate) fn restart(&mut self) {
        self.check();
        self.queue = restore(&self.options, &self.clock, &self.budget, &self.mirror, &self.tape);
        self.queue.subscribe(self.ear.clone());
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_us() / MS
    }

    pub(crate) fn advance(&self, ms: u64) {
        self.clock.advance_to((self.now_ms() + ms) * MS);
    }

    pub(crate) fn worker(&self, max_stalled_count: u32) -> u64 {
        self.queue.open_worker(WorkerSpec {
            lease_ms: LEASE_MS,
            max_stalled_count,
            subscriber: self.ear.clone(),
        })
    }

    pub(crate) fn add(&self, options: JobOptions) -> (JobView, bool) {
        ready(self.queue.add(new_job(options))).unwrap()
    }

    pub(crate) fn get(&self, id: &str) -> Option<JobView> {
        ready(self.queue.get_job(id)).unwrap()
    }

    pub(crate) fn take(&self, worker: u64, max: usize) -> Vec<(JobView, Token)> {
        self.queue.take(worker, max).unwrap()
    }

    pub(crate) fn finish(&self, token: Token, outcome: Outcome) -> Finish {
        ready(self.queue.finish(token, outcome)).unwrap()
    }

    /// The state bears recounting, equals its replay, and is what the budget was charged for; the events have
    /// no gaps.
    pub(crate) fn check(&mut self) {
        let tape = self.tape.0.lock();
        for effect in &tape[self.replayed..] {
            self.mirror.apply(effect);
        }
        self.replayed = tape.len();
        self.queue.inspect(|state| {
            state.check().unwrap();
            assert!(*state == self.mirror, "live state {state:#?}\nreplayed {:#?}", self.mirror);
            assert_eq!(self.budget.used(), state.bytes());
        });
        let events = self.ear.events.lock();
        assert!(events.iter().map(|event| event.seq).eq(1..=events.len() as u64));
    }
}

fn restore(
    options: &QueueOptions,
    clock: &Arc<ManualClock>,
    budget: &Arc<Budget>,
    state: &State,
    tape: &Tape,
) -> Arc<MemoryQueue> {
    let clock = Clock::Manual(clock.clone());
    let journal = Box::new(tape.clone());
    MemoryQueue::restore("mail".into(), options.clone(), clock, budget.clone(), state.clone(), Some(journal))
}

pub(crate) fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.into()).unwrap()
}

pub(crate) fn new_job(options: JobOptions) -> NewJob {
    NewJob { name: "welcome".into(), data: raw(r#"{"to":"a@b.c"}"#), options }
}

pub(crate) fn completed() -> Outcome {
    Outcome::Completed(raw("true"))
}

pub(crate) fn failed(unrecoverable: bool) -> Outcome {
    let failure = Failure {
        name: "TypeError".into(),
        message: "no such mailbox".into(),
        stack: Some("TypeError: no such mailbox\n    at send".into()),
        code: Some("E_BOX".into()),
    };
    Outcome::Failed { failure, unrecoverable }
}

/// An answer that must be there at once.
pub(crate) fn ready<T>(reply: Reply<T>) -> Result<T> {
    match reply {
        Reply::Ready(result) => result,
        Reply::Pending(mut pending) => poll(&mut pending).expect("the memory engine answers at once"),
    }
}

/// A pending answer, where it has come.
pub(crate) fn poll<T>(pending: &mut Pending<T>) -> Option<Result<T>> {
    match pending.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

pub(crate) fn rig() -> Rig {
    Rig::new(QueueOptions::default())
}

pub(crate) fn named(id: &str) -> JobOptions {
    JobOptions { job_id: Some(id.into()), ..JobOptions::default() }
}

pub(crate) fn add_all(rig: &Rig, ids: &[&str]) {
    for id in ids {
        assert!(rig.add(named(id)).1);
    }
}

pub(crate) fn ids(taken: &[(JobView, Token)]) -> Vec<&str> {
    taken.iter().map(|(view, _)| &*view.id).collect()
}

pub(crate) fn pending<T>(reply: Reply<T>) -> Pending<T> {
    match reply {
        Reply::Pending(pending) => pending,
        Reply::Ready(_) => panic!("the answer is not there yet"),
    }
}

/// Runs the next job to its end.
pub(crate) fn run(rig: &Rig, worker: u64, outcome: Outcome) -> Finish {
    let (_, token) = rig.take(worker, 1)[0];
    rig.finish(token, outcome)
}
