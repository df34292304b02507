//! A job queue in this process.
//!
//! One lock a queue. An operation prepares what it can before it (ids, checks, copies), then decides and
//! applies under it (microseconds; the longest are a bulk of ten thousand, a look at places far down, and what makes room for
//! something large), and tells after it. Every operation that may change something goes through `MemoryQueue::with`, which
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
mod sweeps;
mod tick;
mod waiters;
mod watchdog;
mod workers;

use std::sync::{Arc, Weak};
use std::time::Instant;

use parking_lot::{Mutex, RwLock};
use serde_json::value::RawValue;

use self::inner::Inner;
use self::operations::Asked;
use self::outbox::Notice;
use self::watchdog::Watchdog;
use crate::budget::{Budget, Yields};
use crate::clock::{Clock, MS};
use crate::engine::QueueEngine;
use crate::error::{Error, Result};
use crate::ids;
use crate::queue::add::{self, Prepared, Shared};
use crate::queue::{
    Change, Changed, Counts, Effect, Finish, JobState, JobView, Journal, Json, Letter, Metrics, NewJob,
    Outcome, QueueOptions, Rate, SchedulerView, State, Step, Subscriber, Token, Upsert, WorkerSpec, finish,
};
use crate::reply::Reply;
use crate::timer::{self, Alarm, Ticking};

/// Notices that an operation delivers for others beside its own, and those between two turns of the background thread.
const DELIVERED_AT_ONCE: usize = 1_000;

/// A queue that lives in this process's memory, shared by its threads.
pub struct MemoryQueue {
    shared: RwLock<Arc<Shared>>,
    clock: Clock,
    budget: Arc<Budget>,
    alarm: Alarm,
    watchdog: Arc<Watchdog>,
    me: Weak<Self>,
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
        let loops_are_real = matches!(clock, Clock::System);
        let inner = Inner::new(name, state, budget.clone(), loops_are_real, journal);
        let due_us = inner.next_due_us(clock.now_us());
        let queue = Arc::new_cyclic(|queue: &Weak<Self>| Self {
            shared: RwLock::new(Arc::new(Shared::new(options))),
            alarm: Alarm::new(clock.clone(), queue.clone()),
            watchdog: Arc::new_cyclic(|watchdog| Watchdog::new(queue.clone(), watchdog.clone())),
            clock,
            budget,
            me: queue.clone(),
            inner: Mutex::new(inner),
        });
        let yielder: Weak<Self> = Arc::downgrade(&queue);
        queue.budget.register(yielder);
        if let Some(due_us) = due_us {
            queue.alarm.set(due_us);
        }
        queue
    }

    /// Options for a queue that was made without any because another one's dead letters go there.
    pub fn adopt(&self, options: QueueOptions) {
        *self.shared.write() = Arc::new(Shared::new(options));
    }

    /// The name of the queue that its dead letters go to.
    pub fn dead_letter(&self) -> Option<String> {
        self.shared().options.dead_letter.clone()
    }

    /// Lets its dead letters go to `queue`, and to no other one later. Letters that went round in a circle would never end, and
    /// lock each other out: a queue's lock is held while its letter is received.
    pub fn post_to(&self, queue: Arc<Self>) {
        self.inner.lock().letters_to.get_or_insert(queue);
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
        let Counts { waiting, prioritized, delayed, active, .. } = state.counts();
        timer::free(state.into_pieces());
        waiting + prioritized + delayed + active
    }

    /// Runs an operation at one instant, then: wake-ups into the outbox, and without the lock the alarm and
    /// the outbox. The clock is read under the lock, so instants never go back from one operation to the
    /// next.
    fn with<R>(&self, operation: impl FnOnce(&mut Inner, u64) -> R) -> R {
        let mut inner = self.inner.lock();
        let now_us = self.clock.now_us();
        let answer = operation(&mut inner, now_us);
        let due_us = inner.follow_up(now_us);
        let notices = inner.outbox.begin();
        let late = inner.next_late();
        let posted = std::mem::take(&mut inner.posted).then(|| inner.letters_to.clone()).flatten();
        drop(inner);
        if let Some(queue) = posted {
            queue.go_on();
        }
        // Over the cap with no history of its own left: that of other queues goes, without this lock.
        if !self.budget.has_room(0) {
            self.budget.make_room(0);
        }
        if let Some(due_us) = due_us {
            self.alarm.set(due_us);
        }
        if let Some(late) = late {
            self.watchdog.set(late);
        }
        if let Some(notices) = notices {
            let most = notices.len() + DELIVERED_AT_ONCE;
            if let Some(left) = outbox::deliver(notices, most, &self.inner) {
                timer::spawn(deliver_rest(self.me.clone(), left));
            }
        }
        answer
    }

    /// Wakes and tells whoever a dead letter from another queue concerns.
    fn go_on(&self) {
        self.with(|_, _| ());
    }

    /// Adds what needs room: history of all queues goes for it.
    fn with_room<J: Clone, R>(&self, job: J, add: impl Fn(&mut Inner, J, u64) -> Result<R>) -> Result<R> {
        let once = |job| self.with(|inner, now_us| add(inner, job, now_us));
        match once(job.clone()) {
            Err(Error::StoreFull { asked, .. }) if self.budget.make_room(asked) => once(job),
            answer => answer,
        }
    }

    fn shared(&self) -> Arc<Shared> {
        self.shared.read().clone()
    }

    fn prepare(&self, job: NewJob) -> Result<Prepared> {
        add::prepare(job, &self.shared(), || ids::job_id(self.clock.now_ms()))
    }

    /// A dead letter of another queue, whose lock the caller holds and which wakes this one's workers after it.
    fn receive(&self, letter: Letter) {
        let job = add::letter(letter, &self.shared(), ids::job_id(self.clock.now_ms()));
        let mut inner = self.inner.lock();
        let now_us = self.clock.now_us();
        inner.add_letter(job, now_us);
    }

    fn next_look(&self) -> Option<Instant> {
        self.inner.lock().next_look()
    }
}

