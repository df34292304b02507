//! Groups take turns, and a worker bounds how many of each run at once.

use redstart_core::engine::QueueEngine;
use redstart_core::queue::{Group, JobOptions, Outcome, WorkerTerms};

use crate::support::{
    Rig, add_all, completed, failed, named, pending, poll, ready, rig, take_one, taken, terms,
};

fn of(group: &str, id: &str) -> JobOptions {
    JobOptions { group: Some(Group { id: group.into() }), ..named(id) }
}

/// Jobs named after their group and their place in it.
fn add_groups(rig: &Rig, groups: &[&str], each: usize) {
    for group in groups {
        for number in 1..=each {
            rig.add(of(group, &format!("{group}{number}")));
        }
    }
}

fn bounded(rig: &Rig, concurrency: u32) -> u64 {
    rig.open(WorkerTerms { group_concurrency: Some(concurrency), ..terms() })
}

#[test]
fn groups_take_turns_and_jobs_without_one_are_one_of_them() {
    let rig = rig();
    let worker = rig.worker(1);
    add_groups(&rig, &["a", "b", "c"], 3);
    add_all(&rig, &["x1", "x2", "x3", "x4", "x5"]);
    assert_eq!(
        taken(&rig, worker, 99),
        ["a1", "b1", "c1", "x1", "a2", "b2", "c2", "x2", "a3", "b3", "c3", "x3", "x4", "x5"]
    );
}

#[test]
fn a_flood_of_one_group_delays_another_by_one_job() {
    let rig = rig();
    let worker = rig.worker(1);
    add_groups(&rig, &["flood"], 500);
    for round in 0..10 {
        taken(&rig, worker, 3);
        let id = format!("small{round}");
        rig.add(of("small", &id));
        let next = taken(&rig, worker, 2);
        assert!(next.contains(&id), "{next:?}");
    }
}

