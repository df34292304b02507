//! Pause, and how many jobs of a queue may be active over all workers.

use redstart_core::engine::QueueEngine;
use redstart_core::queue::{Counts, JobOptions};

use crate::support::{add_all, completed, named, pending, poll, ready, rig, run, take_one, taken};

#[test]
fn nothing_begins_in_a_paused_queue_and_what_is_under_way_goes_on() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["a", "b"]);
    let token = take_one(&rig, worker, "a");
    assert!(!rig.queue.is_paused());
    ready(rig.queue.set_paused(true)).unwrap();
    ready(rig.queue.set_paused(true)).unwrap();
    assert!(rig.queue.is_paused());
    assert!(rig.take(worker, 9).is_empty());
    rig.finish(token, completed());
    add_all(&rig, &["c"]);
    rig.add(JobOptions { delay: Some(1), ..named("d") });
    rig.advance(1);
    assert!(rig.take(worker, 9).is_empty());
    assert_eq!(rig.queue.counts(), Counts { waiting: 3, completed: 1, ..Counts::default() });
    assert_eq!(rig.ear.heard().iter().filter(|name| **name == "paused").count(), 1);
}

#[test]
fn workers_are_told_at_resume_and_not_before() {
    let rig = rig();
    let (one, two) = (rig.worker(1), rig.worker(1));
    assert!(rig.take(one, 1).is_empty() && rig.take(two, 1).is_empty());
    ready(rig.queue.set_paused(true)).unwrap();
    add_all(&rig, &["a"]);
    rig.advance(1_000);
    assert!(rig.ear.take_ready().is_empty());
    ready(rig.queue.set_paused(false)).unwrap();
    assert_eq!(rig.ear.take_ready(), [one], "as many as jobs wait");
    assert_eq!(taken(&rig, one, 1), ["a"]);
}

#[test]
fn a_worker_that_was_told_just_before_the_pause_gets_nothing_and_is_told_anew() {
    let rig = rig();
    let worker = rig.worker(1);
    assert!(rig.take(worker, 1).is_empty());
    add_all(&rig, &["a"]);
    assert_eq!(rig.ear.take_ready(), [worker]);
    ready(rig.queue.set_paused(true)).unwrap();
    assert!(rig.take(worker, 1).is_empty());
    assert!(rig.ear.take_ready().is_empty());
    ready(rig.queue.set_paused(false)).unwrap();
    assert_eq!(rig.ear.take_ready(), [worker]);
}

#[test]
fn a_pause_outlives_a_restart_and_a_paused_queue_is_quiet() {
    let mut rig = rig();
    add_all(&rig, &["a"]);
    ready(rig.queue.set_paused(true)).unwrap();
    rig.restart();
    assert!(rig.queue.is_paused() && rig.take(rig.worker(1), 1).is_empty());
    ready(rig.queue.settled()).unwrap();
}

#[test]
fn no_more_jobs_are_active_than_the_queue_allows_over_all_workers() {
    let rig = rig();
    let (one, two) = (rig.worker(1), rig.worker(1));
    add_all(&rig, &["a", "b", "c", "d", "e", "f"]);
    ready(rig.queue.set_concurrency(Some(3))).unwrap();
    let first = rig.take(one, 2);
    assert_eq!(taken(&rig, two, 9), ["c"]);
    assert!(rig.take(one, 1).is_empty());
    assert!(rig.ear.take_ready().is_empty(), "there is nothing to take for anybody");
    rig.finish(first[0].1, completed());
    assert_eq!(rig.ear.take_ready(), [two], "one place is free, one is told");
    assert_eq!(taken(&rig, two, 9), ["d"]);

    ready(rig.queue.set_concurrency(Some(1))).unwrap();
    rig.finish(first[1].1, completed());
    assert!(rig.take(one, 9).is_empty(), "two are active where one may be");
    ready(rig.queue.set_concurrency(None)).unwrap();
    assert_eq!(rig.ear.take_ready(), [one, two], "no bound frees all at once");
    assert_eq!(taken(&rig, one, 9), ["e", "f"]);
}

#[test]
fn the_bound_on_active_jobs_outlives_a_restart() {
    let mut rig = rig();
    add_all(&rig, &["a", "b"]);
    ready(rig.queue.set_concurrency(Some(1))).unwrap();
    rig.restart();
    let worker = rig.worker(1);
    assert_eq!(taken(&rig, worker, 9), ["a"]);
    assert!(rig.take(worker, 1).is_empty());
}

#[test]
fn settled_does_not_wait_for_jobs_that_only_a_bound_keeps_back() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["a", "b"]);
    ready(rig.queue.set_concurrency(Some(1))).unwrap();
    let mut settled = pending(rig.queue.settled());
    run(&rig, worker, completed());
    assert!(poll(&mut settled).is_none(), "the other may run now");
    run(&rig, worker, completed());
    assert!(poll(&mut settled).unwrap().is_ok());
}
