//! Who else hears that a worker has lost a job: a guard, for a worker whose own thread may hang.

use std::sync::Arc;

use redstart_core::engine::QueueEngine;
use redstart_core::queue::{Change, JobOptions, LeaseEnd, Token};

use crate::support::{Ear, Rig, add_all, named, ready, rig, take_one};

const CANCEL: Change = Change::Cancel { reason: None };

fn guard(rig: &Rig, worker: u64) -> (u64, Arc<Ear>) {
    let ear = Arc::new(Ear::default());
    (rig.queue.guard(worker, ear.clone()), ear)
}

/// Takes a job and has it cancelled.
fn lose(rig: &Rig, worker: u64, id: &str) -> (u64, Token, LeaseEnd) {
    add_all(rig, &[id]);
    let token = take_one(rig, worker, id);
    rig.change(id, CANCEL);
    (worker, token, LeaseEnd::Cancelled)
}

#[test]
fn a_guard_hears_of_its_worker_and_of_no_other_until_it_is_ended() {
    let rig = rig();
    let (worker, other) = (rig.worker(1), rig.worker(1));
    let ((first, first_ear), (_, second_ear)) = (guard(&rig, worker), guard(&rig, worker));
    let a = lose(&rig, worker, "a");
    let b = lose(&rig, other, "b");
    assert_eq!(rig.ear.take_lost(), [a, b], "the worker itself hears it too");
    assert_eq!((first_ear.take_lost(), second_ear.take_lost()), (vec![a], vec![a]));
    rig.queue.unguard(first);
    rig.queue.unguard(first);
    let c = lose(&rig, worker, "c");
    assert_eq!((first_ear.take_lost(), second_ear.take_lost()), (vec![], vec![c]));
    assert_eq!(Arc::strong_count(&first_ear), 1, "and it is let go of");
}

#[test]
fn a_guard_hears_of_every_end_that_its_worker_does() {
    let rig = rig();
    let worker = rig.worker(1);
    let (_, ear) = guard(&rig, worker);
    for (id, attempts) in [("again", 2), ("last", 1)] {
        rig.add(JobOptions { timeout: Some(100), attempts: Some(attempts), ..named(id) });
        take_one(&rig, worker, id);
    }
    rig.advance(100);
    let [again, last] = [true, false].map(|again| LeaseEnd::TimedOut { again });
    assert_eq!(ear.take_lost().into_iter().map(|(.., why)| why).collect::<Vec<_>>(), [again, last]);
    add_all(&rig, &["gone"]);
    let token = rig.take(worker, 9).pop().unwrap().1;
    ready(rig.queue.obliterate(true)).unwrap();
    assert_eq!(ear.take_lost(), [(worker, token, LeaseEnd::Lost)]);
    assert!(ear.events.lock().is_empty() && ear.take_ready().is_empty(), "it is told nothing else");
}

#[test]
fn a_guard_ends_with_its_worker() {
    let rig = rig();
    let worker = rig.worker(1);
    let (number, ear) = guard(&rig, worker);
    add_all(&rig, &["a"]);
    take_one(&rig, worker, "a");
    rig.queue.close_worker(worker, false);
    assert_eq!(Arc::strong_count(&ear), 1);
    rig.queue.unguard(number);
    rig.change("a", Change::Remove);
    lose(&rig, rig.worker(1), "b");
    assert!(ear.take_lost().is_empty());
}

#[test]
fn a_guard_hears_that_the_queue_was_closed_with_its_store() {
    let mut rig = rig();
    let worker = rig.worker(1);
    let (_, ear) = guard(&rig, worker);
    add_all(&rig, &["a"]);
    let token = take_one(&rig, worker, "a");
    rig.shut();
    assert_eq!(ear.take_lost(), [(worker, token, LeaseEnd::Lost)]);
    assert_eq!(Arc::strong_count(&ear), 1);
}
