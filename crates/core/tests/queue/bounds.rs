//! What a queue keeps, refuses and gives back.

use std::sync::Arc;

use redstart_core::Error;
use redstart_core::budget::Budget;
use redstart_core::clock::Clock;
use redstart_core::engine::memory::{MemoryLimiter, MemoryQueue, MemorySessions};
use redstart_core::engine::{LimiterEngine, QueueEngine, SessionWrite, SessionsEngine};
use redstart_core::key::Key;
use redstart_core::limiter::Ask;
use redstart_core::queue::{
    Counts, Finish, JobOptions, NewJob, Outcome, QueueOptions, Retention, WorkerSpec,
};
use redstart_core::sessions::set::Owner;
use redstart_core::sessions::{SessionData, SessionsOptions};
use redstart_core::timer::Ticking;
use redstart_core::value::Form;

use crate::support::{
    Ear, HOUR_MS, Rig, add_all, completed, failed, named, new_job, once, pending, poll, raw, ready, rig, run,
    terms,
};

#[test]
fn the_last_thousand_completed_jobs_are_retained_and_the_oldest_go_first() {
    let mut rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["slow"]);
    let (_, slow) = rig.take(worker, 1)[0];
    for number in 0..1_000 {
        rig.add(named(&number.to_string()));
        run(&rig, worker, completed());
    }
    assert_eq!(rig.finish(slow, completed()), Finish::Completed);
    assert_eq!(rig.queue.counts().completed, 1_000);
    assert!(
        rig.get("0").is_none() && rig.get("1").is_some(),
        "the first to complete goes, at one instant too"
    );
    assert!(rig.get("slow").is_some(), "the job that has just finished stays");
    rig.check();
}

#[test]
fn ten_thousand_failed_jobs_are_retained() {
    let rig = rig();
    let worker = rig.worker(1);
    for number in 0..=10_000 {
        rig.add(JobOptions { attempts: Some(1), ..named(&number.to_string()) });
        assert_eq!(run(&rig, worker, failed(false)), Finish::Failed);
    }
    assert_eq!(rig.queue.counts().failed, 10_000);
    assert!(rig.get("0").is_none() && rig.get("1").is_some());
}

#[test]
fn finished_jobs_go_when_they_are_too_old() {
    let mut rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["done", "broken"]);
    run(&rig, worker, completed());
    run(&rig, worker, failed(true));
    rig.advance(HOUR_MS - 1);
    assert!(rig.get("done").is_some());
    rig.advance(1);
    assert!(rig.get("done").is_none() && rig.get("broken").is_some());
    rig.advance((7 * 24 - 1) * HOUR_MS - 1);
    assert!(rig.get("broken").is_some());
    rig.advance(1);
    assert_eq!(rig.queue.counts(), Counts::default());
    assert_eq!(rig.budget.used(), 0);
    rig.check();
}

#[test]
fn data_over_the_limit_is_refused_and_a_result_over_it_leaves_the_attempt_to_be_failed() {
    let rig = Rig::new(QueueOptions { max_data_size: 20, ..QueueOptions::default() });
    let worker = rig.worker(1);
    let data = |length: usize| raw(&format!("\"{}\"", "x".repeat(length - 2)));
    let job = |length| NewJob { name: "n".into(), data: data(length), options: named("a") };
    let refused = ready(rig.queue.add(job(21))).unwrap_err();
    assert!(matches!(refused, Error::TooLarge { size: 21, limit: 20, .. }), "{refused}");
    assert_eq!((rig.queue.counts(), rig.budget.used()), (Counts::default(), 0));
    assert!(ready(rig.queue.add(job(20))).unwrap().1);

    let (_, token) = rig.take(worker, 1)[0];
    let refused = ready(rig.queue.finish(token, Outcome::Completed(data(21)))).unwrap_err();
    assert!(matches!(refused, Error::TooLarge { size: 21, limit: 20, .. }), "{refused}");
    assert_eq!(rig.queue.counts().active, 1);
    assert_eq!(rig.finish(token, failed(true)), Finish::Failed);
}

