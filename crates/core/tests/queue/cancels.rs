//! Cancelled jobs fail, whatever happens to them then.

use redstart_core::engine::QueueEngine;
use redstart_core::queue::{Change, Changed, Finish, JobOptions, JobState, LeaseEnd, Outcome};

use crate::support::{
    HOUR_MS, LEASE_MS, Rig, add_all, answered, completed, end_of, failed, named, pending, ready, rig, run,
    take_one,
};

fn is_cancelled(rig: &Rig, id: &str, attempts: u32) {
    assert_eq!(end_of(rig, id), ("cancelled", "not wanted".into()));
    let view = rig.get(id).unwrap();
    assert_eq!((view.state, view.attempts_made), (JobState::Failed, attempts));
    rig.advance(HOUR_MS);
    assert_eq!(rig.state(id), JobState::Failed, "it came back");
    assert_eq!(rig.ear.heard().iter().filter(|name| **name == "failed").count(), 1);
}

#[test]
fn a_job_that_has_not_begun_fails_at_once() {
    let options = [
        named("a"),
        JobOptions { priority: Some(1), ..named("a") },
        JobOptions { delay: Some(60_000), ..named("a") },
    ];
    for options in options {
        let rig = rig();
        rig.add(options);
        let mut wait = pending(rig.queue.result("a", None));
        assert_eq!(rig.cancel("a"), Changed::Done);
        let error = answered(&mut wait).unwrap_err();
        let cause = error.job_failure().unwrap();
        assert_eq!(cause.failure.code.as_deref(), Some("ERR_JOB_CANCELLED"));
        assert!(rig.take(rig.worker(1), 1).is_empty());
        is_cancelled(&rig, "a", 0);
    }
}

#[test]
fn a_job_that_waits_for_its_next_attempt_fails_at_once() {
    let rig = rig();
    run(
        &rig,
        {
            add_all(&rig, &["a"]);
            rig.worker(1)
        },
        failed(false),
    );
    assert_eq!(rig.cancel("a"), Changed::Done);
    is_cancelled(&rig, "a", 1);
}

#[test]
fn the_worker_of_an_active_job_is_told_and_keeps_it_until_its_handler_ends() {
    let rig = rig();
    let (worker, other) = (rig.worker(1), rig.worker(1));
    add_all(&rig, &["a"]);
    let token = take_one(&rig, worker, "a");
    let mut wait = pending(rig.queue.result("a", None));
    assert_eq!(rig.cancel("a"), Changed::Done);
    assert_eq!(rig.ear.take_lost(), [(worker, token, LeaseEnd::Cancelled)]);
    assert_eq!(rig.state("a"), JobState::Active);
    assert!(rig.take(other, 1).is_empty());
    assert!(ready(rig.queue.progress(token, crate::support::raw("1"))).unwrap(), "it is its own still");
    assert_eq!(rig.finish(token, completed()), Finish::Failed);
    assert!(answered(&mut wait).is_err());
    is_cancelled(&rig, "a", 1);
}

#[test]
fn however_the_handler_of_a_cancelled_job_ends_the_job_has_failed() {
    let ends =
        [completed(), failed(false), failed(true), Outcome::Snoozed { delay_ms: 5 }, Outcome::Released];
    for end in ends {
        let rig = rig();
        let worker = rig.worker(1);
        add_all(&rig, &["a"]);
        let token = take_one(&rig, worker, "a");
        rig.cancel("a");
        assert_eq!(rig.finish(token, end), Finish::Failed);
        assert_eq!(rig.finish(token, completed()), Finish::LeaseLost);
        is_cancelled(&rig, "a", 1);
    }
}

#[test]
fn a_cancelled_job_whose_worker_is_gone_has_failed_closed_or_dead() {
    for released in [true, false] {
        let rig = rig();
        let worker = rig.worker(5);
        add_all(&rig, &["a"]);
        take_one(&rig, worker, "a");
        rig.cancel("a");
        rig.queue.close_worker(worker, released);
        is_cancelled(&rig, "a", 1);
    }
}

#[test]
fn a_cancelled_job_that_runs_too_long_has_failed_as_cancelled() {
    let rig = rig();
    let worker = rig.worker(1);
    rig.add(JobOptions { timeout: Some(100), ..named("a") });
    let token = take_one(&rig, worker, "a");
    rig.cancel("a");
    rig.ear.take_lost();
    rig.advance(100);
    assert_eq!(rig.ear.take_lost(), [(worker, token, LeaseEnd::TimedOut { again: false })]);
    is_cancelled(&rig, "a", 1);
}

#[test]
fn a_cancel_outlives_a_restart() {
    let mut rig = rig();
    add_all(&rig, &["a"]);
    take_one(&rig, rig.worker(5), "a");
    rig.cancel("a");
    rig.restart();
    assert_eq!(rig.state("a"), JobState::Active);
    rig.advance(LEASE_MS);
    is_cancelled(&rig, "a", 1);
}

#[test]
fn the_first_of_two_cancels_counts_and_is_told_once() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["a"]);
    let token = take_one(&rig, worker, "a");
    rig.cancel("a");
    let again = Change::Cancel { reason: Some("something else".into()) };
    assert_eq!(rig.change("a", again.clone()), Changed::Done, "it is unfinished");
    assert_eq!(rig.ear.take_lost().len(), 1);
    rig.finish(token, completed());
    assert_eq!(rig.change("a", again), Changed::Absent);
    is_cancelled(&rig, "a", 1);
}

#[test]
fn what_has_finished_or_is_not_there_cannot_be_cancelled() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["done", "broken"]);
    run(&rig, worker, completed());
    run(&rig, worker, failed(true));
    for id in ["done", "broken", "unknown"] {
        assert_eq!(rig.cancel(id), Changed::Absent);
    }
    assert_eq!(rig.state("done"), JobState::Completed);
    assert_eq!(end_of(&rig, "broken").0, "unrecoverable");
}

#[test]
fn a_cancel_without_a_reason_says_cancelled_and_a_long_one_is_cut() {
    let rig = rig();
    add_all(&rig, &["a", "b", "c"]);
    rig.change("a", Change::Cancel { reason: None });
    rig.change("b", Change::Cancel { reason: Some(String::new()) });
    rig.change("c", Change::Cancel { reason: Some("é".repeat(1 << 20)) });
    assert_eq!(end_of(&rig, "a").1, "cancelled");
    assert_eq!(end_of(&rig, "b").1, "cancelled");
    assert_eq!(end_of(&rig, "c").1.len(), 8 * 1024);
}

#[test]
fn a_cancelled_job_that_is_retried_by_hand_runs_as_if_it_never_was() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["a"]);
    let token = take_one(&rig, worker, "a");
    rig.cancel("a");
    rig.finish(token, completed());
    assert_eq!(rig.change("a", Change::Retry), Changed::Done);
    assert_eq!(run(&rig, worker, completed()), Finish::Completed);
}