/// Delivers what an operation has left, on the background thread.
async fn deliver_rest(queue: Weak<MemoryQueue>, mut batch: Vec<Notice>) {
    while let Some(alive) = queue.upgrade()
        && let Some(left) = outbox::deliver(batch, DELIVERED_AT_ONCE, &alive.inner)
    {
        batch = left;
        drop(alive);
        timer::turn().await;
    }
}

/// A result of a job, now or when it has finished; `closed` once nobody can tell any more.
fn answer(asked: Asked, closed: Error) -> Reply<String> {
    match asked {
        Asked::Now(result) => Reply::Ready(result.map(|result| result.get().to_owned())),
        Asked::Later(answer) => Reply::Pending(Box::pin(async move {
            // A queue that is dropped answers nobody; that is the same end for who waits.
            answer.await.unwrap_or(Err(closed)).map(|result| result.get().to_owned())
        })),
    }
}

impl QueueEngine for MemoryQueue {
    fn add(&self, job: NewJob) -> Reply<(JobView, bool)> {
        Reply::Ready(self.prepare(job).and_then(|job| {
            self.with_room(job, |inner, job, now_us| {
                let which = inner.add(job, now_us)?;
                inner.shown(which)
            })
        }))
    }

    fn add_bulk(&self, jobs: Vec<NewJob>) -> Reply<Vec<(JobView, bool)>> {
        let prepared: Result<Vec<_>> = jobs.into_iter().map(|job| self.prepare(job)).collect();
        Reply::Ready(prepared.and_then(|jobs| self.with_room(jobs, Inner::add_bulk)))
    }

    fn add_and_wait(&self, job: NewJob, timeout_ms: Option<u64>) -> Reply<String> {
        let asked = self.prepare(job).and_then(|job| {
            self.with_room(job, |inner, job, now_us| {
                Ok((inner.add_and_wait(job, timeout_ms, now_us)?, inner.closed_error()))
            })
        });
        match asked {
            Ok((asked, closed)) => answer(asked, closed),
            Err(error) => Reply::Ready(Err(error)),
        }
    }

