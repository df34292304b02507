//! Queue calls. Job data crosses as JSON text and is never parsed here; a batch of claimed jobs is one JSON array.
//!
//! Calls by which a worker lets go (a settle, closing) and the end of a subscription work on a closed handle too: closing is
//! what brings them about.

mod rows;

use std::sync::Arc;

use redstart_core::engine::QueueEngine;
use redstart_core::queue::{
    Change, Changed, Failure, Finish, How, JobOptions, JobState, JobView, Json, NewJob, Outcome, Rate,
    Repeat, Step, Token, Upsert, WorkerSpec,
};
use redstart_core::reply::Reply;
use redstart_core::{Error, Result};
use serde::{Deserialize, Serialize};
use serde_json::Value;
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

impl Queue {
    /// The engine, while the handle is open.
    fn open(&self) -> Result<&dyn QueueEngine> {
        self.handle.check_open()?;
        Ok(&*self.engine)
    }

    fn answer<T: 'static>(&self, frame: &Frame<'_>, reply: Reply<T>, convert: fn(T) -> Out) -> Result<Out> {
        reply::answer(frame, &self.handle.lane, reply, convert)
    }
}

/// What a finish came to: the number that lib/job-run.js reads, and lib/job-returns.js for several.
mod came_to {
    pub(super) const COMPLETED: f64 = 0.0;
    pub(super) const RETRYING: f64 = 1.0;
    pub(super) const FAILED: f64 = 2.0;
    pub(super) const RELEASED: f64 = 3.0;
    pub(super) const LEASE_LOST: f64 = 4.0;
    /// The queue does not keep such a result: nothing changed.
    pub(super) const REFUSED: f64 = 5.0;
}

/// What a change of one job came to: the number that lib/job.js reads.
mod changed {
    pub(super) const DONE: f64 = 1.0;
    pub(super) const ABSENT: f64 = 0.0;
    pub(super) const NOT_NOW: f64 = -1.0;
}

/// `fail`, argument `how`: no further attempt.
const HOW_NEVER: u64 = 1;

/// Where the tokens of `completeAll` begin in the scratch array: job, epoch and nonce each.
const TOKENS_AT: usize = 4;
const TOKEN_NUMBERS: usize = 3;

pub(crate) fn bind<'env>(
    functions: Functions<'env>,
    handle: &Arc<Handle>,
    engine: Arc<dyn QueueEngine>,
) -> napi::Result<Functions<'env>> {
    let queue = Queue { engine, handle: handle.clone() };
    let functions = bind_jobs(functions, &queue)?;
    let functions = bind_workers(functions, &queue)?;
    bind_whole(functions, &queue)
}

fn bind_jobs<'env>(functions: Functions<'env>, queue: &Queue) -> napi::Result<Functions<'env>> {
    functions
        .with::<3, _>("add", queue.clone(), add)?
        .with::<1, _>("addBulk", queue.clone(), add_bulk)?
        .with::<4, _>("addAndWait", queue.clone(), add_and_wait)?
        .with::<1, _>("getJob", queue.clone(), get_job)?
        .with::<1, _>("getState", queue.clone(), get_state)?
        .with::<4, _>("getJobs", queue.clone(), get_jobs)?
        .with::<3, _>("logs", queue.clone(), logs)?
        .with::<2, _>("result", queue.clone(), result)?
        .with::<1, _>("retryJob", queue.clone(), |queue, frame| change(queue, frame, Change::Retry))?
        .with::<1, _>("promote", queue.clone(), |queue, frame| change(queue, frame, Change::Promote))?
        .with::<1, _>("removeJob", queue.clone(), |queue, frame| change(queue, frame, Change::Remove))?
        .with::<2, _>("cancel", queue.clone(), cancel)
}

fn bind_workers<'env>(functions: Functions<'env>, queue: &Queue) -> napi::Result<Functions<'env>> {
    functions
        .with::<1, _>("openWorker", queue.clone(), open_worker)?
        .with::<3, _>("closeWorker", queue.clone(), close_worker)?
        .with::<1, _>("guardWorker", queue.clone(), guard_worker)?
        .with::<2, _>("unguardWorker", queue.clone(), unguard_worker)?
        .with::<2, _>("take", queue.clone(), take)?
        .with::<4, _>("complete", queue.clone(), complete)?
        .with::<2, _>("completeAll", queue.clone(), complete_all)?
        .with::<6, _>("fail", queue.clone(), fail)?
        .with::<4, _>("snooze", queue.clone(), snooze)?
        .with::<3, _>("release", queue.clone(), |queue, frame| finish(queue, frame, Outcome::Released))?
        .with::<4, _>("progress", queue.clone(), progress)?
        .with::<4, _>("log", queue.clone(), log)
}

