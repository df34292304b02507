//! Stores that are full: what finds its job needs no room, what does not fit costs no history.

use std::sync::Arc;

use redstart_core::Error;
use redstart_core::budget::Budget;
use redstart_core::clock::Clock;
use redstart_core::engine::QueueEngine;
use redstart_core::engine::memory::{MemoryQueue, MemorySessions};
use redstart_core::engine::{SessionWrite, SessionsEngine};
use redstart_core::queue::{
    Backoff, Counts, Deduplication, Group, JobOptions, NewJob, Outcome, QueueOptions, Repeat, Retention,
    Upsert, WorkerSpec,
};
use redstart_core::sessions::SessionData;
use redstart_core::sessions::set::Owner;
use redstart_core::value::Form;

use crate::support::{
    Ear, HOUR_MS, Rig, add_all, completed, named, new_job, once, raw, ready, rig, run, take_one, terms,
};

fn sized(length: usize) -> NewJob {
    NewJob { data: raw(&format!("\"{}\"", "x".repeat(length))), ..new_job(JobOptions::default()) }
}

/// Calls while all but `left` bytes of the store are taken.
fn with_room_for<R>(rig: &Rig, left: u64, call: impl FnOnce() -> R) -> R {
    let others = rig.budget.limit() - rig.budget.used() - left;
    rig.budget.take(others).unwrap();
    let answer = call();
    rig.budget.give_back(others);
    answer
}

fn small() -> Rig {
    Rig::within(QueueOptions::default(), 100_000)
}

#[test]
fn a_throttled_duplicate_of_a_completed_job_finds_it_in_a_store_that_is_over_its_limit() {
    let rig = small();
    let worker = rig.worker(1);
    let deduplication = Some(Deduplication { ttl: Some(HOUR_MS), ..once("same") });
    let same = || JobOptions { deduplication: deduplication.clone(), ..JobOptions::default() };
    rig.add(JobOptions { job_id: Some("first".into()), ..same() });
    run(&rig, worker, completed());
    rig.budget.take_regardless(200_000);
    // The first finds its job; then that goes, as all that may, and its id is known still.
    for _ in 0..3 {
        let (view, added) = rig.add(same());
        assert_eq!((&*view.id, added), ("first", false));
    }
    let bulk = ready(rig.queue.add_bulk(vec![new_job(same()), new_job(same())])).unwrap();
    assert!(bulk.iter().all(|(view, added)| &*view.id == "first" && !added));
    rig.budget.give_back(200_000);
}

#[test]
fn a_bulk_of_jobs_that_are_all_there_needs_no_room_and_costs_no_history() {
    let rig = small();
    let worker = rig.worker(1);
    let ids: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    for id in &ids {
        rig.add(named(id));
        run(&rig, worker, completed());
    }
    let same = |id: &str| new_job(JobOptions { deduplication: Some(once("same")), ..named(id) });
    ready(rig.queue.add(same("holder"))).unwrap();
    let (before, effects) = (rig.queue.counts(), rig.tape.0.lock().len());
    let jobs = || ids.iter().map(|id| new_job(named(id))).chain([same("other")]).collect();
    let added = with_room_for(&rig, 0, || ready(rig.queue.add_bulk(jobs()))).unwrap();
    assert!(added.iter().all(|(_, added)| !added));
    assert_eq!(rig.queue.counts(), before);
    assert_eq!(rig.tape.0.lock().len(), effects + 1, "the duplicate is told, and nothing else happened");
}

/// Two queues of one store, each with ten completed jobs.
fn two_with_history(budget: &Arc<Budget>) -> [Arc<MemoryQueue>; 2] {
    ["mail", "other"].map(|name| {
        let queue = MemoryQueue::new(name.into(), QueueOptions::default(), Clock::System, budget.clone());
        let spec = WorkerSpec { terms: terms(), subscriber: Arc::new(Ear::default()) };
        let worker = queue.open_worker(spec).unwrap();
        for _ in 0..10 {
            ready(queue.add(new_job(JobOptions::default()))).unwrap();
            let token = queue.take(worker, 1).unwrap()[0].1;
            ready(queue.finish(token, completed())).unwrap();
        }
        queue
    })
}