    fn open_worker(&self, spec: WorkerSpec) -> Result<u64> {
        spec.terms.check()?;
        self.with(|inner, _| {
            inner.check_open()?;
            Ok(inner.workers.open(spec))
        })
    }

    fn take(&self, worker: u64, max: usize) -> Result<Vec<(JobView, Token)>> {
        let (claimed, look) = self.with(|inner, now_us| {
            let claimed = inner.take(worker, max, now_us);
            (claimed, inner.next_look_at(worker))
        });
        if let Some(look) = look {
            self.watchdog.set(look);
        }
        claimed
    }

    fn finish(&self, token: Token, outcome: Outcome) -> Reply<Finish> {
        let random = if matches!(outcome, Outcome::Failed { .. }) { ids::random_unit() } else { 0.0 };
        let prepared = finish::prepare(outcome, &self.shared().options);
        Reply::Ready(
            prepared.map(|outcome| self.with(|inner, now_us| inner.finish(token, outcome, random, now_us))),
        )
    }

    fn complete_all(&self, completed: Vec<(Token, Json)>) -> Reply<Vec<Option<Finish>>> {
        let shared = self.shared();
        let prepare = |(token, result)| (token, finish::completed(result, &shared.options).ok());
        let prepared: Vec<_> = completed.into_iter().map(prepare).collect();
        Reply::Ready(Ok(self.with(|inner, now_us| {
            let finish = |(token, outcome): (_, Option<_>)| Some(inner.finish(token, outcome?, 0.0, now_us));
            prepared.into_iter().map(finish).collect()
        })))
    }

    fn progress(&self, token: Token, progress: Box<RawValue>) -> Reply<bool> {
        Reply::Ready(self.shared().options.progress(progress).and_then(|progress| {
            self.with_room(progress, |inner, progress, _| {
                let effect = finish::progress(&inner.state, token, progress);
                inner.note(effect)
            })
        }))
    }

    fn log(&self, token: Token, line: &str) -> Reply<bool> {
        Reply::Ready(self.with_room(line, |inner, line, _| {
            let effect = finish::log(&inner.state, token, line);
            inner.note(effect)
        }))
    }

    fn pong(&self, worker: u64) {
        let look = {
            let mut inner = self.inner.lock();
            inner.seen(worker);
            inner.next_look_at(worker)
        };
        // Sooner than it would have been looked for the answer.
        if let Some(look) = look {
            self.watchdog.set(look);
        }
    }

    fn guard(&self, worker: u64, subscriber: Arc<dyn Subscriber>) -> u64 {
        self.inner.lock().workers.guard(worker, subscriber)
    }

    fn unguard(&self, guard: u64) {
        self.inner.lock().workers.unguard(guard);
    }

    fn close_worker(&self, worker: u64, released: bool) {
        self.with(|inner, now_us| inner.close_worker(worker, released, now_us));
    }

    fn get_job(&self, id: &str) -> Reply<Option<JobView>> {
        Reply::Ready(Ok(self.inspect(|state| Some(state.job(state.find(id)?)?.view()))))
    }

    fn state(&self, id: &str) -> Reply<Option<JobState>> {
        Reply::Ready(Ok(self.inspect(|state| Some(state.job(state.find(id)?)?.state()))))
    }

    fn get_jobs(&self, states: &[JobState], start: usize, max: usize, asc: bool) -> Reply<Vec<JobView>> {
        Reply::Ready(Ok(self.inspect(|state| state.jobs_in(states, start, max, asc))))
    }

    fn logs(&self, id: &str, start: usize, max: usize) -> Reply<Vec<Arc<str>>> {
        Reply::Ready(Ok(self.inspect(|state| {
            let number = state.find(id).unwrap_or_default();
            state.log_of(number).skip(start).take(max).cloned().collect()
        })))
    }

