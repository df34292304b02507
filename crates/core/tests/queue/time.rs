//! Instants: when a job may run, and by when it must have begun.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use redstart_core::engine::QueueEngine;
use redstart_core::queue::{JobOptions, JobState, Outcome, QueueOptions};
use redstart_core::{Error, error::Result};

use crate::support::{
    Ear, Rig, START_MS, add_all, answered, end_of, failed, named, new_job, pending, ready, rig, take_one,
    taken, terms,
};

fn expiring(id: &str, expires_in: u64) -> JobOptions {
    JobOptions { expires_in: Some(expires_in), ..named(id) }
}

#[test]
fn a_job_may_run_at_its_instant_and_at_once_when_that_is_past() {
    let rig = rig();
    let worker = rig.worker(1);
    let at = |run_at, id: &str| rig.add(JobOptions { run_at: Some(run_at), ..named(id) }).0.state;
    assert_eq!(at(START_MS + 50, "later"), JobState::Delayed);
    assert_eq!(at(START_MS, "now"), JobState::Waiting);
    assert_eq!(at(0, "past"), JobState::Waiting);
    assert_eq!(taken(&rig, worker, 9), ["now", "past"]);
    rig.advance(49);
    assert!(rig.take(worker, 9).is_empty());
    rig.advance(1);
    assert_eq!(rig.ear.take_ready(), [worker]);
    assert_eq!(taken(&rig, worker, 9), ["later"]);
}

#[test]
fn an_instant_goes_before_the_queues_default_delay_and_not_with_a_delay_of_its_own() {
    let default_job_options = JobOptions { delay: Some(100), ..JobOptions::default() };
    let rig = Rig::new(QueueOptions { default_job_options, ..QueueOptions::default() });
    add_all(&rig, &["default"]);
    rig.add(JobOptions { run_at: Some(0), ..named("past") });
    rig.add(JobOptions { delay: Some(0), ..named("none") });
    assert_eq!([rig.state("default"), rig.state("past")], [JobState::Delayed, JobState::Waiting]);
    assert_eq!(rig.state("none"), JobState::Waiting);
    let both = JobOptions { run_at: Some(START_MS), delay: Some(1), ..named("both") };
    let refused: Result<_> = ready(rig.queue.add(new_job(both)));
    assert!(matches!(refused, Err(Error::InvalidArg(says)) if says.contains("not both")));
}

#[test]
fn a_job_that_has_not_begun_in_time_fails_waiting_or_delayed() {
    let rig = rig();
    rig.add(expiring("waiting", 100));
    rig.add(JobOptions { run_at: Some(START_MS + 5_000), ..expiring("delayed", 100) });
    rig.add(JobOptions { priority: Some(7), ..expiring("prioritized", 100) });
    let mut wait = pending(rig.queue.result("waiting", None));
    ready(rig.queue.set_paused(true)).unwrap();
    rig.advance(99);
    assert_eq!(rig.queue.counts().failed, 0);
    rig.advance(1);
    let error = answered(&mut wait).unwrap_err();
    assert_eq!(error.job_failure().unwrap().finish_kind, "expired");
    for id in ["waiting", "delayed", "prioritized"] {
        let (kind, message) = end_of(&rig, id);
        assert_eq!((kind, message), ("expired", format!("job '{id}' had not begun in time (expiresIn)")));
        let view = rig.get(id).unwrap();
        assert_eq!((view.attempts_made, view.finished_on), (0, Some(START_MS + 100)));
    }
    assert_eq!(rig.ear.heard().iter().filter(|name| **name == "failed").count(), 3);
}

#[test]
fn a_delay_that_outlasts_the_time_to_begin_is_refused() {
    let rig = rig();
    let add = |delay| {
        ready(rig.queue.add(new_job(JobOptions { delay: Some(delay), ..expiring(&delay.to_string(), 100) })))
    };
    for delay in [100, 5_000] {
        assert!(matches!(add(delay), Err(Error::InvalidArg(says)) if says.contains("would never begin")));
    }
    assert!(add(99).is_ok());
    rig.advance(99);
    assert_eq!(rig.state("99"), JobState::Waiting);
}

