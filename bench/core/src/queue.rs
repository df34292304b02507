//! A queue with small jobs and one worker.

use std::hint::black_box;
use std::sync::Arc;

use redstart_core::engine::QueueEngine;
use redstart_core::queue::{
    Event, Failure, Finish, How, JobOptions, JobView, LeaseEnd, NewJob, Outcome, Subscriber, Token,
    WorkerSpec, WorkerTerms,
};
use redstart_core::store::Store;
use serde_json::json;
use serde_json::value::RawValue;

use crate::{open, ready};

/// As index.d.ts has it where a worker's options say nothing, but that nobody watches whether its event loop turns: that reads
/// the machine's clock, which valgrind does not let rustix do (it takes the vDSO away and leaves its address).
const TERMS: WorkerTerms = WorkerTerms {
    lease_ms: 30_000,
    max_stalled_count: 1,
    limiter: None,
    group_concurrency: None,
    stall_after_ms: None,
};

/// A worker that is told things and does nothing about them.
struct Idle;

impl Subscriber for Idle {
    fn ready(&self, _worker: u64) {}
    fn event(&self, _subscription: u64, _event: &Event) {}
    fn lease_lost(&self, _worker: u64, _token: Token, _why: LeaseEnd) {}
    fn ping(&self, _worker: u64) {}
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).expect("it is JSON")
}

fn new_job() -> NewJob {
    let data = raw(r#"{"to":"visitor@example.com","id":1234567}"#);
    NewJob { name: "welcome".to_owned(), data, options: JobOptions::default() }
}

/// A queue in which `waiting` jobs wait, each with that many attempts.
fn queue(store: &Store, waiting: usize, attempts: u32) -> Arc<dyn QueueEngine> {
    let options = json!({ "defaultJobOptions": { "attempts": attempts } });
    let queue = black_box(open(&options, |asked| store.queue(asked)).feature);
    (0..waiting).for_each(|_| assert!(ready(queue.add(new_job())).1));
    queue
}

fn open_worker(queue: &dyn QueueEngine) -> u64 {
    queue.open_worker(WorkerSpec { terms: TERMS, subscriber: Arc::new(Idle) }).expect("the terms are good")
}

fn jobs(count: usize) -> Vec<NewJob> {
    (0..count).map(|_| new_job()).collect()
}

/// Adds a job to those that wait, at most `calls` times.
pub fn add(store: &Store, waiting: usize, calls: usize) -> impl FnMut() + use<> {
    let (queue, mut jobs) = (queue(store, waiting, 3), jobs(calls));
    move || {
        let job = jobs.pop().expect("as many calls as were announced");
        assert!(ready(queue.add(job)).1);
    }
}

/// Adds so many jobs at once, at most `calls` times.
pub fn add_bulk(store: &Store, many: usize, calls: usize) -> impl FnMut() + use<> {
    let queue = queue(store, 0, 3);
    let mut bulks: Vec<_> = (0..calls).map(|_| jobs(many)).collect();
    move || {
        let bulk = bulks.pop().expect("as many calls as were announced");
        assert_eq!(ready(queue.add_bulk(bulk)).len(), many);
    }
}

/// A worker takes `max` jobs at once and completes each, at most `calls` times; as many more wait.
pub fn run(store: &Store, waiting: usize, max: usize, calls: usize) -> impl FnMut() + use<> {
    let queue = queue(store, waiting + max * calls, 3);
    let worker = open_worker(&*queue);
    let mut results: Vec<_> = (0..max * calls).map(|_| raw("true")).collect();
    move || {
        let taken = queue.take(worker, max).expect("the worker is open");
        assert_eq!(taken.len(), max);
        for (_, token) in taken {
            let result = results.pop().expect("as many calls as were announced");
            assert_eq!(ready(queue.finish(token, Outcome::Completed(result))), Finish::Completed);
        }
    }
}

/// A worker takes a job that fails and waits again at once, behind the others, at most `calls` times.
pub fn retry(store: &Store, waiting: usize, calls: usize) -> impl FnMut() + use<> {
    let queue = queue(store, waiting, u32::MAX);
    let worker = open_worker(&*queue);
    let failure = || Failure {
        name: "Error".to_owned(),
        message: "the mail server does not answer".to_owned(),
        stack: Some("Error: the mail server does not answer\n    at send (mail.js:1:2)".to_owned()),
        code: None,
    };
    let mut failures: Vec<_> = (0..calls).map(|_| failure()).collect();
    move || {
        let (_, token) = queue.take(worker, 1).expect("the worker is open").pop().expect("jobs wait");
        let failure = failures.pop().expect("as many calls as were announced");
        let outcome = Outcome::Failed { failure, how: How::Again(Some(0)) };
        assert!(matches!(ready(queue.finish(token, outcome)), Finish::Retrying { .. }));
    }
}

/// What a worker of JavaScript is handed: so many claimed jobs as text of JSON.
pub fn as_json(store: &Store, many: usize) -> impl FnMut() + use<> {
    let queue = queue(store, many, 3);
    let taken: Vec<(JobView, Token)> = queue.take(open_worker(&*queue), many).expect("the worker is open");
    move || {
        let text = serde_json::to_string(&taken).expect("plain data");
        assert!(black_box(text).len() > many);
    }
}
