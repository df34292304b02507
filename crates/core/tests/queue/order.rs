//! Which job comes next.

use redstart_core::engine::QueueEngine;
use redstart_core::queue::{Counts, Finish, JobOptions, JobState, NewJob, Outcome};

use crate::support::{HOUR_MS, START_MS, add_all, completed, ids, named, raw, ready, rig, run};

#[test]
fn jobs_are_taken_in_the_order_they_came() {
    let mut rig = rig();
    add_all(&rig, &["a", "b", "c", "d"]);
    let worker = rig.worker(1);
    assert_eq!(ids(&rig.take(worker, 3)), ["a", "b", "c"]);
    assert_eq!(ids(&rig.take(worker, 3)), ["d"]);
    assert!(rig.take(worker, 3).is_empty());
    rig.check();
}

#[test]
fn released_jobs_go_to_the_front_in_their_old_order_with_no_attempt_lost() {
    let mut rig = rig();
    add_all(&rig, &["a", "b", "c", "d"]);
    let worker = rig.worker(1);
    let taken = rig.take(worker, 3);
    for (_, token) in &taken {
        assert_eq!(rig.finish(*token, Outcome::Released), Finish::Released);
    }
    let again = rig.take(worker, 4);
    assert_eq!(ids(&again), ["a", "b", "c", "d"]);
    assert_eq!(again[0].0.attempt, 1);
    rig.check();
}

#[test]
fn delayed_jobs_fall_due_in_the_order_of_their_instants() {
    let mut rig = rig();
    let worker = rig.worker(1);
    for (id, delay) in [("c", 300), ("a", 100), ("b", 200), ("a too", 100)] {
        let (view, _) = rig.add(JobOptions { delay: Some(delay), ..named(id) });
        assert_eq!(view.state, JobState::Delayed);
    }
    rig.advance(99);
    assert!(rig.take(worker, 9).is_empty());
    rig.advance(1);
    assert_eq!(ids(&rig.take(worker, 9)), ["a", "a too"]);
    rig.advance(1_000);
    assert_eq!(ids(&rig.take(worker, 9)), ["b", "c"]);
    rig.check();
}

#[test]
fn more_delayed_jobs_than_a_tick_takes_all_fall_due_at_their_instant() {
    let rig = rig();
    for _ in 0..2_500 {
        rig.add(JobOptions { delay: Some(5), ..JobOptions::default() });
    }
    rig.advance(5);
    assert_eq!(rig.queue.counts().waiting, 2_500);
    assert_eq!(rig.now_ms(), START_MS + 5);
}

#[test]
fn a_second_add_with_an_id_finds_the_first_job_while_it_is_retained() {
    let mut rig = rig();
    let worker = rig.worker(1);
    assert!(rig.add(named("a")).1);
    let other = NewJob { name: "other".into(), data: raw("[]"), options: named("a") };
    let (found, added) = ready(rig.queue.add(other.clone())).unwrap();
    assert!(!added);
    assert_eq!((&*found.name, found.state), ("welcome", JobState::Waiting));
    run(&rig, worker, completed());
    assert_eq!(rig.add(named("a")).0.state, JobState::Completed);
    rig.advance(HOUR_MS);
    let (new, added) = ready(rig.queue.add(other)).unwrap();
    assert!(added);
    assert_eq!((&*new.name, new.attempts_made), ("other", 0));
    assert_eq!(rig.queue.counts(), Counts { waiting: 1, ..Counts::default() });
    rig.check();
}