fn bind_whole<'env>(functions: Functions<'env>, queue: &Queue) -> napi::Result<Functions<'env>> {
    functions
        .with::<0, _>("counts", queue.clone(), counts)?
        .with::<0, _>("metrics", queue.clone(), metrics)?
        .with::<0, _>("pause", queue.clone(), |queue, frame| set_paused(queue, frame, true))?
        .with::<0, _>("resume", queue.clone(), |queue, frame| set_paused(queue, frame, false))?
        .with::<0, _>("isPaused", queue.clone(), is_paused)?
        .with::<0, _>("drain", queue.clone(), drain)?
        .with::<3, _>("clean", queue.clone(), clean)?
        .with::<1, _>("retryFailed", queue.clone(), retry_failed)?
        .with::<1, _>("obliterate", queue.clone(), obliterate)?
        .with::<1, _>("setGlobalConcurrency", queue.clone(), set_concurrency)?
        .with::<2, _>("setGlobalRateLimit", queue.clone(), set_rate)?
        .with::<2, _>("upsertScheduler", queue.clone(), upsert_scheduler)?
        .with::<1, _>("removeScheduler", queue.clone(), remove_scheduler)?
        .with::<0, _>("schedulers", queue.clone(), schedulers)?
        .with::<0, _>("subscribe", queue.clone(), subscribe)?
        .with::<2, _>("unsubscribe", queue.clone(), unsubscribe)
}

fn json(text: String) -> Result<Box<RawValue>> {
    RawValue::from_string(text).map_err(|error| Error::InvalidArg(format!("not JSON: {error}")))
}

fn parse<'text, T: Deserialize<'text>>(what: &str, text: &'text str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::InvalidArg(format!("{what}: {error}")))
}

fn text(of: &impl Serialize) -> Out {
    Out::Text(serde_json::to_string(of).expect("what a queue answers is plain data"))
}

fn whole(frame: &Frame<'_>, index: usize) -> Result<u64> {
    frame.whole(index).ok_or_else(|| Error::Internal(format!("argument {index} is no whole number")))
}

/// What does not fit is beyond what there is.
fn size(frame: &Frame<'_>, index: usize) -> Result<usize> {
    Ok(usize::try_from(whole(frame, index)?).unwrap_or(usize::MAX))
}

/// Arguments `index` and the next: the first and the last place (negative: as far as there are any), as first and how many.
fn range(frame: &Frame<'_>, index: usize) -> Result<(usize, usize)> {
    let start = size(frame, index)?;
    let end = frame.whole(index + 1).and_then(|end| usize::try_from(end).ok()).unwrap_or(usize::MAX);
    Ok((start, end.saturating_add(1).saturating_sub(start)))
}

#[expect(clippy::cast_precision_loss, reason = "counts of things in memory stay far below 2^53")]
fn count(number: u64) -> Out {
    Out::Number(number as f64)
}

/// Arguments 0 to 2: name, data, options as JSON (empty: none).
fn new_job(frame: &mut Frame<'_>) -> Result<NewJob> {
    let name = frame.text(0)?;
    let data = json(frame.text(1)?)?;
    let options = frame.text(2)?;
    let options = if options.is_empty() { JobOptions::default() } else { parse("job options", &options)? };
    Ok(NewJob { name, data, options })
}

/// Returns the id of a job that is new, with its timestamp and priority in scratch[1] and scratch[2]: the caller knows the
/// rest. Otherwise, with scratch[1] 0, the job that it is a duplicate of as JSON.
fn add(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let engine = queue.open()?;
    frame.set(1, 0.0);
    match engine.add(new_job(frame)?) {
        Reply::Ready(Ok((job, true))) if job.timestamp > 0 => {
            frame.set_whole(1, job.timestamp);
            frame.set_whole(2, job.priority.into());
            Ok(Out::Text((*job.id).to_owned()))
        }
        added => queue.answer(frame, added, |added: (JobView, bool)| text(&added)),
    }
}

