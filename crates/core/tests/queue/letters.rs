//! Dead letters: jobs that failed for good, in another queue of the store.

use std::sync::Arc;

use parking_lot::Mutex;
use redstart_core::clock::{Clock, MS, ManualClock};
use redstart_core::engine::QueueEngine;
use redstart_core::queue::{
    Change, Event, EventKind, FinishKind, How, JobOptions, JobState, JobView, LeaseEnd, NewJob, Outcome,
    Subscriber, Token, WorkerSpec, WorkerTerms,
};
use redstart_core::store::{self, Asked, Store};

use crate::support::{
    Ear, START_MS, completed, failed, failure, named, new_job, once, pending, poll, raw, ready, terms,
};

type Queue = Arc<dyn QueueEngine>;

struct Post {
    store: Arc<Store>,
    clock: Arc<ManualClock>,
    mail: Queue,
}

impl Drop for Post {
    fn drop(&mut self) {
        store::close(&self.store);
    }
}

/// A store with a queue 'mail' whose dead letters go to 'dead'.
fn post(max_memory: u64) -> Post {
    let clock = ManualClock::new(START_MS * MS);
    let options =
        format!(r#"{{"maxMemory":{max_memory},"defaultMaxMemory":1000000,"keepFirstOptions":false}}"#);
    let (store, _) =
        store::open(String::new(), &options, Some(Clock::Manual(clock.clone())), "here").unwrap();
    let mail = queue(&store, "mail", Some(r#"{"deadLetter":"dead"}"#));
    Post { store, clock, mail }
}

fn asked<'a>(name: &'a str, options: Option<&'a str>) -> Asked<'a> {
    Asked { name, options, origin: "here", keep_first: false }
}

fn queue(store: &Store, name: &str, options: Option<&str>) -> Queue {
    store.queue(&asked(name, options)).unwrap().feature
}

impl Post {
    fn dead(&self) -> Vec<JobView> {
        let states = [JobState::Waiting, JobState::Delayed];
        ready(queue(&self.store, "dead", None).get_jobs(&states, 0, 99, true)).unwrap()
    }

    fn add(&self, options: JobOptions) {
        ready(self.mail.add(new_job(options))).unwrap();
    }

    fn worker(&self) -> u64 {
        let terms = WorkerTerms { max_stalled_count: 0, ..terms() };
        self.mail.open_worker(WorkerSpec { terms, subscriber: Arc::new(Ear::default()) }).unwrap()
    }

    fn run(&self, outcome: Outcome) {
        let worker = self.worker();
        let (_, token) = self.mail.take(worker, 1).unwrap()[0];
        ready(self.mail.finish(token, outcome)).unwrap();
        self.mail.close_worker(worker, true);
    }
}

#[test]
fn a_job_that_failed_for_good_is_added_to_the_other_queue_with_where_it_comes_from() {
    let post = post(1_000_000);
    let data = raw(r#"{"b": 1,  "a": 2}"#);
    let options = JobOptions { attempts: Some(2), priority: Some(5), ..named("a") };
    ready(post.mail.add(NewJob { name: "report".into(), data, options })).unwrap();
    post.run(failed(false));
    assert!(post.dead().is_empty(), "another attempt follows");
    post.clock.advance_to((START_MS + 1_000) * MS);
    post.run(failed(false));
    let dead = post.dead();
    let [letter] = &dead[..] else { panic!("{dead:?}") };
    assert_eq!((&*letter.name, letter.data.get()), ("report", r#"{"b": 1,  "a": 2}"#));
    assert_eq!((letter.state, letter.priority, letter.attempts_made), (JobState::Waiting, 0, 0));
    assert_ne!(&*letter.id, "a");
    let from = letter.dead_letter.as_deref().unwrap();
    assert_eq!((&*from.queue, &*from.job_id), ("mail", "a"));
    assert_eq!((&*from.failed_reason, from.finish_kind), ("no such mailbox", FinishKind::Exhausted));
    assert_eq!(ready(post.mail.get_job("a")).unwrap().unwrap().state, JobState::Failed, "it stays there too");
}

#[test]
fn however_a_job_fails_it_is_a_dead_letter_and_one_that_completes_is_none() {
    let post = post(1_000_000);
    let last = || post.dead().last().map(|letter| letter.dead_letter.clone().unwrap().finish_kind);
    post.add(named("fine"));
    post.run(completed());
    assert_eq!(last(), None);
    post.add(named("never"));
    post.run(Outcome::Failed { failure: failure(), how: How::Never });
    assert_eq!(last(), Some(FinishKind::Unrecoverable));
    post.add(named("cancelled"));
    ready(post.mail.change("cancelled", Change::Cancel { reason: None })).unwrap();
    assert_eq!(last(), Some(FinishKind::Cancelled));
    post.add(JobOptions { expires_in: Some(10), ..named("late") });
    post.clock.advance_to((START_MS + 10) * MS);
    assert_eq!(last(), Some(FinishKind::Expired));
    post.add(named("stalled"));
    let dying = post.worker();
    post.mail.take(dying, 1).unwrap();
    post.mail.close_worker(dying, false);
    assert_eq!(last(), Some(FinishKind::Stalled));
    post.add(JobOptions { timeout: Some(10), attempts: Some(1), ..named("slow") });
    post.mail.take(post.worker(), 1).unwrap();
    post.clock.advance_to((START_MS + 20) * MS);
    assert_eq!(last(), Some(FinishKind::Timeout));
    post.add(named("active"));
    let worker = post.worker();
    let (_, token) = post.mail.take(worker, 1).unwrap()[0];
    ready(post.mail.change("active", Change::Cancel { reason: Some("late".into()) })).unwrap();
    ready(post.mail.finish(token, completed())).unwrap();
    assert_eq!(last(), Some(FinishKind::Cancelled));
    assert_eq!(post.dead().len(), 6);
}

#[test]
fn a_job_that_is_removed_is_no_dead_letter() {
    let post = post(1_000_000);
    for id in ["a", "b"] {
        post.add(named(id));
    }
    ready(post.mail.change("a", Change::Remove)).unwrap();
    ready(post.mail.obliterate(true)).unwrap();
    assert!(post.dead().is_empty());
}

/// Counts the dead letters that are there when it hears of a failure.
struct Witness(Arc<Store>, Mutex<Vec<u64>>);

impl Subscriber for Witness {
    fn ready(&self, _worker: u64) {}
    fn event(&self, _subscription: u64, event: &Event) {
        if matches!(event.kind, EventKind::Failed { .. }) {
            self.1.lock().push(queue(&self.0, "dead", None).counts().waiting);
        }
    }
    fn lease_lost(&self, _worker: u64, _token: Token, _why: LeaseEnd) {}
    fn ping(&self, _worker: u64) {}
}

#[test]
fn the_letter_is_there_before_anybody_hears_of_the_failure() {
    let post = post(1_000_000);
    let witness = Arc::new(Witness(post.store.clone(), Mutex::default()));
    post.mail.subscribe(witness.clone());
    for id in ["a", "b"] {
        post.add(named(id));
        let mut wait = pending(post.mail.result(id, None));
        post.run(failed(true));
        assert!(poll(&mut wait).unwrap().is_err());
    }
    assert_eq!(*witness.1.lock(), [1, 2]);
}

#[test]
fn a_queue_made_for_dead_letters_takes_the_options_of_the_first_call_that_has_some() {
    let post = post(1_000_000);
    post.add(named("a"));
    post.run(failed(true));
    assert_eq!(queue(&post.store, "dead", None).counts().waiting, 1);
    let options = r#"{"defaultJobOptions":{"attempts":7,"delay":60000}}"#;
    let dead = queue(&post.store, "dead", Some(options));
    post.add(named("b"));
    post.run(failed(true));
    let counts = dead.counts();
    assert_eq!((counts.waiting, counts.delayed), (1, 1), "the defaults are those of the queue it is in");
    let conflict = post.store.queue(&asked("dead", Some(r#"{"maxDataSize":5}"#)));
    assert_eq!(conflict.err().unwrap().code(), "ERR_OPTIONS_CONFLICT");
    assert!(post.store.queue(&asked("dead", Some(options))).is_ok());
}

#[test]
fn a_dead_letter_queue_may_have_one_of_its_own_though_it_was_there_before_its_options() {
    let post = post(1_000_000);
    post.add(named("a"));
    post.run(failed(true));
    let dead = queue(&post.store, "dead", Some(r#"{"deadLetter":"buried"}"#));
    let spec = WorkerSpec { terms: terms(), subscriber: Arc::new(Ear::default()) };
    let worker = dead.open_worker(spec).unwrap();
    let (_, token) = dead.take(worker, 1).unwrap()[0];
    ready(dead.finish(token, failed(true))).unwrap();
    let buried =
        ready(queue(&post.store, "buried", None).get_jobs(&[JobState::Waiting], 0, 9, true)).unwrap();
    assert_eq!(&*buried[0].dead_letter.as_ref().unwrap().queue, "dead");
}

#[test]
fn dead_letters_never_go_round_in_a_circle() {
    let post = post(1_000_000);
    queue(&post.store, "far", Some(r#"{"deadLetter":"mail"}"#));
    let circles = [
        ("new", "new", "'new' -> 'new'"),
        ("dead", "dead", "'dead' -> 'dead'"),
        ("dead", "mail", "'dead' -> 'mail' -> 'dead'"),
        ("dead", "far", "'dead' -> 'far' -> 'mail' -> 'dead'"),
    ];
    for (name, dead_letter, path) in circles {
        let options = format!(r#"{{"deadLetter":"{dead_letter}"}}"#);
        let refused = post.store.queue(&asked(name, Some(&options))).err().unwrap();
        assert_eq!(refused.code(), "ERR_INVALID_ARG");
        assert!(refused.to_string().contains(&format!("round in a circle ({path})")), "{refused}");
    }
    queue(&post.store, "dead", Some(r#"{"deadLetter":"buried"}"#));
    queue(&post.store, "mail", Some(r#"{"deadLetter":"dead"}"#));
}

#[test]
fn a_full_store_keeps_no_dead_letter_out() {
    let post = post(20_000);
    let at_once = redstart_core::queue::Retention { age: None, count: None, forever: true };
    let long = || raw(&format!("\"{}\"", "x".repeat(2_000)));
    let options = JobOptions { remove_on_fail: Some(at_once), ..JobOptions::default() };
    let mut added = 0;
    while ready(post.mail.add(NewJob { name: "n".into(), data: long(), options: options.clone() })).is_ok() {
        added += 1;
    }
    for _ in 0..added {
        post.run(failed(true));
    }
    let dead = post.dead();
    assert_eq!(dead.len(), added);
    assert!(dead.iter().all(|letter| letter.data.get() == long().get()));
}

#[test]
fn what_a_dead_letter_queue_asks_of_its_own_jobs_refuses_no_letter() {
    let post = post(1_000_000);
    queue(&post.store, "dead", Some(r#"{"maxDataSize":2}"#));
    post.add(JobOptions { deduplication: Some(once("same")), ..named("a") });
    post.run(failed(true));
    assert_eq!(post.dead().len(), 1);
}

#[test]
fn a_store_that_is_closed_takes_its_dead_letters_with_it() {
    let post = post(1_000_000);
    post.add(named("a"));
    post.run(failed(true));
    assert_eq!(store::close(&post.store).get("dead"), Some(&1));
    assert_eq!(post.store.stats()["budget"]["used"], 0);
}
