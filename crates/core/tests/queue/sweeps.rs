//! What touches many jobs: drain, clean, retry of all that failed, obliterate.

use redstart_core::Error;
use redstart_core::engine::QueueEngine;
use redstart_core::queue::{
    Counts, Deduplication, Group, JobOptions, JobState, LeaseEnd, Repeat, Step, Upsert,
};

use crate::support::{Rig, add_all, completed, failed, named, once, raw, ready, rig, run, take_one, taken};

fn add_many(rig: &Rig, count: usize, options: &JobOptions) {
    for _ in 0..count {
        rig.add(options.clone());
    }
}

fn fail_many(rig: &Rig, count: usize) {
    let worker = rig.worker(1);
    add_many(rig, count, &JobOptions::default());
    for (_, token) in rig.take(worker, count) {
        rig.finish(token, failed(true));
    }
}

fn schedule(rig: &Rig, id: &str) {
    let (repeat, options) = (Repeat { every: Some(60_000), ..Repeat::default() }, JobOptions::default());
    let upsert = Upsert { id: id.into(), repeat, name: "n".into(), data: raw("1").into(), options };
    ready(rig.queue.upsert_scheduler(upsert)).unwrap();
}

/// The answers of all steps.
fn all<T>(mut step: impl FnMut() -> Step<T>) -> Vec<T> {
    let mut done = Vec::new();
    loop {
        let Step { done: part, more } = step();
        done.push(part);
        assert!(done.len() < 100, "it never says that there is no more");
        if !more {
            return done;
        }
    }
}

#[test]
fn drain_removes_what_waits_or_is_delayed_a_thousand_at_once_and_nothing_else() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["done", "active"]);
    run(&rig, worker, completed());
    let token = take_one(&rig, worker, "active");
    schedule(&rig, "nightly");
    add_many(&rig, 900, &JobOptions::default());
    add_many(&rig, 700, &JobOptions { priority: Some(3), ..JobOptions::default() });
    add_many(&rig, 500, &JobOptions { delay: Some(60_000), ..JobOptions::default() });
    let heard = rig.ear.heard().len();
    assert_eq!(all(|| ready(rig.queue.drain()).unwrap()), [1_000, 1_000, 100]);
    assert_eq!(rig.queue.counts(), Counts { active: 1, completed: 1, ..Counts::default() });
    assert_eq!(rig.ear.heard()[heard..], vec!["removed"; 2_100]);
    assert_eq!(ready(rig.queue.schedulers()).unwrap().len(), 1, "schedulers go on");
    rig.advance(60_000);
    assert_eq!(rig.queue.counts().waiting, 1);
    rig.finish(token, completed());
    assert_eq!(all(|| ready(rig.queue.drain()).unwrap()), [1]);
    assert_eq!(all(|| ready(rig.queue.drain()).unwrap()), [0]);
}

#[test]
fn exactly_one_step_says_that_there_is_no_more() {
    let rig = rig();
    add_many(&rig, 1_000, &JobOptions::default());
    assert_eq!(ready(rig.queue.drain()).unwrap(), Step { done: 1_000, more: false });
}

fn clean(rig: &Rig, state: JobState, older_than_ms: u64, limit: usize) -> Vec<String> {
    let step = ready(rig.queue.clean(state, older_than_ms, limit)).unwrap();
    step.done.iter().map(ToString::to_string).collect()
}

#[test]
fn clean_removes_jobs_that_have_been_in_a_state_for_longer_the_oldest_first() {
    let rig = rig();
    let worker = rig.worker(1);
    for id in ["a", "b", "c"] {
        add_all(&rig, &[id]);
        run(&rig, worker, completed());
        add_all(&rig, &[&format!("not {id}")]);
        run(&rig, worker, failed(true));
        rig.advance(100);
    }
    assert!(clean(&rig, JobState::Completed, 301, 9).is_empty());
    assert_eq!(clean(&rig, JobState::Completed, 200, 1), ["a"], "no more than asked for");
    assert_eq!(clean(&rig, JobState::Completed, 200, 9), ["b"]);
    assert_eq!(clean(&rig, JobState::Failed, 0, 9), ["not a", "not b", "not c"]);
    assert_eq!(rig.queue.counts(), Counts { completed: 1, ..Counts::default() });
    assert_eq!(rig.ear.heard().iter().filter(|name| **name == "removed").count(), 5);
}

#[test]
fn clean_of_waiting_jobs_means_those_with_a_priority_too_and_counts_since_they_wait() {
    let rig = rig();
    rig.add(JobOptions { delay: Some(100), ..named("was delayed") });
    rig.add(JobOptions { priority: Some(9), ..named("prioritized") });
    rig.add(JobOptions { delay: Some(10_000), ..named("delayed") });
    rig.advance(50);
    add_all(&rig, &["later"]);
    rig.add(JobOptions { group: Some(Group { id: "g".into() }), ..named("of a group") });
    rig.advance(50);
    assert_eq!(clean(&rig, JobState::Waiting, 50, 9), ["prioritized", "later", "of a group"]);
    assert_eq!(clean(&rig, JobState::Delayed, 100, 9), ["delayed"]);
    rig.take(rig.worker(1), 9);
    assert!(clean(&rig, JobState::Active, 0, 9).is_empty());
}