#[test]
fn a_job_that_has_begun_is_not_too_late_any_more_though_it_waits_again() {
    let rig = rig();
    let worker = rig.worker(3);
    for id in ["retried", "released", "snoozed", "stalled", "active"] {
        rig.add(expiring(id, 100));
    }
    rig.finish(take_one(&rig, worker, "retried"), failed(false));
    rig.finish(take_one(&rig, worker, "released"), Outcome::Released);
    take_one(&rig, worker, "released");
    rig.finish(take_one(&rig, worker, "snoozed"), Outcome::Snoozed { delay_ms: 500 });
    let dying = rig.worker(3);
    take_one(&rig, dying, "stalled");
    take_one(&rig, worker, "active");
    rig.queue.close_worker(dying, false);
    rig.advance(10_000);
    assert_eq!(rig.queue.counts().failed, 0);
}

#[test]
fn the_queues_default_is_when_jobs_are_too_late_and_counts_from_the_add() {
    let default_job_options = JobOptions { expires_in: Some(100), ..JobOptions::default() };
    let rig = Rig::new(QueueOptions { default_job_options, ..QueueOptions::default() });
    add_all(&rig, &["default"]);
    rig.add(expiring("own", 300));
    rig.advance(100);
    assert_eq!([rig.state("default"), rig.state("own")], [JobState::Failed, JobState::Waiting]);
    rig.advance(200);
    assert_eq!(rig.state("own"), JobState::Failed);
}

#[test]
fn when_the_time_to_begin_outlives_a_restart() {
    let mut rig = rig();
    rig.add(expiring("a", 100));
    rig.sleep(200);
    assert_eq!(end_of(&rig, "a").0, "expired");
}

/// Jobs taken at an instant at which that many were too late and nobody had looked yet.
fn taken_too_late(late: usize) -> usize {
    let rig = rig();
    for _ in 0..late {
        rig.add(JobOptions { expires_in: Some(100), ..JobOptions::default() });
    }
    let taken = Arc::new(AtomicUsize::new(0));
    let count = taken.clone();
    rig.before_it_ticks(100, move |queue| {
        let subscriber = Arc::new(Ear::default());
        let worker =
            queue.open_worker(redstart_core::queue::WorkerSpec { terms: terms(), subscriber }).unwrap();
        count.fetch_add(queue.take(worker, 9).unwrap().len(), Ordering::SeqCst);
    });
    rig.advance(100);
    assert_eq!(usize::try_from(rig.queue.counts().failed).unwrap(), late - taken.load(Ordering::SeqCst));
    taken.load(Ordering::SeqCst)
}

#[test]
fn a_worker_gets_no_job_that_is_too_late_though_nobody_has_looked_yet() {
    assert_eq!(taken_too_late(3), 0);
}

#[test]
fn a_worker_gets_the_job_behind_those_that_are_too_late() {
    let rig = rig();
    let worker = rig.worker(1);
    for _ in 0..3 {
        rig.add(JobOptions { expires_in: Some(100), ..JobOptions::default() });
    }
    add_all(&rig, &["good"]);
    rig.before_it_ticks(100, move |queue| drop(queue.take(worker, 1)));
    rig.advance(100);
    assert_eq!((rig.state("good"), rig.queue.counts().failed), (JobState::Active, 3));
    assert!(rig.ear.take_ready().is_empty());
}

#[test]
fn nor_one_of_more_jobs_than_are_looked_at_at_once() {
    assert_eq!(taken_too_late(1_500), 0);
}

#[test]
fn a_worker_that_gets_nothing_because_jobs_were_too_late_is_told_of_the_others() {
    let rig = rig();
    let worker = rig.worker(1);
    for _ in 0..1_500 {
        rig.add(JobOptions { expires_in: Some(100), ..JobOptions::default() });
    }
    add_all(&rig, &["good"]);
    rig.before_it_ticks(100, move |queue| drop(queue.take(worker, 1)));
    rig.advance(100);
    assert_eq!(rig.ear.take_ready(), [worker]);
    assert_eq!(taken(&rig, worker, 1), ["good"]);
}
