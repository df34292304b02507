//! Adds that are one job.

use redstart_core::Error;
use redstart_core::engine::QueueEngine;
use redstart_core::queue::{
    Change, Changed, Deduplication, JobOptions, JobState, JobView, NewJob, Outcome, Retention,
};

use crate::support::{
    Rig, add_all, completed, failed, named, new_job, once, raw, ready, rig, run, take_one, taken,
};

fn throttled(ttl: u64) -> Deduplication {
    Deduplication { ttl: Some(ttl), ..once("same") }
}

fn add(rig: &Rig, id: &str, dedup: Deduplication) -> (JobView, bool) {
    rig.add(JobOptions { deduplication: Some(dedup), ..named(id) })
}

/// Which job an add with 'same' is, which has no effect but that.
fn same(rig: &Rig) -> String {
    let (view, added) = rig.add(JobOptions { deduplication: Some(once("same")), ..JobOptions::default() });
    assert!(!added);
    view.id.to_string()
}

#[test]
fn without_a_time_an_add_is_the_job_that_is_there_until_that_has_finished() {
    for end in [completed(), failed(true)] {
        let rig = rig();
        let worker = rig.worker(1);
        assert!(add(&rig, "a", once("same")).1);
        assert!(add(&rig, "other", once("another")).1);
        assert_eq!(same(&rig), "a");
        let token = take_one(&rig, worker, "a");
        assert_eq!(same(&rig), "a", "active");
        rig.finish(token, failed(false));
        assert_eq!(same(&rig), "a", "waiting for its next attempt");
        rig.change("a", Change::Promote);
        take_one(&rig, worker, "other");
        run(&rig, worker, end);
        assert!(add(&rig, "b", once("same")).1);
        assert_eq!(same(&rig), "b");
    }
}

#[test]
fn a_duplicate_tells_listeners_and_changes_nothing() {
    let rig = rig();
    add(&rig, "a", once("same"));
    let before = rig.get("a");
    same(&rig);
    assert_eq!(rig.ear.heard(), ["added", "waiting", "deduplicated"]);
    assert_eq!((rig.get("a"), rig.queue.counts().waiting), (before, 1));
}

#[test]
fn with_a_time_adds_are_duplicates_for_that_long_whatever_becomes_of_the_job() {
    let at_once = Retention { age: None, count: Some(0), forever: false };
    let rig = rig();
    let worker = rig.worker(1);
    let options = JobOptions { remove_on_complete: Some(at_once), ..named("a") };
    rig.add(JobOptions { deduplication: Some(throttled(1_000)), ..options });
    run(&rig, worker, completed());
    assert!(rig.get("a").is_none(), "retention has removed it");
    rig.advance(999);
    let (view, added) = add(&rig, "b", throttled(1_000));
    assert_eq!((&*view.id, added, rig.get("b")), ("a", false, None));
    let waiting = JobOptions { deduplication: Some(throttled(5)), ..JobOptions::default() };
    let gone = ready(rig.queue.add_and_wait(new_job(waiting), None));
    assert!(matches!(gone, Err(Error::NotFound(says)) if says.contains("'a'")));
    rig.advance(1);
    assert!(add(&rig, "b", throttled(1_000)).1, "a duplicate does not let the time begin anew");
}

#[test]
fn with_a_time_a_job_that_waits_longer_is_not_alone_any_more() {
    let rig = rig();
    let worker = rig.worker(1);
    add(&rig, "a", throttled(100));
    rig.advance(100);
    assert!(add(&rig, "b", throttled(100)).1);
    take_one(&rig, worker, "a");
    assert_eq!(same(&rig), "b");
    rig.queue.close_worker(worker, true);
    rig.change("a", Change::Remove);
    assert_eq!(same(&rig), "b", "the end of the first one frees nothing of the second");
}

#[test]
fn extend_lets_the_time_begin_anew_with_each_duplicate() {
    let rig = rig();
    let extended = || Deduplication { extend: true, ..throttled(100) };
    add(&rig, "a", extended());
    for _ in 0..5 {
        rig.advance(99);
        assert!(!add(&rig, "b", extended()).1);
    }
    rig.advance(99);
    assert_eq!(same(&rig), "a", "the one without extend leaves the time as it is");
    rig.advance(1);
    assert!(add(&rig, "b", extended()).1);
    let refused =
        JobOptions { deduplication: Some(Deduplication { extend: true, ..once("x") }), ..named("c") };
    assert!(matches!(ready(rig.queue.add(new_job(refused))), Err(Error::InvalidArg(_))));
}

#[test]
fn a_duplicate_that_replaces_makes_it_another_job_at_the_back_under_the_same_id() {
    let rig = rig();
    let worker = rig.worker(1);
    let replacing = || Deduplication { replace: true, ..once("same") };
    rig.add(JobOptions { deduplication: Some(replacing()), expires_in: Some(50), ..named("a") });
    add_all(&rig, &["b"]);
    let options = JobOptions { deduplication: Some(replacing()), attempts: Some(1), ..named("ignored") };
    let job = NewJob { name: "other".into(), data: raw("[1]"), options };
    let (view, added) = ready(rig.queue.add(job)).unwrap();
    assert_eq!((&*view.id, &*view.name, view.data.get(), added), ("a", "other", "[1]", false));
    assert_eq!(rig.ear.heard()[4..], ["waiting", "deduplicated"]);
    rig.advance(50);
    assert_eq!(taken(&rig, worker, 9), ["b", "a"], "when it is too late is an option too");
    let (view, _) = add(&rig, "c", replacing());
    assert_eq!((&*view.name, view.state), ("other", JobState::Active), "it has begun");
}