#[test]
fn a_full_budget_refuses_adds_and_lets_finishes_through() {
    let budget = Arc::new(Budget::new(3_000));
    let queue = MemoryQueue::new("mail".into(), QueueOptions::default(), Clock::System, budget.clone());
    let spec = WorkerSpec { terms: terms(), subscriber: Arc::new(Ear::default()) };
    let worker = queue.open_worker(spec).unwrap();
    let mut added = 0;
    let refused = loop {
        match ready(queue.add(new_job(JobOptions::default()))) {
            Ok(_) => added += 1,
            Err(refused) => break refused,
        }
    };
    assert!(matches!(refused, Error::StoreFull { limit: 3_000, .. }) && refused.is_retryable());
    assert_eq!(queue.counts(), Counts { waiting: added, ..Counts::default() });
    let used = budget.used();
    assert!(used <= 3_000 && used == queue.load().0);

    let (view, token) = queue.take(worker, 1).unwrap()[0].clone();
    let mut wait = pending(queue.result(&view.id, None));
    let long = raw(&format!("\"{}\"", "x".repeat(10_000)));
    assert_eq!(ready(queue.finish(token, Outcome::Completed(long))).unwrap(), Finish::Completed);
    assert_eq!(poll(&mut wait).unwrap().unwrap().len(), 10_002, "who waits is told what is not kept");
    assert!(matches!(ready(queue.result(&view.id, None)), Err(Error::NotFound(_))));
    assert!(budget.used() < used && budget.used() == queue.load().0);
    drop(queue);
    assert_eq!(budget.used(), 0);
}

#[test]
fn a_shut_queue_refuses_tells_who_waits_and_gives_its_bytes_back() {
    let mut rig = rig();
    let worker = rig.worker(1);
    add_all(&rig, &["a", "b", "done"]);
    rig.add(JobOptions { delay: Some(5), ..named("later") });
    let taken = rig.take(worker, 3);
    rig.finish(taken[2].1, completed());
    let mut wait = pending(rig.queue.result("a", None));
    let mut settled = pending(rig.queue.settled());

    assert_eq!(rig.shut(), 3);
    assert_eq!(rig.queue.shut(), 0);
    assert!(matches!(poll(&mut wait).unwrap(), Err(Error::Closed(says)) if says.contains("'mail'")));
    assert!(poll(&mut settled).unwrap().is_ok());
    assert_eq!(rig.budget.used(), 0);
    assert_eq!(rig.ear.lost.lock().len(), 2);
    let add = ready(rig.queue.add(new_job(JobOptions::default())));
    assert!(matches!(add, Err(Error::Closed(_))));
    assert!(matches!(rig.queue.take(worker, 1), Err(Error::Closed(_))));
    assert!(matches!(ready(rig.queue.result("done", None)), Err(Error::Closed(_))));
    assert_eq!(rig.finish(taken[0].1, completed()), Finish::LeaseLost);
    assert_eq!((rig.queue.counts(), rig.queue.next_due_us()), (Counts::default(), None));
}

#[test]
fn the_load_is_the_bytes_and_the_age_of_the_first_waiting_job() {
    let rig = rig();
    assert_eq!(rig.queue.load(), (0, 0));
    add_all(&rig, &["a"]);
    rig.advance(70);
    add_all(&rig, &["b"]);
    assert_eq!(rig.queue.load(), (rig.budget.used(), 70));
    rig.take(rig.worker(1), 2);
    assert_eq!(rig.queue.load().1, 0);
}

/// A budget that finished jobs of a queue have filled.
fn full_of_history(limit: u64) -> (Arc<Budget>, Arc<MemoryQueue>) {
    let budget = Arc::new(Budget::new(limit));
    let queue = MemoryQueue::new("mail".into(), QueueOptions::default(), Clock::System, budget.clone());
    let spec = WorkerSpec { terms: terms(), subscriber: Arc::new(Ear::default()) };
    let worker = queue.open_worker(spec).unwrap();
    for round in 0..100 {
        ready(queue.add(new_job(JobOptions::default()))).expect("history keeps no job out");
        let (_, token) = queue.take(worker, 1).unwrap()[0].clone();
        let outcome = if round % 2 == 0 {
            failed(true)
        } else {
            Outcome::Completed(raw(&format!("\"{}\"", "x".repeat(1_000))))
        };
        ready(queue.finish(token, outcome)).unwrap();
        assert!(budget.used() <= limit && budget.used() == queue.load().0);
    }
    let Counts { completed, failed, .. } = queue.counts();
    assert!(completed > 0 && failed > 0 && completed + failed < 100);
    (budget, queue)
}