#[test]
fn clean_goes_in_steps_up_to_its_limit() {
    let rig = rig();
    add_many(&rig, 3_000, &JobOptions::default());
    let step = |limit| ready(rig.queue.clean(JobState::Waiting, 0, limit)).unwrap();
    let first = step(1_500);
    assert_eq!((first.done.len(), first.more), (1_000, true));
    let second = step(500);
    assert_eq!((second.done.len(), second.more), (500, false));
    let third = step(usize::MAX);
    assert_eq!((third.done.len(), third.more), (1_000, true));
    let last = step(usize::MAX);
    assert_eq!((last.done.len(), last.more), (500, false));
}

#[test]
fn retry_failed_lets_the_oldest_wait_again_first_with_all_their_attempts() {
    let rig = rig();
    let worker = rig.worker(1);
    for id in ["a", "b", "c"] {
        add_all(&rig, &[id]);
        run(&rig, worker, failed(true));
    }
    assert_eq!(ready(rig.queue.retry_failed(2)).unwrap(), Step { done: 2, more: false });
    assert_eq!(taken(&rig, worker, 9), ["a", "b"]);
    assert_eq!(rig.queue.counts().failed, 1);
    fail_many(&rig, 2_300);
    assert_eq!(all(|| ready(rig.queue.retry_failed(usize::MAX)).unwrap()), [1_000, 1_000, 301]);
    assert_eq!(rig.queue.counts(), Counts { waiting: 2_301, active: 2, ..Counts::default() });
}

#[test]
fn obliterate_is_refused_while_jobs_are_active() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["a", "b"]);
    let token = take_one(&rig, worker, "a");
    let refused = ready(rig.queue.obliterate(false));
    assert!(matches!(refused, Err(Error::InvalidState(says)) if says.contains("1 job is active")));
    assert_eq!(rig.queue.counts(), Counts { waiting: 1, active: 1, ..Counts::default() });
    rig.finish(token, completed());
    assert_eq!(ready(rig.queue.obliterate(false)).unwrap(), 2);
}

#[test]
fn obliterate_by_force_leaves_nothing_and_tells_the_workers() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["done", "broken", "active"]);
    run(&rig, worker, completed());
    run(&rig, worker, failed(true));
    let token = take_one(&rig, worker, "active");
    ready(rig.queue.log(token, "line")).unwrap();
    schedule(&rig, "nightly");
    add_many(&rig, 1_500, &JobOptions::default());
    rig.add(JobOptions { delay: Some(5), ..JobOptions::default() });
    let throttled = Deduplication { ttl: Some(60_000), ..once("same") };
    rig.add(JobOptions { deduplication: Some(throttled.clone()), ..named("x") });
    let heard = rig.ear.heard().len();
    assert_eq!(ready(rig.queue.obliterate(true)).unwrap(), 1_505);
    assert_eq!(rig.ear.heard().len(), heard, "nothing is told of each job");
    assert_eq!((rig.queue.counts(), rig.budget.used()), (Counts::default(), 0));
    assert!(ready(rig.queue.schedulers()).unwrap().is_empty());
    assert_eq!(rig.ear.take_lost(), [(worker, token, LeaseEnd::Lost)]);
    assert_eq!(rig.finish(token, completed()), redstart_core::queue::Finish::LeaseLost);
    rig.advance(3_600_000);
    assert_eq!(rig.queue.counts(), Counts::default(), "nothing comes of what was there");
    assert!(rig.add(JobOptions { deduplication: Some(throttled), ..named("y") }).1);
}

#[test]
fn obliterate_frees_ids_that_outlived_their_jobs() {
    let rig = rig();
    let at_once = redstart_core::queue::Retention { age: None, count: Some(0), forever: false };
    let throttled = Deduplication { ttl: Some(60_000), ..once("same") };
    let options = JobOptions { remove_on_complete: Some(at_once), ..named("a") };
    rig.add(JobOptions { deduplication: Some(throttled.clone()), ..options });
    run(&rig, rig.worker(1), completed());
    assert!(rig.budget.used() > 0);
    assert_eq!(ready(rig.queue.obliterate(false)).unwrap(), 0);
    assert_eq!(rig.budget.used(), 0);
    assert!(rig.add(JobOptions { deduplication: Some(throttled), ..named("b") }).1);
}

#[test]
fn a_pause_and_the_limits_of_a_queue_outlive_what_was_in_it() {
    let rig = rig();
    ready(rig.queue.set_paused(true)).unwrap();
    ready(rig.queue.set_concurrency(Some(1))).unwrap();
    add_many(&rig, 3, &JobOptions::default());
    ready(rig.queue.obliterate(false)).unwrap();
    add_many(&rig, 3, &JobOptions::default());
    let worker = rig.worker(1);
    assert!(rig.queue.is_paused() && rig.take(worker, 9).is_empty());
    ready(rig.queue.set_paused(false)).unwrap();
    assert_eq!(rig.take(worker, 9).len(), 1);
}