/// Argument: [[name, data, options], …] as JSON, data as a text of JSON in it. Returns [[job, added], …].
fn add_bulk(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let engine = queue.open()?;
    let given = frame.text(0)?;
    let given: Vec<(String, String, JobOptions)> = parse("jobs", &given)?;
    let jobs = given.into_iter().map(|(name, data, options)| Ok(NewJob { name, data: json(data)?, options }));
    let added = engine.add_bulk(jobs.collect::<Result<_>>()?);
    queue.answer(frame, added, |added| text(&added))
}

/// Arguments: as `add`, and timeoutMs (negative: none). Pending until the job is finished.
fn add_and_wait(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let engine = queue.open()?;
    let result = engine.add_and_wait(new_job(frame)?, frame.whole(3));
    queue.answer(frame, result, Out::Text)
}

fn get_job(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let engine = queue.open()?;
    let job = engine.get_job(&frame.text(0)?);
    queue.answer(frame, job, |job| job.map_or(Out::Undefined, |job| text(&job)))
}

/// Argument: id. Returns the state's name.
fn get_state(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let engine = queue.open()?;
    let state = engine.state(&frame.text(0)?);
    queue.answer(frame, state, |state| state.map_or(Out::Undefined, |state| Out::Text(state.name().into())))
}

/// Arguments: states as JSON, start, end, asc. Returns [job, …].
fn get_jobs(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let engine = queue.open()?;
    let states: Vec<JobState> = parse("states", &frame.text(0)?)?;
    let (start, max) = range(frame, 1)?;
    let jobs = engine.get_jobs(&states, start, max, frame.flag(3));
    queue.answer(frame, jobs, |jobs| text(&jobs))
}

/// Arguments: id, start, end. Returns [line, …].
fn logs(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let engine = queue.open()?;
    let id = frame.text(0)?;
    let (start, max) = range(frame, 1)?;
    let lines = engine.logs(&id, start, max);
    queue.answer(frame, lines, |lines| text(&lines))
}

/// Arguments: id, timeoutMs (negative: none). Pending until the job is finished.
fn result(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let engine = queue.open()?;
    let result = engine.result(&frame.text(0)?, frame.whole(1));
    queue.answer(frame, result, Out::Text)
}

/// Argument 0: id.
fn change(queue: &Queue, frame: &mut Frame<'_>, change: Change) -> Result<Out> {
    let engine = queue.open()?;
    let changed = engine.change(&frame.text(0)?, change);
    queue.answer(frame, changed, |changed| {
        Out::Number(match changed {
            Changed::Done => changed::DONE,
            Changed::Absent => changed::ABSENT,
            Changed::NotNow => changed::NOT_NOW,
        })
    })
}

/// Arguments: id, reason (empty: none).
fn cancel(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let reason = Some(frame.text(1)?).filter(|reason| !reason.is_empty());
    change(queue, frame, Change::Cancel { reason })
}

/// Argument: the worker's terms as JSON. Returns the worker's number in the queue; scratch[1] is its line in the lane.
fn open_worker(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let engine = queue.open()?;
    let terms = parse("worker options", &frame.text(0)?)?;
    let lane = &queue.handle.lane;
    let number = lane.next_number();
    let subscriber = Arc::new(Line { lane: lane.clone(), number });
    let worker = engine.open_worker(WorkerSpec { terms, subscriber })?;
    lane.add_worker(number, Arc::downgrade(&queue.engine), worker);
    frame.set_whole(1, number);
    Ok(count(worker))
}

/// Arguments: worker, line (0: another thread's, which forgets it when it ends), released.
fn close_worker(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    queue.engine.close_worker(whole(frame, 0)?, frame.flag(2));
    queue.handle.lane.remove_worker(whole(frame, 1)?);
    Ok(Out::Undefined)
}

/// Arguments: worker, max. Returns the rows of the claimed jobs one after the other in one array of JSON, or undefined when
/// there is none.
fn take(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let claimed = queue.open()?.take(whole(frame, 0)?, size(frame, 1)?)?;
    Ok(if claimed.is_empty() { Out::Undefined } else { Out::Text(rows::of(&claimed)) })
}

/// Arguments 0 to 2: job, epoch, nonce.
fn token(frame: &Frame<'_>) -> Result<Token> {
    Ok(Token { job: whole(frame, 0)?, epoch: whole(frame, 1)?, nonce: whole(frame, 2)? })
}

