//! What a person does to one job: retry, promote, remove.

use redstart_core::Error;
use redstart_core::engine::QueueEngine;
use redstart_core::queue::{Change, Changed, Finish, JobOptions, JobState, Outcome};

use crate::support::{
    HOUR_MS, Rig, add_all, answered, completed, failed, named, pending, ready, rig, run, take_one,
};

/// A queue with one job in each state, named after it.
fn one_in_each_state() -> (Rig, u64) {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["completed", "failed", "active", "waiting"]);
    run(&rig, worker, completed());
    run(&rig, worker, failed(true));
    take_one(&rig, worker, "active");
    rig.add(JobOptions { priority: Some(1), ..named("prioritized") });
    rig.add(JobOptions { delay: Some(60_000), ..named("delayed") });
    (rig, worker)
}

const STATES: [&str; 6] = ["waiting", "prioritized", "delayed", "active", "completed", "failed"];

/// What a change comes to in each state.
fn in_each_state(change: &Change) -> Vec<Changed> {
    let changed = STATES.map(|id| {
        let (mut rig, _) = one_in_each_state();
        let before = rig.get(id).unwrap();
        let changed = rig.change(id, change.clone());
        if changed != Changed::Done {
            assert_eq!(rig.get(id).unwrap(), before);
        }
        rig.check();
        changed
    });
    changed.to_vec()
}

#[test]
fn each_change_is_for_some_states_and_does_nothing_in_the_others() {
    use Changed::{Done, NotNow};
    assert_eq!(in_each_state(&Change::Retry), [NotNow, NotNow, NotNow, NotNow, Done, Done]);
    assert_eq!(in_each_state(&Change::Promote), [NotNow, NotNow, Done, NotNow, NotNow, NotNow]);
    assert_eq!(in_each_state(&Change::Remove), [Done, Done, Done, NotNow, Done, Done]);
    let (rig, _) = one_in_each_state();
    for change in [Change::Retry, Change::Promote, Change::Remove] {
        assert_eq!(rig.change("unknown", change), Changed::Absent);
    }
}

#[test]
fn a_retried_job_has_all_its_attempts_again() {
    let rig = rig();
    let worker = rig.worker(0);
    rig.add(JobOptions { attempts: Some(2), ..named("a") });
    for _ in 0..3 {
        for finish in [true, false] {
            let token = take_one(&rig, worker, "a");
            rig.finish(token, Outcome::Snoozed { delay_ms: 1 });
            rig.advance(1);
            let retries = matches!(run(&rig, worker, failed(false)), Finish::Retrying { .. });
            assert_eq!(retries, finish);
            rig.advance(1_000);
        }
        let view = rig.get("a").unwrap();
        assert_eq!((view.state, view.attempts_made), (JobState::Failed, 2));
        assert_eq!(rig.change("a", Change::Retry), Changed::Done);
        let view = rig.get("a").unwrap();
        assert_eq!((view.state, view.attempts_made, view.finish_kind), (JobState::Waiting, 0, None));
        assert_eq!(view.finished_on, None);
    }
}

#[test]
fn a_retried_job_may_lose_its_worker_as_often_as_a_new_one() {
    let rig = rig();
    add_all(&rig, &["a"]);
    for _ in 0..2 {
        for state in [JobState::Waiting, JobState::Failed] {
            let dying = rig.worker(1);
            take_one(&rig, dying, "a");
            rig.queue.close_worker(dying, false);
            assert_eq!(rig.state("a"), state);
        }
        rig.change("a", Change::Retry);
    }
}

#[test]
fn a_token_from_before_a_retry_settles_nothing() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["a"]);
    let old = take_one(&rig, worker, "a");
    rig.finish(old, failed(true));
    rig.change("a", Change::Retry);
    let new = take_one(&rig, worker, "a");
    assert_ne!(old, new);
    assert_eq!(rig.finish(old, completed()), Finish::LeaseLost);
    assert_eq!(rig.finish(new, completed()), Finish::Completed);
}

#[test]
fn a_completed_job_that_is_retried_is_waited_for_anew_and_stays_as_long_as_a_new_one() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["a"]);
    run(&rig, worker, completed());
    rig.advance(HOUR_MS - 1);
    rig.change("a", Change::Retry);
    rig.advance(HOUR_MS);
    let mut wait = pending(rig.queue.result("a", None));
    run(&rig, worker, Outcome::Completed(crate::support::raw("2")));
    assert_eq!(answered(&mut wait).unwrap(), "2");
    rig.advance(HOUR_MS - 1);
    assert!(rig.get("a").is_some());
    rig.advance(1);
    assert!(rig.get("a").is_none());
}

#[test]
fn a_retried_job_that_was_too_late_is_not_again() {
    let rig = rig();
    rig.add(JobOptions { expires_in: Some(100), ..named("a") });
    rig.advance(100);
    assert_eq!(rig.state("a"), JobState::Failed);
    rig.change("a", Change::Retry);
    rig.advance(HOUR_MS);
    assert_eq!(rig.state("a"), JobState::Waiting);
}

#[test]
fn a_promoted_job_runs_at_once_and_does_not_become_due_later() {
    let rig = rig();
    let worker = rig.worker(1);
    rig.add(JobOptions { delay: Some(100), ..named("a") });
    assert!(rig.take(worker, 1).is_empty());
    assert_eq!(rig.change("a", Change::Promote), Changed::Done);
    assert_eq!(rig.ear.take_ready(), [worker]);
    take_one(&rig, worker, "a");
    rig.advance(100);
    assert_eq!(rig.state("a"), JobState::Active);
    assert_eq!(rig.ear.heard()[..3], ["added", "delayed", "waiting"]);
}

#[test]
fn a_retry_that_waits_may_be_promoted_with_no_attempt_lost() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["a"]);
    run(&rig, worker, failed(false));
    assert_eq!(rig.change("a", Change::Promote), Changed::Done);
    assert_eq!(rig.take(worker, 1)[0].0.attempt, 2);
}

#[test]
fn who_waits_for_a_job_that_is_removed_is_told_that_it_is_not_there() {
    type Remove = fn(&Rig);
    // A queue that is obliterated says nothing of each job.
    let removals: [(Remove, &[&str]); 4] = [
        (|rig| assert_eq!(rig.change("a", Change::Remove), Changed::Done), &["removed"]),
        (|rig| assert_eq!(ready(rig.queue.drain()).unwrap().done, 1), &["removed"]),
        (
            |rig| assert_eq!(ready(rig.queue.clean(JobState::Waiting, 0, 9)).unwrap().done.len(), 1),
            &["removed"],
        ),
        (|rig| assert_eq!(ready(rig.queue.obliterate(false)).unwrap(), 1), &[]),
    ];
    for (remove, told) in removals {
        let rig = rig();
        add_all(&rig, &["a"]);
        let mut waits = [Some(1_000), None].map(|timeout| pending(rig.queue.result("a", timeout)));
        remove(&rig);
        for wait in &mut waits {
            assert!(matches!(answered(wait), Err(Error::NotFound(_))));
        }
        assert!(matches!(ready(rig.queue.result("a", None)), Err(Error::NotFound(_))));
        assert_eq!(rig.ear.heard()[2..], *told);
        assert_eq!(rig.budget.used(), 0);
    }
}

#[test]
fn a_removed_id_is_free_for_another_job() {
    let rig = rig();
    rig.add(JobOptions { delay: Some(50), ..named("a") });
    rig.change("a", Change::Remove);
    assert!(rig.add(named("a")).1);
    rig.advance(50);
    assert_eq!(rig.queue.counts().waiting, 1, "what was to become of the first one does not");
}