#[test]
fn the_history_of_a_queue_keeps_nothing_out_of_the_store() {
    let (budget, queue) = full_of_history(20_000);
    let finished = || queue.counts().completed + queue.counts().failed;
    let options: SessionsOptions = serde_json::from_str(r#"{"ttl":60000}"#).unwrap();
    let sessions = MemorySessions::new(options, Clock::System, budget.clone());
    let data = SessionData { form: Form::OneByteText, bytes: &[b' '; 5_000] };
    let before = finished();
    let write =
        SessionWrite { data, owner: Owner::AsItWas, ttl_ms: None, adopt: false, on: None, keep: false };
    assert!(ready(sessions.create(write)).is_ok());
    assert!(finished() < before && finished() > 0, "no more goes than must");

    let limits = serde_json::from_str(r#"{"limit":1,"window":60000}"#).unwrap();
    let limiter = MemoryLimiter::new(limits, Clock::System, budget.clone());
    for number in 0..100 {
        assert!(limiter.consume(Key::narrow(format!("{number}").as_bytes()), Ask::units(1)).unwrap().allowed);
    }

    let other = MemoryQueue::new("other".into(), QueueOptions::default(), Clock::System, budget.clone());
    while finished() > 0 {
        ready(other.add(new_job(JobOptions::default()))).expect("the history of another queue yields too");
    }
    let too_large = NewJob { data: raw(&format!("\"{}\"", "x".repeat(30_000))), ..new_job(named("large")) };
    assert!(matches!(ready(queue.add(too_large)), Err(Error::StoreFull { .. })));
    assert!(budget.used() <= budget.limit());
}

#[test]
fn a_job_that_could_never_fit_costs_no_history() {
    let (_, queue) = full_of_history(20_000);
    let before = queue.counts();
    let too_large = NewJob { data: raw(&format!("\"{}\"", "x".repeat(30_000))), ..new_job(named("large")) };
    assert!(matches!(ready(queue.add(too_large)), Err(Error::StoreFull { .. })));
    assert_eq!(queue.counts(), before);
}

#[test]
fn history_that_yields_is_replayed_and_the_job_that_has_just_finished_goes_last() {
    let mut rig = Rig::within(QueueOptions::default(), 3_000);
    let worker = rig.worker(1);
    add_all(&rig, &["broken"]);
    run(&rig, worker, failed(true));
    for number in 0..40 {
        let id = number.to_string();
        add_all(&rig, &[&id]);
        run(&rig, worker, completed());
        assert!(rig.get(&id).is_some() && rig.budget.used() <= 3_000);
    }
    assert!(rig.get("0").is_none() && rig.get("broken").is_some(), "completed jobs go before failed ones");
    rig.check();
    rig.restart();
    rig.check();
}

#[test]
fn an_add_that_finds_its_job_needs_no_room_in_a_store_that_is_over_its_limit() {
    let rig = Rig::within(QueueOptions::default(), 3_000);
    let worker = rig.worker(1);
    let forever = Retention { age: None, count: None, forever: true };
    rig.add(JobOptions { remove_on_complete: Some(forever), ..named("large") });
    add_all(&rig, &["a"]);
    rig.add(JobOptions { deduplication: Some(once("same")), ..named("b") });
    let long = raw(&format!("\"{}\"", "x".repeat(10_000)));
    run(&rig, worker, Outcome::Completed(long));
    assert!(rig.budget.used() > rig.budget.limit(), "an end is never refused, and it is kept for ever");
    assert!(matches!(ready(rig.queue.add(new_job(named("new")))), Err(Error::StoreFull { .. })));
    assert!(!rig.add(named("a")).1 && !rig.add(named("large")).1);
    let (same, added) = rig.add(JobOptions { deduplication: Some(once("same")), ..JobOptions::default() });
    assert_eq!((&*same.id, added), ("b", false));
    let mut wait = pending(rig.queue.add_and_wait(new_job(named("a")), None));
    assert_eq!(run(&rig, worker, completed()), Finish::Completed);
    assert!(poll(&mut wait).unwrap().is_ok());
}
