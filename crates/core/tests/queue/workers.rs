//! Leases, the ends of workers, and who is told that there is work.

use redstart_core::Error;
use redstart_core::engine::QueueEngine;
use redstart_core::queue::{Counts, Finish, JobOptions, JobState, Outcome, WorkerTerms};

use crate::support::{LEASE_MS, add_all, completed, failed, ids, pending, poll, ready, rig, terms};

#[test]
fn a_dead_workers_jobs_go_back_at_once_and_fail_when_that_happens_too_often() {
    let mut rig = rig();
    add_all(&rig, &["a", "b"]);
    let mut wait = pending(rig.queue.result("a", None));
    let first = rig.worker(1);
    assert_eq!(ids(&rig.take(first, 1)), ["a"]);
    rig.queue.close_worker(first, false);
    rig.queue.close_worker(first, false);
    let second = rig.worker(1);
    let taken = rig.take(second, 1);
    assert_eq!((ids(&taken), taken[0].0.attempts_made), (vec!["a"], 0));
    rig.queue.close_worker(second, false);

    let error = poll(&mut wait).unwrap().unwrap_err();
    assert_eq!(error.job_failure().unwrap().finish_kind, "stalled");
    assert!(error.to_string().contains("maxStalledCount is 1"), "{error}");
    let events = rig.ear.events.lock().iter().map(|event| event.kind.name()).collect::<Vec<_>>();
    assert_eq!(
        events[4..],
        ["active", "stalled", "waiting", "active", "stalled", "failed"],
        "both were added and waiting before"
    );
    rig.check();
}

#[test]
fn a_worker_that_closes_gives_its_jobs_back_with_nothing_lost() {
    let mut rig = rig();
    add_all(&rig, &["a", "b"]);
    let worker = rig.worker(0);
    let (_, token) = rig.take(worker, 1)[0];
    rig.queue.close_worker(worker, true);
    assert_eq!(rig.finish(token, completed()), Finish::LeaseLost);
    let closed = rig.queue.take(worker, 1).unwrap_err();
    assert!(matches!(closed, Error::InvalidState(_)), "{closed}");
    assert_eq!(ids(&rig.take(rig.worker(0), 2)), ["a", "b"]);
    rig.check();
}

#[test]
fn time_takes_no_job_from_a_live_worker() {
    let rig = rig();
    let worker = rig.worker(0);
    add_all(&rig, &["a"]);
    let (_, token) = rig.take(worker, 1)[0];
    rig.advance(1_000 * LEASE_MS);
    assert!(rig.ear.lost.lock().is_empty());
    assert_eq!(rig.finish(token, completed()), Finish::Completed);
}

#[test]
fn after_a_restart_an_active_job_is_reaped_when_its_lease_is_over() {
    let mut rig = rig();
    add_all(&rig, &["kept", "lost"]);
    let worker = rig.worker(1);
    let [kept, _] = [0, 1].map(|_| rig.take(worker, 1)[0].1);
    rig.advance(10);
    rig.restart();
    assert_ne!(rig.worker(1), worker, "a new worker took the number of one that the jobs still name");
    assert_eq!(rig.finish(kept, completed()), Finish::Completed, "its token still stands");
    rig.advance(LEASE_MS - 11);
    assert_eq!(rig.queue.counts().active, 1);
    rig.advance(1);
    assert_eq!(rig.queue.counts(), Counts { waiting: 1, completed: 1, ..Counts::default() });

    // The limit is in the claim: it holds although the worker that set it is gone.
    rig.take(rig.worker(1), 1);
    rig.restart();
    rig.advance(LEASE_MS);
    assert_eq!(rig.get("lost").unwrap().state, JobState::Failed);
    rig.check();
}

#[test]
fn a_lease_from_before_a_restart_says_nothing_about_a_later_claim() {
    let rig = &mut rig();
    add_all(rig, &["a"]);
    let (_, token) = rig.take(rig.worker(1), 1)[0];
    rig.restart();
    assert_eq!(rig.finish(token, Outcome::Released), Finish::Released);
    let short = rig.open(WorkerTerms { lease_ms: 1_000, max_stalled_count: 0, ..terms() });
    let (_, token) = rig.take(short, 1)[0];
    rig.advance(LEASE_MS);
    assert_eq!(rig.finish(token, completed()), Finish::Completed);
    rig.check();
}

#[test]
fn a_worker_is_told_once_and_not_for_nothing() {
    let rig = rig();
    let (one, two) = (rig.worker(1), rig.worker(1));
    add_all(&rig, &["a"]);
    assert!(rig.ear.take_ready().is_empty(), "nobody has asked yet");
    assert_eq!(rig.take(one, 1).len(), 1);
    add_all(&rig, &["b"]);
    assert!(rig.ear.take_ready().is_empty(), "it got what it asked for");

    assert_eq!(rig.take(two, 5).len(), 1);
    assert!(rig.take(one, 1).is_empty());
    add_all(&rig, &["c"]);
    assert_eq!(rig.ear.take_ready(), [two], "the longest wanting, alone");
    add_all(&rig, &["d"]);
    assert_eq!(rig.ear.take_ready(), [one]);
    add_all(&rig, &["e"]);
    assert!(rig.ear.take_ready().is_empty(), "both are on their way");
    assert_eq!(rig.take(two, 4).len(), 3);
    rig.add(JobOptions { delay: Some(10), ..JobOptions::default() });
    assert!(rig.ear.take_ready().is_empty(), "a delayed job is nothing to take");
    rig.advance(10);
    assert!(rig.ear.take_ready().is_empty(), "one is still on its way");
    assert!(rig.take(one, 0).is_empty());
    assert_eq!(rig.ear.take_ready(), [two], "it gave its wake-up on");
}

#[test]
fn a_wake_up_is_not_lost_with_the_worker_that_got_it() {
    let rig = rig();
    let (one, two) = (rig.worker(1), rig.worker(1));
    assert!(rig.take(one, 1).is_empty() && rig.take(two, 1).is_empty());
    add_all(&rig, &["a"]);
    assert_eq!(rig.ear.take_ready(), [one]);
    rig.queue.close_worker(one, false);
    assert_eq!(rig.ear.take_ready(), [two]);
}

#[test]
fn settled_waits_for_what_workers_of_this_queue_have_to_do() {
    let rig = rig();
    ready(rig.queue.settled()).unwrap();
    add_all(&rig, &["a"]);
    ready(rig.queue.settled()).unwrap();
    let worker = rig.worker(1);
    let mut settled = pending(rig.queue.settled());
    let (_, token) = rig.take(worker, 1)[0];
    assert!(poll(&mut settled).is_none(), "it is active");
    rig.finish(token, failed(false));
    assert!(poll(&mut settled).unwrap().is_ok(), "a retry that is not due is nothing to do now");

    rig.advance(1_000);
    let mut settled = pending(rig.queue.settled());
    rig.queue.close_worker(worker, true);
    assert!(poll(&mut settled).unwrap().is_ok(), "nobody is left to take it");
}