fn finish(queue: &Queue, frame: &Frame<'_>, outcome: Outcome) -> Result<Out> {
    let finished = queue.engine.finish(token(frame)?, outcome);
    queue.answer(frame, finished, |finish| Out::Number(came_to(finish)))
}

fn came_to(finish: Finish) -> f64 {
    match finish {
        Finish::Completed => came_to::COMPLETED,
        Finish::Retrying { .. } | Finish::Snoozed => came_to::RETRYING,
        Finish::Failed => came_to::FAILED,
        Finish::Released => came_to::RELEASED,
        Finish::LeaseLost => came_to::LEASE_LOST,
    }
}

/// Argument 3: the result as JSON.
fn complete(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let result = json(frame.text(3)?)?;
    finish(queue, frame, Outcome::Completed(result))
}

/// Arguments: how many, their results as one array of JSON (empty: each is null). Their tokens lie in the scratch array. Returns
/// what each came to as an array of JSON, or undefined when all have completed.
fn complete_all(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let count = size(frame, 0)?;
    let results = frame.text(1)?;
    let results: Vec<Json> =
        if results.is_empty() { vec![Json::null(); count] } else { parse("results", &results)? };
    if results.len() != count {
        return Err(Error::Internal(format!("{} results of {count} jobs", results.len())));
    }
    let completed = results.into_iter().enumerate().map(|(at, result)| {
        let at = TOKENS_AT + TOKEN_NUMBERS * at;
        let number = |place: usize| {
            frame
                .scratch_whole(at + place)
                .ok_or_else(|| Error::Internal("a token is of whole numbers".into()))
        };
        Ok((Token { job: number(0)?, epoch: number(1)?, nonce: number(2)? }, result))
    });
    let finished = queue.engine.complete_all(completed.collect::<Result<_>>()?);
    queue.answer(frame, finished, |finished| {
        if finished.iter().all(|finish| *finish == Some(Finish::Completed)) {
            return Out::Undefined;
        }
        text(&finished.into_iter().map(|finish| finish.map_or(came_to::REFUSED, came_to)).collect::<Vec<_>>())
    })
}

/// Arguments 3 to 5: the error as JSON, how (1: no further attempt), waitMs (negative: by the backoff).
fn fail(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let failure: Failure = parse("a failure", &frame.text(3)?)?;
    let how = if whole(frame, 4)? == HOW_NEVER { How::Never } else { How::Again(frame.whole(5)) };
    finish(queue, frame, Outcome::Failed { failure, how })
}

/// Argument 3: delayMs.
fn snooze(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let delay_ms = whole(frame, 3)?;
    finish(queue, frame, Outcome::Snoozed { delay_ms })
}

/// Argument 3: the progress as JSON. Returns whether the token is valid.
fn progress(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let engine = queue.open()?;
    let told = engine.progress(token(frame)?, json(frame.text(3)?)?);
    queue.answer(frame, told, Out::Bool)
}

/// Argument 3: the line. Returns whether the token is valid.
fn log(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let engine = queue.open()?;
    let told = engine.log(token(frame)?, &frame.text(3)?);
    queue.answer(frame, told, Out::Bool)
}

fn counts(queue: &Queue, _frame: &mut Frame<'_>) -> Result<Out> {
    Ok(text(&queue.open()?.counts()))
}

fn metrics(queue: &Queue, _frame: &mut Frame<'_>) -> Result<Out> {
    Ok(text(&queue.open()?.metrics()))
}

fn set_paused(queue: &Queue, frame: &Frame<'_>, paused: bool) -> Result<Out> {
    let done = queue.open()?.set_paused(paused);
    queue.answer(frame, done, |()| Out::Undefined)
}

fn is_paused(queue: &Queue, _frame: &mut Frame<'_>) -> Result<Out> {
    Ok(Out::Bool(queue.open()?.is_paused()))
}

/// What a step did; scratch[1] is 1 where there is more to do. Numbers of two answers do not wait in the scratch array, so
/// this takes an engine that is ready at once.
fn step<T>(frame: &Frame<'_>, reply: Reply<Step<T>>) -> Result<T> {
    let Reply::Ready(step) = reply else {
        return Err(Error::Internal("a step over many jobs was not done at once".into()));
    };
    let Step { done, more } = step?;
    frame.set_whole(1, more.into());
    Ok(done)
}