#[test]
fn a_group_that_comes_anew_stands_behind_those_that_wait_and_gains_nothing_by_being_away() {
    let rig = rig();
    let worker = rig.worker(1);
    add_groups(&rig, &["a", "b"], 6);
    let run = |count| {
        let all = rig.take(worker, count);
        for (_, token) in &all {
            rig.finish(*token, completed());
        }
        all.into_iter().map(|(view, _)| view.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(run(3), ["a1", "b1", "a2"]);
    rig.add(of("c", "c1"));
    assert_eq!(run(3), ["b2", "a3", "c1"]);
    rig.add(of("c", "c2"));
    rig.add(of("c", "c3"));
    assert_eq!(run(5), ["b3", "a4", "c2", "b4", "a5"]);
}

#[test]
fn a_group_runs_in_order_of_priority_and_groups_take_turns_among_the_lowest() {
    let rig = rig();
    let worker = rig.worker(1);
    for (priority, group, id) in
        [(2, "a", "a slow"), (1, "b", "b1"), (1, "b", "b2"), (1, "a", "a1"), (0, "c", "c0")]
    {
        rig.add(JobOptions { priority: Some(priority), ..of(group, id) });
    }
    assert_eq!(taken(&rig, worker, 9), ["c0", "a1", "b1", "b2", "a slow"]);
}

#[test]
fn a_worker_takes_no_more_of_a_group_than_may_run_at_once_counted_over_all_workers() {
    let rig = rig();
    let (bound, free) = (bounded(&rig, 2), rig.worker(1));
    add_groups(&rig, &["a", "b"], 4);
    let first = rig.take(bound, 9);
    let ids: Vec<&str> = first.iter().map(|(view, _)| &*view.id).collect();
    assert_eq!(ids, ["a1", "b1", "a2", "b2"]);
    assert_eq!(taken(&rig, free, 2), ["a3", "b3"], "without a bound of its own it takes them");
    assert!(rig.take(bound, 9).is_empty());
    rig.finish(first[0].1, completed());
    assert!(rig.take(bound, 9).is_empty(), "two of them run still, in two workers");
    rig.finish(first[2].1, completed());
    assert_eq!(taken(&rig, bound, 9), ["a4"]);
}

#[test]
fn jobs_of_a_full_group_keep_no_others_back() {
    let rig = rig();
    let worker = bounded(&rig, 1);
    add_groups(&rig, &["full"], 50);
    take_one(&rig, worker, "full1");
    rig.add(of("other", "other1"));
    add_all(&rig, &["x1", "x2"]);
    let next = taken(&rig, worker, 9);
    assert_eq!(next, ["x1", "other1", "x2"]);
}

#[test]
fn a_place_in_a_group_is_free_again_however_its_job_ends() {
    let snoozed = Outcome::Snoozed { delay_ms: 1 };
    let ends = [Some(completed()), Some(failed(true)), Some(snoozed), Some(Outcome::Released), None];
    for end in ends {
        let rig = rig();
        let (one, two) = (bounded(&rig, 1), bounded(&rig, 1));
        add_groups(&rig, &["g"], 2);
        let token = take_one(&rig, one, "g1");
        assert!(rig.take(two, 1).is_empty());
        let what = format!("{end:?}");
        match end {
            Some(outcome) => drop(ready(rig.queue.finish(token, outcome))),
            None => rig.queue.close_worker(one, false),
        }
        assert_eq!(rig.ear.take_ready(), [two], "{what}");
        assert_eq!(rig.take(two, 1).len(), 1, "{what}");
    }
    let rig = rig();
    let worker = bounded(&rig, 1);
    add_groups(&rig, &["g"], 2);
    take_one(&rig, worker, "g1");
    ready(rig.queue.obliterate(true)).unwrap();
    add_groups(&rig, &["g"], 2);
    take_one(&rig, worker, "g1");
}

#[test]
fn a_worker_is_not_told_of_jobs_that_it_may_not_take() {
    let rig = rig();
    let (bound, free) = (bounded(&rig, 1), rig.worker(1));
    add_groups(&rig, &["g"], 1);
    let token = take_one(&rig, bound, "g1");
    assert!(rig.take(bound, 1).is_empty());
    for number in 2..9 {
        rig.add(of("g", &format!("g{number}")));
        assert!(rig.ear.take_ready().is_empty(), "told of g{number}");
    }
    assert_eq!(rig.take(free, 9).len(), 7);
    assert!(rig.ear.take_ready().is_empty());
    rig.add(of("g", "last"));
    assert_eq!(rig.ear.take_ready(), [free], "who may take it is told, though another wanted for longer");
    assert!(rig.take(free, 0).is_empty());
    assert!(rig.ear.take_ready().is_empty(), "nobody is left who may");
    rig.finish(token, completed());
    assert!(rig.ear.take_ready().is_empty(), "seven run in the other worker");
}

#[test]
fn a_worker_that_finds_only_full_groups_is_not_told_in_a_loop() {
    let rig = rig();
    let worker = bounded(&rig, 1);
    add_groups(&rig, &["g"], 9);
    let token = take_one(&rig, worker, "g1");
    for _ in 0..3 {
        assert!(rig.take(worker, 5).is_empty());
        assert!(rig.ear.take_ready().is_empty());
        rig.advance(1_000);
        assert!(rig.ear.take_ready().is_empty());
    }
    let mut settled = pending(rig.queue.settled());
    assert!(poll(&mut settled).is_none());
    rig.finish(token, completed());
    assert_eq!(rig.ear.take_ready(), [worker]);
}

#[test]
fn a_restart_keeps_the_turns_and_who_is_active() {
    let mut rig = rig();
    let worker = rig.worker(1);
    add_groups(&rig, &["a", "b", "c"], 2);
    assert_eq!(taken(&rig, worker, 2), ["a1", "b1"]);
    rig.restart();
    let bound = bounded(&rig, 1);
    assert_eq!(taken(&rig, bound, 9), ["c1"], "a and b have a job that is active");
    assert_eq!(taken(&rig, rig.worker(1), 9), ["a2", "b2", "c2"]);
}
