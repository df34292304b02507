//! Queue calls. Job data crosses as JSON text and is never parsed here; a batch of claimed jobs is one JSON array.

use std::sync::Arc;

use redstart_core::engine::QueueEngine;
use redstart_core::queue::{Failure, Finish, JobOptions, JobView, NewJob, Outcome, Token, WorkerSpec};
use redstart_core::{Error, Result};
use serde_json::value::RawValue;

use crate::door::{Frame, Functions, Out};
use crate::lane::Line;
use crate::reply;
use crate::store::Handle;

#[derive(Clone)]
struct Queue {
    engine: Arc<dyn QueueEngine>,
    handle: Arc<Handle>,
}

/// What a finish came to: the number that lib/worker.js reads.
mod came_to {
    pub(super) const COMPLETED: f64 = 0.0;
    pub(super) const RETRYING: f64 = 1.0;
    pub(super) const FAILED: f64 = 2.0;
    pub(super) const RELEASED: f64 = 3.0;
    pub(super) const LEASE_LOST: f64 = 4.0;
}

pub(crate) fn bind<'env>(
    functions: Functions<'env>,
    handle: &Arc<Handle>,
    engine: Arc<dyn QueueEngine>,
) -> napi::Result<Functions<'env>> {
    let queue = Queue { engine, handle: handle.clone() };
    functions
        .with::<3, _>("add", queue.clone(), add)?
        .with::<2, _>("openWorker", queue.clone(), open_worker)?
        .with::<3, _>("closeWorker", queue.clone(), close_worker)?
        .with::<2, _>("take", queue.clone(), take)?
        .with::<4, _>("complete", queue.clone(), complete)?
        .with::<5, _>("fail", queue.clone(), fail)?
        .with::<3, _>("release", queue.clone(), release)?
        .with::<1, _>("getJob", queue.clone(), get_job)?
        .with::<2, _>("result", queue.clone(), result)?
        .with::<0, _>("counts", queue.clone(), counts)?
        .with::<0, _>("subscribe", queue.clone(), subscribe)?
        .with::<2, _>("unsubscribe", queue, unsubscribe)
}

fn json(text: String) -> Result<Box<RawValue>> {
    RawValue::from_string(text).map_err(|error| Error::InvalidArg(format!("not JSON: {error}")))
}

fn parse<'text, T: serde::Deserialize<'text>>(what: &str, text: &'text str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::InvalidArg(format!("{what}: {error}")))
}

/// Arguments: name, data, options as JSON. Returns the job as JSON; scratch[1] tells whether it was added.
fn add(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    queue.handle.check_open()?;
    let name = frame.text(0)?;
    let data = json(frame.text(1)?)?;
    let options: JobOptions = parse("job options", &frame.text(2)?)?;
    let reply = queue.engine.add(NewJob { name, data, options });
    reply::answer(frame, &queue.handle.lane, reply, |(job, added)| {
        Out::Text(format!("[{},{added}]", view(&job)))
    })
}

fn view(job: &JobView) -> String {
    serde_json::to_string(job).expect("a job is plain data")
}

/// Arguments: leaseMs, maxStalledCount. Returns the worker's number in the queue; scratch[1] is its line in the lane.
fn open_worker(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    queue.handle.check_open()?;
    let lane = &queue.handle.lane;
    let number = lane.next_number();
    let worker = queue.engine.open_worker(WorkerSpec {
        lease_ms: frame.whole(0).unwrap_or_default(),
        max_stalled_count: frame.whole(1).and_then(|count| u32::try_from(count).ok()).unwrap_or(u32::MAX),
        subscriber: Arc::new(Line { lane: lane.clone(), number }),
    });
    lane.add_worker(number, Arc::downgrade(&queue.engine), worker);
    frame.set_whole(1, number);
    #[expect(clippy::cast_precision_loss, reason = "a count of workers stays far below 2^53")]
    Ok(Out::Number(worker as f64))
}

