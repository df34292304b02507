//! Workers that are told of a job and do not come, by the machine's time.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use redstart_core::engine::QueueEngine;
use redstart_core::engine::memory::MemoryQueue;
use redstart_core::queue::{Event, JobOptions, LeaseEnd, Subscriber, Token, WorkerSpec, WorkerTerms};

use crate::support::{add_all, ids, named, new_job, ready, rig, terms};
use crate::threads::{PATIENCE, system_queue};

/// Says which worker was told.
struct Told(Sender<u64>);

impl Subscriber for Told {
    fn ready(&self, worker: u64) {
        let _ = self.0.send(worker);
    }
    fn event(&self, _subscription: u64, _event: &Event) {}
    fn lease_lost(&self, _worker: u64, _token: Token, _why: LeaseEnd) {}
    fn ping(&self, _worker: u64) {}
}

fn open(queue: &MemoryQueue, stall_after_ms: Option<u64>, told: &Sender<u64>) -> u64 {
    let terms = WorkerTerms { stall_after_ms, ..terms() };
    queue.open_worker(WorkerSpec { terms, subscriber: Arc::new(Told(told.clone())) }).unwrap()
}

/// Workers that want a job each, the first one for the longest time.
fn wanting<const N: usize>(queue: &MemoryQueue) -> ([u64; N], Receiver<u64>) {
    let (sender, told) = mpsc::channel();
    let workers = [(); N].map(|()| {
        let worker = open(queue, None, &sender);
        assert!(queue.take(worker, 1).unwrap().is_empty());
        worker
    });
    (workers, told)
}

#[test]
fn one_that_was_told_and_does_not_come_loses_its_turn_to_the_next() {
    let queue = system_queue();
    let (workers, told) = wanting::<3>(&queue);
    ready(queue.add(new_job(named("a")))).unwrap();
    for worker in workers {
        assert_eq!(told.recv_timeout(PATIENCE), Ok(worker));
    }
    let [late, last, other] = workers;
    assert_eq!(ids(&queue.take(late, 1).unwrap()), ["a"], "it may still come");
    assert!(queue.take(last, 1).unwrap().is_empty() && queue.take(other, 1).unwrap().is_empty());
    ready(queue.add(new_job(named("b")))).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok(last), "who found nothing wants still");
}

#[test]
fn one_that_came_too_late_is_told_of_the_next_job_as_all_others() {
    let queue = system_queue();
    let ([late, other], told) = wanting::<2>(&queue);
    ready(queue.add(new_job(named("a")))).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok(late));
    assert_eq!(told.recv_timeout(PATIENCE), Ok(other));
    assert_eq!(queue.take(other, 1).unwrap().len(), 1);
    assert!(queue.take(late, 1).unwrap().is_empty());
    ready(queue.add(new_job(named("b")))).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok(late));
    assert_eq!(queue.take(late, 1).unwrap().len(), 1);
}

#[test]
fn one_that_is_late_alone_is_told_once_and_finds_the_job_when_it_comes() {
    let queue = system_queue();
    let ([late], told) = wanting::<1>(&queue);
    ready(queue.add(new_job(JobOptions::default()))).unwrap();
    assert_eq!(told.recv_timeout(PATIENCE), Ok(late));
    ready(queue.add(new_job(JobOptions::default()))).unwrap();
    assert!(told.recv_timeout(Duration::from_millis(50)).is_err(), "it is on its way");
    assert_eq!(queue.take(late, 9).unwrap().len(), 2);
}

#[test]
fn a_manual_clock_gives_all_the_time_there_is() {
    let rig = rig();
    let (workers, told) = wanting::<2>(&rig.queue);
    add_all(&rig, &["a"]);
    assert_eq!(told.recv_timeout(PATIENCE), Ok(workers[0]));
    rig.advance(3_600_000);
    assert!(told.recv_timeout(Duration::from_millis(100)).is_err(), "the same workers take the same jobs");
    rig.queue.close_worker(workers[0], true);
    assert_eq!(told.recv_timeout(PATIENCE), Ok(workers[1]));
}

#[test]
fn a_job_of_a_loop_that_stands_still_goes_to_another_worker_though_that_loop_is_told_first() {
    let queue = system_queue();
    let (sender, told) = mpsc::channel();
    ready(queue.add(new_job(named("a")))).unwrap();
    let stands_still = open(&queue, Some(1_000), &sender);
    assert_eq!(queue.take(stands_still, 2).unwrap().len(), 1, "it wants another one");
    let other = open(&queue, None, &sender);
    assert!(queue.take(other, 1).unwrap().is_empty());
    assert_eq!(told.recv_timeout(PATIENCE), Ok(stands_still), "it wants for longest");
    assert_eq!(told.recv_timeout(PATIENCE), Ok(other));
    assert_eq!(ids(&queue.take(other, 1).unwrap()), ["a"]);
}
