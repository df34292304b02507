//! Attempts that run for too long, and waits that the handler chose.

use redstart_core::engine::QueueEngine;
use redstart_core::queue::{Backoff, BackoffType, Finish, How, JobOptions, JobState, LeaseEnd, Outcome};
use redstart_core::timer::Ticking;

use crate::support::{
    LEASE_MS, Rig, add_all, answered, completed, end_of, failed, failed_how, named, pending, rig, run,
    take_one,
};

const FIXED: Backoff = Backoff { kind: BackoffType::Fixed, delay: 1_000, max_delay: None, jitter: None };

fn add(rig: &Rig, timeout: u64, attempts: u32) {
    let options = JobOptions { timeout: Some(timeout), attempts: Some(attempts), ..named("a") };
    rig.add(JobOptions { backoff: Some(FIXED), ..options });
}

#[test]
fn an_attempt_that_runs_too_long_fails_and_the_next_one_comes_by_backoff() {
    let rig = rig();
    let worker = rig.worker(1);
    add(&rig, 500, 3);
    let token = take_one(&rig, worker, "a");
    rig.advance(499);
    assert_eq!(rig.state("a"), JobState::Active);
    rig.advance(1);
    assert_eq!(rig.ear.take_lost(), [(worker, token, LeaseEnd::TimedOut { again: true })]);
    let view = rig.get("a").unwrap();
    assert_eq!((view.state, view.attempts_made), (JobState::Delayed, 1));
    let reason = "job 'a' ran for 500 ms, its timeout, and was given up";
    assert_eq!(view.failed_reason.as_deref(), Some(reason));
    assert_eq!(rig.finish(token, completed()), Finish::LeaseLost, "what it still does changes nothing");
    rig.advance(999);
    assert!(rig.take(worker, 1).is_empty());
    rig.advance(1);
    let token = take_one(&rig, worker, "a");
    rig.advance(499);
    assert_eq!(rig.finish(token, completed()), Finish::Completed, "each attempt has its own time");
    rig.advance(10_000);
    assert_eq!(rig.state("a"), JobState::Completed);
    let heard = rig.ear.heard();
    assert!(heard.contains(&"retrying") && !heard.contains(&"failed"));
}

#[test]
fn a_last_attempt_that_runs_too_long_ends_the_job_as_timeout() {
    let rig = rig();
    let worker = rig.worker(1);
    add(&rig, 500, 2);
    let mut wait = pending(rig.queue.result("a", None));
    run(&rig, worker, failed(false));
    rig.advance(1_000);
    take_one(&rig, worker, "a");
    rig.advance(500);
    let error = answered(&mut wait).unwrap_err();
    let cause = error.job_failure().unwrap();
    assert_eq!((cause.finish_kind, cause.failure.code.as_deref()), ("timeout", Some("ERR_JOB_TIMEOUT")));
    assert_eq!(rig.get("a").unwrap().attempts_made, 2);
}

#[test]
fn a_last_attempt_that_fails_after_one_that_ran_too_long_ends_the_job_as_exhausted() {
    let rig = rig();
    let worker = rig.worker(1);
    add(&rig, 500, 2);
    take_one(&rig, worker, "a");
    rig.advance(1_500);
    assert_eq!(run(&rig, worker, failed(false)), Finish::Failed);
    assert_eq!(end_of(&rig, "a").0, "exhausted");
}

#[test]
fn a_job_given_back_has_its_whole_time_again() {
    let rig = rig();
    let worker = rig.worker(1);
    add(&rig, 500, 1);
    let token = take_one(&rig, worker, "a");
    rig.advance(400);
    rig.finish(token, Outcome::Released);
    rig.advance(5_000);
    let token = take_one(&rig, worker, "a");
    rig.advance(499);
    assert_eq!(rig.finish(token, completed()), Finish::Completed);
}