    fn result(&self, id: &str, timeout_ms: Option<u64>) -> Reply<String> {
        let (asked, closed) =
            self.with(|inner, now_us| (inner.result(id, timeout_ms, now_us), inner.closed_error()));
        answer(asked, closed)
    }

    fn change(&self, id: &str, change: Change) -> Reply<Changed> {
        Reply::Ready(self.with(|inner, now_us| inner.change(id, change, now_us)))
    }

    fn counts(&self) -> Counts {
        self.inspect(State::counts)
    }

    fn metrics(&self) -> Metrics {
        self.with(|inner, now_us| {
            let oldest_us = inner.state.order().oldest_waiting().map(|(since_us, _)| since_us);
            inner.meter.read(oldest_us, now_us)
        })
    }

    fn is_paused(&self) -> bool {
        self.inspect(State::is_paused)
    }

    fn set_paused(&self, paused: bool) -> Reply<()> {
        Reply::Ready(self.with(|inner, _| inner.set_paused(paused)))
    }

    fn set_concurrency(&self, limit: Option<u32>) -> Reply<()> {
        Reply::Ready(self.with(|inner, _| inner.bound(&Effect::ConcurrencySet { limit })))
    }

    fn set_rate(&self, rate: Option<Rate>) -> Reply<()> {
        let checked = rate.map_or(Ok(()), |rate| rate.check());
        Reply::Ready(checked.and_then(|()| self.with(|inner, _| inner.bound(&Effect::RateSet { rate }))))
    }

    fn drain(&self) -> Reply<Step<u64>> {
        Reply::Ready(self.with(|inner, _| inner.drain()))
    }

    fn clean(&self, state: JobState, older_than_ms: u64, limit: usize) -> Reply<Step<Vec<Arc<str>>>> {
        Reply::Ready(self.with(|inner, now_us| inner.clean(state, older_than_ms, limit, now_us)))
    }

    fn retry_failed(&self, limit: usize) -> Reply<Step<u64>> {
        Reply::Ready(self.with(|inner, now_us| inner.retry_failed(limit, now_us)))
    }

    fn obliterate(&self, force: bool) -> Reply<u64> {
        Reply::Ready(self.with(|inner, _| inner.obliterate(force)).map(|gone| {
            let Counts { waiting, prioritized, delayed, active, completed, failed } = gone.counts();
            timer::free(gone.into_pieces());
            waiting + prioritized + delayed + active + completed + failed
        }))
    }

    fn upsert_scheduler(&self, upsert: Upsert) -> Reply<()> {
        let shared = self.shared();
        Reply::Ready(upsert.check(&shared.options).and_then(|()| {
            self.with_room(upsert, |inner, upsert, now_us| inner.upsert_scheduler(upsert, &shared, now_us))
        }))
    }

    fn remove_scheduler(&self, id: &str) -> Reply<bool> {
        Reply::Ready(self.with(|inner, _| inner.remove_scheduler(id)))
    }

    fn schedulers(&self) -> Reply<Vec<SchedulerView>> {
        Reply::Ready(Ok(
            self.inspect(|state| state.schedulers().map(|(id, scheduler)| scheduler.view(id)).collect())
        ))
    }

    fn settled(&self) -> Reply<()> {
        match self.with(Inner::settled) {
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
            let oldest = state.order().oldest_waiting();
            (state.bytes(), oldest.map_or(0, |(since_us, _)| now_us.saturating_sub(since_us) / MS))
        })
    }
}

impl Yields for MemoryQueue {
    fn yieldable(&self) -> u64 {
        self.inspect(State::passing_bytes)
    }

    /// Not through `with`: what is removed wakes nobody, and an alarm that comes too early finds nothing to do.
    fn yield_room(&self, bytes: u64) {
        self.inner.lock().let_history_go(bytes, None);
    }
}

impl Ticking for MemoryQueue {
    fn next_due_us(&self) -> Option<u64> {
        self.inner.lock().next_due_us(self.clock.now_us())
    }

    fn tick(&self, _now_us: u64) {
        let shared = self.shared();
        self.with(|inner, now_us| inner.tick(&shared, now_us));
    }
}
