//! A queue under test.

use std::sync::Arc;

use redstart_core::budget::Budget;
use redstart_core::clock::{Clock, MS, ManualClock};
use redstart_core::engine::QueueEngine;
use redstart_core::engine::memory::MemoryQueue;
use redstart_core::queue::{
    Change, Changed, Finish, JobOptions, JobState, JobView, Outcome, QueueOptions, State, Token, WorkerSpec,
    WorkerTerms,
};

use crate::ear::{Caller, Ear, Tape};
use crate::support::{START_MS, new_job, ready, terms};

/// A queue under test; what it promises at any time is looked at when the test ends.
pub(crate) struct Rig {
    pub(crate) queue: Arc<MemoryQueue>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) budget: Arc<Budget>,
    pub(crate) ear: Arc<Ear>,
    pub(crate) tape: Tape,
    /// Another queue on the clock, which comes before this one.
    herald: Arc<MemoryQueue>,
    options: QueueOptions,
    /// What the tape has been replayed to.
    mirror: State,
    replayed: usize,
    shut: bool,
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
        let herald = herald(&clock);
        let (ear, tape, mirror) = (Arc::new(Ear::default()), Tape::default(), State::default());
        let queue = restore(&options, &clock, &budget, &mirror, &tape);
        queue.subscribe(ear.clone());
        Self { queue, clock, budget, ear, tape, herald, options, mirror, replayed: 0, shut: false }
    }

    /// What a crash and a restart leave: the replayed state, and no workers.
    pub(crate) fn restart(&mut self) {
        self.check();
        self.queue = restore(&self.options, &self.clock, &self.budget, &self.mirror, &self.tape);
        self.queue.subscribe(self.ear.clone());
    }

    /// The same after so long, in which nothing ran: as after a machine's sleep.
    pub(crate) fn sleep(&mut self, ms: u64) {
        self.clock = ManualClock::new(self.clock.now_us() + ms * MS);
        self.herald = herald(&self.clock);
        self.restart();
        self.advance(0);
    }

    /// Calls the queue in so long, at an instant at which it has not looked yet what is due.
    pub(crate) fn before_it_ticks(&self, ms: u64, call: impl Fn(&MemoryQueue) + Send + Sync + 'static) {
        let options = JobOptions { delay: Some(ms), ..JobOptions::default() };
        ready(self.herald.add(new_job(options))).unwrap();
        let queue = Arc::downgrade(&self.queue);
        self.herald.subscribe(Arc::new(Caller(move || {
            if let Some(queue) = queue.upgrade() {
                call(&queue);
            }
        })));
    }

    /// Ends the queue as its store does; how many jobs were unfinished.
    pub(crate) fn shut(&mut self) -> u64 {
        self.check();
        self.shut = true;
        self.queue.shut()
    }

    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_us() / MS
    }

    pub(crate) fn advance(&self, ms: u64) {
        self.clock.advance_to((self.now_ms() + ms) * MS);
    }

    pub(crate) fn worker(&self, max_stalled_count: u32) -> u64 {
        self.open(WorkerTerms { max_stalled_count, ..terms() })
    }

    pub(crate) fn open(&self, terms: WorkerTerms) -> u64 {
        self.queue.open_worker(WorkerSpec { terms, subscriber: self.ear.clone() }).unwrap()
    }

    pub(crate) fn add(&self, options: JobOptions) -> (JobView, bool) {
        ready(self.queue.add(new_job(options))).unwrap()
    }

    pub(crate) fn get(&self, id: &str) -> Option<JobView> {
        ready(self.queue.get_job(id)).unwrap()
    }

    /// Where a job is that is there.
    pub(crate) fn state(&self, id: &str) -> JobState {
        self.get(id).unwrap().state
    }

    pub(crate) fn change(&self, id: &str, change: Change) -> Changed {
        ready(self.queue.change(id, change)).unwrap()
    }

    pub(crate) fn cancel(&self, id: &str) -> Changed {
        self.change(id, Change::Cancel { reason: Some("not wanted".into()) })
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

impl Drop for Rig {
    fn drop(&mut self) {
        if !self.shut && !std::thread::panicking() {
            self.check();
        }
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

fn herald(clock: &Arc<ManualClock>) -> Arc<MemoryQueue> {
    let (clock, budget) = (Clock::Manual(clock.clone()), Arc::new(Budget::new(1 << 20)));
    MemoryQueue::new("herald".into(), QueueOptions::default(), clock, budget)
}
