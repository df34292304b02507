//! Many jobs in one add: all of them, or none.

use redstart_core::Error;
use redstart_core::engine::QueueEngine;
use redstart_core::queue::{Counts, JobOptions, NewJob, Outcome, QueueOptions};

use crate::support::{Rig, completed, named, new_job, once, raw, ready, rig, run, taken};

fn bulk(ids: &[&str]) -> Vec<NewJob> {
    ids.iter().map(|id| new_job(named(id))).collect()
}

#[test]
fn all_jobs_of_a_bulk_come_in_its_order() {
    let rig = rig();
    let worker = rig.worker(1);
    assert!(rig.take(worker, 1).is_empty());
    let ids = ["c", "a", "d", "b"];
    let mut jobs = bulk(&ids);
    jobs.push(new_job(JobOptions { delay: Some(5), ..named("later") }));
    jobs.push(new_job(JobOptions { priority: Some(1), ..named("last") }));
    let added = ready(rig.queue.add_bulk(jobs)).unwrap();
    assert!(added.iter().all(|(_, added)| *added));
    assert_eq!(
        added.iter().map(|(view, _)| &*view.id).collect::<Vec<_>>(),
        ["c", "a", "d", "b", "later", "last"]
    );
    assert_eq!(rig.ear.take_ready(), [worker]);
    assert_eq!(taken(&rig, worker, 9), ["c", "a", "d", "b", "last"]);
    assert!(ready(rig.queue.add_bulk(Vec::new())).unwrap().is_empty());
}

#[test]
fn duplicates_in_a_bulk_and_of_what_is_there_are_found() {
    let rig = rig();
    rig.add(named("there"));
    let mut jobs = bulk(&["a", "there", "a"]);
    for id in ["b", "c"] {
        jobs.push(new_job(JobOptions { deduplication: Some(once("same")), ..named(id) }));
    }
    let added = ready(rig.queue.add_bulk(jobs)).unwrap();
    let added: Vec<(&str, bool)> = added.iter().map(|(view, added)| (&*view.id, *added)).collect();
    assert_eq!(added, [("a", true), ("there", false), ("a", false), ("b", true), ("b", false)]);
    assert_eq!(rig.queue.counts().waiting, 3);
}

#[test]
fn a_bulk_that_does_not_fit_leaves_nothing_behind() {
    let rig = Rig::within(QueueOptions::default(), 5_000);
    rig.add(named("there"));
    let (used, heard) = (rig.budget.used(), rig.ear.heard().len());
    let ids: Vec<String> = (0..50).map(|number| number.to_string()).collect();
    let refused = ready(rig.queue.add_bulk(bulk(&ids.iter().map(String::as_str).collect::<Vec<_>>())));
    assert!(matches!(refused, Err(Error::StoreFull { limit: 5_000, .. })));
    assert_eq!((rig.budget.used(), rig.ear.heard().len()), (used, heard));
    assert_eq!(rig.queue.counts(), Counts { waiting: 1, ..Counts::default() });
    assert_eq!(ready(rig.queue.add_bulk(bulk(&["a", "b"]))).unwrap().len(), 2);
}

#[test]
fn one_bad_job_refuses_the_whole_bulk() {
    let rig = Rig::new(QueueOptions { max_data_size: 30, ..QueueOptions::default() });
    let bad = [
        new_job(JobOptions { attempts: Some(0), ..named("bad") }),
        NewJob { data: raw(&format!("\"{}\"", "x".repeat(30))), ..new_job(named("bad")) },
    ];
    for bad in bad {
        let mut jobs = bulk(&["a", "b"]);
        jobs.push(bad);
        assert!(ready(rig.queue.add_bulk(jobs)).is_err());
        assert_eq!((rig.queue.counts(), rig.budget.used()), (Counts::default(), 0));
    }
}

#[test]
fn history_goes_for_a_bulk() {
    let rig = Rig::within(QueueOptions::default(), 5_000);
    let worker = rig.worker(1);
    rig.add(named("old"));
    run(&rig, worker, Outcome::Completed(raw(&format!("\"{}\"", "x".repeat(3_000)))));
    assert_eq!(ready(rig.queue.add_bulk(bulk(&["a", "b", "c", "d"]))).unwrap().len(), 4);
    assert!(rig.get("old").is_none());
    run(&rig, worker, completed());
}