#[test]
fn a_job_that_was_claimed_once_is_not_replaced_while_it_waits_again() {
    let rig = rig();
    let worker = rig.worker(1);
    let replacing = || Deduplication { replace: true, ..once("same") };
    for outcome in [failed(false), Outcome::Released, Outcome::Snoozed { delay_ms: 9_000 }] {
        add(&rig, "a", replacing());
        let token = take_one(&rig, worker, "a");
        rig.finish(token, outcome);
        let before = rig.get("a");
        let options = JobOptions { deduplication: Some(replacing()), ..JobOptions::default() };
        ready(rig.queue.add(NewJob { name: "other".into(), data: raw("2"), options })).unwrap();
        assert_eq!(rig.get("a"), before);
        rig.change("a", Change::Remove);
    }
}

#[test]
fn a_duplicate_that_extends_gives_no_time_to_a_job_that_has_none() {
    let rig = rig();
    add(&rig, "a", once("same"));
    assert!(!add(&rig, "b", Deduplication { extend: true, ..throttled(100) }).1);
    rig.advance(100_000);
    assert_eq!(same(&rig), "a");
    run(&rig, rig.worker(1), completed());
    assert!(add(&rig, "b", once("same")).1);
}

#[test]
fn of_a_burst_the_last_one_runs_once_it_is_over() {
    let rig = rig();
    let worker = rig.worker(1);
    let debounced = |number: u32| {
        let dedup = Deduplication { extend: true, replace: true, ..throttled(100) };
        let options = JobOptions { deduplication: Some(dedup), delay: Some(100), ..JobOptions::default() };
        let job = NewJob { name: "n".into(), data: raw(&number.to_string()), options };
        ready(rig.queue.add(job)).unwrap().1
    };
    assert!(debounced(1));
    for number in 2..6 {
        rig.advance(60);
        assert!(rig.take(worker, 9).is_empty() && !debounced(number));
    }
    rig.advance(99);
    assert!(rig.take(worker, 9).is_empty());
    rig.advance(1);
    let run = rig.take(worker, 9);
    assert_eq!((run.len(), run[0].0.data.get()), (1, "5"));
    assert!(debounced(6), "the next burst is another job");
}

#[test]
fn who_removes_the_job_by_hand_frees_its_id_at_once() {
    type Remove = fn(&Rig);
    let removals: [Remove; 4] = [
        |rig| assert_eq!(rig.change("a", Change::Remove), Changed::Done),
        |rig| drop(ready(rig.queue.drain())),
        |rig| drop(ready(rig.queue.clean(JobState::Waiting, 0, 9))),
        |rig| drop(ready(rig.queue.obliterate(false))),
    ];
    for (remove, dedup) in
        removals.into_iter().flat_map(|remove| [(remove, once("same")), (remove, throttled(1_000))])
    {
        let rig = rig();
        add(&rig, "a", dedup);
        remove(&rig);
        assert_eq!(rig.budget.used(), 0);
        assert!(add(&rig, "b", once("same")).1);
    }
    let rig = rig();
    add(&rig, "a", throttled(1_000));
    run(&rig, rig.worker(1), completed());
    assert_eq!(same(&rig), "a");
    rig.change("a", Change::Remove);
    assert!(add(&rig, "b", once("same")).1, "a finished one too");
}

#[test]
fn a_cancelled_job_frees_its_id_unless_that_has_a_time() {
    let rig = rig();
    add(&rig, "a", once("same"));
    rig.cancel("a");
    assert!(add(&rig, "b", throttled(1_000)).1);
    rig.cancel("b");
    assert_eq!(same(&rig), "b");
}

#[test]
fn ids_that_adds_have_in_common_outlive_a_restart() {
    let mut rig = rig();
    add(&rig, "a", throttled(1_000));
    add(&rig, "x", once("x"));
    run(&rig, rig.worker(1), completed());
    rig.restart();
    rig.advance(999);
    assert_eq!(same(&rig), "a");
    rig.sleep(1);
    assert!(add(&rig, "b", once("same")).1);
    assert!(!add(&rig, "c", once("x")).1);
}

#[test]
fn a_job_id_that_is_there_goes_before_the_id_that_adds_have_in_common() {
    let rig = rig();
    add(&rig, "a", once("same"));
    let (view, added) = add(&rig, "a", once("new"));
    assert_eq!((&*view.id, added), ("a", false));
    assert!(add(&rig, "b", once("new")).1, "the add took no other id");
}

#[test]
fn nothing_is_left_of_ids_whose_time_is_over() {
    let rig = rig();
    let at_once = Retention { age: None, count: Some(0), forever: false };
    for number in 0..1_500 {
        let dedup = Deduplication { id: number.to_string(), ..throttled(100) };
        let options = JobOptions { remove_on_complete: Some(at_once), ..JobOptions::default() };
        rig.add(JobOptions { deduplication: Some(dedup), ..options });
    }
    let worker = rig.worker(1);
    for (_, token) in rig.take(worker, 2_000) {
        rig.finish(token, completed());
    }
    assert!(rig.budget.used() > 1_500 * 100);
    rig.advance(100);
    assert_eq!(rig.budget.used(), 0);
}
