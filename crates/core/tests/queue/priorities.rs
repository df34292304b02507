//! Priorities, lifo, and where jobs that come back stand.

use redstart_core::engine::QueueEngine;
use redstart_core::queue::{Backoff, BackoffType, Change, Changed, Counts, JobOptions, JobState, Outcome};

use crate::support::{Rig, add_all, completed, failed, named, ready, rig, run, take_one, taken};

fn prioritized(priority: u32, id: &str) -> JobOptions {
    JobOptions { priority: Some(priority), ..named(id) }
}

#[test]
fn the_lowest_priority_goes_first_and_jobs_of_one_priority_in_the_order_they_came() {
    let rig = rig();
    let worker = rig.worker(1);
    for (priority, id) in
        [(5, "five"), (0, "zero"), (2_097_151, "last"), (5, "five too"), (1, "one"), (0, "zero too")]
    {
        let (view, _) = rig.add(prioritized(priority, id));
        assert_eq!(view.priority, priority);
        let state = if priority > 0 { JobState::Prioritized } else { JobState::Waiting };
        assert_eq!(view.state, state);
    }
    assert_eq!(rig.queue.counts(), Counts { waiting: 2, prioritized: 4, ..Counts::default() });
    let order = ["zero", "zero too", "one", "five", "five too", "last"];
    let states = [JobState::Waiting, JobState::Prioritized];
    let listed = ready(rig.queue.get_jobs(&states, 0, 99, true)).unwrap();
    assert_eq!(listed.iter().map(|view| &*view.id).collect::<Vec<_>>(), order);
    let backwards = ready(rig.queue.get_jobs(&states, 1, 4, false)).unwrap();
    assert_eq!(
        backwards.iter().map(|view| &*view.id).collect::<Vec<_>>(),
        ["five too", "five", "one", "zero too"]
    );
    assert_eq!(taken(&rig, worker, 9), order);
}

#[test]
fn a_job_that_comes_later_goes_before_all_of_a_higher_number() {
    let rig = rig();
    let worker = rig.worker(1);
    rig.add(prioritized(3, "three"));
    rig.add(prioritized(2, "two"));
    take_one(&rig, worker, "two");
    rig.add(prioritized(1, "one"));
    add_all(&rig, &["zero"]);
    assert_eq!(taken(&rig, worker, 9), ["zero", "one", "three"]);
}

#[test]
fn a_lifo_job_goes_before_all_others_of_its_priority_and_no_further() {
    let rig = rig();
    let worker = rig.worker(1);
    let lifo = |priority, id: &str| JobOptions { lifo: Some(true), ..prioritized(priority, id) };
    add_all(&rig, &["a"]);
    rig.add(lifo(0, "b"));
    rig.add(lifo(0, "c"));
    add_all(&rig, &["d"]);
    rig.add(prioritized(1, "one"));
    rig.add(lifo(1, "one first"));
    assert_eq!(taken(&rig, worker, 9), ["c", "b", "a", "d", "one first", "one"]);
}

#[test]
fn a_delayed_lifo_job_goes_first_when_it_is_due() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["a"]);
    rig.add(JobOptions { lifo: Some(true), delay: Some(5), ..named("b") });
    rig.advance(5);
    assert_eq!(taken(&rig, worker, 9), ["b", "a"]);
}

/// Takes everything and gives it back.
fn take_and_release(rig: &Rig, worker: u64) -> Vec<String> {
    let all = rig.take(worker, 99);
    for (_, token) in &all {
        rig.finish(*token, Outcome::Released);
    }
    all.iter().map(|(view, _)| view.id.to_string()).collect()
}

#[test]
fn a_job_given_back_goes_to_the_front_of_its_priority_and_not_before_lower_ones() {
    let rig = rig();
    let worker = rig.worker(1);
    rig.add(prioritized(1, "one"));
    rig.add(prioritized(1, "one too"));
    let token = take_one(&rig, worker, "one");
    add_all(&rig, &["zero"]);
    rig.finish(token, Outcome::Released);
    assert_eq!(rig.state("one"), JobState::Prioritized);
    assert_eq!(taken(&rig, worker, 9), ["zero", "one", "one too"]);
}

#[test]
fn jobs_given_back_together_keep_the_order_in_which_they_ran_lifo_or_not() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["a", "b"]);
    for id in ["c", "d"] {
        rig.add(JobOptions { lifo: Some(true), ..named(id) });
    }
    let order = take_and_release(&rig, worker);
    assert_eq!(order, ["d", "c", "a", "b"]);
    add_all(&rig, &["e"]);
    assert_eq!(take_and_release(&rig, worker)[..4], order);
    rig.take(worker, 9);
    rig.queue.close_worker(worker, true);
    assert_eq!(taken(&rig, rig.worker(1), 9)[..4], order);
}

#[test]
fn a_job_that_lost_its_worker_goes_to_the_front() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["a", "b"]);
    take_one(&rig, worker, "a");
    rig.queue.close_worker(worker, false);
    assert_eq!(taken(&rig, rig.worker(1), 9), ["a", "b"]);
}

#[test]
fn retried_and_promoted_jobs_join_at_the_back_of_their_priority() {
    let rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["done", "broken"]);
    run(&rig, worker, completed());
    run(&rig, worker, failed(true));
    rig.add(JobOptions { delay: Some(60_000), ..named("later") });
    let at_once = Backoff { kind: BackoffType::Fixed, delay: 0, max_delay: None, jitter: None };
    rig.add(JobOptions { backoff: Some(at_once), ..named("again") });
    let token = take_one(&rig, worker, "again");
    add_all(&rig, &["a"]);
    rig.finish(token, failed(false));
    assert_eq!(rig.change("broken", Change::Retry), Changed::Done);
    assert_eq!(rig.change("later", Change::Promote), Changed::Done);
    assert_eq!(rig.change("done", Change::Retry), Changed::Done);
    rig.add(prioritized(1, "one"));
    assert_eq!(taken(&rig, worker, 9), ["a", "again", "broken", "later", "done", "one"]);
}
