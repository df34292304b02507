//! Many jobs that go at once: their bytes are back when the call returns, though freeing them takes a while.

use std::sync::mpsc;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use redstart_core::budget::Budget;
use redstart_core::clock::{Clock, MS};
use redstart_core::engine::QueueEngine;
use redstart_core::engine::memory::MemoryQueue;
use redstart_core::queue::{Counts, Effect, Event, JobOptions, LeaseEnd, QueueOptions, Subscriber, Token};

use crate::support::{add_all, new_job, ready, rig};
use crate::threads::{PATIENCE, system_queue};

const JOBS: u64 = 300_000;
/// Freed at most by who calls.
const FREED_AT_ONCE: usize = 1_000;

/// Keeps the background thread until it is let go.
struct Holds(mpsc::Sender<()>, Mutex<Option<mpsc::Receiver<()>>>);

impl Subscriber for Holds {
    fn ready(&self, _worker: u64) {}
    fn event(&self, _subscription: u64, event: &Event) {
        if event.kind.name() == "waiting"
            && let Some(go_on) = self.1.lock().take()
        {
            self.0.send(()).unwrap();
            go_on.recv_timeout(PATIENCE).unwrap();
        }
    }
    fn lease_lost(&self, _worker: u64, _token: Token, _why: LeaseEnd) {}
    fn ping(&self, _worker: u64) {}
}

/// Calls while the background thread does nothing else.
fn alone<R>(call: impl FnOnce() -> R) -> R {
    let queue = system_queue();
    let ((held, holds), (go_on, goes_on)) = (mpsc::channel(), mpsc::channel());
    queue.subscribe(Arc::new(Holds(held, Mutex::new(Some(goes_on)))));
    ready(queue.add(new_job(JobOptions { delay: Some(1), ..JobOptions::default() }))).unwrap();
    holds.recv_timeout(PATIENCE).unwrap();
    let answer = call();
    go_on.send(()).unwrap();
    answer
}

/// A queue with many jobs, and what tells of each whether it is in memory still.
fn many() -> (Arc<Budget>, Arc<MemoryQueue>, Vec<Weak<str>>) {
    let budget = Arc::new(Budget::new(1 << 40));
    let queue = MemoryQueue::new("mail".into(), QueueOptions::default(), Clock::System, budget.clone());
    let mut jobs = Vec::new();
    for _ in 0..JOBS / 10_000 {
        let bulk = (0..10_000).map(|_| new_job(JobOptions::default())).collect();
        jobs.extend(ready(queue.add_bulk(bulk)).unwrap().iter().map(|(view, _)| Arc::downgrade(&view.id)));
    }
    assert_eq!(queue.counts().waiting, JOBS);
    (budget, queue, jobs)
}

fn in_memory(jobs: &[Weak<str>]) -> usize {
    jobs.iter().filter(|job| job.strong_count() > 0).count()
}

fn vanish(call: impl FnOnce(&MemoryQueue) -> u64) {
    let (budget, queue, jobs) = many();
    let left = alone(|| {
        assert_eq!(call(&queue), JOBS);
        assert_eq!((budget.used(), queue.counts()), (0, Counts::default()));
        in_memory(&jobs)
    });
    assert!(left + FREED_AT_ONCE >= jobs.len(), "who called freed {}", jobs.len() - left);
    let end_us = Clock::System.now_us() + 20_000 * MS;
    while in_memory(&jobs) > 0 {
        assert!(Clock::System.now_us() < end_us, "{} were never freed", in_memory(&jobs));
        std::thread::yield_now();
    }
}

#[test]
fn a_large_queue_that_is_obliterated_gives_its_bytes_back_at_once() {
    vanish(|queue| ready(queue.obliterate(false)).unwrap());
}

#[test]
fn a_large_queue_that_is_shut_gives_its_bytes_back_at_once() {
    vanish(MemoryQueue::shut);
}

#[test]
fn obliterate_is_one_entry_of_the_log_however_many_jobs_there_were() {
    let mut rig = rig();
    for _ in 0..100 {
        rig.add(JobOptions::default());
    }
    let before = rig.tape.0.lock().len();
    assert_eq!(ready(rig.queue.obliterate(false)).unwrap(), 100);
    assert_eq!(rig.tape.0.lock()[before..], [Effect::Obliterated]);
    rig.restart();
    assert_eq!(rig.queue.counts(), Counts::default());
    add_all(&rig, &["a"]);
}
