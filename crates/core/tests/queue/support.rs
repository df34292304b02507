//! What the queue's tests share: jobs, outcomes, answers.

use std::task::{Context, Poll, Waker};

use redstart_core::Result;
use redstart_core::engine::QueueEngine;
use redstart_core::queue::{
    Deduplication, Failure, Finish, How, JobOptions, JobView, NewJob, Outcome, QueueOptions, Token,
    WorkerTerms,
};
use redstart_core::reply::{Pending, Reply};
use serde_json::value::RawValue;

pub(crate) use crate::ear::Ear;
pub(crate) use crate::rig::Rig;

pub(crate) const START_MS: u64 = 1_700_000_000_000;
pub(crate) const LEASE_MS: u64 = 30_000;
pub(crate) const HOUR_MS: u64 = 3_600_000;

pub(crate) fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.into()).unwrap()
}

pub(crate) fn new_job(options: JobOptions) -> NewJob {
    NewJob { name: "welcome".into(), data: raw(r#"{"to":"a@b.c"}"#), options }
}

pub(crate) fn completed() -> Outcome {
    Outcome::Completed(raw("true"))
}

/// How an ordinary worker takes jobs.
pub(crate) fn terms() -> WorkerTerms {
    let (limiter, group_concurrency, stall_after_ms) = (None, None, None);
    WorkerTerms { lease_ms: LEASE_MS, max_stalled_count: 1, limiter, group_concurrency, stall_after_ms }
}

pub(crate) fn failed(unrecoverable: bool) -> Outcome {
    failed_how(if unrecoverable { How::Never } else { How::Again(None) })
}

pub(crate) fn failed_how(how: How) -> Outcome {
    Outcome::Failed { failure: failure(), how }
}

pub(crate) fn failure() -> Failure {
    Failure {
        name: "TypeError".into(),
        message: "no such mailbox".into(),
        stack: Some("TypeError: no such mailbox\n    at send".into()),
        code: Some("E_BOX".into()),
    }
}

/// An answer that must be there at once.
pub(crate) fn ready<T>(reply: Reply<T>) -> Result<T> {
    match reply {
        Reply::Ready(result) => result,
        Reply::Pending(mut pending) => poll(&mut pending).expect("the memory engine answers at once"),
    }
}

/// A pending answer, where it has come.
pub(crate) fn poll<T>(pending: &mut Pending<T>) -> Option<Result<T>> {
    match pending.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

pub(crate) fn rig() -> Rig {
    Rig::new(QueueOptions::default())
}

pub(crate) fn named(id: &str) -> JobOptions {
    JobOptions { job_id: Some(id.into()), ..JobOptions::default() }
}

pub(crate) fn add_all(rig: &Rig, ids: &[&str]) {
    for id in ids {
        assert!(rig.add(named(id)).1);
    }
}

pub(crate) fn ids(taken: &[(JobView, Token)]) -> Vec<&str> {
    taken.iter().map(|(view, _)| &*view.id).collect()
}

pub(crate) fn pending<T>(reply: Reply<T>) -> Pending<T> {
    match reply {
        Reply::Pending(pending) => pending,
        Reply::Ready(_) => panic!("the answer is not there yet"),
    }
}

/// Runs the next job to its end.
pub(crate) fn run(rig: &Rig, worker: u64, outcome: Outcome) -> Finish {
    let (_, token) = rig.take(worker, 1)[0];
    rig.finish(token, outcome)
}

/// The ids of the next jobs, as a worker takes them.
pub(crate) fn taken(rig: &Rig, worker: u64, max: usize) -> Vec<String> {
    rig.take(worker, max).iter().map(|(view, _)| view.id.to_string()).collect()
}

/// Takes the next job, which is this one.
pub(crate) fn take_one(rig: &Rig, worker: u64, id: &str) -> Token {
    let (view, token) = rig.take(worker, 1).pop().unwrap();
    assert_eq!(&*view.id, id);
    token
}

/// An answer that came meanwhile.
pub(crate) fn answered<T>(pending: &mut Pending<T>) -> Result<T> {
    poll(pending).expect("nobody answered")
}

/// How a job ended that failed, and with what.
pub(crate) fn end_of(rig: &Rig, id: &str) -> (&'static str, String) {
    let error = ready(rig.queue.result(id, None)).unwrap_err();
    let cause = error.job_failure().unwrap();
    (cause.finish_kind, cause.failure.message.clone())
}

/// Adds with this id are one job until it has finished.
pub(crate) fn once(id: &str) -> Deduplication {
    Deduplication { id: id.into(), ttl: None, extend: false, replace: false }
}