#[test]
fn after_a_restart_an_attempt_ends_at_its_timeout_or_with_its_lease_whichever_comes_first() {
    for (timeout, state) in [(LEASE_MS - 1, JobState::Delayed), (LEASE_MS + 1, JobState::Waiting)] {
        let mut rig = rig();
        add(&rig, timeout, 3);
        take_one(&rig, rig.worker(1), "a");
        rig.restart();
        rig.advance(LEASE_MS);
        let view = rig.get("a").unwrap();
        assert_eq!((view.state, view.attempts_made), (state, u32::from(timeout < LEASE_MS)));
        assert!(rig.ear.take_lost().is_empty());
    }
}

#[test]
fn no_alarm_is_left_of_an_attempt_that_ended_in_time() {
    let rig = rig();
    let worker = rig.worker(1);
    let forever = redstart_core::queue::Retention { age: None, count: None, forever: true };
    rig.add(JobOptions { timeout: Some(500), remove_on_complete: Some(forever), ..named("a") });
    let token = take_one(&rig, worker, "a");
    assert_eq!(rig.queue.next_due_us(), Some((rig.now_ms() + 500) * 1_000));
    rig.finish(token, completed());
    assert_eq!(rig.queue.next_due_us(), None);
}

#[test]
fn a_wait_that_the_handler_chose_goes_before_the_jobs_backoff() {
    let rig = rig();
    let worker = rig.worker(1);
    add(&rig, 60_000, 3);
    let at = rig.now_ms() + 7;
    assert_eq!(
        run(&rig, worker, failed_how(How::Again(Some(7)))),
        Finish::Retrying { next_attempt_at_ms: at }
    );
    rig.advance(6);
    assert!(rig.take(worker, 1).is_empty());
    rig.advance(1);
    run(&rig, worker, failed_how(How::Again(Some(0))));
    assert_eq!(rig.state("a"), JobState::Waiting, "none is no wait at all");
    assert_eq!(
        run(&rig, worker, failed_how(How::Again(Some(7)))),
        Finish::Failed,
        "it makes no attempts more than the job has"
    );
    assert_eq!(end_of(&rig, "a").0, "exhausted");
}

#[test]
fn a_handler_that_says_never_ends_the_job_whatever_attempts_are_left() {
    let rig = rig();
    let worker = rig.worker(1);
    add(&rig, 60_000, 9);
    assert_eq!(run(&rig, worker, failed_how(How::Never)), Finish::Failed);
    assert_eq!(end_of(&rig, "a"), ("unrecoverable", "no such mailbox".into()));
    assert_eq!(rig.get("a").unwrap().attempts_made, 1);
}

#[test]
fn a_snoozed_job_runs_again_later_with_no_attempt_lost() {
    let rig = rig();
    let worker = rig.worker(1);
    rig.add(JobOptions { attempts: Some(1), ..named("a") });
    for _ in 0..20 {
        assert_eq!(run(&rig, worker, Outcome::Snoozed { delay_ms: 600 }), Finish::Snoozed);
        let view = rig.get("a").unwrap();
        assert_eq!((view.state, view.attempts_made, view.failed_reason), (JobState::Delayed, 0, None));
        rig.advance(599);
        assert!(rig.take(worker, 1).is_empty());
        rig.advance(1);
    }
    let (view, token) = rig.take(worker, 1)[0].clone();
    assert_eq!(view.attempt, 1);
    assert_eq!(rig.finish(token, completed()), Finish::Completed);
}

#[test]
fn a_job_snoozed_for_no_time_joins_at_the_back() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["a", "b"]);
    let token = take_one(&rig, worker, "a");
    assert_eq!(rig.finish(token, Outcome::Snoozed { delay_ms: 0 }), Finish::Snoozed);
    assert_eq!(rig.finish(token, Outcome::Snoozed { delay_ms: 0 }), Finish::LeaseLost);
    take_one(&rig, worker, "b");
    take_one(&rig, worker, "a");
}
