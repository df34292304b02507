//! A job queue in this process.
//!
//! One lock a queue. An operation prepares what it can before it (ids, checks, copies), then decides and
//! applies under it (microseconds; the longest are bounded by a worker's concurrency or a tick's thousand),
//! and tells after it. Every operation that may change something goes through `MemoryQueue::with`, which
//! ends each the same way, so no path can forget a wake-up, an alarm or an answer.
//!
//! Leases: a worker that is open here shares the process with the queue, and its end is told by
//! `close_worker`, even when its thread dies. So the leases of open workers count as renewed for as long as
//! they are open, under either clock and at no cost; a timer that wrote "renewed" every so often could never
//! find otherwise. What needs its lease watched is a claim whose worker this queue never saw, in a state
//! restored from a log: it is reaped when the lease is over.
//!
//! Rejected: sharding a queue over several locks. Order and `seq` are one for the queue, and a take that
//! looks at every shard costs more than the lock it saves.

mod inner;
mod operations;
mod outbox;
mod tick;
mod waiters;
mod workers;

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use self::inner::Inner;
use self::operations::Asked;
use crate::budget::{Budget, Yields};
use crate::clock::{Clock, MS};
use crate::engine::QueueEngine;
use crate::error::{Error, Result};
use crate::ids;
use crate::queue::job::Phase;
use crate::queue::{
    Counts, Finish, JobView, Journal, NewJob, Outcome, QueueOptions, State, Subscriber, Token, WorkerSpec,
    add, finish,
};
use crate::reply::Reply;
use crate::timer::{Alarm, Ticking};

/// A queue that lives in this process's memory, shared by its threads.
pub struct MemoryQueue {
    options: QueueOptions,
    clock: Clock,
    budget: Arc<Budget>,
    alarm: Alarm,
    inner: Mutex<Inner>,
}

impl MemoryQueue {
    /// An empty queue; what its jobs take counts against `budget`.
    pub fn new(name: String, options: QueueOptions, clock: Clock, budget: Arc<Budget>) -> Arc<Self> {
        Self::restore(name, options, clock, budget, State::default(), None)
    }

    /// A queue that goes on from `state`, as a replayed log left it, and tells `journal` each effect from
    /// here on. What is active in `state` has no worker here: it goes back when the leases of its claims are
    /// over.
    pub fn restore(
        name: String,
        options: QueueOptions,
        clock: Clock,
        budget: Arc<Budget>,
        state: State,
        journal: Option<Box<dyn Journal>>,
    ) -> Arc<Self> {
        let inner = Inner::new(name, state, budget.clone(), journal);
        let due_us = inner.next_due_us();
        let queue = Arc::new_cyclic(|queue: &Weak<Self>| {
            let alarm = Alarm::new(clock.clone(), queue.clone());
            Self { options, clock, budget, alarm, inner: Mutex::new(inner) }
        });
        let yielder: Weak<Self> = Arc::downgrade(&queue);
        queue.budget.register(yielder);
        if let Some(due_us) = due_us {
            queue.alarm.set(due_us);
        }
        queue
    }

    /// `look` at the state, under the queue's lock: for snapshots and tests.
    pub fn inspect<R>(&self, look: impl FnOnce(&State) -> R) -> R {
        look(&self.inner.lock().state)
    }

    /// Ends the queue when its store closes: later adds and takes are refused, whoever waits for a result is
    /// told `Closed`, the state is dropped and its bytes given back. The number of unfinished jobs that went;
    /// 0 when it was shut before.
    pub fn shut(&self) -> u64 {
        let state = self.with(|inner, _| inner.shut());
        let Counts { waiting, delayed, active, .. } = state.counts();
        waiting + delayed + active
    }

    /// Runs an operation at one instant, then: wake-ups into the outbox, and without the lock the alarm and
    /// the outbox. The clock is read under the lock, so instants never go back from one operation to the
    /// next.
    fn with<R>(&self, operation: impl FnOnce(&mut Inner, u64) -> R) -> R {
        let mut inner = self.inner.lock();
        let answer = operation(&mut inner, self.clock.now_us());
        let due_us = inner.follow_up();
        let notices = inner.outbox.begin();
        drop(inner);
        // Over the cap with no history of its own left: that of other queues goes, without this lock.
        if !self.budget.has_room(0) {
            self.budget.make_room(0);
        }
        if let Some(due_us) = due_us {
            self.alarm.set(due_us);
        }
        if let Some(notices) = notices {
            outbox::deliver(notices, &self.inner);
        }
        answer
    }
}