/// Returns how many jobs this step removed.
fn drain(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    step(frame, queue.open()?.drain()).map(count)
}

/// Arguments: state, olderThanMs, limit. Returns the ids of the jobs that this step removed.
fn clean(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let engine = queue.open()?;
    let state = serde_json::from_value(Value::String(frame.text(0)?));
    let state: JobState = state.map_err(|error| Error::InvalidArg(format!("a state: {error}")))?;
    let removed = step(frame, engine.clean(state, whole(frame, 1)?, size(frame, 2)?))?;
    Ok(text(&removed))
}

/// Argument: limit. Returns how many jobs this step let wait again.
fn retry_failed(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    step(frame, queue.open()?.retry_failed(size(frame, 0)?)).map(count)
}

/// Argument: force. Returns how many jobs were removed.
fn obliterate(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let removed = queue.open()?.obliterate(frame.flag(0));
    queue.answer(frame, removed, count)
}

/// A number of which 0 stands for none. lib/queue-arguments.js has checked it; what does not fit is above every bound.
fn bound(frame: &Frame<'_>, index: usize) -> Result<Option<u32>> {
    let given = whole(frame, index)?;
    Ok((given > 0).then(|| u32::try_from(given).unwrap_or(u32::MAX)))
}

/// Argument: limit, 0 for none.
fn set_concurrency(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let done = queue.open()?.set_concurrency(bound(frame, 0)?);
    queue.answer(frame, done, |()| Out::Undefined)
}

/// Arguments: max (0 for none), durationMs.
fn set_rate(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let engine = queue.open()?;
    let duration = whole(frame, 1)?;
    let done = engine.set_rate(bound(frame, 0)?.map(|max| Rate { max, duration }));
    queue.answer(frame, done, |()| Out::Undefined)
}

/// What lib/queue-schedulers.js writes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Scheduler {
    repeat: Repeat,
    name: Arc<str>,
    /// A text of JSON.
    data: String,
    options: JobOptions,
}

/// Arguments: id, the scheduler as JSON.
fn upsert_scheduler(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let engine = queue.open()?;
    let id = frame.text(0)?.into();
    let Scheduler { repeat, name, data, options } = parse("a scheduler", &frame.text(1)?)?;
    let data = json(data)?.into();
    let done = engine.upsert_scheduler(Upsert { id, repeat, name, data, options });
    queue.answer(frame, done, |()| Out::Undefined)
}

/// Argument: id. Returns whether it was there.
fn remove_scheduler(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let engine = queue.open()?;
    let removed = engine.remove_scheduler(&frame.text(0)?);
    queue.answer(frame, removed, Out::Bool)
}

fn schedulers(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let all = queue.open()?.schedulers();
    queue.answer(frame, all, |all| text(&all))
}

/// Returns the subscription's number in the queue; scratch[1] is its line in the lane.
fn subscribe(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let engine = queue.open()?;
    let lane = queue.handle.lane.clone();
    let number = lane.next_number();
    let subscription = engine.subscribe(Arc::new(Line { lane: lane.clone(), number }));
    lane.add_subscription(number, Arc::downgrade(&queue.engine), subscription);
    frame.set_whole(1, number);
    Ok(count(subscription))
}

/// Argument: a worker, of whichever lane. Returns the guard's number in the queue; scratch[1] is its line in this lane.
fn guard_worker(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    let engine = queue.open()?;
    let lane = queue.handle.lane.clone();
    let number = lane.next_number();
    let guard = engine.guard(whole(frame, 0)?, Arc::new(Line { lane: lane.clone(), number }));
    lane.add_guard(number, Arc::downgrade(&queue.engine), guard);
    frame.set_whole(1, number);
    Ok(count(guard))
}

/// Arguments: guard, line.
fn unguard_worker(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    queue.engine.unguard(whole(frame, 0)?);
    queue.handle.lane.remove_guard(whole(frame, 1)?);
    Ok(Out::Undefined)
}

/// Arguments: subscription, line.
fn unsubscribe(queue: &Queue, frame: &mut Frame<'_>) -> Result<Out> {
    queue.engine.unsubscribe(whole(frame, 0)?);
    queue.handle.lane.remove_subscription(whole(frame, 1)?);
    Ok(Out::Undefined)
}