fn completed_of(queues: &[Arc<MemoryQueue>; 2]) -> [u64; 2] {
    [0, 1].map(|at| queues[at].counts().completed)
}

#[test]
fn what_is_refused_for_want_of_room_costs_no_queue_its_history() {
    let budget = Arc::new(Budget::new(100_000));
    let queues = two_with_history(&budget);
    budget.take(80_000).unwrap();
    let refused = [
        ready(queues[0].add(sized(30_000))).map(drop),
        ready(queues[0].add_bulk(vec![sized(15_000), sized(15_000)])).map(drop),
        ready(queues[0].upsert_scheduler(scheduler("n", 30_000))),
        ready(sessions(&budget).create(session(&vec![b' '; 30_000]))).map(drop),
    ];
    assert!(refused.iter().all(|answer| matches!(answer, Err(Error::StoreFull { .. }))), "{refused:?}");
    assert_eq!(completed_of(&queues), [10, 10]);
    // What its own history makes room for costs others nothing, what that of both does costs both.
    let left = budget.limit() - budget.used();
    ready(queues[0].add(sized(usize::try_from(left).unwrap() + 2_000))).unwrap();
    let [own, others] = completed_of(&queues);
    assert!((1..10).contains(&own) && others == 10, "{own}, {others}");
    ready(queues[0].add(sized(4_000))).unwrap();
    let [own, others] = completed_of(&queues);
    assert!(own == 0 && (1..10).contains(&others), "{own}, {others}");
}

fn sessions(budget: &Arc<Budget>) -> Arc<MemorySessions> {
    let options = serde_json::from_str(r#"{"ttl":60000}"#).unwrap();
    MemorySessions::new(options, Clock::System, budget.clone())
}

fn session(bytes: &[u8]) -> SessionWrite<'_> {
    let data = SessionData { form: Form::OneByteText, bytes };
    SessionWrite { data, owner: Owner::AsItWas, ttl_ms: None, adopt: false, on: None, keep: false }
}

#[test]
fn a_store_that_is_full_of_old_jobs_logs_has_room_for_new_jobs() {
    let rig = small();
    let worker = rig.worker(1);
    add_all(&rig, &["old", "kept"]);
    let token = take_one(&rig, worker, "old");
    for _ in 0..8 {
        assert!(ready(rig.queue.log(token, &"x".repeat(8_000))).unwrap());
    }
    rig.finish(token, completed());
    ready(rig.queue.add(sized(70_000))).unwrap();
    assert!(rig.get("old").is_none() && rig.get("kept").is_some());
    // One that is kept for ever, log and all, keeps it out.
    let rig = small();
    let forever = redstart_core::queue::Retention { age: None, count: None, forever: true };
    rig.add(JobOptions { remove_on_complete: Some(forever), ..named("old") });
    let token = take_one(&rig, rig.worker(1), "old");
    for _ in 0..8 {
        assert!(ready(rig.queue.log(token, &"x".repeat(8_000))).unwrap());
    }
    rig.finish(token, completed());
    assert!(matches!(ready(rig.queue.add(sized(70_000))), Err(Error::StoreFull { .. })));
}

#[test]
fn a_line_needs_room_for_what_is_kept_of_it() {
    let rig = small();
    add_all(&rig, &["a"]);
    let token = take_one(&rig, rig.worker(1), "a");
    let long = "x".repeat(90_000);
    with_room_for(&rig, 8 * 1_024 + 40, || assert!(ready(rig.queue.log(token, &long)).unwrap()));
    with_room_for(&rig, 8 * 1_024 + 39, || {
        assert!(matches!(ready(rig.queue.log(token, &long)), Err(Error::StoreFull { .. })));
    });
}