impl QueueEngine for MemoryQueue {
    fn add(&self, job: NewJob) -> Reply<(JobView, bool)> {
        let prepared = add::prepare(job, &self.options, || ids::job_id(self.clock.now_ms()));
        let add = |job| self.with(|inner, now_us| inner.add(job, now_us));
        Reply::Ready(prepared.and_then(|job| match add(job.clone()) {
            Err(Error::StoreFull { asked, .. }) if self.budget.make_room(asked) => add(job),
            answer => answer,
        }))
    }

    fn open_worker(&self, spec: WorkerSpec) -> u64 {
        self.with(|inner, _| inner.workers.open(spec))
    }

    fn take(&self, worker: u64, max: usize) -> Result<Vec<(JobView, Token)>> {
        self.with(|inner, now_us| inner.take(worker, max, now_us))
    }

    fn finish(&self, token: Token, outcome: Outcome) -> Reply<Finish> {
        let random = if matches!(outcome, Outcome::Failed { .. }) { ids::random_unit() } else { 0.0 };
        let prepared = finish::prepare(outcome, &self.options);
        Reply::Ready(
            prepared.map(|outcome| self.with(|inner, now_us| inner.finish(token, outcome, random, now_us))),
        )
    }

    fn close_worker(&self, worker: u64, released: bool) {
        self.with(|inner, now_us| inner.close_worker(worker, released, now_us));
    }

    fn get_job(&self, id: &str) -> Reply<Option<JobView>> {
        Reply::Ready(Ok(self.inspect(|state| Some(state.job(state.find(id)?)?.view()))))
    }

    fn result(&self, id: &str, timeout_ms: Option<u64>) -> Reply<String> {
        let (asked, closed) =
            self.with(|inner, now_us| (inner.result(id, timeout_ms, now_us), inner.closed_error()));
        match asked {
            Asked::Now(result) => Reply::Ready(result.map(|result| result.get().to_owned())),
            Asked::Later(answer) => Reply::Pending(Box::pin(async move {
                // A queue that is dropped answers nobody; that is the same end for who waits.
                answer.await.unwrap_or(Err(closed)).map(|result| result.get().to_owned())
            })),
        }
    }

    fn counts(&self) -> Counts {
        self.inspect(State::counts)
    }

    fn settled(&self) -> Reply<()> {
        match self.with(|inner, _| inner.settled()) {
            None => Reply::Ready(Ok(())),
            // A queue that is gone is quiet.
            Some(quiet) => Reply::Pending(Box::pin(async move { quiet.await.or(Ok::<_, Error>(())) })),
        }
    }

    fn subscribe(&self, subscriber: Arc<dyn Subscriber>) -> u64 {
        self.with(|inner, _| inner.subscribe(subscriber))
    }

    fn unsubscribe(&self, subscription: u64) {
        self.with(|inner, _| inner.unsubscribe(subscription));
    }

    fn load(&self) -> (u64, u64) {
        let now_us = self.clock.now_us();
        self.inspect(|state| {
            let first = state.order().first_waiting().and_then(|number| state.job(number));
            let age_us = match first.map(|job| &job.phase) {
                Some(Phase::Waiting { since_us, .. }) => now_us.saturating_sub(*since_us),
                _ => 0,
            };
            (state.bytes(), age_us / MS)
        })
    }
}

impl Yields for MemoryQueue {
    /// Not through `with`: what is removed wakes nobody, and an alarm that comes too early finds nothing to do.
    fn yield_room(&self, bytes: u64) {
        self.inner.lock().let_history_go(bytes, None);
    }
}

impl Ticking for MemoryQueue {
    fn next_due_us(&self) -> Option<u64> {
        self.inner.lock().next_due_us()
    }

    fn tick(&self, _now_us: u64) {
        self.with(Inner::tick);
    }
}