/// Arguments: worker, line, released. Works on a closed handle too: closing is what closes workers.
fn close_worker(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    queue.engine.close_worker(whole(frame, 0)?, frame.flag(2));
    queue.handle.lane.remove_worker(whole(frame, 1)?);
    Ok(Out::Undefined)
}

fn whole(frame: &Frame<'_>, index: usize) -> Result<u64> {
    frame.whole(index).ok_or_else(|| Error::Internal(format!("argument {index} is no whole number")))
}

/// Arguments: worker, max. Returns [[job, token], …] as JSON, or undefined when there is none.
fn take(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    queue.handle.check_open()?;
    let max = usize::try_from(whole(frame, 1)?).unwrap_or(usize::MAX);
    let claimed = queue.engine.take(whole(frame, 0)?, max)?;
    if claimed.is_empty() {
        return Ok(Out::Undefined);
    }
    Ok(Out::Text(serde_json::to_string(&claimed).expect("jobs are plain data")))
}

/// Arguments 0 to 2: the token's job, epoch and nonce. Finishes work on a closed handle too.
fn finish(queue: &Queue, frame: &Frame<'_>, outcome: Outcome) -> Result<Out> {
    let token = Token { job: whole(frame, 0)?, epoch: whole(frame, 1)?, nonce: whole(frame, 2)? };
    let reply = queue.engine.finish(token, outcome);
    reply::answer(frame, &queue.handle.lane, reply, |finish| {
        Out::Number(match finish {
            Finish::Completed => came_to::COMPLETED,
            Finish::Retrying { .. } => came_to::RETRYING,
            Finish::Failed => came_to::FAILED,
            Finish::Released => came_to::RELEASED,
            Finish::LeaseLost => came_to::LEASE_LOST,
        })
    })
}

/// Argument 3: the result as JSON.
fn complete(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let result = json(frame.text(3)?)?;
    finish(queue, frame, Outcome::Completed(result))
}

/// Arguments 3 and 4: the error as JSON, and whether no further attempt is to be made.
fn fail(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let failure: Failure = parse("a failure", &frame.text(3)?)?;
    finish(queue, frame, Outcome::Failed { failure, unrecoverable: frame.flag(4) })
}

fn release(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    finish(queue, frame, Outcome::Released)
}

fn get_job(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    queue.handle.check_open()?;
    let id = frame.text(0)?;
    let reply = queue.engine.get_job(&id);
    reply::answer(frame, &queue.handle.lane, reply, |job| {
        job.map_or(Out::Undefined, |job| Out::Text(view(&job)))
    })
}

/// Arguments: id, timeoutMs (none: wait for ever). Pending until the job is finished.
fn result(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    queue.handle.check_open()?;
    let id = frame.text(0)?;
    let reply = queue.engine.result(&id, frame.whole(1));
    reply::answer(frame, &queue.handle.lane, reply, Out::Text)
}

fn counts(queue: &Queue, _frame: &mut Frame<'_>) -> Result<Out> {
    queue.handle.check_open()?;
    Ok(Out::Text(serde_json::json!(queue.engine.counts()).to_string()))
}

/// Returns the subscription's number in the queue; scratch[1] is its line in the lane.
fn subscribe(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    queue.handle.check_open()?;
    let lane = queue.handle.lane.clone();
    let number = lane.next_number();
    let subscription = queue.engine.subscribe(Arc::new(Line { lane: lane.clone(), number }));
    lane.add_subscription(number, Arc::downgrade(&queue.engine), subscription);
    frame.set_whole(1, number);
    #[expect(clippy::cast_precision_loss, reason = "a count of subscriptions stays far below 2^53")]
    Ok(Out::Number(subscription as f64))
}

/// Arguments: subscription, line. Works on a closed handle too.
fn unsubscribe(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    queue.engine.unsubscribe(whole(frame, 0)?);
    queue.handle.lane.remove_subscription(whole(frame, 1)?);
    Ok(Out::Undefined)
}