#[test]
fn progress_needs_room_for_what_it_grows_by() {
    let rig = small();
    add_all(&rig, &["a"]);
    let token = take_one(&rig, rig.worker(1), "a");
    let say = |length: usize| ready(rig.queue.progress(token, raw(&format!("\"{}\"", "x".repeat(length)))));
    assert!(say(1_000).unwrap());
    with_room_for(&rig, 0, || {
        assert!(say(1_000).unwrap(), "as long as before");
        assert!(matches!(say(1_001), Err(Error::StoreFull { .. })));
        assert!(say(10).unwrap());
    });
}

fn scheduler(name: &str, length: usize) -> Upsert {
    let repeat = Repeat { every: Some(60_000), ..Repeat::default() };
    let data = raw(&format!("\"{}\"", "x".repeat(length))).into();
    Upsert { id: "s".into(), repeat, name: name.into(), data, options: JobOptions::default() }
}

#[test]
fn a_scheduler_that_is_set_again_needs_room_for_what_it_grows_by() {
    let rig = small();
    let set = |name: &str, length| ready(rig.queue.upsert_scheduler(scheduler(name, length)));
    set("one", 1_000).unwrap();
    with_room_for(&rig, 0, || {
        set("one", 1_000).unwrap();
        set("two", 1_000).unwrap();
        assert!(matches!(set("three", 1_000), Err(Error::StoreFull { .. })));
        set("two", 10).unwrap();
    });
    assert_eq!(&*ready(rig.queue.schedulers()).unwrap()[0].name, "two");
}

#[test]
fn options_of_its_own_count_and_those_of_the_queue_do_not() {
    let bytes = |options: JobOptions, defaults: JobOptions| {
        let rig = Rig::new(QueueOptions { default_job_options: defaults, ..QueueOptions::default() });
        rig.add(options);
        let bytes = rig.budget.used();
        let worker = rig.worker(1);
        for (_, token) in rig.take(worker, 1) {
            rig.finish(token, Outcome::Completed(raw("1")));
        }
        assert_eq!(rig.budget.used(), bytes + 1, "it counts for as long as the job is there");
        bytes
    };
    let none = JobOptions::default;
    let at_most = Retention { age: None, count: Some(7), forever: false };
    let plain = bytes(named("0"), none());
    for own in [
        JobOptions { attempts: Some(3), ..none() },
        JobOptions { backoff: Some(Backoff::default()), ..none() },
        JobOptions { lifo: Some(true), ..none() },
        JobOptions { timeout: Some(1_000), ..none() },
        JobOptions { remove_on_complete: Some(at_most), ..none() },
        JobOptions { remove_on_fail: Some(at_most), ..none() },
    ] {
        assert_eq!(
            bytes(JobOptions { job_id: Some("0".into()), ..own.clone() }, none()),
            plain + 160,
            "{own:?}"
        );
        assert_eq!(bytes(named("0"), own.clone()), plain, "{own:?}");
    }
}

#[test]
fn a_group_and_a_priority_count_and_their_bytes_come_back() {
    let rig = rig();
    let bytes = |options: JobOptions| {
        let before = rig.budget.used();
        rig.add(options);
        rig.budget.used() - before
    };
    let group = || Some(Group { id: "acme".into() });
    let plain = bytes(named("0"));
    assert_eq!(bytes(JobOptions { priority: Some(1), ..named("1") }), plain + 200);
    assert_eq!(bytes(JobOptions { group: group(), ..named("2") }), plain + 200 + 4 + 480);
    assert_eq!(bytes(JobOptions { group: group(), ..named("3") }), plain + 200 + 4, "the group is there");
    let worker = rig.worker(1);
    let at_once = Retention { age: None, count: Some(0), forever: false };
    rig.add(JobOptions { group: group(), remove_on_complete: Some(at_once), ..named("4") });
    while let [(_, token)] = rig.take(worker, 1)[..] {
        rig.finish(token, Outcome::Completed(raw("1")));
    }
    assert_eq!(rig.queue.counts(), Counts { completed: 4, ..Counts::default() });
    rig.advance(HOUR_MS);
    assert_eq!(rig.budget.used(), 0);
}
